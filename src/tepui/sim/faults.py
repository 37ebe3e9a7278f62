"""What goes wrong, when, and for whom: faults as data, and how a scenario's are drawn.

A run has one list of faults, sorted by time and drawn before it starts. Each is explicit, so that
a shorter list can be written to a file and run again. Nodes are named as in observations:
``master-0``, ``agent-17``, ``framework-3``, ``zookeeper``. An agent's name stands for its
supervisor, its disk and its machine, too, where the kind says so.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from tepui.base.rng import Rng

FAULTS_MAX = 100_000
"""Of one run: more are a mistake in the scenario's rates."""


class FaultKind(enum.Enum):
    """What goes wrong; what ``seconds``, ``to`` and ``amount`` mean for each."""

    MASTER_CRASH = "master crash"  # seconds until it starts again
    AGENT_CRASH = "agent crash"  # the same; its supervisor and its tasks go on
    FRAMEWORK_CRASH = "framework crash"  # the same; comes back with its id and ledger
    SUPERVISOR_CRASH = "supervisor crash"  # the agent notices, and all its containers are over
    MACHINE_REBOOT = "machine reboot"  # of an agent: containers over, new boot id; seconds away
    PAUSE = "pause"  # of a process, for seconds: it does nothing and notices nothing
    PARTITION = "partition"  # between target and to (all others if empty), both ways
    PARTITION_ONE_WAY = "one-way partition"  # what target sends to to is lost
    LINK_CUT = "link cut"  # connections between target and to break, and can be opened anew
    CALL_LOSS = "call loss"  # with probability amount, what target sends is lost with its link
    # with probability amount, it arrives twice; what agents send, only with datagrams
    CALL_DOUBLING = "call doubling"
    DELAY = "delay"  # what target sends takes up to amount seconds more
    DISK_SLOW = "slow disk"  # of target: each write takes amount seconds more
    DISK_FAILING = "failing disk"  # of target: writes fail
    TORN_WRITE = "torn write"  # target crashes in its next write, back after seconds
    CLOCK_JUMP = "clock jump"  # target's wall clock moves by amount seconds, for good
    SESSION_EXPIRY = "session expiry"  # of a master's session with ZooKeeper
    ENSEMBLE_DOWN = "ensemble down"  # ZooKeeper answers nobody for seconds
    FLAPPING = "flapping"  # target's links break every amount seconds, for seconds
    MAINTENANCE = "maintenance"  # an operator takes an agent's machine down, and up after seconds
    DRAIN = "drain"  # an operator drains an agent, and reactivates it after seconds
    DEACTIVATE = "deactivate"  # the same with deactivation
    GONE = "gone"  # an operator marks an agent gone, and its process ends
    QUOTA_CHANGE = "quota change"  # target is a role; amount scales its quota for seconds
    TEARDOWN = "teardown"  # an operator ends a framework


MASTERS = "master"
AGENTS = "agent"
FRAMEWORKS = "framework"
ENSEMBLE = "zookeeper"
ROLES = "role"
NODES = (MASTERS, AGENTS, FRAMEWORKS, ENSEMBLE)
"""What has a way to others, that can be cut."""

SORTS = (*NODES, ROLES)
"""What a target can be called instead of by name: all of a sort."""

