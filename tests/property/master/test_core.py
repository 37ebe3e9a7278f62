"""Whatever schedulers and agents do, and in whatever order: the master's books stay right."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from msgspec.structs import replace

from tepui.allocator import AllocatorOptions
from tepui.allocator.hierarchical import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json
from tepui.link.messages import (
    AcknowledgeOperation,
    AcknowledgeStatus,
    ApplyOperation,
    ExecutorExited,
    ExecutorState,
    FrameworkState,
    KillTask,
    LinkMessage,
    OperationReport,
    Pong,
    Register,
    Registered,
    Reregister,
    Reregistered,
    ReregisterPart,
    RunTask,
    Shutdown,
    ShutdownFramework,
    Unregister,
    UpdateAgent,
    UpdateOperation,
    UpdateStatus,
)
from tepui.master.core import registry
from tepui.master.core.check import check
from tepui.master.core.config import MasterConfig
from tepui.master.core.effects import (
    AnyEffect,
    CancelTimer,
    CloseChannel,
    CloseScheduler,
    ContinueAllocation,
    OpenStream,
    Persist,
    Respond,
    SendToAgent,
    SendToScheduler,
    StartTimer,
)
from tepui.master.core.events import (
    AgentChannelClosed,
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentMessageReceived,
    AgentReactivationRequested,
    AllocateSlice,
    AnyEvent,
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
    OperationRequested,
    OperatorSubscribed,
    Persisted,
    QuotaRemovalRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
    RegistryRecovered,
    SchedulerCalled,
    SchedulerDisconnected,
    Timer,
    TimerFired,
    TimerKind,
    WeightsUpdateRequested,
)
from tepui.master.core.machines import in_order
from tepui.master.core.master import Master
from tepui.master.core.pending import (
    PendingGone,
    PendingMaintenance,
    PendingQuotas,
    PendingStanding,
    PendingWeights,
    PendingWrite,
)
from tepui.master.core.quota import expected_quotas
from tepui.messages import (
    UUID,
    AgentID,
    AgentInfo,
    DrainConfig,
    ExecutorID,
    ExecutorInfo,
    FrameworkInfo,
    MachineID,
    Offer,
    OperationState,
    OperationStatus,
    Resource,
    Task,
    TaskID,
    TaskState,
    TaskStatus,
    TimeInfo,
    Unavailability,
    Value,
    WeightInfo,
    scheduler,
)
from tepui.messages.maintenance import Schedule, Window
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.resources import Resources
from tepui.resources.operations import OperationError, apply, without_allocation
from tepui.resources.parsing import parse_resources

SCHEDULERS = 3
AGENTS = 3
CHANCE = st.integers(0, 9)
RARE = 7
ROLES = ("red", "blue", "red/dark")
KINDS = ("RESERVE", "UNRESERVE", "CREATE", "DESTROY", "GROW_VOLUME", "SHRINK_VOLUME")
AGENT_CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
]


def quantity(value: float) -> Value.Scalar:
    return Value.Scalar(value=value)


NEXT = {
    TaskState.TASK_STAGING: (
        TaskState.TASK_STARTING,
        TaskState.TASK_RUNNING,
        TaskState.TASK_FAILED,
    ),
    TaskState.TASK_STARTING: (TaskState.TASK_RUNNING, TaskState.TASK_FAILED),
    TaskState.TASK_RUNNING: (TaskState.TASK_FINISHED, TaskState.TASK_KILLED, TaskState.TASK_LOST),
}


QUOTA_ROLES = st.sampled_from(["red", "blue", "red/dark"])
SCALARS = st.dictionaries(
    st.sampled_from(["cpus", "mem"]), st.sampled_from([0.0, 1.0, 4.0]).map(quantity)
)
QUOTAS = st.lists(
    st.builds(QuotaConfig, role=QUOTA_ROLES, guarantees=SCALARS, limits=SCALARS), max_size=2
)


class SchedulerModel:
    """What a framework remembers."""

    def __init__(self) -> None:
        self.framework_id: str | None = None
        self.stream_id: str | None = None
        self.connection: int | None = None
        self.offers: dict[str, scheduler.Event.Offers] = {}
        self.inverse_offers: dict[str, None] = {}
        self.updates: list[TaskStatus] = []
        self.operation_updates: list[OperationStatus] = []


class AgentModel:
    """What an agent remembers; it forgets nothing but by losing its disk."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.agent_id: str | None = None
        self.channel: int | None = None
        self.is_registered = False
        self.is_silent = False
        self.tasks: dict[tuple[str, str], Task] = {}
        self.executors: dict[tuple[str, str], ExecutorInfo] = {}
        self.frameworks: dict[str, FrameworkInfo] = {}
        self.forget_resources()

    def forget_resources(self) -> None:
        """Have what the agent was started with, and nothing to do."""
        self.total = Resources.from_messages(self.info().resources)
        self.oversubscribed: list[Resource] = []
        self.orders: list[ApplyOperation] = []
        self.operations: dict[bytes, OperationReport] = {}

    def info(self) -> AgentInfo:
        """Describe the agent."""
        return AgentInfo(
            hostname=f"host-{self.index}",
            resources=parse_resources("cpus:4;mem:1024;disk:100;ports:[31000-31009]").to_messages(),
            id=None if self.agent_id is None else AgentID(value=self.agent_id),
        )


