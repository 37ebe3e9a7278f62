"""Scenarios: a cluster, its network, its frameworks and what goes wrong, as data.

A scenario is a TOML file. Everything in it is checked when it is read: a key that is unknown, a
value of the wrong sort or out of bounds is refused with the place where it stands. See
docs/how-to/simulate-a-cluster.md for an example with all its parts.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeVar, dataclass_transform

import msgspec

from tepui.agent.core.config import AgentConfig
from tepui.master.core.config import MasterConfig
from tepui.messages import Attribute, Value
from tepui.resources import Resources, parse_resources
from tepui.resources.roles import problem_with_role
from tepui.sim.faults import (
    ENSEMBLE,
    FAULTS_MAX,
    MOMENTARY,
    NODES,
    PEERED,
    SORTS,
    TARGETS,
    Fault,
    FaultKind,
    check_amount,
    names,
)

AGENTS_MAX = 100_000
FRAMEWORKS_MAX = 10_000
MASTERS_MAX = 9
RECONCILE_SECONDS_MIN = 0.1
OF_THE_WORLD = ("hostname", "ip", "work_dir", "resources", "attributes", "switch_user")
"""Values that nobody configures: they say which node it is, or are said of a group of agents."""

S = TypeVar("S", bound=msgspec.Struct)


class ScenarioRefused(ValueError):
    """A scenario has a mistake; the text names the place and the value."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a scenario; unknown keys are refused."""


