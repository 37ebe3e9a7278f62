"""The master behind real sockets: streams, links, timers and the registry."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tepui.codec import protobuf, recordio
from tepui.ha.memory import MemoryStore
from tepui.ha.store import StoreError
from tepui.link.messages import (
    AcknowledgeStatus,
    ChannelClosed,
    ExecutorMessage,
    Pong,
    Registered,
    RunTask,
    UpdateStatus,
)
from tepui.master.api import BODY_BYTES_MAX
from tepui.master.core.model import FrameworkState
from tepui.master.driver import ROOM_BYTES
from tepui.master.ports import INBOX_BYTES_MAX
from tepui.messages import AgentID, FrameworkInfo, TaskID, TaskState, TaskStatus
from tepui.messages.scheduler import Call, Event

JSON = {"Content_Type": "application/json"}


def call(kind: str, framework_id: str, body: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "framework_id": {"value": framework_id}}
    return made if body is None else {**made, kind.lower(): body}


def test_a_task_runs_from_subscription_to_acknowledgement_over_the_wire(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            link = await master.link()
            link.register(1)
            _, registered = await link.receive(Registered)
            stream = await master.subscribe()
            assert stream.status == 200
            assert stream.headers["Content-Type"] == "application/json"
            subscribed = await stream.event("SUBSCRIBED")
            framework_id = subscribed["subscribed"]["framework_id"]["value"]
            await stream.event("HEARTBEAT")
            headers = {**JSON, "Mesos_Stream_Id": stream.headers["Mesos-Stream-Id"]}

            [offer] = (await stream.event("OFFERS"))["offers"]["offers"]
            task = {
                "name": "t",
                "task_id": {"value": "t1"},
                "agent_id": offer["agent_id"],
                "command": {"value": "true"},
                "resources": [
                    {"name": name, "type": "SCALAR", "scalar": {"value": value}}
                    for name, value in (("cpus", 1), ("mem", "32"))
                ],
            }
            operation = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
            accept = {"offer_ids": [offer["id"]], "operations": [operation]}
            answer = await master.request(call("ACCEPT", framework_id, accept), **headers)
            assert (answer.status, answer.body) == (202, b"")
            channel, run = await link.receive(RunTask)
            assert (channel, run.task.task_id.value) == (1, "t1")

            status = TaskStatus(
                task_id=TaskID(value="t1"),
                state=TaskState.TASK_FINISHED,
                agent_id=AgentID(value=registered.agent_id),
                uuid=b"u" * 16,
            )
            link.send(
                (
                    1,
                    UpdateStatus(
                        framework_id=framework_id,
                        status=status,
                        latest_state=TaskState.TASK_FINISHED,
                    ),
                )
            )
            update = (await stream.event("UPDATE"))["update"]["status"]
            assert update["uuid"] == base64.b64encode(b"u" * 16).decode()
            acknowledge = {
                "agent_id": update["agent_id"],
                "task_id": update["task_id"],
                "uuid": update["uuid"],
            }
            await master.request(call("ACKNOWLEDGE", framework_id, acknowledge), **headers)
            _, acknowledged = await link.receive(AcknowledgeStatus)
            assert acknowledged.uuid == b"u" * 16
            assert not master.driver.core.state.frameworks[framework_id].tasks
            await stream.event("OFFERS")
            stream.close()

    asyncio.run(story())


def test_a_protobuf_scheduler_is_answered_in_protobuf(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            info = FrameworkInfo(user="root", name="wire")
            body = protobuf.encode(
                Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
            )
            media = "application/x-protobuf"
            stream = await master.open(body, Content_Type=media, Accept=media)
            assert stream.headers["Content-Type"] == media
            decoder = recordio.Decoder(1 << 20)
            chunk = await stream.chunk()
            assert chunk is not None
            [record] = decoder.feed(chunk)
            event = protobuf.decode(Event, record)
            assert event.type is Event.Type.SUBSCRIBED
            assert event.subscribed is not None
            revive = Call(type=Call.Type.REVIVE, framework_id=event.subscribed.framework_id)
            answer = await master.request(
                protobuf.encode(revive),
                Content_Type=media,
                Mesos_Stream_Id=stream.headers["Mesos-Stream-Id"],
            )
            assert answer.status == 202
            stream.close()

    asyncio.run(story())


def test_a_dropped_stream_disconnects_the_framework(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            stream = await master.subscribe(failover_timeout=100.0)
            await stream.event("HEARTBEAT")
            [framework] = master.driver.core.state.frameworks.values()
            stream.close()
            await until(lambda: framework.state is FrameworkState.DISCONNECTED)

    asyncio.run(story())


def test_a_framework_that_fails_over_ends_its_old_stream(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            old = await master.subscribe()
            framework_id = (await old.event("SUBSCRIBED"))["subscribed"]["framework_id"]
            new = await master.subscribe(id=framework_id)
            await new.event("HEARTBEAT")
            await old.event("ERROR")
            assert await old.chunk() is None
            assert new.headers["Mesos-Stream-Id"] != old.headers["Mesos-Stream-Id"]
            old.close()
            new.close()

    asyncio.run(story())


def test_a_scheduler_that_does_not_read_is_cut_off(run_master) -> None:
    async def story() -> None:
        async with run_master(stream_buffer_bytes_max=64 * 1024) as master:
            link = await master.link()
            link.register(1)
            await link.receive(Registered)
            stream = await master.subscribe(failover_timeout=100.0)
            await stream.event("HEARTBEAT")
            [framework] = master.driver.core.state.frameworks.values()
            stream.reader._transport.pause_reading()  # type: ignore[attr-defined]
            status = TaskStatus(
                task_id=TaskID(value="t"), state=TaskState.TASK_RUNNING, data=b"x" * 500_000
            )
            update = UpdateStatus(
                framework_id=framework.framework_id,
                status=status,
                latest_state=TaskState.TASK_RUNNING,
            )
            for _ in range(40):
                link.send((1, update))
            await until(lambda: framework.state is FrameworkState.DISCONNECTED)
            stream.close()

    asyncio.run(story())


@pytest.mark.slow
def test_who_asks_after_more_than_may_wait_for_it_is_told_as_it_reads(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            stream = await master.subscribe()
            subscribed = await stream.event("SUBSCRIBED")
            framework_id = subscribed["subscribed"]["framework_id"]["value"]
            headers = {**JSON, "Mesos_Stream_Id": stream.headers["Mesos-Stream-Id"]}
            [open_stream] = master.driver._streams.values()
            stream.reader._transport.pause_reading()  # type: ignore[attr-defined]
            names = [{"task_id": {"value": f"{index}-" + "t" * 150}} for index in range(35_000)]
            body = call("RECONCILE", framework_id, {"tasks": names})
            assert (await master.request(body, **headers)).status == 202
            [framework] = master.driver.core.state.frameworks.values()
            await until(lambda: open_stream._writer.buffered_bytes > ROOM_BYTES)
            waiting = len(framework.reconciliation.asked)
            assert waiting > 10_000
            assert open_stream._writer.buffered_bytes < ROOM_BYTES * 1.5
            stream.reader._transport.resume_reading()  # type: ignore[attr-defined]
            for index in range(35_000):
                update = (await stream.event("UPDATE"))["update"]["status"]
                assert update["task_id"]["value"].startswith(f"{index}-")
            assert not framework.reconciliation.asked
            stream.close()

    asyncio.run(story())


def test_one_link_carries_many_agents_and_its_end_disconnects_them_all(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            link = await master.link()
            for channel in range(300):
                link.register(channel)
            ids = [(await link.receive(Registered))[1].agent_id for _ in range(300)]
            state = master.driver.core.state
            assert sorted(ids) == sorted(state.agents)
            link.send((7, ChannelClosed(reason="enough")))
            await until(lambda: sum(each.is_connected for each in state.agents.values()) == 299)
            link.link.abort()
            await until(lambda: not any(each.is_connected for each in state.agents.values()))

    asyncio.run(story())


def test_a_call_above_the_bound_is_refused_by_its_size(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            body = b'{"type":"REVIVE","x":"' + b"x" * BODY_BYTES_MAX + b'"}'
            answer = await master.request(body, **JSON)
            assert answer.status == 413
            assert str(BODY_BYTES_MAX) in answer.body.decode()

    asyncio.run(story())


def test_an_agent_that_talks_faster_than_the_master_listens_has_to_wait(run_master) -> None:
    """What waits in the master is bounded, and nothing of it is lost."""

    async def story() -> None:
        async with run_master() as master:
            link = await master.link()
            link.register(1)
            await link.receive(Registered)
            stream = await master.subscribe()
            await stream.event("HEARTBEAT")
            [port] = master.driver._ports.values()
            counters = master.driver.core.state.counters
            message = ExecutorMessage(framework_id="none", executor_id="e", data=b"x" * 100)
            frame_messages, frame_bytes = 5_000, 5_000 * 135
            for _ in range(20):
                link.send(*[(1, message)] * frame_messages)
            longest = 0

            def look() -> bool:
                nonlocal longest
                longest = max(longest, port._frame_bytes)
                assert len(port._inbox) <= frame_messages
                return counters.executor_messages == 20 * frame_messages

            await until(look)
            assert longest <= INBOX_BYTES_MAX + 2 * frame_bytes
            stream.close()

    asyncio.run(story())


def test_an_agent_is_answered_before_another_link_has_said_all(run_master) -> None:
    """When all come back at once, nobody waits for the last of them."""

    async def story() -> None:
        async with run_master() as master:
            loud, quiet = await master.link(), await master.link()
            loud.register(1)
            await loud.receive(Registered)
            message = ExecutorMessage(framework_id="none", executor_id="e", data=b"x")
            for _ in range(20):
                loud.send(*[(1, message)] * 5_000)
            quiet.register(2)
            await quiet.receive(Registered)
            counters = master.driver.core.state.counters
            assert counters.executor_messages < 100_000
            await until(lambda: counters.executor_messages == 100_000)

    asyncio.run(story())


def test_what_an_agent_said_before_its_link_ended_counts(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            link = await master.link()
            link.register(1)
            await link.receive(Registered)
            state = master.driver.core.state
            message = ExecutorMessage(framework_id="none", executor_id="e", data=b"x")
            link.send(*[(1, message)] * 20_000)
            link.link.close(1000, "over")
            await until(lambda: not any(each.is_connected for each in state.agents.values()))
            assert state.counters.executor_messages == 20_000

    asyncio.run(story())


def test_a_link_of_another_age_is_refused_with_the_reason(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            for versions in ("7,9", "rubbish"):
                link = await master.link(versions)
                await link.link.wait_closed()
                assert link.link.close_code == 4002
                assert versions in link.link.close_reason

    asyncio.run(story())


def test_a_broken_frame_ends_its_link_and_nothing_else(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            good, bad = await master.link(), await master.link()
            good.register(1)
            await good.receive(Registered)
            bad.link.send(b"\xc1 no msgpack")
            await bad.link.wait_closed()
            assert bad.link.close_code == 4003
            good.send((1, Pong()))
            good.register(2)
            await good.receive(Registered)

    asyncio.run(story())


def test_what_the_registry_holds_outlives_the_master(run_master) -> None:
    async def story() -> None:
        store = MemoryStore()
        async with run_master(store) as master:
            link = await master.link()
            link.register(1)
            _, registered = await link.receive(Registered)
        async with run_master(store) as successor:
            assert list(successor.driver.core.state.recovered_agents) == [registered.agent_id]

    asyncio.run(story())


def test_a_master_that_stops_leaves_frameworks_and_tasks_as_they_are(run_master) -> None:
    async def story() -> None:
        async with run_master() as master:
            stream = await master.subscribe()
            await stream.event("HEARTBEAT")
            [framework] = master.driver.core.state.frameworks.values()
        assert framework.state is FrameworkState.CONNECTED, "its end is not the framework's"
        stream.close()

    asyncio.run(story())


class FullDisk(MemoryStore):
    """A store that reads and does not write."""

    def write(self, batches: Any) -> None:
        raise StoreError("no space left")


def test_a_master_whose_registry_fails_ends_and_nobody_was_promised_anything(run_master) -> None:
    async def story() -> None:
        async with run_master(FullDisk()) as master:
            link = await master.link()
            link.register(1)
            await until(lambda: master.driver.failure is not None)
            assert "no space left" in master.driver.failure
            assert not master.driver.core.state.agents

    asyncio.run(story())


async def until(condition: Any) -> None:
    """Return when ``condition`` holds; the loop goes on meanwhile."""
    async with asyncio.timeout(20.0):
        while not condition():
            await asyncio.sleep(0)
