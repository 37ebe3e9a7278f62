"""The scheduler client against a master on a real socket that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tepui.http.messages import Response
from tepui.messages import (
    AgentID,
    FrameworkID,
    FrameworkInfo,
    Offer,
    OfferID,
    TaskID,
    TaskState,
    TaskStatus,
    scheduler,
)
from tepui.sdk.core.subscription import Backoff
from tepui.sdk.errors import (
    BadAnswer,
    CallRejected,
    FrameworkEnded,
    NotSubscribed,
    Unreachable,
)
from tepui.sdk.scheduler import SchedulerClient

Event = scheduler.Event
Call = scheduler.Call
F, A, T = FrameworkID(value="f-1"), AgentID(value="a"), TaskID(value="t")
INFO = FrameworkInfo(user="nobody", name="test", roles=["r"])
QUICK = Backoff(first_seconds=0.001, max_seconds=0.002)
OFFER = Offer(id=OfferID(value="o"), framework_id=F, agent_id=A, hostname="h")


def running(uuid: bytes | None = b"u" * 16) -> Event:
    status = TaskStatus(task_id=T, state=TaskState.TASK_RUNNING, agent_id=A, uuid=uuid)
    return Event(type=Event.Type.UPDATE, update=Event.Update(status=status))


def play(scene: Callable[[Any, SchedulerClient], Awaitable[None]], master_class: Any, **how: Any):
    """Run a scene between a scripted master and a client that is entered already."""

    async def main() -> None:
        async with (
            asyncio.timeout(20),
            master_class() as master,
            SchedulerClient(master.url, INFO, backoff=QUICK, seed=1, **how) as client,
        ):
            await scene(master, client)

    asyncio.run(main())


@pytest.mark.parametrize("content", ["json", "protobuf"])
def test_events_come_out_typed_and_calls_carry_ids(scripted_master: Any, content: str) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        assert isinstance(await anext(client), Event.Subscribed)
        assert client.is_subscribed
        assert (await master.calls.get()).subscribe.framework_info == INFO
        master.send(Event(type=Event.Type.HEARTBEAT))
        master.send(Event(type=Event.Type.OFFERS, offers=Event.Offers(offers=[OFFER])))
        event = await anext(client)
        assert isinstance(event, Event.Offers)
        assert event.offers == [OFFER]
        await client.decline(event.offers, refuse_seconds=7)
        call = await master.calls.get()
        assert (call.type, call.framework_id) == (Call.Type.DECLINE, F)
        assert call.decline.filters.refuse_seconds == 7.0
        assert master.requests[-1].headers.get("Mesos-Stream-Id") == "s-1"

    play(scene, scripted_master, content=content)


def test_an_update_is_acknowledged_when_the_next_event_is_asked_for(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        await master.calls.get()
        master.send(running())
        assert isinstance(await anext(client), Event.Update)
        assert master.calls.empty()
        master.send(running(uuid=None))  # an answer to reconciliation: nothing to acknowledge
        await anext(client)
        call = await master.calls.get()
        assert call.acknowledge == Call.Acknowledge(agent_id=A, task_id=T, uuid=b"u" * 16)

    play(scene, scripted_master)


def test_the_last_update_is_acknowledged_on_the_way_out(scripted_master: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), scripted_master() as master:
            async with SchedulerClient(master.url, INFO) as client:
                await anext(client)
                master.send(running())
                async for event in client:
                    assert isinstance(event, Event.Update)
                    break
            kinds = [master.calls.get_nowait().type for _ in range(master.calls.qsize())]
            assert kinds == [Call.Type.SUBSCRIBE, Call.Type.ACKNOWLEDGE]

    asyncio.run(main())


def test_acknowledging_can_be_left_to_the_scheduler(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        await master.calls.get()
        for _ in range(2):
            master.send(running())
            event = await anext(client)
        assert master.calls.empty()
        assert isinstance(event, Event.Update)
        await client.acknowledge(event.status)
        assert (await master.calls.get()).type is Call.Type.ACKNOWLEDGE

    play(scene, scripted_master, auto_acknowledge=False)


def test_a_lost_stream_is_subscribed_again_with_the_framework_id(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        await master.calls.get()
        master.hang_up()
        assert isinstance(await anext(client), Event.Subscribed)
        again = await master.calls.get()
        assert again.framework_id == F
        assert again.subscribe.framework_info.id == F
        await client.revive()
        assert master.requests[-1].headers.get("Mesos-Stream-Id") == "s-2"

    play(scene, scripted_master)


def test_a_silent_stream_is_given_up(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        hasty = Event.Subscribed(framework_id=F, heartbeat_interval_seconds=0.005)
        master.send(Event(type=Event.Type.SUBSCRIBED, subscribed=hasty))
        await anext(client)
        assert isinstance(await anext(client), Event.Subscribed)
        assert master.streams == 2

    play(scene, scripted_master)


def test_the_leader_is_found_through_a_redirect(scripted_master: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), scripted_master() as standby, scripted_master() as leader:
            location = leader.url.removeprefix("http:") + "/api/v1/scheduler"
            standby.refusals.append(Response(307, headers=(("Location", location),)))
            async with SchedulerClient(standby.url, INFO, backoff=QUICK) as client:
                assert await client.wait_until_subscribed() == F
                assert client.master_url == leader.url
            assert standby.streams == 0

    asyncio.run(main())


def test_a_master_without_a_leader_is_passed_over(scripted_master: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), scripted_master() as first, scripted_master() as second:
            first.refusals.append(Response(503))
            masters = [first.url, second.url]
            async with SchedulerClient(masters, INFO, backoff=QUICK) as client:
                await client.wait_until_subscribed()
                assert client.master_url == second.url

    asyncio.run(main())


def test_a_refused_subscription_is_an_error_with_its_status(scripted_master: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), scripted_master() as master:
            master.refusals.append(Response(400, b"the role is bad"))
            async with SchedulerClient(master.url, INFO) as client:
                with pytest.raises(CallRejected, match="the role is bad") as caught:
                    await anext(client)
                assert caught.value.status == 400
                with pytest.raises(CallRejected):
                    await client.wait_until_subscribed()

    asyncio.run(main())


def test_an_error_event_ends_the_iteration_with_its_message(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        error = Event.Error(message="Framework failed over")
        master.send(Event(type=Event.Type.ERROR, error=error))
        for _ in range(2):
            with pytest.raises(FrameworkEnded, match="failed over"):
                await anext(client)

    play(scene, scripted_master)


def test_after_teardown_the_events_end_without_an_error(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        await client.teardown()
        error = Event.Error(message="Framework has been removed")
        master.send(Event(type=Event.Type.ERROR, error=error))
        assert [event async for event in client] == []

    play(scene, scripted_master)


def test_calls_say_why_they_fail(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        master.refusals.append(Response(400, b"no such offer"))
        with pytest.raises(CallRejected, match="no such offer"):
            await client.decline([OFFER])
        master.refusals.append(Response(503))
        with pytest.raises(Unreachable, match="not the leading master"):
            await client.revive()

    play(scene, scripted_master)


def test_a_call_without_a_subscription_does_not_go_out(scripted_master: Any) -> None:
    async def main() -> None:
        async with scripted_master() as master:
            master.greets = False
            async with SchedulerClient(master.url, INFO) as client:
                with pytest.raises(NotSubscribed, match="REVIVE"):
                    await client.revive()

    asyncio.run(main())


def test_a_stream_of_something_else_is_an_error(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        master.send_bytes(b"<html>")
        with pytest.raises(BadAnswer, match="RecordIO"):
            await anext(client)

    play(scene, scripted_master)


def test_an_exception_of_the_scheduler_leaves_the_client_as_it_is(scripted_master: Any) -> None:
    async def scene(master: Any, client: SchedulerClient) -> None:
        await anext(client)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        play(scene, scripted_master)