def _expect(holds: bool, field: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{field}={value!r}: expected {expected}")


def _expect_range(field: str, value: tuple[float, float]) -> None:
    low, high = value
    _expect(
        math.isfinite(low) and math.isfinite(high) and 0 <= low <= high,
        field,
        list(value),
        "a range from low to high, not below 0",
    )


def _expect_share(field: str, value: float) -> None:
    _expect(0 <= value <= 1, field, value, "a share from 0 to 1")


def _expect_role(field: str, role: str) -> None:
    problem = problem_with_role(role)
    if problem is not None:
        raise ValueError(f"{field}={role!r}: {problem}")


def _configured(field: str, base: S, values: dict[str, Any]) -> S:
    """Return ``base`` with values that were read, checked against its own types."""
    known = {
        each.name: each.type
        for each in msgspec.structs.fields(base)
        if each.name not in OF_THE_WORLD
    }
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{field}.{name}={value!r}: there is no such value to configure")
        try:
            changes[name] = msgspec.convert(value, known[name])
        except msgspec.ValidationError as error:
            raise ValueError(f"{field}.{name}={value!r}: {error}") from error
        if isinstance(value, (int, float)):
            _expect(0 <= value < 1e9, f"{field}.{name}", value, "a number from 0")
    return msgspec.structs.replace(base, **changes)


class AgentGroup(Part):
    """Agents that are alike.

    Attributes:
        count: How many.
        resources: As the flag of the same name takes it.
        attributes: Name to text.
    """

    count: int = 1
    resources: str = "cpus:8;mem:16384;disk:65536;ports:[31000-31999]"
    attributes: dict[str, str] = {}

    def __post_init__(self) -> None:
        _expect(1 <= self.count <= AGENTS_MAX, "count", self.count, f"1 to {AGENTS_MAX}")
        parse_resources(self.resources)


class Cluster(Part):
    """Who there is, besides frameworks.

    Attributes:
        masters: How many take part in the election.
        agents: In groups; numbered through from ``agent-0``.
        master: Values of `MasterConfig`, by name.
        agent: Values of `AgentConfig`, by name.
        start_seconds: Agents start spread over this time.
        launch_seconds: How long a container takes to start.
    """

    masters: int = 3
    agents: tuple[AgentGroup, ...] = (AgentGroup(count=8),)
    master: dict[str, Any] = {}
    agent: dict[str, Any] = {}
    start_seconds: float = 1.0
    launch_seconds: tuple[float, float] = (0.02, 0.2)

    def __post_init__(self) -> None:
        _expect(1 <= self.masters <= MASTERS_MAX, "masters", self.masters, f"1 to {MASTERS_MAX}")
        _expect(0 <= self.start_seconds < 1e6, "start_seconds", self.start_seconds, "seconds")
        _expect(bool(self.agents), "agents", [], "at least one group")
        _expect_range("launch_seconds", self.launch_seconds)
        count = sum(group.count for group in self.agents)
        _expect(count <= AGENTS_MAX, "agents", count, f"up to {AGENTS_MAX} in all groups")
        _configured("master", MasterConfig(), self.master)
        _configured("agent", AgentConfig(work_dir="/", hostname=""), self.agent)


class ZooKeeper(Part):
    """Elections and detection.

    Attributes:
        session_timeout: Seconds after which a silent master's candidacy is over.
        latency: Seconds that an answer takes, from low to high.
    """

    session_timeout: float = 10.0
    latency: tuple[float, float] = (0.001, 0.01)

    def __post_init__(self) -> None:
        _expect(0 < self.session_timeout < 1e6, "session_timeout", self.session_timeout, "seconds")
        _expect_range("latency", self.latency)


class Network(Part):
    """What carries messages when nothing is wrong with it.

    Attributes:
        mode: With ``streams``, as in reality, a connection keeps its order, and what is lost is
            lost with all that follows until it is opened anew. With ``datagrams``, messages of
            agents and masters are lost, doubled and overtaken one by one.
        latency: Seconds that a message takes, from low to high.
        loss: The share of messages that are lost.
        duplication: The share of calls and messages that arrive twice.
        reordering: The share that is overtaken by what follows; only with ``datagrams``.
    """

    mode: Literal["streams", "datagrams"] = "streams"
    latency: tuple[float, float] = (0.0005, 0.005)
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0

    def __post_init__(self) -> None:
        _expect_range("latency", self.latency)
        _expect_share("loss", self.loss)
        _expect_share("duplication", self.duplication)
        _expect_share("reordering", self.reordering)
        if self.mode == "streams" and self.reordering:
            raise ValueError(f"reordering={self.reordering}: a stream keeps its order")


class Disk(Part):
    """How long a write takes, of a master's registry or an agent's checkpoint."""

    latency: tuple[float, float] = (0.001, 0.01)

    def __post_init__(self) -> None:
        _expect_range("latency", self.latency)


class Workload(Part):
    """Frameworks that are alike, and what they do.

    Attributes:
        count: How many.
        roles: What each subscribes to.
        checkpoint: Whether its tasks survive their agent's restart.
        is_partition_aware: Whether it says so.
        failover_timeout: Seconds for which its tasks go on without it.
        tasks: How many it wants to have at a time.
        tasks_total: How many it launches at most; no more than that.
        start_seconds: When it starts.
        cpus: Of one task; so are ``mem``, ``disk`` and ``ports``, the number of ports.
        run_seconds: How long a task runs, from low to high; it may be ``inf`` at the top for
            tasks that never end.
        failure_rate: The share of tasks that fail.
        kill_rate: The share of tasks that it kills before they end.
        group_size: Tasks launched together as a group; 1 means single tasks.
        decline_rate: The share of offers that it declines although it could use them.
        refuse_seconds: For how long a declined offer is not wanted again.
        operations_per_hour: How often it reserves, makes a volume, and undoes that.
        reconcile_seconds: How often it asks for the states of all its tasks; 0 is never.
        acknowledge_seconds: How long it takes to acknowledge an update.
        answer_seconds: How long it takes to answer an offer; meanwhile it may be rescinded.
        suppresses: Whether it wants no offers while it has all its tasks.
    """

    count: int = 1
    roles: tuple[str, ...] = ("*",)
    checkpoint: bool = True
    is_partition_aware: bool = True
    failover_timeout: float = 3600.0
    tasks: int = 10
    tasks_total: int = 1_000_000_000
    start_seconds: float = 2.0
    cpus: float = 1.0
    mem: float = 128.0
    disk: float = 0.0
    ports: int = 0
    run_seconds: tuple[float, float] = (20.0, 40.0)
    failure_rate: float = 0.0
    kill_rate: float = 0.0
    group_size: int = 1
    decline_rate: float = 0.0
    refuse_seconds: float = 5.0
    operations_per_hour: float = 0.0
    reconcile_seconds: float = 60.0
    acknowledge_seconds: tuple[float, float] = (0.0, 0.01)
    answer_seconds: tuple[float, float] = (0.0, 0.0)
    suppresses: bool = True

    def __post_init__(self) -> None:
        _expect(1 <= self.count <= FRAMEWORKS_MAX, "count", self.count, f"1 to {FRAMEWORKS_MAX}")
        _expect(bool(self.roles), "roles", [], "at least one role")
        for role in self.roles:
            _expect_role("roles", role)
        is_each_once = len(set(self.roles)) == len(self.roles)
        _expect(is_each_once, "roles", list(self.roles), "each role once")
        _expect(0 <= self.tasks <= 1_000_000, "tasks", self.tasks, "a number up to 1000000")
        _expect(self.tasks_total >= 0, "tasks_total", self.tasks_total, "a number from 0")
        _expect(1 <= self.group_size <= 100, "group_size", self.group_size, "1 to 100")
        tasks = max(1, self.tasks)
        _expect(self.group_size <= tasks, "group_size", self.group_size, f"up to tasks={tasks}")
        _expect(0 <= self.ports <= 1000, "ports", self.ports, "0 to 1000")
        _expect(0 < self.cpus <= 1e6, "cpus", self.cpus, "a positive amount")
        low, high = self.run_seconds
        _expect(0 <= low <= high, "run_seconds", list(self.run_seconds), "a range from 0")
        _expect_range("acknowledge_seconds", self.acknowledge_seconds)
        _expect(
            not self.operations_per_hour or self.roles != ("*",),
            "operations_per_hour",
            self.operations_per_hour,
            "a role besides *, for which something can be reserved",
        )
        _expect(
            self.reconcile_seconds == 0 or self.reconcile_seconds >= RECONCILE_SECONDS_MIN,
            "reconcile_seconds",
            self.reconcile_seconds,
            f"0, or {RECONCILE_SECONDS_MIN} and more",
        )
        _expect_range("answer_seconds", self.answer_seconds)
        for name in ("failure_rate", "kill_rate", "decline_rate"):
            _expect_share(name, getattr(self, name))
        for name in (
            "mem",
            "disk",
            "start_seconds",
            "failover_timeout",
            "refuse_seconds",
            "operations_per_hour",
            "reconcile_seconds",
        ):
            value = getattr(self, name)
            _expect(0 <= value < 1e9, name, value, "a number from 0")


class QuotaPlan(Part):
    """The quota of a role, set when the first master leads; resources as flags take them."""

    role: str
    guarantee: str = ""
    limit: str = ""

    def __post_init__(self) -> None:
        _expect(self.role not in ("", "*"), "role", self.role, "the name of a role")
        _expect_role("role", self.role)
        guarantee, limit = (_amounts(each) for each in (self.guarantee, self.limit))
        for name, amount in guarantee.items():
            if amount > limit.get(name, amount):
                raise ValueError(f"guarantee={self.guarantee!r}: {name} is above the limit")


def _amounts(text: str) -> dict[str, int]:
    """Return what a guarantee or a limit says; it has amounts only."""
    resources = parse_resources(text)
    plain = all(
        each.type is Value.Type.SCALAR and each.role in (None, "*") and not each.reservations
        for each in resources.to_messages()
    )
    _expect(plain, "quota", text, "amounts, as in cpus:4;mem:1024")
    return dict(resources.quantities().items())


class FaultPlan(Part):
    """Faults of one kind that come by chance.

    Attributes:
        per_hour: How many, on average, in the whole cluster.
        targets: Names of nodes, or ``master``, ``agent``, ``framework`` for all of a sort;
            by default all that the kind can hit.
        to: The other side in the same form, where the kind has one; everyone else if empty.
        seconds: How long, from low to high.
        amount: What the kind says, from low to high.
        after_seconds: None before then.
    """

    kind: FaultKind
    per_hour: float
    targets: tuple[str, ...] = ()
    to: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)
    amount: tuple[float, float] = (0.0, 0.0)
    after_seconds: float = 30.0

    def __post_init__(self) -> None:
        _expect(0 <= self.per_hour <= 1e6, "per_hour", self.per_hour, "a rate from 0")
        _expect(self.after_seconds >= 0, "after_seconds", self.after_seconds, "seconds")
        _expect_range("seconds", self.seconds)
        if self.kind in MOMENTARY and any(self.seconds):
            raise ValueError(f"seconds={list(self.seconds)}: {self.kind.value} has no length")
        if self.to and self.kind not in PEERED:
            raise ValueError(f"to={self.to!r}: {self.kind.value} has no other side")
        for amount in self.amount:
            check_amount(self.kind, amount)
        low, high = self.amount
        _expect(low <= high, "amount", [low, high], "a range from low to high")