class MasterMachine(RuleBasedStateMachine):
    """Random schedulers and agents around one core."""

    @initialize(
        subscribed=st.integers(0, SCHEDULERS),
        registered=st.integers(0, AGENTS),
        seed=st.integers(0, 2**32),
        timeout=st.sampled_from([0.0, 30.0]),
        capabilities=st.sampled_from([["PARTITION_AWARE"], []]),
        checkpoint=st.booleans(),
    )
    def start(
        self,
        subscribed: int,
        registered: int,
        seed: int,
        timeout: float,
        capabilities: list[str],
        checkpoint: bool,
    ) -> None:
        config = MasterConfig(
            allocator=AllocatorOptions(allocation_interval=1.0),
            agent_reregister_timeout=40.0,
            agent_ping_timeout=5.0,
            max_agent_ping_timeouts=2,
            agent_removal_interval=15.0 if seed % 3 == 0 else None,
            offer_timeout=20.0,
            slice_agents_max=2,
            max_completed_frameworks=2,
            max_completed_tasks_per_framework=3,
            max_unreachable_tasks_per_framework=3,
        )
        self.config = config
        self.seed = seed
        self.now = Instant(1000.0, 1e9)
        self.records: dict[str, bytes] = {}
        self.numbers = 0
        self.failover_timeout = timeout
        self.capabilities = [
            *capabilities,
            "MULTI_ROLE",
            "RESERVATION_REFINEMENT",
            "SHARED_RESOURCES",
            "REVOCABLE_RESOURCES",
        ]
        self.checkpoint = checkpoint
        self.schedulers = [SchedulerModel() for _ in range(SCHEDULERS)]
        self.agents = [AgentModel(index) for index in range(AGENTS)]
        self.begin()
        for index in range(registered):
            self.connect(index, 0)
        for index in range(subscribed):
            self.subscribe(index, {"red"}, 0)
        self.settle(0)

    def begin(self) -> None:
        """Start a master on what the registry holds."""
        rng = Rng(self.seed)
        self.seed += 1
        self.allocator = HierarchicalAllocator(self.config.allocator, rng)
        self.core = Master(self.config, self.allocator, rng, self.now)
        self.timers: dict[Timer, float] = {}
        self.unstored: list[Persist] = []
        self.allocation_due = 0
        self.step(RegistryRecovered(records=dict(self.records)))

    # -- what the master says --

    def step(self, event: AnyEvent) -> None:
        """Hand an event to the core and see to its effects."""
        pending = self.core.state.pending_writes
        is_of_operator = isinstance(event, Persisted) and is_asked_for(pending[event.token])
        effects = self.core.handle(event, self.now)
        check(self.core.state, self.allocator)
        answers = 0
        for effect in effects:
            match effect:
                case SendToScheduler(connection=connection, event=said):
                    self.hear(connection, said)
                case SendToAgent(channel=channel, message=message):
                    self.told(channel, message)
                case StartTimer(timer=timer, seconds=seconds):
                    self.timers[timer] = self.now.monotonic + seconds
                case CancelTimer(timer=timer):
                    self.timers.pop(timer, None)
                case Persist():
                    self.unstored.append(effect)
                case ContinueAllocation():
                    self.allocation_due += 1
                case Respond(status=status):
                    # 503 asks to try again, once the registry holds what it is being told.
                    assert status < 500 or (status, type(event)) == (503, AgentGoneRequested)
                    answers += 1
                case OpenStream(stream_id=stream_id, connection=connection):
                    answers += 1
                    for each in self.schedulers:
                        if each.connection == connection:
                            each.stream_id = stream_id
                case _:
                    self.closed(effect)
        is_answered = is_of_operator or isinstance(event, SchedulerCalled | OperationRequested)
        if isinstance(event, STORED):
            # A refusal at once, or an answer when it is stored.
            is_answered = not any(isinstance(each, Persist) for each in effects)
        assert answers == is_answered, "each call is answered once"
        assert self.allocation_due <= 1, "one pass at a time"

    def closed(self, effect: AnyEffect) -> None:
        """A stream or a channel ends."""
        if isinstance(effect, CloseScheduler):
            for each in self.schedulers:
                if each.connection == effect.connection:
                    each.connection = None
        elif isinstance(effect, CloseChannel):
            for agent in self.agents:
                if agent.channel == effect.channel:
                    agent.channel = None
                    agent.is_registered = False
                    agent.orders.clear()

    def hear(self, connection: int, event: scheduler.Event) -> None:
        """A scheduler reads its stream."""
        for each in self.schedulers:
            if each.connection != connection:
                continue
            if event.subscribed is not None:
                each.framework_id = event.subscribed.framework_id.value
            elif event.offers is not None:
                for offer in event.offers.offers:
                    each.offers[offer.id.value] = offer  # type: ignore[assignment]
            elif event.inverse_offers is not None:
                for asked in event.inverse_offers.inverse_offers:
                    each.inverse_offers[asked.id.value] = None
            elif event.rescind_inverse_offer is not None:
                each.inverse_offers.pop(event.rescind_inverse_offer.inverse_offer_id.value, None)
            elif event.rescind is not None:
                each.offers.pop(event.rescind.offer_id.value, None)
            elif event.update is not None and event.update.status.uuid is not None:
                each.updates.append(event.update.status)
            elif (told := event.update_operation_status) is not None and told.status.uuid:
                each.operation_updates.append(told.status)

    def told(self, channel: int, message: LinkMessage) -> None:
        """An agent reads its channel."""
        agent = next((each for each in self.agents if each.channel == channel), None)
        if agent is None:
            return
        match message:
            case Registered(agent_id=agent_id) | Reregistered(agent_id=agent_id):
                agent.agent_id = agent_id
                agent.is_registered = True
            case RunTask():
                self.run(agent, message)
            case AcknowledgeStatus(framework_id=framework_id, task_id=task_id):
                task = agent.tasks.get((framework_id, task_id))
                if task is not None and task.state in _OVER:
                    del agent.tasks[framework_id, task_id]
            case ApplyOperation():
                agent.orders.append(message)
            case AcknowledgeOperation(uuid=uuid, status_uuid=status_uuid):
                report = agent.operations.get(uuid)
                if report is not None and report.status.uuid == UUID(value=status_uuid):
                    del agent.operations[uuid]
            case ShutdownFramework(framework_id=framework_id):
                self.forget(agent, framework_id)
            case Shutdown():
                agent.tasks.clear()
                agent.executors.clear()
                agent.agent_id = None
                agent.is_registered = False
                agent.forget_resources()
            case KillTask() | _:
                pass

    def run(self, agent: AgentModel, message: RunTask) -> None:
        """An agent starts a task."""
        assert message.framework.id is not None
        framework_id = message.framework.id.value
        agent.frameworks[framework_id] = message.framework
        info = message.task
        if info.executor is not None:
            agent.executors[framework_id, info.executor.executor_id.value] = info.executor
        agent.tasks[framework_id, info.task_id.value] = Task(
            name=info.name,
            task_id=info.task_id,
            framework_id=message.framework.id,
            executor_id=None if info.executor is None else info.executor.executor_id,
            agent_id=info.agent_id,
            state=TaskState.TASK_STAGING,
            resources=info.resources,
        )

    def forget(self, agent: AgentModel, framework_id: str) -> None:
        """An agent ends all of a framework."""
        for key in [each for each in agent.tasks if each[0] == framework_id]:
            del agent.tasks[key]
        for key in [each for each in agent.executors if each[0] == framework_id]:
            del agent.executors[key]
        agent.frameworks.pop(framework_id, None)

    # -- what schedulers do --

    @rule(
        index=st.integers(0, SCHEDULERS - 1),
        roles=st.sets(st.sampled_from(ROLES), min_size=1),
        chance=CHANCE,
    )
    def subscribe(self, index: int, roles: set[str], chance: int) -> None:
        each = self.schedulers[index]
        if each.connection is not None and chance != RARE:
            return
        self.numbers += 1
        each.connection = self.numbers
        each.offers.clear()
        each.updates.clear()
        each.operation_updates.clear()
        info: dict[str, Any] = {
            "user": "root",
            "name": f"f{index}",
            "roles": sorted(roles),
            "failover_timeout": self.failover_timeout,
            "checkpoint": self.checkpoint,
            "capabilities": [{"type": name} for name in self.capabilities],
        }
        call: dict[str, Any] = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
        if each.framework_id is not None:
            info["id"] = call["framework_id"] = {"value": each.framework_id}
        connection = self.numbers
        self.call(call, None, connection)
        if each.connection is None:
            each.framework_id = None  # it was removed; next time it comes as a new one

    @rule(index=st.integers(0, SCHEDULERS - 1), chance=CHANCE)
    def drop_stream(self, index: int, chance: int) -> None:
        each = self.schedulers[index]
        if each.connection is not None and chance < 3:
            connection, each.connection = each.connection, None
            self.step(SchedulerDisconnected(connection=connection))

    @rule(
        index=st.integers(0, SCHEDULERS - 1),
        pick=st.integers(0, 5),
        cpus=st.sampled_from([0.5, 1.0, 4.0, 100.0]),
        tasks=st.integers(0, 3),
        with_executor=st.booleans(),
        both=st.booleans(),
        refuse=st.sampled_from([0.0, 5.0]),
        kinds=st.lists(st.sampled_from(KINDS), max_size=4),
        whole=st.integers(0, 5),
    )
    def accept(
        self,
        index: int,
        pick: int,
        cpus: float,
        tasks: int,
        with_executor: bool,
        both: bool,
        refuse: float,
        kinds: list[str],
        whole: int,
    ) -> None:
        each = self.schedulers[index]
        if not each.offers:
            return
        chosen = list(each.offers)[pick % len(each.offers)]
        offer: Any = each.offers.pop(chosen)
        offers = [chosen]
        if both and each.offers:
            offers.append(next(iter(each.offers)))
            each.offers.pop(offers[1])
        role = {"role": offer.allocation_info.role}
        infos = []
        for _ in range(tasks):
            self.numbers += 1
            info: dict[str, Any] = {
                "name": "t",
                # A small space of ids, so that some are used twice.
                "task_id": {"value": f"t{self.numbers % 40}"},
                "agent_id": {"value": offer.agent_id.value},
                "resources": amounts(cpus, 32.0, role),
            }
            if with_executor:
                info["executor"] = {
                    "executor_id": {"value": "e"},
                    "command": {"value": "x"},
                    "resources": amounts(0.1, 16.0, role),
                }
            else:
                info["command"] = {"value": "x"}
            infos.append(info)
        if whole and infos:
            # Whatever it is: a volume, something reserved or revocable.
            taken = offer.resources[whole % len(offer.resources)]
            infos[0]["resources"] = [json.to_builtins(taken)]
        operations = []
        left = Resources.from_messages(offer.resources)
        for kind in kinds:
            self.numbers += 1
            operation = operation_on(left, kind, self.numbers)
            if operation is not None:
                operations.append(operation)
                with contextlib.suppress(OperationError):
                    left = apply(left, json.from_builtins(Offer.Operation, operation))
        launch = {"type": "LAUNCH", "launch": {"task_infos": infos}}
        operations.insert(whole % (len(operations) + 1), launch)
        body = {
            "offer_ids": [{"value": each} for each in offers],
            "operations": operations,
            "filters": {"refuse_seconds": refuse},
        }
        self.call_as(each, "ACCEPT", body)

    @rule(index=st.integers(0, SCHEDULERS - 1), refuse=st.sampled_from([0.0, 5.0, 1000.0]))
    def decline_all(self, index: int, refuse: float) -> None:
        each = self.schedulers[index]
        ids = [{"value": offer_id} for offer_id in each.offers]
        each.offers.clear()
        body = {"offer_ids": ids, "filters": {"refuse_seconds": refuse}}
        self.call_as(each, "DECLINE", body)

    @rule(
        index=st.integers(0, SCHEDULERS - 1),
        kind=st.sampled_from(["ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS"]),
        refuse=st.sampled_from([0.0, 5.0, 1000.0]),
    )
    def answer_inverse_offers(self, index: int, kind: str, refuse: float) -> None:
        each = self.schedulers[index]
        ids = [{"value": offer_id} for offer_id in each.inverse_offers]
        each.inverse_offers.clear()
        body = {"inverse_offer_ids": ids, "filters": {"refuse_seconds": refuse}}
        self.call_as(each, kind, body)

    @rule(index=st.integers(0, SCHEDULERS - 1), lose=st.booleans())
    def acknowledge(self, index: int, lose: bool) -> None:
        each = self.schedulers[index]
        updates, each.updates = each.updates, []
        for status in updates:
            if lose or status.agent_id is None or status.uuid is None:
                continue
            body = json.to_builtins(
                scheduler.Call.Acknowledge(
                    agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
                )
            )
            self.call_as(each, "ACKNOWLEDGE", body)
        statuses, each.operation_updates = each.operation_updates, []
        for told in statuses:
            if lose or told.operation_id is None or told.uuid is None:
                continue
            body = json.to_builtins(
                scheduler.Call.AcknowledgeOperationStatus(
                    agent_id=told.agent_id, operation_id=told.operation_id, uuid=told.uuid.value
                )
            )
            self.call_as(each, "ACKNOWLEDGE_OPERATION_STATUS", body)

    @rule(
        index=st.integers(0, SCHEDULERS - 1),
        kind=st.sampled_from(
            ["REVIVE", "SUPPRESS", "RECONCILE", "RECONCILE_OPERATIONS", "TEARDOWN"]
        ),
        chance=CHANCE,
    )
    def call_plainly(self, index: int, kind: str, chance: int) -> None:
        each = self.schedulers[index]
        if kind == "TEARDOWN" and chance != RARE:
            return
        bodies = {"RECONCILE": {"tasks": []}, "RECONCILE_OPERATIONS": {"operations": []}}
        self.call_as(each, kind, bodies.get(kind))

    @rule(index=st.integers(0, SCHEDULERS - 1), task=st.integers(0, 39))
    def kill(self, index: int, task: int) -> None:
        self.call_as(self.schedulers[index], "KILL", {"task_id": {"value": f"t{task}"}})

    def call_as(self, each: SchedulerModel, kind: str, body: dict[str, Any] | None) -> None:
        """Make a call as a scheduler that may or may not be subscribed."""
        if each.framework_id is None:
            return
        call: dict[str, Any] = {"type": kind, "framework_id": {"value": each.framework_id}}
        if body is not None:
            call[kind.lower()] = body
        self.call(call, each.stream_id, 0)

    def call(self, call: dict[str, Any], stream_id: str | None, connection: int) -> None:
        """Make a call."""
        decoded = json.from_builtins(scheduler.Call, call)
        self.step(
            SchedulerCalled(request_id=1, call=decoded, stream_id=stream_id, connection=connection)
        )

    # -- what agents do --

    @rule(index=st.integers(0, AGENTS - 1), chance=CHANCE)
    def connect(self, index: int, chance: int) -> None:
        agent = self.agents[index]
        if agent.channel is not None and chance != RARE:
            return
        self.numbers += 1
        agent.channel = self.numbers
        agent.is_registered = False
        agent.orders.clear()  # whatever was on its way
        message: LinkMessage
        common = {"version": "1.11.0", "capabilities": AGENT_CAPABILITIES}
        pid = f"slave(1)@10.0.0.{index}:5051"
        if agent.agent_id is None:
            agent.forget_resources()
            message = Register(agent_info=agent.info(), pid=pid, **common)  # type: ignore[arg-type]
        else:
            message = Reregister(
                agent_info=agent.info(),
                pid=pid,
                frameworks=told_of(agent),
                total=agent.total.to_messages(),
                oversubscribed=agent.oversubscribed,
                operations=list(agent.operations.values()),
                **common,  # type: ignore[arg-type]
            )
        if isinstance(message, Reregister) and self.numbers % 3 == 0:
            self.say_in_parts(agent, message)
        else:
            self.say(agent, message)

    def say_in_parts(self, agent: AgentModel, message: Reregister) -> None:
        """Come back as an agent does that has much to tell."""
        said = [each for framework in message.frameworks for each in framework.executors]
        parts = [
            ReregisterPart(
                index=index,
                frameworks=[
                    FrameworkState(
                        framework_info=framework.framework_info,
                        executors=framework.executors[index : index + 1],
                    )
                    for framework in message.frameworks
                ],
            )
            for index in range(len(said))
        ]
        for part in parts:
            self.say(agent, part)
        self.say(agent, replace(message, frameworks=[], parts=len(parts)))

    @rule(index=st.integers(0, AGENTS - 1), chance=CHANCE)
    def lose_channel(self, index: int, chance: int) -> None:
        agent = self.agents[index]
        loses_disk = chance == RARE
        if agent.channel is not None:
            channel, agent.channel = agent.channel, None
            agent.is_registered = False
            agent.orders.clear()
            self.step(AgentChannelClosed(channel=channel, reason="lost"))
        if loses_disk:
            agent.agent_id = None
            agent.tasks.clear()
            agent.executors.clear()
            agent.forget_resources()

    @rule(index=st.integers(0, AGENTS - 1), pick=st.integers(0, 20), way=st.integers(0, 2))
    def update(self, index: int, pick: int, way: int) -> None:
        agent = self.agents[index]
        if not agent.is_registered or not agent.tasks:
            return
        key = list(agent.tasks)[pick % len(agent.tasks)]
        task = agent.tasks[key]
        ways = NEXT.get(task.state)
        # A task that is over repeats its last update until it is acknowledged.
        state = task.state if ways is None else ways[way % len(ways)]
        agent.tasks[key] = json.from_builtins(
            Task, {**json.to_builtins(task), "state": state.value}
        )
        status = TaskStatus(
            task_id=TaskID(value=key[1]),
            state=state,
            agent_id=AgentID(value=agent.agent_id or ""),
            uuid=bytes([pick]) * 16,
        )
        self.say(agent, UpdateStatus(framework_id=key[0], status=status, latest_state=state))

    @rule(index=st.integers(0, AGENTS - 1), count=st.integers(1, 5), chance=CHANCE)
    def do_operations(self, index: int, count: int, chance: int) -> None:
        """Carry out orders, and rarely fail one."""
        agent = self.agents[index]
        for _ in range(count):
            if not agent.is_registered or not agent.orders:
                return
            order = agent.orders.pop(0)
            state = OperationState.OPERATION_FINISHED
            try:
                if chance == RARE:
                    raise OperationError("the disk is full")
                agent.total = apply(agent.total, order.operation)
            except OperationError:
                state = OperationState.OPERATION_FAILED
            self.numbers += 1
            status = OperationStatus(
                operation_id=order.operation.id,
                state=state,
                uuid=UUID(value=self.numbers.to_bytes(16, "big")),
            )
            agent.operations[order.uuid] = OperationReport(
                uuid=order.uuid,
                operation=order.operation,
                status=status,
                framework_id=order.framework_id,
            )
            self.tell_operation(agent, order.uuid)
            if state is OperationState.OPERATION_FAILED:
                self.say(agent, UpdateAgent(total=agent.total.to_messages()))

    @rule(
        index=st.integers(0, AGENTS - 1),
        kind=st.sampled_from(KINDS),
        role=st.sampled_from(ROLES),
    )
    def operate(self, index: int, kind: str, role: str) -> None:
        """Have an operator do something with what an agent has, in use or not."""
        agent = self.core.state.agents.get(self.agents[index].agent_id or "")
        if agent is None:
            return
        self.numbers += 1
        wanted = operation_on(agent.total.allocated_to(role), kind, self.numbers)
        if wanted is not None:
            operation = without_allocation(json.from_builtins(Offer.Operation, wanted))
            self.step(
                OperationRequested(request_id=0, agent_id=agent.agent_id, operation=operation)
            )

    @rule(index=st.integers(0, AGENTS - 1))
    def repeat_operations(self, index: int) -> None:
        """Tell again what nobody has acknowledged."""
        agent = self.agents[index]
        for uuid in list(agent.operations):
            if agent.is_registered and uuid in agent.operations:
                self.tell_operation(agent, uuid)

    def tell_operation(self, agent: AgentModel, uuid: bytes) -> None:
        """Tell how an operation went."""
        report = agent.operations[uuid]
        self.say(
            agent,
            UpdateOperation(uuid=uuid, status=report.status, framework_id=report.framework_id),
        )

    @rule(index=st.integers(0, AGENTS - 1), cpus=st.integers(0, 3))
    def oversubscribe(self, index: int, cpus: int) -> None:
        """Have other resources that may be taken back."""
        agent = self.agents[index]
        if not agent.is_registered:
            return
        plain = parse_resources(f"cpus:{cpus}").to_messages()
        agent.oversubscribed = [
            Resource(
                name=each.name,
                type=each.type,
                scalar=each.scalar,
                revocable=Resource.RevocableInfo(),
            )
            for each in plain
        ]
        self.say(agent, UpdateAgent(oversubscribed=agent.oversubscribed))

    @rule(index=st.integers(0, AGENTS - 1), chance=CHANCE)
    def fall_silent(self, index: int, chance: int) -> None:
        """Answer no more pings, or answer again."""
        self.agents[index].is_silent = chance == RARE

    @rule(index=st.integers(0, AGENTS - 1))
    def executor_exits(self, index: int) -> None:
        agent = self.agents[index]
        for framework_id, executor_id in list(agent.executors):
            del agent.executors[framework_id, executor_id]
            self.say(
                agent,
                ExecutorExited(framework_id=framework_id, executor_id=executor_id, status=0),
            )

    @rule(index=st.integers(0, AGENTS - 1), chance=CHANCE)
    def unregister(self, index: int, chance: int) -> None:
        agent = self.agents[index]
        if chance != RARE:
            return
        self.say(agent, Unregister())
        agent.is_registered = False
        agent.tasks.clear()
        agent.executors.clear()
        agent.orders.clear()

    def say(self, agent: AgentModel, message: LinkMessage) -> None:
        """Send a message to the master."""
        if agent.channel is not None:
            self.step(AgentMessageReceived(channel=agent.channel, message=message))  # type: ignore[arg-type]

    # -- what the world does --

    @precondition(lambda self: self.unstored)
    @rule(count=st.integers(1, 3))
    def store(self, count: int) -> None:
        for _ in range(min(count, len(self.unstored))):
            self.store_one()

    def store_one(self) -> None:
        """Have the registry store the oldest batch that waits."""
        each = self.unstored.pop(0)
        self.records.update(each.puts)
        for key in each.deletes:
            self.records.pop(key, None)
        self.step(Persisted(token=each.token))

    @precondition(lambda self: self.allocation_due)
    @rule()
    def allocate(self) -> None:
        self.allocation_due -= 1
        self.step(AllocateSlice())

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0, 50.0]))
    def pass_time(self, seconds: float) -> None:
        end = self.now.monotonic + seconds
        while self.timers:
            timer = min(self.timers, key=lambda each: (self.timers[each], str(each)))
            if self.timers[timer] > end:
                break
            self.now = self.now.later(max(0.0, self.timers.pop(timer) - self.now.monotonic))
            self.step(TimerFired(timer=timer))
            if timer.kind is TimerKind.PING:
                for agent in self.agents:
                    if not agent.is_silent:
                        self.say(agent, Pong())
        self.now = self.now.later(end - self.now.monotonic)

    @rule(role=st.sampled_from(["red", "blue", "red/deep"]), weight=st.sampled_from([0.5, 3.0]))
    def set_weight(self, role: str, weight: float) -> None:
        infos = (WeightInfo(role=role, weight=weight),)
        self.step(WeightsUpdateRequested(request_id=0, weights=infos))

    @rule(configs=QUOTAS, is_forced=st.booleans())
    def update_quota(self, configs: list[QuotaConfig], is_forced: bool) -> None:
        asked = QuotaUpdateRequested(request_id=0, configs=tuple(configs), is_forced=is_forced)
        self.step(asked)

    @rule(role=QUOTA_ROLES, cpus=st.sampled_from([0.0, 1.5, 4.0]))
    def set_quota(self, role: str, cpus: float) -> None:
        scalar = Value.Scalar(value=cpus)
        guarantee = [Resource(name="cpus", type=Value.Type.SCALAR, scalar=scalar)]
        request = QuotaRequest(role=role, guarantee=guarantee)
        self.step(QuotaSettingRequested(request_id=0, request=request))

    @rule(role=QUOTA_ROLES, must_exist=st.booleans())
    def remove_quota(self, role: str, must_exist: bool) -> None:
        self.step(QuotaRemovalRequested(request_id=0, role=role, must_exist=must_exist))

    @rule(indexes=st.sets(st.integers(0, AGENTS)), start=st.integers(0, 1))
    def plan_maintenance(self, indexes: set[int], start: int) -> None:
        """Schedule the machines of some agents, and one that has none."""
        when = Unavailability(start=TimeInfo(nanoseconds=start))
        ids = [machine_of(index) for index in sorted(indexes)]
        windows = [Window(machine_ids=ids, unavailability=when)] if ids else []
        schedule = Schedule(windows=windows)
        self.step(MaintenanceScheduleUpdateRequested(request_id=0, schedule=schedule))

    @rule(index=st.integers(0, AGENTS), chance=CHANCE)
    def take_down(self, index: int, chance: int) -> None:
        if chance < 3:
            self.step(MachinesDownRequested(request_id=0, machine_ids=(machine_of(index),)))

    @rule(index=st.integers(0, AGENTS))
    def bring_up(self, index: int) -> None:
        self.step(MachinesUpRequested(request_id=0, machine_ids=(machine_of(index),)))

    @rule(index=st.integers(0, AGENTS - 1), mark_gone=st.booleans(), chance=CHANCE)
    def drain(self, index: int, mark_gone: bool, chance: int) -> None:
        """Have the tasks of an agent end, and it itself, if it is to be gone after that."""
        config = DrainConfig(mark_gone=mark_gone and chance == RARE)
        agent_id = self.name_of(index)
        self.step(AgentDrainRequested(request_id=0, agent_id=agent_id, config=config))

    @rule(index=st.integers(0, AGENTS - 1))
    def deactivate(self, index: int) -> None:
        self.step(AgentDeactivationRequested(request_id=0, agent_id=self.name_of(index)))

    @rule(index=st.integers(0, AGENTS - 1))
    def reactivate(self, index: int) -> None:
        self.step(AgentReactivationRequested(request_id=0, agent_id=self.name_of(index)))

    @rule(index=st.integers(0, AGENTS - 1), chance=CHANCE)
    def mark_gone(self, index: int, chance: int) -> None:
        if chance == RARE:
            self.step(AgentGoneRequested(request_id=0, agent_id=self.name_of(index)))

    def name_of(self, index: int) -> str:
        """Return an agent's id; one that has none yet goes by another."""
        return self.agents[index].agent_id or "nobody"

    @rule()
    def subscribe_operator(self) -> None:
        self.numbers += 1
        self.step(OperatorSubscribed(connection=self.numbers))

    @rule(chance=CHANCE)
    def settle(self, chance: int) -> None:
        """Let the registry and the allocator catch up, as they nearly always do."""
        while self.unstored:
            self.store_one()
        while self.allocation_due and chance != RARE:
            self.allocation_due -= 1
            self.step(AllocateSlice())

    @rule(chance=CHANCE)
    def fail_over(self, chance: int) -> None:
        """The master is gone, and what it had not stored; another one takes its place."""
        if chance != RARE:
            return
        for each in self.schedulers:
            each.connection = None
            each.offers.clear()
        for agent in self.agents:
            agent.channel = None
            agent.is_registered = False
            agent.orders.clear()
        self.begin()

    @invariant()
    def the_registry_holds_the_machines_that_the_master_knows(self) -> None:
        if getattr(self, "unstored", None) == []:
            state = self.core.state
            stored = in_order(registry.load_machines(self.records))
            assert stored == state.machines == state.machines_planned

    @invariant()
    def the_registry_holds_the_quotas_that_are_in_force(self) -> None:
        if getattr(self, "unstored", None) == []:
            state = self.core.state
            assert registry.load_quotas(self.records) == state.quotas == expected_quotas(state)

    @invariant()
    def nothing_is_offered_of_an_agent_that_an_operator_took_out_of_use(self) -> None:
        for agent in self.core.state.agents.values() if hasattr(self, "core") else ():
            assert not (agent.is_deactivated and (agent.is_active or agent.offers))
            assert agent.is_deactivated or agent.drain is None

    @invariant()
    def the_registry_holds_where_each_agent_stands(self) -> None:
        if getattr(self, "unstored", None) != []:
            return
        state = self.core.state
        successor: Any = SimpleNamespace(recovered_agents={}, unreachable_agents={}, gone_agents={})
        registry.load(successor, self.records)
        known = {**state.recovered_agents, **state.unreachable_agents, **state.agents}
        stored = {**successor.recovered_agents, **successor.unreachable_agents}
        for agent_id, agent in known.items():
            if agent_id in stored:
                theirs = stored[agent_id]
                assert theirs.is_deactivated == agent.is_deactivated
                assert theirs.drain == agent.drain
        assert successor.gone_agents == state.gone_agents

    @invariant()
    def nobody_comes_back_who_is_gone_for_good(self) -> None:
        for agent in getattr(self, "agents", ()):
            assert not agent.is_registered or agent.agent_id not in self.core.state.gone_agents

    @invariant()
    def whoever_was_told_to_be_registered_is_in_the_registry(self) -> None:
        for agent in getattr(self, "agents", ()):
            if agent.is_registered and agent.agent_id in self.core.state.agents:
                leaving = self.core.state.agents[agent.agent_id].state.value == "removing"
                assert leaving or f"agents/{agent.agent_id}" in self.records

    @invariant()
    def what_the_master_counts_on_is_what_agents_have(self) -> None:
        for agent in getattr(self, "agents", ()):
            known = self.core.state.agents.get(agent.agent_id or "")
            if known is None or not agent.is_registered or agent.orders:
                continue
            assert known.total == agent.total + Resources.from_messages(agent.oversubscribed)

    def hold_to_all(self) -> None:
        """Ask what Hypothesis asks by itself."""
        self.the_registry_holds_the_machines_that_the_master_knows()
        self.the_registry_holds_the_quotas_that_are_in_force()
        self.the_registry_holds_where_each_agent_stands()
        self.nothing_is_offered_of_an_agent_that_an_operator_took_out_of_use()
        self.nobody_comes_back_who_is_gone_for_good()
        self.whoever_was_told_to_be_registered_is_in_the_registry()
        self.what_the_master_counts_on_is_what_agents_have()


