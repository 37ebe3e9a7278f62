"""The master's memory: frameworks, agents, executors, tasks and offers, and what ties them.

One `State` belongs to one master. Only the modules of ``master.core`` that decide change
it; calls, views and metrics read it. Objects are found by the text of their ids.

Whatever is shown to operators is assembled from fragments: the encoded form of one
object, kept in its ``fragments`` under a name that the view chooses, for as long as the
object stays as it is. Each change calls ``touch()``, which drops them.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tepui.allocator import Quota
from tepui.base.collections import OrderedSet, Ring
from tepui.link.messages import ReregisterPart
from tepui.master.core.config import MasterConfig
from tepui.master.core.counters import Counters, FrameworkCounters
from tepui.master.core.machines import Machines
from tepui.master.core.pending import PendingWrite
from tepui.messages import (
    URL,
    AgentID,
    AgentInfo,
    DrainInfo,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    KillPolicy,
    MasterInfo,
    OperationState,
    OperationStatus,
    TaskState,
    TaskStatus,
    Unavailability,
    scheduler,
)
from tepui.messages import InverseOffer as InverseOfferMessage
from tepui.messages import Offer as OfferMessage
from tepui.messages import Task as TaskMessage
from tepui.messages.allocator import InverseOfferStatus
from tepui.messages.maintenance import Schedule
from tepui.resources import Resources

EMPTY = Resources()


def ip_of(pid: str, peer: str) -> str:
    """Return the address of an agent: in its ``pid``, or of the ``peer`` if it gave none."""
    return (pid.partition("@")[2] or peer).rpartition(":")[0]


def _sum(parts: Iterable[Resources]) -> Resources:
    total = EMPTY
    for part in parts:
        total += part
    return total


class FrameworkState(enum.Enum):
    """Where a framework stands; see ``framework_transitions`` in Mesos' state machines."""

    RECOVERED = "recovered"  # known from agents, has not subscribed to this master yet
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"  # its stream is gone, its failover timer runs
    COMPLETED = "completed"


class AgentState(enum.Enum):
    """Where an agent of `State.agents` stands. Recovered, unreachable and gone ones are records."""

    REGISTERED = "registered"
    DISCONNECTED = "disconnected"  # its channel is gone, its re-registration timer runs
    MARKING_UNREACHABLE = "marking unreachable"  # waits for the registry
    REMOVING = "removing"  # waits for the registry


TERMINAL_STATES = frozenset(
    {
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_ERROR,
        TaskState.TASK_LOST,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
    }
)

TERMINAL_OPERATION_STATES = frozenset(
    {
        OperationState.OPERATION_FINISHED,
        OperationState.OPERATION_FAILED,
        OperationState.OPERATION_ERROR,
        OperationState.OPERATION_DROPPED,
        OperationState.OPERATION_GONE_BY_OPERATOR,
    }
)


