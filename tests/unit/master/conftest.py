"""A master's core in conversation: what happens goes in by name, what it says comes out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.allocator import AllocatorOptions
from tepui.allocator.hierarchical import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json
from tepui.link.messages import (
    CompletedFramework,
    ExecutorState,
    FrameworkState,
    LinkMessage,
    Ping,
    Pong,
    Register,
    Registered,
    Reregister,
    RunTask,
    UpdateStatus,
)
from tepui.master.core.check import check
from tepui.master.core.config import MasterConfig
from tepui.master.core.effects import (
    AnyEffect,
    CancelTimer,
    CloseChannel,
    CloseOperator,
    CloseScheduler,
    ContinueAllocation,
    ContinueReconciliation,
    OpenOperatorStream,
    OpenStream,
    Persist,
    Respond,
    SendToAgent,
    SendToOperators,
    SendToScheduler,
    StartTimer,
    StepDown,
)
from tepui.master.core.events import (
    AgentChannelClosed,
    AgentMessageReceived,
    AllocateSlice,
    AnyEvent,
    OperatorSubscribed,
    Persisted,
    ReconcileSlice,
    RegistryRecovered,
    SchedulerCalled,
    SchedulerDisconnected,
    Timer,
    TimerFired,
)
from tepui.master.core.master import Master
from tepui.messages import (
    AgentID,
    AgentInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    TaskState,
    TaskStatus,
    scheduler,
)
from tepui.resources.parsing import parse_resources

sys.path.insert(0, str(Path(__file__).parent))

ALL_CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
]


class Scheduler:
    """A framework's side of the conversation."""

    def __init__(self, cluster: Cluster, info: dict[str, Any]) -> None:
        self.cluster = cluster
        self.info = info
        self.framework_id: str | None = None
        self.stream_id: str | None = None
        self.connection = 0
        self.is_closed = False
        self.events: list[dict[str, Any]] = []

    def subscribe(self, **fields: Any) -> Scheduler:
        """Open a stream; the events of it gather in ``events``."""
        self.events = []
        self.is_closed = False
        info = dict(self.info)
        call: dict[str, Any] = {"type": "SUBSCRIBE"}
        if self.framework_id is not None:
            info["id"] = {"value": self.framework_id}
            call["framework_id"] = {"value": self.framework_id}
        call["subscribe"] = {"framework_info": info, **fields}
        self.connection = self.cluster.open_connection(self)
        self.cluster.call(call, connection=self.connection)
        for event in self.events:
            if event["type"] == "SUBSCRIBED":
                self.framework_id = event["subscribed"]["framework_id"]["value"]
        return self

    def call(self, kind: str, body: dict[str, Any] | None = None) -> int:
        """Make a call on the stream; return the status of the answer."""
        call: dict[str, Any] = {"type": kind, "framework_id": {"value": self.framework_id}}
        if body is not None:
            call[kind.lower()] = body
        return self.cluster.call(call, stream_id=self.stream_id)

    def disconnect(self) -> None:
        """Drop the stream."""
        self.cluster.handle(SchedulerDisconnected(connection=self.connection, reason="gone"))

    def take(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the events so far, or those of one type, and forget them."""
        taken = [each for each in self.events if kind is None or each["type"] == kind]
        self.events = [each for each in self.events if kind is not None and each["type"] != kind]
        return taken

    def offers(self) -> list[dict[str, Any]]:
        """Let the allocator run, and return the offers that came."""
        self.cluster.allocate()
        return [offer for event in self.take("OFFERS") for offer in event["offers"]["offers"]]

    def statuses(self) -> list[dict[str, Any]]:
        """Return the statuses that came."""
        return [event["update"]["status"] for event in self.take("UPDATE")]

    def launch(self, offer: dict[str, Any], *names: str, **fields: Any) -> int:
        """Accept an offer with one command task for each name."""
        tasks = [self.cluster.task(name, offer, **fields) for name in names]
        return self.accept([offer], [{"type": "LAUNCH", "launch": {"task_infos": tasks}}])

    def accept(
        self,
        offers: list[dict[str, Any]],
        operations: list[dict[str, Any]],
        **fields: Any,
    ) -> int:
        """Accept offers with operations."""
        body = {"offer_ids": [each["id"] for each in offers], "operations": operations, **fields}
        return self.call("ACCEPT", body)

    def acknowledge(self, status: dict[str, Any]) -> int:
        """Acknowledge a status that carries a uuid."""
        return self.call(
            "ACKNOWLEDGE",
            {"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]},
        )


class AgentDouble:
    """An agent's side of the conversation."""

    def __init__(self, cluster: Cluster, resources: str, hostname: str, port: int) -> None:
        self.cluster = cluster
        self.pid = f"slave(1)@10.0.0.{port % 250}:{port}"
        self.info = AgentInfo(
            hostname=hostname, port=port, resources=parse_resources(resources).to_messages()
        )
        self.agent_id: str | None = None
        self.channel = 0
        self.inbox: list[LinkMessage] = []
        self.answers_pings = True

    def connect(self) -> AgentDouble:
        """Open a channel, which says nothing yet."""
        self.channel = self.cluster.open_channel(self)
        return self

    def register(self) -> AgentDouble:
        """Connect and ask to be admitted."""
        self.connect()
        self.say(
            Register(
                agent_info=self.info,
                version="1.11.0",
                capabilities=ALL_CAPABILITIES,
                pid=self.pid,
            )
        )
        for message in self.take(Registered):
            self.agent_id = message.agent_id
            self.info = msgspec.structs.replace(self.info, id=AgentID(value=message.agent_id))
        return self

    def reregister(
        self,
        *frameworks: FrameworkState,
        completed: Sequence[CompletedFramework] = (),
        connect: bool = True,
        **fields: Any,
    ) -> AgentDouble:
        """Come back with what is left."""
        if connect:
            self.connect()
        self.say(
            Reregister(
                agent_info=self.info,
                version="1.11.0",
                capabilities=ALL_CAPABILITIES,
                pid=self.pid,
                frameworks=list(frameworks),
                completed_frameworks=list(completed),
                **fields,
            )
        )
        return self

    def say(self, message: LinkMessage) -> None:
        """Send a message to the master."""
        event = AgentMessageReceived(channel=self.channel, message=message, peer="10.0.0.1:1")  # type: ignore[arg-type]
        self.cluster.handle(event)

    def disconnect(self) -> None:
        """Lose the channel."""
        self.cluster.handle(AgentChannelClosed(channel=self.channel, reason="lost"))

    def take(self, kind: type[Any]) -> list[Any]:
        """Return the messages of one kind, and forget them."""
        taken = [each for each in self.inbox if isinstance(each, kind)]
        self.inbox = [each for each in self.inbox if not isinstance(each, kind)]
        return taken

    def update(
        self,
        framework_id: str | None,
        task_id: str,
        state: str,
        *,
        uuid: bytes | None = b"0123456789abcdef",
        **fields: Any,
    ) -> None:
        """Send a status update."""
        assert framework_id is not None
        status = self.cluster.status(task_id, state, agent_id=self.agent_id, uuid=uuid, **fields)
        self.say(
            UpdateStatus(framework_id=framework_id, status=status, latest_state=TaskState[state])
        )

    def launched(self) -> list[str]:
        """Return the ids of tasks that it was told to run."""
        return [each.task.task_id.value for each in self.take(RunTask)]


class Cluster:
    """One core, its clock, and a registry that stores at once unless ``is_storing`` is off."""

    def __init__(self, config: MasterConfig, records: dict[str, bytes] | None = None) -> None:
        self.now = Instant(1000.0, 1_700_000_000.0)
        rng = Rng(7)
        self.allocator = HierarchicalAllocator(config.allocator, rng)
        self.core = Master(config, self.allocator, rng, self.now)
        self.state = self.core.state
        self.records: dict[str, bytes] = dict(records or {})
        self.is_storing = True
        self.unstored: list[Persist] = []
        self.timers: dict[Timer, float] = {}
        self.answers: list[Respond | OpenStream] = []
        self.passes_asked_for = 0
        self.step_down: str | None = None
        self.closed_channels: list[int] = []
        self.operators: dict[int, list[dict[str, Any]]] = {}
        self.closed_operators: list[int] = []
        self._schedulers: dict[int, Scheduler] = {}
        self._agents: dict[int, AgentDouble] = {}
        self._allocation_due = False
        self.unread: list[int] = []
        self._numbers = 0
        self._pongs: list[int] = []
        self.handle(RegistryRecovered(records=dict(self.records)))

    # -- those who talk --

    def scheduler(self, *roles: str, **fields: Any) -> Scheduler:
        """Return a framework that has not subscribed; MULTI_ROLE if roles are given."""
        capabilities = list(fields.pop("capabilities", ["PARTITION_AWARE"]))
        info: dict[str, Any] = {"user": "root", "name": "test", **fields}
        if roles:
            info["roles"] = list(roles)
            capabilities.append("MULTI_ROLE")
        info["capabilities"] = [{"type": each} for each in capabilities]
        return Scheduler(self, info)

    def agent(self, resources: str = "cpus:4;mem:4096;disk:1000", port: int = 5051) -> AgentDouble:
        """Return an agent that has not registered."""
        return AgentDouble(self, resources, f"host-{port}", port)

    def task(self, name: str, offer: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Return a command task on the agent of ``offer``."""
        resources = fields.pop("resources", "cpus:1;mem:64")
        role = offer.get("allocation_info")
        task: dict[str, Any] = {
            "name": name,
            "task_id": {"value": name},
            "agent_id": offer["agent_id"],
            "resources": self.resources(resources, role),
            "command": {"value": "true"},
            **fields,
        }
        return {key: value for key, value in task.items() if value is not None}

    def resources(self, text: str, allocation: Any = None) -> list[dict[str, Any]]:
        """Return resources as JSON."""
        found = [json.to_builtins(each) for each in parse_resources(text).to_messages()]
        if allocation is not None:
            found = [{**each, "allocation_info": allocation} for each in found]
        return found

    def status(
        self,
        task_id: str,
        state: str,
        *,
        agent_id: str | None,
        uuid: bytes | None,
        **fields: Any,
    ) -> TaskStatus:
        """Return a status as an executor's."""
        built = json.from_builtins(
            TaskStatus,
            {
                "task_id": {"value": task_id},
                "state": state,
                "source": "SOURCE_EXECUTOR",
                "agent_id": {"value": agent_id},
                "timestamp": self.now.wall,
                **fields,
            },
        )
        return msgspec.structs.replace(built, uuid=uuid)

    def framework_state(self, scheduler: Scheduler, *executors: ExecutorState) -> FrameworkState:
        """Return what an agent tells of a framework."""
        assert scheduler.framework_id is not None
        info = json.from_builtins(FrameworkInfo, {**scheduler.info})
        info = msgspec.structs.replace(info, id=FrameworkID(value=scheduler.framework_id))
        return FrameworkState(framework_info=info, executors=list(executors))

    def framework_state_of(self, scheduler: Scheduler) -> FrameworkState:
        """Return what a faithful agent would tell of all tasks that the master knows."""
        assert scheduler.framework_id is not None
        framework = self.state.frameworks[scheduler.framework_id]
        executors = [
            ExecutorState(
                executor_info=ExecutorInfo(executor_id=ExecutorID(value=task.task_id)),
                tasks=[msgspec.structs.replace(task.template, state=task.state)],
                built_in=True,
            )
            for task in framework.tasks.values()
        ]
        return self.framework_state(scheduler, *executors)

    # -- what happens --

    def handle(self, event: AnyEvent) -> list[AnyEffect]:
        """Hand an event to the core, see to its effects, and check the books."""
        effects = self.core.handle(event, self.now)
        check(self.state, self.allocator)
        for effect in effects:
            self._run(effect)
        if self.is_storing:
            self.store()
        while self._pongs:
            channel = self._pongs.pop()
            self.handle(AgentMessageReceived(channel=channel, message=Pong()))
        return effects

    def call(
        self, call: dict[str, Any], *, stream_id: str | None = None, connection: int = 0
    ) -> int:
        """Make a call; return the status of the answer."""
        decoded = json.from_builtins(scheduler.Call, call)
        self.answers.clear()
        self.handle(
            SchedulerCalled(request_id=1, call=decoded, stream_id=stream_id, connection=connection)
        )
        [answer] = self.answers
        return 200 if isinstance(answer, OpenStream) else answer.status

    def ask(self, make: Callable[[int], AnyEvent]) -> Respond | None:
        """Make an operator's request; return the answer, if there is one yet."""
        self.answers.clear()
        self.handle(make(77))
        answers = [each for each in self.answers if isinstance(each, Respond)]
        assert all(each.request_id == 77 for each in answers)
        return answers[0] if answers else None

    def listen(self) -> list[dict[str, Any]]:
        """Subscribe an operator; return where the events gather."""
        self._numbers += 1
        heard = self.operators[self._numbers] = []
        self.handle(OperatorSubscribed(connection=self._numbers))
        return heard

    def allocate(self) -> None:
        """Run allocation passes until none is due."""
        while self._allocation_due:
            self._allocation_due = False
            self.handle(AllocateSlice())

    def read(self) -> None:
        """Have one stream read what is on it, so that there is room for more."""
        self.handle(ReconcileSlice(connection=self.unread.pop(0)))

    def pass_time(self, seconds: float) -> None:
        """Let time go by; timers fire in their order."""
        end = self.now.monotonic + seconds
        while self.timers:
            timer = min(
                self.timers, key=lambda each: (self.timers[each], each.kind.value, each.key)
            )
            due = self.timers[timer]
            if due > end:
                break
            self.now = self.now.later(max(0.0, due - self.now.monotonic))
            del self.timers[timer]
            self.handle(TimerFired(timer=timer))
        self.now = self.now.later(end - self.now.monotonic)

    def store(self) -> None:
        """Have the registry store what waits."""
        waiting, self.unstored = self.unstored, []
        for each in waiting:
            self._store(each)

    def open_connection(self, scheduler: Scheduler) -> int:
        """Give out a number for a stream."""
        self._numbers += 1
        self._schedulers[self._numbers] = scheduler
        return self._numbers

    def open_channel(self, agent: AgentDouble) -> int:
        """Give out a number for a channel."""
        self._numbers += 1
        self._agents[self._numbers] = agent
        return self._numbers

    def closed(self, channel: int) -> None:
        """Have a channel close."""
        self.handle(AgentChannelClosed(channel=channel, reason="closed"))

    def double(self, channel: int) -> AgentDouble:
        """Return who speaks on a channel."""
        return self._agents[channel]

    def fail_over(self, config: MasterConfig | None = None) -> Cluster:
        """Return the master that comes after this one, with its registry."""
        return Cluster(config or self.state.config, self.records)

    def _run(self, effect: AnyEffect) -> None:
        match effect:
            case SendToScheduler(connection=connection, event=event):
                receiver = self._schedulers[connection]
                if receiver.connection == connection:
                    receiver.events.append(json.to_builtins(event))
            case OpenStream():
                self.answers.append(effect)
                self._schedulers[effect.connection].stream_id = effect.stream_id
            case CloseScheduler(connection=connection):
                closed = self._schedulers[connection]
                if closed.connection == connection:
                    closed.is_closed = True
            case Respond():
                self.answers.append(effect)
            case SendToAgent(channel=channel, message=message):
                agent = self._agents[channel]
                agent.inbox.append(message)
                if type(message) is Ping and agent.answers_pings:
                    self._pongs.append(channel)
            case CloseChannel(channel=channel):
                self.closed_channels.append(channel)
            case Persist():
                self.unstored.append(effect)
            case StartTimer(timer=timer, seconds=seconds):
                self.timers[timer] = self.now.monotonic + seconds
            case CancelTimer(timer=timer):
                self.timers.pop(timer, None)
            case ContinueAllocation(seconds=seconds):
                self._allocation_due = True
                self.passes_asked_for += seconds > 0
            case StepDown(reason=reason):
                self.step_down = reason
            case _:
                self._run_other(effect)

    def _run_other(self, effect: AnyEffect) -> None:
        match effect:
            case ContinueReconciliation(connection=connection):
                self.unread.append(connection)
            case OpenOperatorStream(connection=connection):
                self.operators[connection].append({"type": "SUBSCRIBED"})
            case SendToOperators(connections=connections, event=event):
                for connection in connections:
                    self.operators[connection].append(json.to_builtins(event))
            case CloseOperator(connection=connection):
                self.closed_operators.append(connection)
            case _:
                pass

    def _store(self, persist: Persist) -> None:
        self.records.update(persist.puts)
        for key in persist.deletes:
            self.records.pop(key, None)
        self.handle(Persisted(token=persist.token))


MakeCluster = Callable[..., Cluster]


@pytest.fixture
def make_cluster() -> MakeCluster:
    """Return what makes a cluster with one setting or another changed."""

    def make(**changes: Any) -> Cluster:
        options = AllocatorOptions(allocation_interval=1.0)
        return Cluster(MasterConfig(allocator=options, **changes))

    return make


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Return a cluster with the defaults."""
    return make_cluster()


@pytest.fixture
def make_operator() -> Any:
    """Return what makes an operator who asks the endpoints of a cluster's master."""
    from operator_double import Operator

    return Operator
