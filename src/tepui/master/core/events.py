"""What can happen to a master, in the past tense."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple, dataclass_transform

import msgspec

from tepui.link.messages import ToMaster
from tepui.messages import DrainConfig, MachineID, Offer, WeightInfo, scheduler
from tepui.messages.maintenance import Schedule
from tepui.messages.quota import QuotaConfig, QuotaRequest


class TimerKind(enum.Enum):
    """What a timer is for; the key beside it says for whom."""

    HEARTBEAT = "heartbeat"  # framework id
    FAILOVER = "failover"  # framework id
    OFFER = "offer"  # offer id
    INVERSE_OFFER = "inverse offer"  # offer id
    PING = "ping"  # agent id
    REREGISTRATION = "reregistration"  # agent id
    RECOVERY = "recovery"  # ""
    REMOVAL = "removal"  # "", the next agent of those that are given up
    ALLOCATION = "allocation"  # "", the periodic pass
    ALLOCATOR_RECOVERY = "allocator recovery"  # "", the end of its pause after a failover
    FILTERS = "filters"  # "", the next offer filter runs out
    REGISTRY_GC = "registry gc"  # ""
    OPERATOR_HEARTBEAT = "operator heartbeat"  # connection, as text


class Timer(NamedTuple):
    """The name of a timer: at most one of each runs at a time."""

    kind: TimerKind
    key: str = ""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Something that has happened."""


class RegistryRecovered(Event, kw_only=True):
    """The registry has been read; nothing else is handled before it."""

    records: Mapping[str, bytes]


class SchedulerCalled(Event, kw_only=True):
    """A scheduler's call that was decoded and well-formed has arrived.

    Attributes:
        request_id: Names the HTTP exchange that waits for `Respond` or `OpenStream`.
        stream_id: The ``Mesos-Stream-Id`` header.
        principal: Who the caller proved to be, if anybody.
        connection: The number that the stream gets if the call is a SUBSCRIBE.
    """

    request_id: int
    call: scheduler.Call
    stream_id: str | None = None
    principal: str | None = None
    connection: int = 0


class SchedulerDisconnected(Event, kw_only=True):
    """A scheduler's stream has ended, on its side or because it was too slow."""

    connection: int
    reason: str = ""


class TaskKillRequested(Event, kw_only=True):
    """An operator wants a task to end, as if its framework had said KILL."""

    request_id: int
    framework_id: str
    task_id: str


class FrameworkTeardownRequested(Event, kw_only=True):
    """An operator wants a framework to end, with all its tasks."""

    request_id: int
    framework_id: str


class WeightsUpdateRequested(Event, kw_only=True):
    """An operator sets weights of roles; those not named stay as they are."""

    request_id: int
    weights: tuple[WeightInfo, ...]


class AgentDrainRequested(Event, kw_only=True):
    """An operator wants the tasks of an agent to end, and nothing of it to be offered."""

    request_id: int
    agent_id: str
    config: DrainConfig


class AgentDeactivationRequested(Event, kw_only=True):
    """An operator wants nothing of an agent to be offered; its tasks go on."""

    request_id: int
    agent_id: str


class AgentReactivationRequested(Event, kw_only=True):
    """An operator wants a deactivated or drained agent to be in use again."""

    request_id: int
    agent_id: str


class AgentGoneRequested(Event, kw_only=True):
    """An operator vouches for it that an agent never comes back."""

    request_id: int
    agent_id: str


class QuotaSettingRequested(Event, kw_only=True):
    """An operator sets the quota of a role in the older form."""

    request_id: int
    request: QuotaRequest


class QuotaUpdateRequested(Event, kw_only=True):
    """An operator sets quotas, all of them or none; what they do not name is not limited.

    Attributes:
        is_forced: Whether they may be beyond what the cluster has or what is consumed.
    """

    request_id: int
    configs: tuple[QuotaConfig, ...]
    is_forced: bool = False


class QuotaRemovalRequested(Event, kw_only=True):
    """An operator wants a role to have no quota; ``must_exist`` says that it had one."""

    request_id: int
    role: str
    must_exist: bool = False


class MaintenanceScheduleUpdateRequested(Event, kw_only=True):
    """An operator plans the maintenance of machines; machines left out are in use again."""

    request_id: int
    schedule: Schedule


class MachinesDownRequested(Event, kw_only=True):
    """An operator begins the maintenance of machines: their agents have to go."""

    request_id: int
    machine_ids: tuple[MachineID, ...]


class MachinesUpRequested(Event, kw_only=True):
    """An operator is done with the maintenance of machines."""

    request_id: int
    machine_ids: tuple[MachineID, ...]


class OperationRequested(Event, kw_only=True):
    """An operator reserves what nobody uses, makes volumes of it, or undoes that.

    Attributes:
        principal: Who the operator proved to be, if anybody.
    """

    request_id: int
    agent_id: str
    operation: Offer.Operation
    principal: str | None = None


class OperatorSubscribed(Event, kw_only=True):
    """An operator wants to hear of every change; ``connection`` is the number of the stream."""

    connection: int


class OperatorDisconnected(Event, kw_only=True):
    """An operator's stream has ended, on its side or because it was too slow."""

    connection: int
    reason: str = ""


class AgentMessageReceived(Event, kw_only=True):
    """An agent has said something on its channel.

    Attributes:
        channel: The driver's number for one channel of one link.
        peer: The address that the link comes from.
    """

    channel: int
    message: ToMaster
    peer: str = ""


class AgentChannelClosed(Event, kw_only=True):
    """A channel is gone: closed by the agent, or with its link."""

    channel: int
    reason: str = ""


class Persisted(Event, kw_only=True):
    """The registry holds what `Persist` with this token asked for."""

    token: int


class PersistFailed(Event, kw_only=True):
    """The registry could not store it; this master must not go on as leader."""

    token: int
    reason: str = ""


class TimerFired(Event, kw_only=True):
    """A timer that was started and not cancelled has run out."""

    timer: Timer


class WhitelistChanged(Event, kw_only=True):
    """The operator's list of the agents that may be offered has been read."""

    hostnames: tuple[str, ...]


class ReconcileSlice(Event, kw_only=True):
    """There is room on a stream for the next part of what its framework asked after."""

    connection: int


class AllocateSlice(Event, kw_only=True):
    """It is time for the next part of an allocation pass."""


StoredRequest = (
    WeightsUpdateRequested
    | QuotaSettingRequested
    | QuotaUpdateRequested
    | QuotaRemovalRequested
    | AgentDrainRequested
    | AgentDeactivationRequested
    | AgentReactivationRequested
    | AgentGoneRequested
    | MaintenanceScheduleUpdateRequested
    | MachinesDownRequested
    | MachinesUpRequested
)
"""What operators ask for and the registry has to hold before they hear."""

OperatorRequest = (
    StoredRequest | TaskKillRequested | FrameworkTeardownRequested | OperationRequested
)
"""What operators ask for, one at a time; each is answered by ``Respond``."""

AnyEvent = (
    OperatorRequest
    | RegistryRecovered
    | SchedulerCalled
    | SchedulerDisconnected
    | OperatorSubscribed
    | OperatorDisconnected
    | AgentMessageReceived
    | AgentChannelClosed
    | Persisted
    | PersistFailed
    | TimerFired
    | WhitelistChanged
    | AllocateSlice
    | ReconcileSlice
)