@dataclass(slots=True, eq=False, kw_only=True)
class Task:
    """A task that a framework launched.

    Attributes:
        template: Its description as Mesos' ``Task`` message, as launched: what changes
            (state, statuses, the update in flight) stands in the attributes here.
        state: The newest state that the agent knows.
        statuses: One for each distinct state in order, without data.
        status_update_state: The state in the update that waits for its acknowledgement.
        status_update_uuid: That update's 16 bytes.
        resources: What it uses, allocated to its role; stays when ``is_recovered``.
        is_recovered: Whether its resources went back to the allocator: it is terminal or
            unreachable, though it may still wait for an acknowledgement.
    """

    task_id: str
    framework_id: str
    agent_id: str
    executor_id: str | None
    template: TaskMessage
    resources: Resources
    state: TaskState = TaskState.TASK_STAGING
    statuses: list[TaskStatus] = field(default_factory=list)
    status_update_state: TaskState | None = None
    status_update_uuid: bytes | None = None
    is_recovered: bool = False
    fragments: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a return of its agent could change its state."""
        return self.state in TERMINAL_STATES

    def touch(self) -> None:
        """Drop the fragments, because something changed."""
        self.fragments.clear()


@dataclass(slots=True, eq=False, kw_only=True)
class Executor:
    """An executor that the master launched or was told of; built-in ones are none.

    Attributes:
        resources: What it uses besides its tasks, allocated to its role.
    """

    executor_id: str
    framework_id: str
    agent_id: str
    info: ExecutorInfo
    resources: Resources
    fragments: dict[str, bytes] = field(default_factory=dict, repr=False)

    def touch(self) -> None:
        """Drop the fragments, because something changed."""
        self.fragments.clear()


@dataclass(slots=True, eq=False, kw_only=True)
class Offer:
    """Resources of one agent that a framework may use until it answers or loses them."""

    offer_id: str
    framework_id: str
    agent_id: str
    role: str
    resources: Resources
    message: OfferMessage
    """As it was sent."""


@dataclass(slots=True, eq=False, kw_only=True)
class InverseOffer:
    """A framework is asked to leave an agent until it answers, or that is not needed any more."""

    offer_id: str
    framework_id: str
    agent_id: str
    message: InverseOfferMessage
    """As it was sent."""


@dataclass(slots=True, eq=False, kw_only=True)
class Operation:
    """An operation that an agent was told to do, until its terminal status is acknowledged.

    Attributes:
        uuid: 16 bytes, ours.
        framework_id: ``None`` if an operator asked for it.
        info: As it was asked for; its ``id`` is the framework's, which wants feedback then.
        role: The role that what it works on is allocated to; ``None`` if an operator asked.
        held: What the framework keeps as used until the end is known, where the result cannot
            be counted on before (growing and shrinking); allocated to ``role``.
        is_orphan: Whether there is no framework that would give back what it holds: it is over,
            or an operator asked. That is out of the agent's total then.
        size: The bytes that ``info`` takes when it is written down.
        status: The newest one, as the framework was told; without ``uuid`` at first.
        statuses: All of them so far.
    """

    uuid: bytes
    framework_id: str | None
    agent_id: str
    info: OfferMessage.Operation
    role: str | None = None
    held: Resources = EMPTY
    is_orphan: bool = False
    size: int = 0
    status: OperationStatus
    statuses: list[OperationStatus] = field(default_factory=list)

    @property
    def state(self) -> OperationState:
        """Where it stands, as far as the master knows."""
        return self.status.state

    @property
    def is_terminal(self) -> bool:
        """Whether its state cannot change any more."""
        return self.status.state in TERMINAL_OPERATION_STATES


@dataclass(slots=True, eq=False)
class Reconciliation:
    """What a framework has asked after and was not told yet.

    Attributes:
        tasks: Ids of those that it did not have to name.
        operations: Uuids of those that it did not have to name.
        asked: Those that it named, which may be unknown.
        is_under_way: Whether the next slice comes by itself.
    """

    tasks: deque[str] = field(default_factory=deque)
    operations: deque[bytes] = field(default_factory=deque)
    asked: deque[scheduler.Call.Reconcile.Task | scheduler.Call.ReconcileOperations.Operation] = (
        field(default_factory=deque)
    )
    is_under_way: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Framework:
    """A framework, subscribed or not, or over.

    Attributes:
        connection: The driver's number of its stream while it is CONNECTED.
        roles: What it subscribes to, in the order it gave.
        suppressed_roles: Those of them that want no offers.
        tasks: By task id; terminal ones until they are acknowledged.
        executors: By agent id, then executor id.
        completed_tasks: The newest that are over, oldest first.
        unreachable_tasks: Those on unreachable agents, oldest first.
        operations: By their uuid; those that are not over or not acknowledged.
        operation_uuids: Of those with an id, the newest of each.
        operations_bytes: What they take together.
        used_on: By agent id, what its tasks, executors and operations use; no entry when nothing.
        registered_time: Wall clock of the first subscription to this master, or of recovery.
    """

    framework_id: str
    id_message: FrameworkID
    info: FrameworkInfo
    state: FrameworkState
    roles: tuple[str, ...]
    completed_tasks: deque[Task]
    unreachable_tasks: Ring[str, Task]
    suppressed_roles: OrderedSet[str] = field(default_factory=OrderedSet)
    offer_constraints: scheduler.OfferConstraints | None = None
    connection: int | None = None
    stream_id: str | None = None
    principal: str | None = None
    is_active: bool = False
    reconciliation: Reconciliation = field(default_factory=Reconciliation)
    is_partition_aware: bool = False
    is_multi_role: bool = False
    has_reservation_refinement: bool = False
    registered_time: float = 0.0
    reregistered_time: float | None = None
    unregistered_time: float | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    executors: dict[str, dict[str, Executor]] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    operation_uuids: dict[str, bytes] = field(default_factory=dict)
    operations_bytes: int = 0
    used_on: dict[str, Resources] = field(default_factory=dict)
    counters: FrameworkCounters = field(default_factory=FrameworkCounters)
    fragments: dict[str, bytes] = field(default_factory=dict, repr=False)

    _used: Resources | None = field(default=None, repr=False)

    @property
    def is_connected(self) -> bool:
        """Whether events can be sent to it."""
        return self.connection is not None

    @property
    def used(self) -> Resources:
        """What its tasks and executors use, over all agents.

        Ports of several agents show as their union, which is why no such sum is kept.
        """
        if self._used is None:
            self._used = _sum(self.used_on.values())
        return self._used

    @property
    def offered(self) -> Resources:
        """What is offered to it, over all agents."""
        return _sum(offer.resources for offer in self.offers.values())

    def touch(self) -> None:
        """Drop the fragments, because something changed."""
        self.fragments.clear()
        self._used = None


@dataclass(slots=True, eq=False, kw_only=True)
class Agent:
    """An agent that is registered: connected, or expected back before its timer runs out.

    Attributes:
        info: With its id; ``resources`` is the total as the agent gave it.
        capabilities: Names of ``AgentInfo.Capability.Type``.
        pid: ``slave(1)@ip:port``, where its own HTTP endpoint listens.
        url: The same as offers show it.
        channel: The driver's number of its channel while it is connected.
        is_active: Whether its resources may be offered.
        is_deactivated: An operator does not want its resources to be offered.
        drain: How it is being drained, or was, if an operator wanted that.
        drain_start_time: Wall clock when it was told to drain, as far as this master knows.
        total: All that it has, with what was reserved and created since it registered.
        oversubscribed: The part of ``total`` that others leave unused and that may be taken back.
        is_short: Whether more is used than it has: it came back, or changed, with less.
        unavailability: When its machine goes into maintenance, if it is scheduled.
        inverse_statuses: By framework id, the newest answer to an inverse offer.
        operations: By their uuid; those that are not over or not acknowledged.
        operations_bytes: What they take together.
        used: By framework id, what tasks, executors and operations use; no entry when nothing.
        tasks: By framework id, then task id.
        executors: By framework id, then executor id.
        pending_kills: Kills to repeat when it returns, by framework and task id.
        pings_missed: How many pings were sent since the last sign of life.
    """

    agent_id: str
    id_message: AgentID
    info: AgentInfo
    state: AgentState
    version: str
    capabilities: tuple[str, ...]
    pid: str
    url: URL | None
    peer: str
    total: Resources
    oversubscribed: Resources = EMPTY
    is_short: bool = False
    channel: int | None = None
    is_active: bool = True
    is_deactivated: bool = False
    drain: DrainInfo | None = None
    drain_start_time: float | None = None
    unavailability: Unavailability | None = None
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)
    inverse_statuses: dict[str, InverseOfferStatus] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    operations_bytes: int = 0
    registered_time: float = 0.0
    reregistered_time: float | None = None
    used: dict[str, Resources] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    tasks: dict[str, dict[str, Task]] = field(default_factory=dict)
    executors: dict[str, dict[str, Executor]] = field(default_factory=dict)
    pending_kills: dict[tuple[str, str], KillPolicy | None] = field(default_factory=dict)
    pings_missed: int = 0
    fragments: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def ip(self) -> str:
        """Its address, as it says or else as its link shows."""
        return ip_of(self.pid, self.peer)

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent to it."""
        return self.channel is not None

    @property
    def offered(self) -> Resources:
        """What is in outstanding offers."""
        return _sum(offer.resources for offer in self.offers.values())

    def touch(self) -> None:
        """Drop the fragments, because something changed."""
        self.fragments.clear()


