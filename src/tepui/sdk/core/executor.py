"""Keep one executor subscribed with its agent, and remember what the agent may not know.

Tasks and updates stay here until the agent acknowledges them, and go with every
subscription: an agent that restarts learns from them what happened meanwhile.
"""

from __future__ import annotations

import enum
from typing import assert_never

import msgspec

from tepui.base.errors import Unavailable
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import ExecutorID, FrameworkID, TaskInfo, TaskStatus, executor

UNACKNOWLEDGED_MAX = 10_000
"""More updates than this without an acknowledgement mean that nobody acknowledges."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the executor is and how patient, as its environment tells it."""

    framework_id: FrameworkID
    executor_id: ExecutorID
    checkpoint: bool
    recovery_timeout_seconds: float
    backoff_max_seconds: float


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """The executor has to end its tasks and itself; ``reason`` says on whose word."""

    reason: str


ExecutorEvent = (
    executor.Event.Subscribed
    | executor.Event.Launch
    | executor.Event.LaunchGroup
    | executor.Event.Kill
    | executor.Event.Acknowledged
    | executor.Event.Message
    | Shutdown
)
"""What an executor sees: the payload of each event, and `Shutdown`."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happened on the way to the agent, or what to do next."""


class Started(Step, frozen=True):
    """The client was opened."""


class Opened(Step, frozen=True):
    """The agent answered the subscription with a stream."""


class Refused(Step, frozen=True):
    """The agent answered the subscription with another status."""

    status: int
    message: str


class Disconnected(Step, frozen=True):
    """The agent did not answer, or the stream ended."""

    reason: str


class Received(Step, frozen=True):
    """The stream carried an event."""

    event: executor.Event


class Waited(Step, frozen=True):
    """The time of `Wait` is over."""


Event = Started | Opened | Refused | Disconnected | Received | Waited


class Subscribe(Step, frozen=True):
    """Post the call; answered by `Opened`, `Refused` or `Disconnected`."""

    call: executor.Call


class Read(Step, frozen=True):
    """Read the next event."""


class Wait(Step, frozen=True):
    """Let time pass; answered by `Waited`."""

    seconds: float


class Deliver(Step, frozen=True):
    """Hand the event to the executor."""

    event: ExecutorEvent


class Refuse(Step, frozen=True):
    """End for good: the agent does not accept this executor."""

    status: int
    message: str


class Stop(Step, frozen=True):
    """End after what was delivered."""


Effect = Subscribe | Read | Wait | Deliver | Refuse | Stop


