"""What a simulated world tells whoever watches it: laws, and the trace that is hashed.

Nothing here is a copy: events, effects and messages are the very objects that the cores made.
They are frozen, but lists inside them are not: who watches reads only, and keeps what it needs.

``at`` is the world's own time in seconds; no node's clock is wrong about it, as none knows it.
A *node* is named by its kind and number: ``master-0``, ``agent-17``, ``framework-3``,
``zookeeper``, ``operator``. A node's process is started again after it ended: ``life`` counts
from 1.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from tepui.messages import TaskStatus, scheduler


class Observed(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """Something that was seen to happen."""

    at: float
    node: str


class Ending(enum.Enum):
    """How a process came to its end."""

    KILLED = "killed"  # kill -9: nothing more is said, but the system closes its connections
    POWER_LOST = "power lost"  # with its machine: nobody is told at all
    EXITED = "exited"  # by itself, after what it wanted to say
    BROKEN = "broken"  # an exception left its core


class ProcessStarted(Observed, kw_only=True, frozen=True):
    """A node's process began its ``life``-th life."""

    life: int


class ProcessEnded(Observed, kw_only=True, frozen=True):
    """A node's process is over."""

    life: int
    ending: Ending
    reason: str


class CoreStepped(Observed, kw_only=True, frozen=True):
    """A core took in one event.

    Effects are listed as the core wanted them; a process that is killed in the middle of a step
    carries out only the first of them, which `StepCutShort` tells.

    Attributes:
        core: ``master``, ``agent`` or ``subscription``.
        monotonic: What the node's own clocks showed.
        wall: What the node's own clocks showed.
    """

    life: int
    core: str
    event: Any
    effects: list[Any]
    monotonic: float
    wall: float


class StepCutShort(Observed, kw_only=True, frozen=True):
    """A process was killed before the last ``undone`` effects of its latest step were done."""

    life: int
    undone: int


class LeadershipBegan(Observed, kw_only=True, frozen=True):
    """A master was elected and has read the registry: its core handles events from now on."""

    life: int
    epoch: int


class LeadershipEnded(Observed, kw_only=True, frozen=True):
    """A master's core handles no more events."""

    life: int
    reason: str


class LeaderElected(Observed, kw_only=True, frozen=True):
    """ZooKeeper has a new first candidate; ``leader`` is None while there is none."""

    leader: str | None


class RegistryOpened(Observed, kw_only=True, frozen=True):
    """A master claimed the registry with ``epoch`` and is given ``records``."""

    life: int
    epoch: int
    records: Mapping[str, bytes]


class RegistryWritten(Observed, kw_only=True, frozen=True):
    """The registry holds a batch of ``node``, whether or not that hears of it."""

    life: int
    epoch: int
    puts: Mapping[str, bytes]
    deletes: tuple[str, ...]


class RegistryRefused(Observed, kw_only=True, frozen=True):
    """The registry took nothing of a commit."""

    life: int
    reason: str


class CheckpointCommitted(Observed, kw_only=True, frozen=True):
    """An agent's disk holds the records of a turn, whether or not the agent lives to use them."""

    life: int
    puts: Mapping[str, Any]
    deletes: tuple[str, ...]


class CheckpointLost(Observed, kw_only=True, frozen=True):
    """A power loss took the latest ``transactions`` of an agent's disk."""

    transactions: int


class ContainerStarted(Observed, kw_only=True, frozen=True):
    """The first process of a container runs; the task is None for a custom executor."""

    container_id: str
    framework_id: str
    task_id: str | None


class ContainerEnded(Observed, kw_only=True, frozen=True):
    """Nothing of a container runs any more; ``status`` is as wait(2) gives it, if known."""

    container_id: str
    framework_id: str
    task_id: str | None
    status: int | None
    reason: str


class TaskPlanned(Observed, kw_only=True, frozen=True):
    """A framework's ledger holds a task whose launch goes out next; it may get nowhere."""

    framework_id: str
    task_id: str
    agent_id: str
    cpus: float
    mem: float


class UpdateHeard(Observed, kw_only=True, frozen=True):
    """A framework's scheduler was handed an update; its ledger holds it from now on."""

    framework_id: str
    status: TaskStatus


class LedgerChanged(Observed, kw_only=True, frozen=True):
    """What a framework believes of a task: the name of a task state, ``PLANNED`` or ``GIVEN_UP``.

    ``GIVEN_UP`` is a task whose launch was refused, or never reached the master.
    """

    framework_id: str
    task_id: str
    state: str
    is_terminal: bool


class CallSent(Observed, kw_only=True, frozen=True):
    """A framework made a call; nobody knows yet whether it arrives."""

    number: int
    call: scheduler.Call


class CallAnswered(Observed, kw_only=True, frozen=True):
    """How a call of a framework or operator went; ``status`` is None if nobody will ever know."""

    number: int
    status: int | None
    text: str = ""


class OperatorAsked(Observed, kw_only=True, frozen=True):
    """The operator made a request; ``event`` is what the core of a master will see."""

    number: int
    event: Any


class FrameworkStopped(Observed, kw_only=True, frozen=True):
    """A framework's subscription ended for good."""

    framework_id: str | None
    status: int | None
    message: str


class LinkBroke(Observed, kw_only=True, frozen=True):
    """The network lost something of a connection, or one end gave it up."""

    peer: str
    reason: str


class FaultApplied(Observed, kw_only=True, frozen=True):
    """A fault was applied; ``node`` is what it was aimed at."""

    fault: Any
    done: str


class MachineRebooted(Observed, kw_only=True, frozen=True):
    """A machine lost power and is back, with nothing running on it."""

    boot_id: str


class CoreBroke(Observed, kw_only=True, frozen=True):
    """A core raised: a bug, whatever was done to it."""

    life: int
    event: Any
    error: str


class EffectUnknown(Observed, kw_only=True, frozen=True):
    """A core wants what this world cannot do: the simulator has fallen behind the drivers."""

    life: int
    effect: Any


Observation = (
    ProcessStarted
    | ProcessEnded
    | CoreStepped
    | StepCutShort
    | LeadershipBegan
    | LeadershipEnded
    | LeaderElected
    | RegistryOpened
    | RegistryWritten
    | RegistryRefused
    | CheckpointCommitted
    | CheckpointLost
    | ContainerStarted
    | ContainerEnded
    | TaskPlanned
    | UpdateHeard
    | LedgerChanged
    | CallSent
    | CallAnswered
    | OperatorAsked
    | FrameworkStopped
    | LinkBroke
    | FaultApplied
    | MachineRebooted
    | CoreBroke
    | EffectUnknown
)