@dataclass(slots=True, eq=False, kw_only=True)
class RecoveredAgent:
    """An agent that the registry holds and that has not come back to this master yet."""

    agent_id: str
    info: AgentInfo
    is_deactivated: bool = False
    drain: DrainInfo | None = None
    fragments: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(slots=True, eq=False, kw_only=True)
class UnreachableAgent:
    """An agent that was silent for too long; it may come back.

    Attributes:
        since: Wall clock when it was marked.
    """

    agent_id: str
    info: AgentInfo
    since: float
    is_deactivated: bool = False
    drain: DrainInfo | None = None


KnownAgent = Agent | RecoveredAgent | UnreachableAgent
"""An agent that is in use, or may be once it comes back."""


@dataclass(slots=True, eq=False)
class State:
    """All that one master knows.

    Attributes:
        elected_time: Wall clock when it began to lead.
        started_time: Wall clock when it started.
        is_recovered: Whether the registry has been read, so that calls can be answered.
        frameworks: Recovered, connected and disconnected ones, in order of appearance.
        agents: Registered ones, in order of admission.
        removed_agents: Those that left or were replaced; the value is the wall clock.
        gone_agents: Those that may never return; the value is the wall clock.
        weights: Those that somebody set, by role.
        quotas: Those that somebody set, by role.
        schedule: The maintenance that operators plan.
        machines: Those of the schedule, by `machine_key`; replaced whole, never changed.
        machines_planned: The same, as the registry will hold it after all that it writes now.
        operations: All that are not over or not acknowledged, by their uuid.
        operators: The connections of operators who hear of changes, oldest first.
    """

    master_id: str
    master_info: MasterInfo
    config: MasterConfig
    completed_frameworks: Ring[str, Framework]
    removed_agents: Ring[str, float]
    frameworks: dict[str, Framework] = field(default_factory=dict)
    connections: dict[int, Framework] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    recovered_agents: dict[str, RecoveredAgent] = field(default_factory=dict)
    unreachable_agents: dict[str, UnreachableAgent] = field(default_factory=dict)
    gone_agents: dict[str, float] = field(default_factory=dict)
    channels: dict[int, Agent] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    machines: Machines = field(default_factory=dict)
    machines_planned: Machines = field(default_factory=dict)
    operators: dict[int, None] = field(default_factory=dict)
    started_time: float = 0.0
    elected_time: float | None = None
    is_recovered: bool = False
    counters: Counters = field(default_factory=Counters)

    # What only the core looks at.
    pending_writes: dict[int, PendingWrite] = field(default_factory=dict)
    writes_about: dict[str, dict[int, PendingWrite]] = field(default_factory=dict)  # by agent id
    registering: dict[int, int] = field(default_factory=dict)  # channel -> token
    reregistering: dict[str, int] = field(default_factory=dict)  # agent id -> token
    parts: dict[int, list[ReregisterPart]] = field(default_factory=dict)  # by channel
    pids: dict[str, str] = field(default_factory=dict)  # pid -> agent id
    frameworks_made: int = 0
    agents_made: int = 0
    offers_made: int = 0
    writes_made: int = 0
    removals: dict[str, None] = field(default_factory=dict)  # agents to be unreachable, in turn
    removal_due: float | None = None  # on the monotonic clock: no sooner, with a rate limit
    draining: dict[str, None] = field(default_factory=dict)  # those that may have nothing left
    is_allocation_due: bool = False
    filters_deadline: float | None = None
    are_weights_stored: bool = False

    def find_agent(self, agent_id: str) -> KnownAgent | None:
        """Return what is known of an agent that is in use, or may be once it comes back."""
        return (
            self.agents.get(agent_id)
            or self.recovered_agents.get(agent_id)
            or self.unreachable_agents.get(agent_id)
        )
