"""A stage for conversations with an agent's core: time, a store, and the invariants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from tepui.agent.core import records
from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import (
    AgentEffect,
    Checkpoint,
    ForgetEverything,
    LaunchContainer,
    Log,
    SendToExecutor,
    SendToMaster,
    StartTimer,
)
from tepui.agent.core.events import (
    AgentEvent,
    ContainerExited,
    ContainerLaunched,
    ExecutorCalled,
    LinkOpened,
    MasterMessageReceived,
    Recovered,
    TimerFired,
)
from tepui.agent.core.invariants import check
from tepui.agent.core.records import (
    AgentRecord,
    Checkpointed,
    DrainRecord,
    ExecutorRecord,
    FrameworkRecord,
    OperationRecord,
    Record,
    ResourcesRecord,
    StreamRecord,
    TaskRecord,
)
from tepui.agent.core.timers import AnyTimer
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.containers import protocol
from tepui.link.messages import (
    AcknowledgeStatus,
    Registered,
    Reregistered,
    RunTask,
    RunTaskGroup,
    ToAgent,
    ToMaster,
    UpdateStatus,
)
from tepui.messages import (
    AgentID,
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Resource,
    TaskGroupInfo,
    TaskID,
    TaskInfo,
    Value,
)
from tepui.messages.executor import Call, Event

AGENT_ID = "master-S0"
Capability = FrameworkInfo.Capability


def scalar(name: str, value: float) -> Resource:
    return Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))


def framework(
    framework_id: str = "f1", *capabilities: str, checkpoint: bool = True
) -> FrameworkInfo:
    return FrameworkInfo(
        user="alice",
        name="test",
        id=FrameworkID(value=framework_id),
        checkpoint=checkpoint,
        capabilities=[Capability(type=Capability.Type[name]) for name in capabilities],
    )


def task(task_id: str = "t1", command: str | None = "true", **fields: Any) -> TaskInfo:
    return TaskInfo(
        name=task_id,
        task_id=TaskID(value=task_id),
        agent_id=AgentID(value=AGENT_ID),
        resources=[scalar("cpus", 0.1), scalar("mem", 32)],
        command=CommandInfo(value=command) if command is not None else None,
        **fields,
    )


def executor(
    executor_id: str = "e1", type_: ExecutorInfo.Type = ExecutorInfo.Type.CUSTOM, **fields: Any
) -> ExecutorInfo:
    is_custom = type_ is ExecutorInfo.Type.CUSTOM
    return ExecutorInfo(
        type=type_,
        executor_id=ExecutorID(value=executor_id),
        framework_id=FrameworkID(value="f1"),
        command=CommandInfo(value="run-executor") if is_custom else None,
        **fields,
    )


class Conversation:
    """One agent, what it stored, and everything it said so far."""

    framework = staticmethod(framework)
    task = staticmethod(task)
    executor = staticmethod(executor)

    def __init__(self, *, seed: int = 1, **config: Any) -> None:
        config.setdefault("resources", [scalar("cpus", 4), scalar("mem", 1024)])
        self.config = AgentConfig(work_dir="/w", hostname="h", **config)
        self.stored: dict[str, Record] = {}
        self.timers: dict[AnyTimer, float] = {}
        self.now = Instant(1000.0, 5000.0)
        self.rng = Rng(seed)
        self.agent = Agent(self.config, self.rng, self.now)
        self.requests = 0

    @property
    def model(self) -> Any:
        return self.agent.model

    def handle(self, event: AgentEvent) -> list[AgentEffect]:
        """Return what the agent wants done, but for what it stores, logs and times."""
        effects = self.agent.handle(event, self.now)
        check(self.model)
        said: list[AgentEffect] = []
        for effect in effects:
            match effect:
                case Checkpoint(puts=puts, deletes=deletes):
                    # As it would be read back: what is stored must not change afterwards.
                    for key, record in puts.items():
                        packed = msgspec.msgpack.encode(record)
                        self.stored[key] = msgspec.msgpack.decode(packed, type=Record)
                    for key in deletes:
                        self.stored.pop(key, None)
                case ForgetEverything():
                    kept = (records.RESOURCES_KEY, records.OPERATION_KEYS)
                    self.stored = {k: v for k, v in self.stored.items() if k.startswith(kept)}
                    said.append(effect)
                case StartTimer(timer=timer, seconds=seconds):
                    self.timers[timer] = self.now.monotonic + seconds
                case Log():
                    pass
                case _:
                    if type(effect).__name__ == "CancelTimer":
                        self.timers.pop(effect.timer, None)  # type: ignore[union-attr]
                    else:
                        said.append(effect)
        return said

    def told(self, effects: list[AgentEffect]) -> list[ToMaster]:
        """Return what of ``effects`` goes to the master."""
        return [effect.message for effect in effects if isinstance(effect, SendToMaster)]

    def updates(self, effects: list[AgentEffect]) -> list[str]:
        """Return the states of the updates that go to the master."""
        return [
            f"{message.status.task_id.value} {message.status.state.value}"
            for message in self.told(effects)
            if isinstance(message, UpdateStatus)
        ]

    def events(self, effects: list[AgentEffect]) -> list[Event]:
        """Return what goes to executors."""
        return [effect.event for effect in effects if isinstance(effect, SendToExecutor)]

    def launches(self, effects: list[AgentEffect]) -> list[protocol.LaunchSpec]:
        return [effect.spec for effect in effects if isinstance(effect, LaunchContainer)]

    # Getting somewhere.

    def start(
        self,
        containers: list[protocol.Recovered] | None = None,
        *,
        boot_id: str = "boot 1",
        unreadable: Sequence[str] = (),
    ) -> list[AgentEffect]:
        by_type: dict[type, list[Any]] = {}
        # In no order of their making, as a store has them.
        for key, record in sorted(self.stored.items()):
            if key in unreadable:
                continue
            by_type.setdefault(type(record), []).append(record)
        agents = by_type.get(AgentRecord, [])
        checkpointed = Checkpointed(
            agent=agents[0] if agents else None,
            resources=next(iter(by_type.get(ResourcesRecord, [])), None),
            operations=by_type.get(OperationRecord, []),
            drain=next(iter(by_type.get(DrainRecord, [])), None),
            frameworks=by_type.get(FrameworkRecord, []),
            executors=by_type.get(ExecutorRecord, []),
            tasks=by_type.get(TaskRecord, []),
            streams=by_type.get(StreamRecord, []),
            source="/w/meta/checkpoint.sqlite",
            unreadable=dict.fromkeys(unreadable, "it makes no sense"),
        )
        return self.handle(
            Recovered(checkpointed=checkpointed, containers=containers or [], boot_id=boot_id)
        )

    def restart(
        self,
        containers: list[protocol.Recovered] | None = None,
        *,
        boot_id: str = "boot 1",
        unreadable: Sequence[str] = (),
        **config: Any,
    ) -> list[AgentEffect]:
        """End the agent as by kill -9, and start its successor, perhaps with other flags."""
        self.config = msgspec.structs.replace(self.config, **config)
        self.agent = Agent(self.config, self.rng, self.now)
        self.timers.clear()
        return self.start(containers, boot_id=boot_id, unreadable=unreadable)

    def registered(self) -> Conversation:
        self.start()
        self.handle(LinkOpened(master="m:5050"))
        self.hear(Registered(agent_id=AGENT_ID, ping_timeout_seconds=75.0))
        return self

    def reregistered(self) -> list[AgentEffect]:
        self.handle(LinkOpened(master="m:5050"))
        return self.hear(Reregistered(agent_id=AGENT_ID, ping_timeout_seconds=75.0))

    def hear(self, message: ToAgent) -> list[AgentEffect]:
        return self.handle(MasterMessageReceived(message=message))

    def advance(self, seconds: float) -> list[AgentEffect]:
        """Let time pass and timers fire."""
        said: list[AgentEffect] = []
        until = self.now.monotonic + seconds
        while True:
            due = [(at, repr(timer), timer) for timer, at in self.timers.items() if at <= until]
            if not due:
                break
            at, _, timer = min(due)
            del self.timers[timer]
            self.now = self.now.later(max(0.0, at - self.now.monotonic))
            said += self.handle(TimerFired(timer=timer))
        self.now = self.now.later(until - self.now.monotonic)
        return said

    def run_task(
        self, info: TaskInfo, by: FrameworkInfo | None = None, **fields: Any
    ) -> list[AgentEffect]:
        return self.hear(RunTask(framework=by or framework(), task=info, **fields))

    def run_group(
        self, *infos: TaskInfo, by: FrameworkInfo | None = None, **fields: Any
    ) -> list[AgentEffect]:
        info = executor("pod", ExecutorInfo.Type.DEFAULT)
        return self.hear(
            RunTaskGroup(
                framework=by or framework(),
                executor=fields.pop("executor", info),
                task_group=TaskGroupInfo(tasks=list(infos)),
                **fields,
            )
        )

    def launched(self, container_id: str, pid: int = 77) -> list[AgentEffect]:
        return self.handle(ContainerLaunched(container_id=container_id, pid=pid))

    def exited(self, container_id: str, status: int | None = 0) -> list[AgentEffect]:
        exited = protocol.Exited(container_id=container_id, status=status, at=self.now.wall)
        return self.handle(ContainerExited(exited=exited))

    def running(self, info: TaskInfo | None = None, **fields: Any) -> str:
        """Run a command task and return its container; its updates are acknowledged."""
        info = info or task()
        effects = self.run_task(info, **fields)
        (spec,) = self.launches(effects)
        effects += self.launched(spec.container_id)
        self.acknowledge(effects)
        return spec.container_id

    def acknowledge(self, effects: list[AgentEffect]) -> list[str]:
        """Acknowledge every update, also those that come next; return all their states."""
        states: list[str] = []
        waiting = self.told(effects)
        while waiting:
            message = waiting.pop(0)
            if not isinstance(message, UpdateStatus):
                continue
            states.append(message.status.state.value)
            assert message.status.uuid is not None
            waiting += self.told(
                self.hear(
                    AcknowledgeStatus(
                        framework_id=message.framework_id,
                        task_id=message.status.task_id.value,
                        uuid=message.status.uuid,
                    )
                )
            )
        return states

    def call(self, executor_id: str = "e1", **fields: Any) -> list[AgentEffect]:
        """Call the agent as an executor of f1."""
        self.requests += 1
        call = Call(
            executor_id=ExecutorID(value=executor_id),
            framework_id=FrameworkID(value=fields.pop("framework_id", "f1")),
            **fields,
        )
        return self.handle(ExecutorCalled(request_id=f"r{self.requests}", call=call))

    def subscribe(self, executor_id: str = "e1", **fields: Any) -> list[AgentEffect]:
        return self.call(executor_id, type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(**fields))


@pytest.fixture
def open_conversation() -> Callable[..., Conversation]:
    return Conversation


@pytest.fixture
def agent() -> Conversation:
    """An agent that the master has admitted."""
    return Conversation().registered()