TARGETS: dict[FaultKind, tuple[str, ...]] = {
    FaultKind.MASTER_CRASH: (MASTERS,),
    FaultKind.AGENT_CRASH: (AGENTS,),
    FaultKind.FRAMEWORK_CRASH: (FRAMEWORKS,),
    FaultKind.SUPERVISOR_CRASH: (AGENTS,),
    FaultKind.MACHINE_REBOOT: (AGENTS,),
    FaultKind.PAUSE: (MASTERS, AGENTS, FRAMEWORKS),
    FaultKind.PARTITION: (MASTERS, AGENTS, FRAMEWORKS),
    FaultKind.PARTITION_ONE_WAY: (MASTERS, AGENTS, FRAMEWORKS),
    FaultKind.LINK_CUT: (MASTERS, AGENTS, FRAMEWORKS),
    FaultKind.CALL_LOSS: (AGENTS, FRAMEWORKS),
    FaultKind.CALL_DOUBLING: (AGENTS, FRAMEWORKS),
    FaultKind.DELAY: (MASTERS, AGENTS, FRAMEWORKS),
    FaultKind.DISK_SLOW: (MASTERS, AGENTS),
    FaultKind.DISK_FAILING: (MASTERS, AGENTS),
    FaultKind.TORN_WRITE: (MASTERS, AGENTS),
    FaultKind.CLOCK_JUMP: (MASTERS, AGENTS),
    FaultKind.SESSION_EXPIRY: (MASTERS,),
    FaultKind.ENSEMBLE_DOWN: (ENSEMBLE,),
    FaultKind.FLAPPING: (AGENTS, FRAMEWORKS),
    FaultKind.MAINTENANCE: (AGENTS,),
    FaultKind.DRAIN: (AGENTS,),
    FaultKind.DEACTIVATE: (AGENTS,),
    FaultKind.GONE: (AGENTS,),
    FaultKind.QUOTA_CHANGE: (ROLES,),
    FaultKind.TEARDOWN: (FRAMEWORKS,),
}
"""Whom a kind can hit."""

AMOUNTS: dict[FaultKind, tuple[float, float]] = {
    FaultKind.CALL_LOSS: (0.0, 1.0),
    FaultKind.CALL_DOUBLING: (0.0, 1.0),
    FaultKind.DELAY: (0.0, 3600.0),
    FaultKind.DISK_SLOW: (0.0, 3600.0),
    FaultKind.CLOCK_JUMP: (-1e7, 1e7),
    FaultKind.FLAPPING: (0.1, 3600.0),
    FaultKind.QUOTA_CHANGE: (0.0, 1000.0),
}
"""The kinds that have an amount, and what it may be."""

PEERED = (FaultKind.PARTITION, FaultKind.PARTITION_ONE_WAY, FaultKind.LINK_CUT)
"""The kinds between two; without a second, they are between the target and everyone else."""

MOMENTARY = (
    FaultKind.SUPERVISOR_CRASH,
    FaultKind.LINK_CUT,
    FaultKind.CLOCK_JUMP,
    FaultKind.SESSION_EXPIRY,
    FaultKind.GONE,
    FaultKind.TEARDOWN,
)
"""The kinds that have no length."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One thing that goes wrong.

    Attributes:
        at: Seconds after the start.
        target: The name of a node, or a role; see `TARGETS`.
        to: The other side, for the kinds in `PEERED`; empty means everyone else.
        seconds: How long it lasts, or how long the target stays away.
        amount: What the kind says; see `FaultKind`.
    """

    at: float
    kind: FaultKind
    target: str
    to: str = ""
    seconds: float = 0.0
    amount: float = 0.0

    @property
    def until(self) -> float:
        """When it is over."""
        return self.at + self.seconds

    def __post_init__(self) -> None:
        if not 0 <= self.at < 1e9:
            raise ValueError(f"at={self.at}: expected seconds from 0")
        if not 0 <= self.seconds < 1e9:
            raise ValueError(f"seconds={self.seconds}: expected a length from 0")
        if self.seconds and self.kind in MOMENTARY:
            raise ValueError(f"seconds={self.seconds}: {self.kind.value} has no length")
        if self.to and self.kind not in PEERED:
            raise ValueError(f"to={self.to!r}: {self.kind.value} has no other side")
        if not self.target:
            raise ValueError(f"target: {self.kind.value} hits somebody")
        check_amount(self.kind, self.amount)


def check_amount(kind: FaultKind, amount: float) -> None:
    """Refuse an amount that the kind cannot have.

    Raises:
        ValueError: It says what was expected.
    """
    bounds = AMOUNTS.get(kind)
    if bounds is None:
        if amount:
            raise ValueError(f"amount={amount}: {kind.value} has none")
    elif not bounds[0] <= amount <= bounds[1]:
        raise ValueError(f"amount={amount}: {kind.value} takes {bounds[0]} to {bounds[1]}")