class State(enum.Enum):
    """Where the executor stands with its agent."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    SUBSCRIBED = "subscribed"
    STOPPED = "stopped"


class ExecutorState:
    """The subscription of one executor, and what is not acknowledged yet.

    Attributes:
        state: Where it stands.
    """

    def __init__(self, identity: Identity, rng: Rng) -> None:
        self.state = State.DISCONNECTED
        self._identity = identity
        self._rng = rng
        self._tasks: dict[str, TaskInfo] = {}
        self._updates: dict[bytes, executor.Call.Update] = {}
        self._disconnected_at: Instant | None = None

    @property
    def unacknowledged_updates(self) -> list[executor.Call.Update]:
        """The updates that the agent has not acknowledged, oldest first."""
        return list(self._updates.values())

    @property
    def unacknowledged_tasks(self) -> list[TaskInfo]:
        """The tasks of which the agent has not acknowledged any update."""
        return list(self._tasks.values())

    def update(self, status: TaskStatus, now: Instant) -> executor.Call:
        """Remember an update, made whole, and return the call that tells it.

        Raises:
            Unavailable: `UNACKNOWLEDGED_MAX` updates are waiting already.
        """
        if len(self._updates) >= UNACKNOWLEDGED_MAX:
            raise Unavailable(f"{UNACKNOWLEDGED_MAX} updates wait for an acknowledgement")
        uuid = status.uuid or self._rng.uuid_bytes()
        whole = msgspec.structs.replace(
            status,
            uuid=uuid,
            timestamp=now.wall if status.timestamp is None else status.timestamp,
            executor_id=status.executor_id or self._identity.executor_id,
            source=status.source or TaskStatus.Source.SOURCE_EXECUTOR,
        )
        update = executor.Call.Update(status=whole)
        self._updates[uuid] = update
        return self.call(executor.Call.Type.UPDATE, update=update)

    def call(
        self,
        kind: executor.Call.Type,
        *,
        subscribe: executor.Call.Subscribe | None = None,
        update: executor.Call.Update | None = None,
        message: executor.Call.Message | None = None,
    ) -> executor.Call:
        """Return a call in this executor's name."""
        return executor.Call(
            executor_id=self._identity.executor_id,
            framework_id=self._identity.framework_id,
            type=kind,
            subscribe=subscribe,
            update=update,
            message=message,
        )

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Take in what happened and return what to do, the outstanding step last."""
        match event:
            case Started() | Waited():
                return [self._subscribe()]
            case Opened():
                return [Read()]
            case Received(event=received):
                return self._on_received(received)
            case Refused(status=status, message=message):
                return self._on_refused(status, message, now)
            case Disconnected(reason=reason):
                return self._on_disconnected(reason, now)
            case _:
                assert_never(event)

    def _subscribe(self) -> Subscribe:
        self.state = State.CONNECTING
        subscribe = executor.Call.Subscribe(
            unacknowledged_tasks=self.unacknowledged_tasks,
            unacknowledged_updates=self.unacknowledged_updates,
        )
        return Subscribe(call=self.call(executor.Call.Type.SUBSCRIBE, subscribe=subscribe))

    def _on_refused(self, status: int, message: str, now: Instant) -> list[Effect]:
        # 503 is an agent that is still recovering.
        if status == 503:
            return self._on_disconnected(message, now)
        self.state = State.STOPPED
        return [Refuse(status=status, message=message)]

    def _on_disconnected(self, reason: str, now: Instant) -> list[Effect]:
        was_subscribed = self.state is State.SUBSCRIBED
        self.state = State.DISCONNECTED
        if was_subscribed or self._disconnected_at is None:
            self._disconnected_at = now
        identity = self._identity
        if was_subscribed and not identity.checkpoint:
            return self._stop(f"the agent is gone: {reason}")
        if now.since(self._disconnected_at) >= identity.recovery_timeout_seconds:
            return self._stop(
                f"the agent did not return in {identity.recovery_timeout_seconds:g} s: {reason}"
            )
        return [Wait(seconds=self._rng.between(0, identity.backoff_max_seconds))]

    def _stop(self, reason: str) -> list[Effect]:
        self.state = State.STOPPED
        return [Deliver(event=Shutdown(reason=reason)), Stop()]

    def _on_received(self, received: executor.Event) -> list[Effect]:
        kind = executor.Event.Type
        if received.type is kind.SHUTDOWN:
            return self._stop("the agent asked for it")
        if received.type is kind.ERROR:
            message = received.error.message if received.error else "no reason given"
            return self._stop(f"the agent reported an error: {message}")
        payload = self._take_in(received)
        out: list[Effect] = [] if payload is None else [Deliver(event=payload)]
        out.append(Read())
        return out

    def _take_in(self, received: executor.Event) -> ExecutorEvent | None:
        """Keep the books by an event and return its payload, if it has one that we know."""
        if received.subscribed is not None:
            self.state = State.SUBSCRIBED
            self._disconnected_at = None
            return received.subscribed
        if received.launch is not None:
            self._tasks[received.launch.task.task_id.value] = received.launch.task
            return received.launch
        if received.launch_group is not None:
            for task in received.launch_group.task_group.tasks:
                self._tasks[task.task_id.value] = task
            return received.launch_group
        if received.acknowledged is not None:
            # One acknowledged update proves that the agent knows the task.
            self._updates.pop(received.acknowledged.uuid, None)
            self._tasks.pop(received.acknowledged.task_id.value, None)
            return received.acknowledged
        return received.kill or received.message
