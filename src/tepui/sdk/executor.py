"""The executor client: what a custom executor hears from its agent, and tells it."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from tepui.base.duration import parse_duration
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.http.client import Client, ClientStream, ConnectionFailed
from tepui.messages import ExecutorID, FrameworkID, TaskStatus, executor
from tepui.sdk.core import executor as core
from tepui.sdk.core.executor import ExecutorEvent, ExecutorState, Identity, Shutdown
from tepui.sdk.errors import AgentLost, BadAnswer, CallRejected, SdkError
from tepui.sdk.wire import Content, Wire

__all__ = ["ExecutorClient", "ExecutorEnvironment", "Shutdown"]

PATH: Final = "/api/v1/executor"
EVENTS_MAX: Final = 100
RECOVERY_TIMEOUT: Final = "15mins"
BACKOFF_MAX: Final = "2secs"

Call = executor.Call


class ExecutorEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent tells its executors by environment variables.

    Attributes:
        agent_endpoint: ``host:port`` of the agent.
        framework_id: Whom the executor works for.
        executor_id: The executor's own id.
        sandbox: The directory that it may write to.
        checkpoint: Whether it is to wait for an agent that restarts.
        recovery_timeout_seconds: For how long.
        backoff_max_seconds: How much it spreads its attempts to subscribe again.
        shutdown_grace_seconds: How long it has to end, once asked to.
        token: What it authenticates itself with, if it has to.
    """

    agent_endpoint: str
    framework_id: FrameworkID
    executor_id: ExecutorID
    sandbox: str
    checkpoint: bool
    recovery_timeout_seconds: float
    backoff_max_seconds: float
    shutdown_grace_seconds: float
    token: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the ``MESOS_…`` variables.

        Raises:
            ValueError: One is missing or malformed; a program that an agent did not start.

        Example:
            >>> ExecutorEnvironment.of({})
            Traceback (most recent call last):
            ...
            ValueError: MESOS_AGENT_ENDPOINT is not set: was this started by an agent?
        """

        def needed(name: str) -> str:
            value = environ.get(name)
            if not value:
                raise ValueError(f"{name} is not set: was this started by an agent?")
            return value

        def seconds(name: str, otherwise: str) -> float:
            try:
                return parse_duration(environ.get(name, otherwise))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error

        return cls(
            agent_endpoint=needed("MESOS_AGENT_ENDPOINT"),
            framework_id=FrameworkID(value=needed("MESOS_FRAMEWORK_ID")),
            executor_id=ExecutorID(value=needed("MESOS_EXECUTOR_ID")),
            sandbox=environ.get("MESOS_SANDBOX") or environ.get("MESOS_DIRECTORY") or ".",
            checkpoint=environ.get("MESOS_CHECKPOINT") == "1",
            recovery_timeout_seconds=seconds("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT),
            backoff_max_seconds=seconds("MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX),
            shutdown_grace_seconds=seconds("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
            token=environ.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
        )


class ExecutorClient:
    """A custom executor's connection with its agent; use it as an asynchronous context manager.

    Entering it starts to subscribe; iterating it gives the events, each as its payload:
    ``Event.Launch``, ``Event.Kill`` and so on. The events end with a `Shutdown`, which comes
    when the agent asks for it or stays away for too long. Updates that the agent has not
    acknowledged, and tasks that it may not know of, go with every new subscription.

    Example:
        >>> from tepui.messages import TaskState, TaskStatus
        >>> from tepui.messages.executor import Event
        >>> async def finish_everything() -> None:
        ...     async with ExecutorClient() as client:
        ...         async for event in client:
        ...             match event:
        ...                 case Event.Launch(task=task):
        ...                     done = TaskState.TASK_FINISHED
        ...                     await client.update(TaskStatus(task_id=task.task_id, state=done))
        ...                 case Shutdown(reason=reason):
        ...                     print(reason)
    """

    def __init__(
        self,
        environment: ExecutorEnvironment | None = None,
        *,
        content: Content = "json",
        timeout_seconds: float = 10.0,
        seed: int | None = None,
    ) -> None:
        """Prepare; nothing is connected before the client is entered.

        Args:
            environment: What the agent told; read from the process' environment by default.
            content: Whether to speak JSON or protobuf.
            timeout_seconds: How long one request may take.
            seed: Of jitter and uuids; from the system by default.

        Raises:
            ValueError: The process' environment is not that of an executor.
        """
        self.environment = environment or ExecutorEnvironment.of(os.environ)
        identity = Identity(
            framework_id=self.environment.framework_id,
            executor_id=self.environment.executor_id,
            checkpoint=self.environment.checkpoint,
            recovery_timeout_seconds=self.environment.recovery_timeout_seconds,
            backoff_max_seconds=self.environment.backoff_max_seconds,
        )
        self._core = ExecutorState(identity, Rng(secrets.randbits(64) if seed is None else seed))
        self._wire = Wire(content)
        self._url = f"http://{self.environment.agent_endpoint}{PATH}"
        self._timeout_seconds = timeout_seconds
        self._events: asyncio.Queue[ExecutorEvent | SdkError | None] = asyncio.Queue(EVENTS_MAX)
        self._acknowledged = asyncio.Condition()
        self._ended = False
        self._stack = AsyncExitStack()
        self._http: Client

    async def __aenter__(self) -> Self:
        self._http = await self._stack.enter_async_context(
            Client(timeout_seconds=self._timeout_seconds)
        )
        owner = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._stack.callback(owner.create_task(self._stay_subscribed()).cancel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Without the exception: a task group would wrap it into a group.
        await self._stack.aclose()

    # -- events --

    def __aiter__(self) -> AsyncIterator[ExecutorEvent]:
        return self

    async def __anext__(self) -> ExecutorEvent:
        """Return the next event; there is none after `Shutdown`.

        Raises:
            CallRejected: The agent does not know this executor.
            BadAnswer: What answers there is no agent.
        """
        if self._ended and self._events.empty():
            raise StopAsyncIteration
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, SdkError):
            raise event
        return event

    # -- calls --

    async def update(self, status: TaskStatus) -> None:
        """Tell the state of a task.

        The uuid, the time and the source are filled in. The update is kept until the agent
        acknowledges it: if the agent is away now, it gets it when it is back.

        Raises:
            CallRejected: The agent refused the update.
        """
        call = self._core.update(status, _now())
        # What does not reach the agent now goes with the next subscription.
        with suppress(AgentLost):
            await self._post(call)

    async def wait_until_acknowledged(self) -> None:
        """Wait until the agent has acknowledged every update; before an executor ends, say."""
        async with self._acknowledged:
            await self._acknowledged.wait_for(
                lambda: self._ended or not self._core.unacknowledged_updates
            )

    async def message(self, data: bytes) -> None:
        """Send bytes to the framework; they arrive at most once.

        Raises:
            AgentLost: The agent is away at the moment.
            CallRejected: The agent refused the message.
        """
        message = Call.Message(data=data)
        await self._post(self._core.call(Call.Type.MESSAGE, message=message))

    async def heartbeat(self) -> None:
        """Tell the agent that this executor is alive.

        Raises:
            AgentLost: The agent is away at the moment.
        """
        await self._post(self._core.call(Call.Type.HEARTBEAT))

    async def _post(self, call: Call) -> None:
        try:
            answer = await self._http.request(
                "POST", self._url, self._wire.encode(call), self._headers()
            )
        except ConnectionFailed as error:
            raise AgentLost(str(error)) from error
        if answer.status == 503:
            raise AgentLost(f"{self._url} is recovering")
        if answer.status not in (200, 202):
            raise CallRejected(answer.status, answer.body.decode(errors="replace"))

    def _headers(self) -> list[tuple[str, str]]:
        token = self.environment.token
        return self._wire.headers(() if token is None else [("Authorization", f"Bearer {token}")])

    # -- the subscription: do what the core says, tell it how that went --

    async def _stay_subscribed(self) -> None:
        end: SdkError | None = None
        try:
            step = await self._perform(self._core.handle(core.Started(), _now()))
            while not isinstance(step, core.Stop | core.Refuse):
                step = await self._take(step)
            if isinstance(step, core.Refuse):
                end = CallRejected(step.status, step.message)
        except BadAnswer as error:
            end = error
        self._ended = True
        await self._notify_waiting()
        await self._events.put(end)

    async def _notify_waiting(self) -> None:
        async with self._acknowledged:
            self._acknowledged.notify_all()

    async def _perform(self, effects: list[core.Effect]) -> _Step:
        """Deliver what there is to deliver and return the outstanding step."""
        for effect in effects:
            if not isinstance(effect, core.Deliver):
                return effect
            await self._events.put(effect.event)
            if isinstance(effect.event, executor.Event.Acknowledged):
                await self._notify_waiting()
        raise AssertionError("the core left nothing to do")

    async def _take(self, step: core.Subscribe | core.Read | core.Wait) -> _Step:
        match step:
            case core.Wait(seconds=seconds):
                await asyncio.sleep(seconds)
                return await self._perform(self._core.handle(core.Waited(), _now()))
            case core.Subscribe(call=call):
                return await self._subscribe(call)
            case core.Read():
                raise AssertionError("there is no stream to read")

    async def _subscribe(self, call: Call) -> _Step:
        failure: core.Event
        body = self._wire.encode(call)
        try:
            async with self._http.stream("POST", self._url, body, self._headers()) as stream:
                if stream.status == 200:
                    return await self._follow(stream)
                text = (await stream.read()).decode(errors="replace")
                failure = core.Refused(status=stream.status, message=text)
        except ConnectionFailed as error:
            failure = core.Disconnected(reason=str(error))
        return await self._perform(self._core.handle(failure, _now()))

    async def _follow(self, stream: ClientStream) -> _Step:
        """Hand events to the core until the stream or the executor ends."""
        step = await self._perform(self._core.handle(core.Opened(), _now()))
        event: core.Event
        async with aclosing(self._wire.records(stream, executor.Event)) as events:
            while isinstance(step, core.Read):
                try:
                    event = core.Received(event=await anext(events))
                except StopAsyncIteration:
                    event = core.Disconnected(reason="the agent closed the stream")
                except ConnectionFailed as error:
                    event = core.Disconnected(reason=str(error))
                step = await self._perform(self._core.handle(event, _now()))
        return step


_Step = core.Subscribe | core.Read | core.Wait | core.Refuse | core.Stop


def _now() -> Instant:
    return Instant(time.monotonic(), time.time())
