"""The executor client against an agent on a real socket that follows a script."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from tepui.codec import json, recordio
from tepui.http.messages import Answer, Request, Response, StreamResponse
from tepui.http.server import Server
from tepui.http.streams import StreamWriter
from tepui.messages import (
    AgentID,
    AgentInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    executor,
)
from tepui.sdk import AgentLost, CallRejected, ExecutorClient, ExecutorEnvironment, Shutdown

Event = executor.Event
Call = executor.Call
E, F, T = ExecutorID(value="e"), FrameworkID(value="f"), TaskID(value="t")
TASK = TaskInfo(name="t", task_id=T, agent_id=AgentID(value="a"))
LAUNCH = Event(type=Event.Type.LAUNCH, launch=Event.Launch(task=TASK))
SUBSCRIBED = Event(
    type=Event.Type.SUBSCRIBED,
    subscribed=Event.Subscribed(
        executor_info=ExecutorInfo(executor_id=E),
        framework_info=FrameworkInfo(user="u", name="n"),
        agent_info=AgentInfo(hostname="h"),
    ),
)
RUNNING = TaskStatus(task_id=T, state=TaskState.TASK_RUNNING)


class ScriptedAgent:
    """Subscribes the executor, keeps its calls, and sends the events that it is told to."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Call] = asyncio.Queue()
        self.authorizations: list[str | None] = []
        self.refusals: list[Response] = []
        self._server = Server(self._answer, host="127.0.0.1", port=0)
        self._writer: StreamWriter | None = None

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    def environment(self, **more: str) -> ExecutorEnvironment:
        return ExecutorEnvironment.of(
            {
                "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{self._server.port}",
                "MESOS_FRAMEWORK_ID": "f",
                "MESOS_EXECUTOR_ID": "e",
                "MESOS_SUBSCRIPTION_BACKOFF_MAX": "1ms",
                **more,
            }
        )

    def _answer(self, request: Request) -> Answer:
        self.authorizations.append(request.headers.get("Authorization"))
        call = json.decode(Call, request.body)
        self.calls.put_nowait(call)
        if self.refusals:
            return self.refusals.pop(0)
        if call.type is Call.Type.SUBSCRIBE:
            return StreamResponse(200, self._opened, content_type="application/json")
        return Response(202)

    def _opened(self, writer: StreamWriter) -> None:
        self._writer = writer
        self.send(SUBSCRIBED)

    def send(self, event: Event) -> None:
        assert self._writer is not None
        self._writer.write(recordio.encode(json.encode(event)))

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.close()


def test_a_task_is_launched_reported_and_acknowledged() -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(20),
            ScriptedAgent() as agent,
            ExecutorClient(agent.environment()) as client,
        ):
            assert (await agent.calls.get()).subscribe == Call.Subscribe()
            assert isinstance(await anext(client), Event.Subscribed)
            agent.send(LAUNCH)
            assert await anext(client) == Event.Launch(task=TASK)
            await client.update(RUNNING)
            update = (await agent.calls.get()).update
            assert update is not None
            status = update.status
            assert status.state is TaskState.TASK_RUNNING
            assert status.uuid is not None
            acknowledged = Event.Acknowledged(task_id=T, uuid=status.uuid)
            agent.send(Event(type=Event.Type.ACKNOWLEDGED, acknowledged=acknowledged))
            await client.wait_until_acknowledged()
            assert await anext(client) == acknowledged

    asyncio.run(main())


def test_after_an_agents_restart_it_gets_what_it_may_have_missed() -> None:
    async def main() -> None:
        async with asyncio.timeout(20), ScriptedAgent() as agent:
            environment = agent.environment(MESOS_CHECKPOINT="1")
            async with ExecutorClient(environment) as client:
                await anext(client)
                agent.send(LAUNCH)
                await anext(client)
                agent.refusals.append(Response(503))
                await client.update(RUNNING)  # kept, although the agent is recovering
                agent.hang_up()
                assert isinstance(await anext(client), Event.Subscribed)
                calls = [await agent.calls.get() for _ in range(3)]
                again = calls[-1].subscribe
                assert again is not None
                assert again.unacknowledged_tasks == [TASK]
                assert [each.status.task_id for each in again.unacknowledged_updates] == [T]

    asyncio.run(main())


def test_shutdown_is_the_last_event() -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(20),
            ScriptedAgent() as agent,
            ExecutorClient(agent.environment()) as client,
        ):
            await anext(client)
            agent.send(Event(type=Event.Type.SHUTDOWN))
            events = [event async for event in client]
            assert events == [Shutdown(reason="the agent asked for it")]
            assert [event async for event in client] == []

    asyncio.run(main())


def test_an_executor_that_the_agent_does_not_know_is_refused() -> None:
    async def main() -> None:
        async with asyncio.timeout(20), ScriptedAgent() as agent:
            agent.refusals.append(Response(400, b"unknown executor"))
            async with ExecutorClient(agent.environment()) as client:
                with pytest.raises(CallRejected, match="unknown executor"):
                    await anext(client)

    asyncio.run(main())


def test_messages_and_heartbeats_are_not_kept() -> None:
    async def main() -> None:
        async with asyncio.timeout(20), ScriptedAgent() as agent:
            environment = agent.environment(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="secret")
            async with ExecutorClient(environment) as client:
                await anext(client)
                await agent.calls.get()
                await client.message(b"hello")
                await client.heartbeat()
                kinds = [(await agent.calls.get()).type for _ in range(2)]
                assert kinds == [Call.Type.MESSAGE, Call.Type.HEARTBEAT]
                assert set(agent.authorizations) == {"Bearer secret"}
                agent.refusals.append(Response(503))
                with pytest.raises(AgentLost, match="recovering"):
                    await client.message(b"hello")

    asyncio.run(main())


def test_the_environment_of_an_executor_is_checked() -> None:
    environ = {
        "MESOS_AGENT_ENDPOINT": "h:1",
        "MESOS_FRAMEWORK_ID": "f",
        "MESOS_EXECUTOR_ID": "e",
        "MESOS_RECOVERY_TIMEOUT": "soon",
    }
    with pytest.raises(ValueError, match="MESOS_RECOVERY_TIMEOUT: 'soon' is not a duration"):
        ExecutorEnvironment.of(environ)