_OVER = (
    TaskState.TASK_FINISHED,
    TaskState.TASK_FAILED,
    TaskState.TASK_KILLED,
    TaskState.TASK_LOST,
)


STORED = (
    MaintenanceScheduleUpdateRequested,
    MachinesDownRequested,
    MachinesUpRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
    QuotaRemovalRequested,
    AgentDrainRequested,
    AgentDeactivationRequested,
    AgentReactivationRequested,
    AgentGoneRequested,
)


def is_asked_for(pending: PendingWrite) -> bool:
    """Tell whether an operator waits for the registry to hold this."""
    if isinstance(pending, PendingStanding | PendingGone):
        # The last step of a drain is the master's own.
        return pending.request_id is not None
    return isinstance(pending, PendingWeights | PendingMaintenance | PendingQuotas)


def machine_of(index: int) -> MachineID:
    """Return the machine of an agent."""
    return MachineID(hostname=f"host-{index}", ip=f"10.0.0.{index}")


def amounts(cpus: float, mem: float, role: dict[str, str]) -> list[dict[str, Any]]:
    """Return resources as JSON."""
    return [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": role}
        for name, value in (("cpus", cpus), ("mem", mem))
    ]


def operation_on(left: Resources, kind: str, number: int) -> dict[str, Any] | None:
    """Return an operation for which there is something left of an offer."""
    role = left.allocation_role()
    found = [json.to_builtins(each) for each in left.to_messages() if each.scalar is not None]
    plain = [each for each in found if "revocable" not in each]
    volumes = [each for each in plain if "persistence" in each.get("disk", {})]
    others = [each for each in plain if each not in volumes]
    reserved = [each for each in others if each.get("reservations")]
    disks = [each for each in reserved if each["name"] == "disk"]
    stack = {"type": "DYNAMIC", "role": role}
    persistence = {
        "persistence": {"id": f"v{number % 5}"},
        "volume": {"container_path": "v", "mode": "RW"},
    }

    def part(resource: dict[str, Any], **fields: Any) -> dict[str, Any]:
        half = max(0.5, resource["scalar"]["value"] // 2)
        return {**resource, "scalar": {"value": half}, **fields}

    others.sort(key=lambda each: each["name"] != "disk")
    one = number % max(1, len(others)) if number % 2 else 0
    payload: dict[str, Any] | None = None
    if kind == "RESERVE" and others:
        resource = others[one]
        above = resource.get("reservations", [])
        payload = {"resources": [part(resource, reservations=[*above, stack])]}
    elif kind == "UNRESERVE" and reserved:
        payload = {"resources": [part(reserved[0])]}
    elif kind == "CREATE" and disks:
        kept = {"shared": {}} if number % 2 else {}
        payload = {"volumes": [part(disks[0], disk=persistence, **kept)]}
    elif kind == "DESTROY" and volumes:
        payload = {"volumes": volumes[:1]}
    elif kind == "GROW_VOLUME" and volumes and disks:
        payload = {"volume": volumes[0], "addition": part(disks[0])}
    elif kind == "SHRINK_VOLUME" and volumes:
        payload = {"volume": volumes[0], "subtract": {"value": 1}}
    if payload is None:
        return None
    operation = {"type": kind, kind.lower(): payload}
    return {**operation, "id": {"value": f"op{number % 20}"}} if number % 3 else operation


def told_of(agent: AgentModel) -> list[FrameworkState]:
    """Return all that an agent has, as it tells a master."""
    states: list[FrameworkState] = []
    for framework_id, info in agent.frameworks.items():
        executors = [
            ExecutorState(
                executor_info=executor,
                tasks=[
                    task
                    for (owner, _), task in agent.tasks.items()
                    if owner == framework_id
                    and task.executor_id is not None
                    and task.executor_id.value == executor_id
                ],
            )
            for (owner, executor_id), executor in agent.executors.items()
            if owner == framework_id
        ]
        executors += [
            ExecutorState(
                executor_info=ExecutorInfo(executor_id=ExecutorID(value=f"command-{task_id}")),
                tasks=[task],
                built_in=True,
            )
            for (owner, task_id), task in agent.tasks.items()
            if owner == framework_id and task.executor_id is None
        ]
        states.append(FrameworkState(framework_info=info, executors=executors))
    return states


def walk(seed: int, steps: int) -> MasterMachine:
    """Take random steps, the likely ones more often than the others."""
    rng = Rng(seed)
    machine = MasterMachine()
    machine.start(
        subscribed=SCHEDULERS,
        registered=AGENTS,
        seed=seed,
        timeout=rng.choice([0.0, 30.0]),
        capabilities=rng.choice([["PARTITION_AWARE"], []]),
        checkpoint=rng.choice([True, False]),
    )
    some = rng.below
    moves: list[tuple[int, Callable[[], object]]] = [
        (30, lambda: machine.update(some(AGENTS), some(21), some(3))),
        (
            20,
            lambda: machine.accept(
                some(SCHEDULERS),
                some(6),
                rng.choice([0.5, 1.0, 4.0, 100.0]),
                some(4),
                some(3) == 0,
                some(4) == 0,
                rng.choice([0.0, 5.0]),
                [rng.choice(KINDS) for _ in range(some(5))],
                some(6),
            ),
        ),
        (20, lambda: machine.do_operations(some(AGENTS), 1 + some(5), some(10))),
        (10, lambda: machine.operate(some(AGENTS), rng.choice(KINDS), rng.choice(ROLES))),
        (4, lambda: machine.repeat_operations(some(AGENTS))),
        (3, lambda: machine.oversubscribe(some(AGENTS), some(4))),
        (30, lambda: machine.settle(some(10))),
        (20, lambda: machine.acknowledge(some(SCHEDULERS), some(5) == 0)),
        (20, lambda: machine.pass_time(rng.choice([0.5, 3.0, 4.0, 12.0]))),
        (4, lambda: machine.fall_silent(some(AGENTS), some(10))),
        (3, lambda: machine.pass_time(50.0)),
        (4, lambda: machine.decline_all(some(SCHEDULERS), rng.choice([0.0, 5.0, 100.0]))),
        (8, lambda: machine.subscribe(some(SCHEDULERS), {rng.choice(ROLES), "red"}, some(10))),
        (8, lambda: machine.connect(some(AGENTS), some(10))),
        (3, lambda: machine.lose_channel(some(AGENTS), some(10))),
        (4, lambda: machine.drop_stream(some(SCHEDULERS), some(10))),
        (3, lambda: machine.executor_exits(some(AGENTS))),
        (2, lambda: machine.unregister(some(AGENTS), some(10))),
        (4, lambda: machine.kill(some(SCHEDULERS), some(40))),
        (2, lambda: machine.fail_over(some(10))),
        (3, lambda: machine.plan_maintenance({some(AGENTS + 1), some(AGENTS + 1)}, some(2))),
        (1, lambda: machine.plan_maintenance(set(), 0)),
        (2, lambda: machine.take_down(some(AGENTS + 1), some(10))),
        (4, lambda: machine.bring_up(some(AGENTS + 1))),
        (3, lambda: machine.drain(some(AGENTS), some(3) == 0, some(10))),
        (2, lambda: machine.deactivate(some(AGENTS))),
        (8, lambda: machine.reactivate(some(AGENTS))),
        (3, lambda: machine.mark_gone(some(AGENTS), some(10))),
        (3, lambda: machine.set_quota(rng.choice(ROLES), rng.choice([0.0, 1.5, 4.0]))),
        (3, lambda: machine.remove_quota(rng.choice(ROLES), some(2) == 0)),
        (1, lambda: machine.set_weight(rng.choice(ROLES), rng.choice([0.5, 3.0]))),
        (
            6,
            lambda: machine.answer_inverse_offers(
                some(SCHEDULERS),
                rng.choice(["ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS"]),
                rng.choice([0.0, 5.0]),
            ),
        ),
        *(
            (2, functools.partial(plain, machine, kind, some))
            for kind in ("REVIVE", "SUPPRESS", "RECONCILE", "RECONCILE_OPERATIONS", "TEARDOWN")
        ),
    ]
    often = [move for weight, move in moves for _ in range(weight)]
    for _ in range(steps):
        rng.choice(often)()
        machine.hold_to_all()
    return machine


def plain(machine: MasterMachine, kind: str, some: Callable[[int], int]) -> None:
    """Make a call without much of a payload."""
    machine.call_plainly(some(SCHEDULERS), kind, some(10))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_the_books_stay_right_on_a_long_walk(seed: int) -> None:
    machine = walk(seed, 500)
    counters = machine.core.state.counters
    assert counters.status_updates >= 0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_walk() -> None:
    first, second = walk(99, 200), walk(99, 200)
    assert first.records == second.records
    assert list(first.core.state.offers) == list(second.core.state.offers)
    assert first.core.state.master_id == second.core.state.master_id


TestMaster = MasterMachine.TestCase
TestMaster.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestMaster = pytest.mark.slow(TestMaster)