class Scenario(Part):
    """All that a run is made of, but for its seed.

    Attributes:
        about: What it is for, in a sentence.
        settle_after: Seconds after which nothing goes wrong any more.
        settle_seconds: In so long after that, all have to agree. Frameworks launch during the
            first half of it.
        starvation_seconds: In calm times, whoever has demand hears an offer within so long.
        weights: Of roles.
        chances: Faults that come by chance.
        faults: Faults that come for certain.
    """

    about: str = ""
    settle_after: float = 1800.0
    settle_seconds: float = 1800.0
    starvation_seconds: float = 120.0
    cluster: Cluster = Cluster()
    zookeeper: ZooKeeper = ZooKeeper()
    network: Network = Network()
    disk: Disk = Disk()
    workloads: tuple[Workload, ...] = (Workload(),)
    quotas: tuple[QuotaPlan, ...] = ()
    weights: dict[str, float] = {}
    chances: tuple[FaultPlan, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def master_count(self) -> int:
        """How many masters there are."""
        return self.cluster.masters

    @property
    def quota_roles(self) -> list[str]:
        """The roles with a quota."""
        return [quota.role for quota in self.quotas]

    @property
    def agent_count(self) -> int:
        """How many agents there are."""
        return sum(group.count for group in self.cluster.agents)

    @property
    def framework_count(self) -> int:
        """How many frameworks there are."""
        return sum(each.count for each in self.workloads)

    @property
    def quiet_after(self) -> float:
        """When frameworks stop launching, so that all can be compared."""
        return self.settle_after + self.settle_seconds / 2

    @property
    def end(self) -> float:
        """When the run is over."""
        return self.settle_after + self.settle_seconds

    def __post_init__(self) -> None:
        for name in ("settle_after", "settle_seconds", "starvation_seconds"):
            value = getattr(self, name)
            _expect(0 < value < 1e8, name, value, "a positive number of seconds")
        for role, weight in self.weights.items():
            _expect(0 < weight < 1e6, f"weights.{role}", weight, "a positive number")
            _expect_role("weights", role)
        roles = [quota.role for quota in self.quotas]
        _expect(len(set(roles)) == len(roles), "quotas", roles, "each role once")
        count = self.framework_count
        _expect(count <= FRAMEWORKS_MAX, "workloads", count, f"up to {FRAMEWORKS_MAX} frameworks")
        for at, plan in enumerate(self.chances):
            for target in plan.targets:
                self._check_target(f"chances[{at}].targets", plan.kind, target)
            if plan.to:
                self._check_other(f"chances[{at}].to", plan.to)
            if plan.per_hour * self.settle_after / 3600.0 > FAULTS_MAX:
                what = f"{plan.kind.value} brings more than {FAULTS_MAX} faults"
                raise ValueError(f"chances[{at}].per_hour={plan.per_hour:g}: {what}")
        for at, fault in enumerate(self.faults):
            self._check_target(f"faults[{at}].target", fault.kind, fault.target, is_one=True)
            if fault.to:
                self._check_other(f"faults[{at}].to", fault.to, is_one=True)

    def _check_target(
        self, field: str, kind: FaultKind, target: str, *, is_one: bool = False
    ) -> None:
        """Refuse whom a kind cannot hit; a fault at a certain time hits one, and not a sort."""
        sorts = TARGETS[kind]
        if kind in PEERED:
            sorts = (*sorts, ENSEMBLE)
        allowed = {name for each in sorts for name in names(self, each)}
        allowed |= set(() if is_one else sorts)
        _expect(target in allowed, field, target, f"whom {kind.value} can hit")

    def _check_other(self, field: str, other: str, *, is_one: bool = False) -> None:
        allowed = {name for each in NODES for name in names(self, each)}
        allowed |= set(() if is_one else NODES)
        _expect(other in allowed, field, other, "the name of a node")

    def master_config(self, number: int) -> MasterConfig:
        """Return what master ``number``, from 0, is configured with."""
        base = MasterConfig(hostname=f"master-{number}", ip=f"10.0.0.{1 + number}")
        return _configured("master", base, self.cluster.master)

    def agent_config(self, number: int) -> AgentConfig:
        """Return what agent ``number``, from 0, is configured with."""
        group = self._group(number)
        high, low = divmod(number, 250)
        base = AgentConfig(
            work_dir=f"/simulated/agent-{number}",
            hostname=f"agent-{number}",
            ip=f"10.{1 + high // 250}.{high % 250}.{1 + low}",
            resources=parse_resources(group.resources).to_messages(),
            attributes=_attributes(group.attributes),
            switch_user=False,
        )
        return _configured("agent", base, self.cluster.agent)

    def agent_total(self, number: int) -> Resources:
        """Return what agent ``number``, from 0, has."""
        return parse_resources(self._group(number).resources)

    def _group(self, number: int) -> AgentGroup:
        left = number
        for group in self.cluster.agents:
            if left < group.count:
                return group
            left -= group.count
        raise IndexError(number)

    def workload_of(self, number: int) -> Workload:
        """Return what framework ``number``, from 0, does."""
        left = number
        for workload in self.workloads:
            if left < workload.count:
                return workload
            left -= workload.count
        raise IndexError(number)

    def with_agents(self, count: int) -> Scenario:
        """Return this scenario with so many agents, of the groups in their order, in turn."""
        groups = self.cluster.agents
        each, rest = divmod(count, len(groups))
        sized = [each + (at < rest) for at in range(len(groups))]
        agents = tuple(
            msgspec.structs.replace(group, count=size)
            for group, size in zip(groups, sized, strict=True)
            if size
        )
        return self.with_parts(cluster=msgspec.structs.replace(self.cluster, agents=agents))

    def with_parts(self, **parts: Any) -> Scenario:
        """Return this scenario with other parts, without the faults of whom there is not then."""
        fewer = msgspec.structs.replace(self, **{**parts, "faults": ()})
        here = dict.fromkeys(name for sort in SORTS for name in names(fewer, sort))
        faults = tuple(
            each
            for each in parts.get("faults", self.faults)
            if each.target in here and (not each.to or each.to in here)
        )
        return msgspec.structs.replace(fewer, faults=faults)


def _attributes(texts: dict[str, str]) -> list[Attribute]:
    return [
        Attribute(name=name, type=Value.Type.TEXT, text=Value.Text(value=text))
        for name, text in texts.items()
    ]


def read_scenario(text: str, name: str) -> Scenario:
    """Return the scenario that a TOML file holds.

    Args:
        text: Its content.
        name: How messages call it.

    Raises:
        ScenarioRefused: It is no TOML, or says something that cannot be.
    """
    try:
        return msgspec.toml.decode(text, type=Scenario)
    except (msgspec.DecodeError, ValueError) as error:
        raise ScenarioRefused(f"{name}: {error}") from error
    except RecursionError as error:
        raise ScenarioRefused(f"{name}: it is nested too deeply") from error


def write_scenario(scenario: Scenario, note: str = "") -> str:
    """Return a TOML file that reads as this scenario."""
    lines = [f"# {line}" for line in note.splitlines()]
    lines.extend(_toml_lines("", msgspec.to_builtins(scenario, order="deterministic")))
    return "\n".join(lines) + "\n"


def _toml_lines(path: str, table: dict[str, Any]) -> list[str]:
    """Write plain values first, then tables, then lists of tables, as TOML needs it."""
    plain: list[str] = []
    nested: list[str] = []
    for key, value in table.items():
        name = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, dict):
            nested += ["", f"[{name}]", *_toml_lines(name, value)] if value else []
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
            for each in value:
                nested += ["", f"[[{name}]]", *_toml_lines(name, each)]
        else:
            plain.append(f"{_key(key)} = {_toml_value(value)}")
    return plain + nested


def _key(key: str) -> str:
    is_bare = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    return key if is_bare else _toml_value(key)


def _toml_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        case int() | float():
            return repr(value)
        case str():
            return msgspec.json.encode(value).decode()
        case _:
            return "[" + ", ".join(_toml_value(each) for each in value) + "]"