class Chance(Protocol):
    """Faults of one kind that come by chance, as `tepui.sim.scenario.FaultPlan` says it."""

    @property
    def kind(self) -> FaultKind: ...
    @property
    def per_hour(self) -> float: ...
    @property
    def targets(self) -> Sequence[str]: ...
    @property
    def to(self) -> str: ...
    @property
    def seconds(self) -> tuple[float, float]: ...
    @property
    def amount(self) -> tuple[float, float]: ...
    @property
    def after_seconds(self) -> float: ...


class Nodes(Protocol):
    """How many nodes of each sort there are, as `tepui.sim.scenario.Scenario` says it."""

    @property
    def master_count(self) -> int: ...
    @property
    def agent_count(self) -> int: ...
    @property
    def framework_count(self) -> int: ...
    @property
    def quota_roles(self) -> Sequence[str]: ...


class Plan(Nodes, Protocol):
    """What goes wrong in a scenario, for certain and by chance."""

    @property
    def settle_after(self) -> float: ...
    @property
    def chances(self) -> Sequence[Chance]: ...
    @property
    def faults(self) -> Sequence[Fault]: ...


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults sorted by time, and by all else where that is the same."""
    return sorted(
        faults, key=lambda each: (each.at, each.kind.value, each.target, each.to, each.seconds)
    )


def generate(scenario: Plan, rng: Rng) -> list[Fault]:
    """Draw all faults of a run, in order.

    Each kind's faults come at its rate, independently of the others; those that would end after
    ``settle_after`` end then. Explicit faults are among them.

    Raises:
        ValueError: The rates make too many.
    """
    drawn = [_ended(each, scenario.settle_after) for each in scenario.faults]
    for plan in scenario.chances:
        drawn.extend(_drawn(scenario, plan, rng))
        if len(drawn) > FAULTS_MAX:
            raise ValueError(f"chances: {plan.kind.value} brings more than {FAULTS_MAX} faults")
    return in_order(each for each in drawn if each.at < scenario.settle_after)


def _ended(fault: Fault, latest: float) -> Fault:
    if fault.until <= latest:
        return fault
    return msgspec.structs.replace(fault, seconds=max(0.0, latest - fault.at))


def _drawn(scenario: Plan, plan: Chance, rng: Rng) -> list[Fault]:
    nodes = candidates(scenario, plan)
    if not nodes or plan.per_hour <= 0:
        return []
    drawn: list[Fault] = []
    # The mean of the gaps of a Poisson process is what the rate says; this draws each gap
    # between nothing and twice that, which needs no logarithm and differs in nothing we test.
    mean = 3600.0 / plan.per_hour
    at = plan.after_seconds + rng.between(0.0, mean)
    while at < scenario.settle_after and len(drawn) <= FAULTS_MAX:
        drawn.append(_one(scenario, plan, nodes, at, rng))
        at += rng.between(0.0, 2 * mean)
    return drawn


def _one(scenario: Plan, plan: Chance, nodes: list[str], at: float, rng: Rng) -> Fault:
    target = rng.choice(nodes)
    seconds = round(min(rng.between(*plan.seconds), scenario.settle_after - at), 3)
    to = ""
    if plan.kind in PEERED and plan.to:
        others = [name for name in names(scenario, plan.to) if name != target]
        to = rng.choice(others) if others else ""
    return Fault(
        at=round(at, 3),
        kind=plan.kind,
        target=target,
        to=to,
        seconds=0.0 if plan.kind in MOMENTARY else max(0.0, seconds),
        amount=round(rng.between(*plan.amount), 3),
    )


def candidates(scenario: Nodes, plan: Chance) -> list[str]:
    """Return whom a plan's faults can hit."""
    if plan.targets:
        return [name for each in plan.targets for name in names(scenario, each)]
    return [name for each in TARGETS[plan.kind] for name in names(scenario, each)]


def names(scenario: Nodes, which: str) -> list[str]:
    """Return the nodes that ``which`` stands for: all of a sort, or one."""
    counts = {
        MASTERS: scenario.master_count,
        AGENTS: scenario.agent_count,
        FRAMEWORKS: scenario.framework_count,
    }
    if which in counts:
        return [f"{which}-{number}" for number in range(counts[which])]
    if which == ROLES:
        return list(scenario.quota_roles)
    return [which]
