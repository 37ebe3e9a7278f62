"""Custom executors over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tepui.agent.executor_api import check_form
from tepui.base.errors import Rejected
from tepui.codec.media import JSON, PROTOBUF
from tepui.http.client import Client
from tepui.link.messages import (
    ExecutorExited,
    ExecutorMessage,
    FrameworkMessage,
    KillTask,
    Register,
    Reregister,
    ShutdownExecutor,
)
from tepui.messages import ExecutorID, FrameworkID
from tepui.messages.executor import Call

UUIDS = [bytes([number]) * 16 for number in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_a_session_from_the_subscription_to_the_shutdown(
    open_master: Any, open_agent: Any, open_executor: Any, media_type: str
) -> None:
    async def story() -> None:
        async with (
            open_master() as master,
            open_agent(master) as agent,
            open_executor(agent.port, media_type) as session,
        ):
            await master.hears(Register)
            master.run("t1", None, executor=master.executor("exec sleep 1000"), data=b"payload")
            await agent.has("e1")
            async with session.subscribed() as next_event:
                subscribed = (await next_event()).subscribed
                assert subscribed.executor_info.executor_id.value == "e1"
                assert (await next_event()).launch.task.data == b"payload"
                assert await session.update("t1", "TASK_RUNNING", UUIDS[0]) == 202
                assert (await next_event()).acknowledged.uuid == UUIDS[0]
                await master.sees("t1", "TASK_RUNNING")
                message = Call.Message(data=b"from executor")
                assert await session.call(type=Call.Type.MESSAGE, message=message) == 202
                (heard,) = await master.hears(ExecutorMessage)
                assert heard.data == b"from executor"
                master.say(FrameworkMessage(framework_id="f1", executor_id="e1", data=b"ping"))
                assert (await next_event()).message.data == b"ping"
                assert await session.call(type=Call.Type.HEARTBEAT) == 202
                master.say(KillTask(framework_id="f1", task_id="t1"))
                assert (await next_event()).kill.task_id.value == "t1"
                assert await session.update("t1", "TASK_KILLED", UUIDS[1]) == 202
                assert (await next_event()).acknowledged.uuid == UUIDS[1]
                await master.sees("t1", "TASK_KILLED")
                master.say(ShutdownExecutor(framework_id="f1", executor_id="e1"))
                assert (await next_event()).type.value == "SHUTDOWN"
            agent.end_process("e1")
            (exited,) = await master.hears(ExecutorExited)
            assert exited == ExecutorExited(framework_id="f1", executor_id="e1", status=15)

    asyncio.run(story())


@pytest.mark.slow
def test_an_executor_comes_back_to_a_restarted_agent(
    open_master: Any, open_agent: Any, open_executor: Any
) -> None:
    async def story() -> None:
        async with open_master() as master:
            async with open_agent(master) as agent, open_executor(agent.port) as session:
                await master.hears(Register)
                master.run("t1", None, executor=master.executor("exec sleep 1000"))
                await agent.has("e1")
                async with session.subscribed() as next_event:
                    await next_event()
                    await next_event()
                    await session.update("t1", "TASK_RUNNING", UUIDS[0])
                    await master.sees("t1", "TASK_RUNNING")
            async with open_agent(master) as agent, open_executor(agent.port) as session:
                (message,) = await master.hears(Reregister)
                (framework,) = message.frameworks
                (executor,) = framework.executors
                assert [task.state.value for task in executor.tasks] == ["TASK_RUNNING"]
                async with session.subscribed() as next_event:
                    assert (await next_event()).type.value == "SUBSCRIBED"
                    await session.update("t1", "TASK_FINISHED", UUIDS[1])
                    assert (await next_event()).acknowledged.uuid == UUIDS[1]
                    await master.sees("t1", "TASK_FINISHED")

    asyncio.run(story())


@pytest.mark.slow
def test_wrong_calls_get_the_statuses_of_mesos(open_master: Any, open_agent: Any) -> None:
    ids = b'"framework_id":{"value":"f1"},"executor_id":{"value":"sleep-1"}'
    json_headers = (("Content-Type", JSON), ("Accept", JSON))
    subscribe = b'"type":"SUBSCRIBE","subscribe":{}'
    cases: list[tuple[str, bytes, tuple[tuple[str, str], ...], int]] = [
        ("POST", b"{", json_headers, 400),
        ("POST", b"", json_headers, 400),
        ("POST", b"{}", (("Content-Type", "text/plain"),), 415),
        ("POST", b"{}", (), 400),
        ("GET", b"", (), 405),
        ("POST", b'{"executor_id":{"value":"x"},%s}' % subscribe, json_headers, 400),
        (
            "POST",
            b'{"framework_id":{"value":"zz"},"executor_id":{"value":"x"},%s}' % subscribe,
            json_headers,
            400,
        ),
        (
            "POST",
            b'{"framework_id":{"value":"f1"},"executor_id":{"value":"x"},%s}' % subscribe,
            json_headers,
            400,
        ),
        ("POST", b'{"type":"BOGUS",%s}' % ids, json_headers, 400),
        ("POST", b'{"type":"UNKNOWN",%s}' % ids, json_headers, 501),
        ("POST", b'{"type":"UPDATE",%s}' % ids, json_headers, 400),
        ("POST", b'{"type":"MESSAGE","message":{"data":"aGk="},%s}' % ids, json_headers, 202),
        (
            "POST",
            b"{%s,%s}" % (subscribe, ids),
            (("Content-Type", JSON), ("Accept", "text/html")),
            406,
        ),
    ]

    async def story() -> None:
        async with (
            open_master() as master,
            open_agent(master) as agent,
            Client(timeout_seconds=20.0) as client,
        ):
            await master.hears(Register)
            master.run("sleep-1", "exec sleep 1000")
            await master.sees("sleep-1", "TASK_RUNNING")
            url = f"http://127.0.0.1:{agent.port}/api/v1/executor"
            for method, body, headers, status in cases:
                answer = await client.request(method, url, body, headers)
                assert answer.status == status, (method, body, answer.body)
                if status == 405:
                    assert answer.headers.get("Allow") == "POST"

    asyncio.run(story())


def test_a_call_needs_what_its_type_says() -> None:
    ids: dict[str, Any] = {
        "framework_id": FrameworkID(value="f1"),
        "executor_id": ExecutorID(value="e1"),
    }
    for type_ in (Call.Type.SUBSCRIBE, Call.Type.UPDATE, Call.Type.MESSAGE):
        with pytest.raises(Rejected, match=type_.value.lower()):
            check_form(Call(type=type_, **ids))
    check_form(Call(type=Call.Type.HEARTBEAT, **ids))
