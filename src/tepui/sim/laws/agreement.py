"""When faults and launches are over, all agree: frameworks, leader, agents, containers, registry.

The law looks for a moment at which there is no difference between any two of them; it has to
come within the scenario's `settle_seconds`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from tepui.agent.core.model import AgentState as AgentSide
from tepui.agent.core.model import ExecutorState, Model
from tepui.master.core.master import Master
from tepui.master.core.model import AgentState, FrameworkState, State
from tepui.master.core.registry import (
    PREFIX,
    QUOTAS_PREFIX,
    WEIGHTS_PREFIX,
    AgentRecord,
    AgentStanding,
)
from tepui.messages import TaskState
from tepui.sim.faults import FaultKind
from tepui.sim.laws.forgetful import Forgetful
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import FaultApplied
from tepui.sim.scenario import Scenario
from tepui.sim.view import EntryView, FrameworkView, WorldView

_agents = msgspec.msgpack.Decoder(AgentRecord)
Key = tuple[str, str]
"""A framework's and a task's id."""

OWN_ENDS = (TaskState.TASK_FINISHED, TaskState.TASK_FAILED, TaskState.TASK_KILLED)
OWN_NAMES = tuple(state.name for state in OWN_ENDS)


class Difference(msgspec.Struct, frozen=True):
    """Two that do not agree: who, and about what."""

    where: str
    what: str


class Agreement(Law):
    """All agree within a stated time after the faults end.

    Attributes:
        reached_at: When that was first so, if it was.
    """

    name = "agreement"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.reached_at: float | None = None
        self._forgetful = Forgetful()
        self._gone: dict[str, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {FaultApplied: self._on_fault, **self._forgetful.watches()}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return self._forgetful.step_watches()

    def _on_fault(self, applied: FaultApplied) -> None:
        if applied.fault.kind is FaultKind.GONE:
            self._gone[applied.node] = None

    @property
    def is_reached(self) -> bool:
        """Whether there has been such a moment."""
        return self.reached_at is not None

    def look(self, world: WorldView) -> None:
        if self.reached_at is not None or world.at < self.scenario.quiet_after:
            return
        if next(differences(world, self._forgetful, self._gone), None) is None:
            self.reached_at = world.at

    def conclude(self, world: WorldView) -> None:
        self.look(world)
        difference = next(differences(world, self._forgetful, self._gone), None)
        if self.reached_at is None and difference is not None:
            seconds = world.at - self.scenario.settle_after
            what = f"{difference.what}, {seconds:g} s after the last fault"
            raise self.broken(world.at, difference.where, what)


def differences(
    world: WorldView, forgetful: Forgetful, gone: Mapping[str, None]
) -> Iterator[Difference]:
    """Find where any two do not agree.

    Args:
        world: As it is now.
        forgetful: Agents that have lost power and with it the last of what they had written. How
            tasks ended there may have been told twice, and differently.
        gone: Agents that never come back; all others have to.
    """
    leader = world.leader
    if leader is None:
        yield Difference("the masters", "nobody leads")
        return
    yield from _of_frameworks(world, leader.state)
    yield from _of_agents(world, leader.state, gone)
    yield from _of_registry(world, leader)
    yield from _of_tasks(world, leader.state)
    for framework in world.frameworks:
        yield from _of_ends(framework, leader.state, forgetful)


def _of_frameworks(world: WorldView, state: State) -> Iterator[Difference]:
    connected = {
        framework_id: None for framework_id, each in state.frameworks.items() if each.is_connected
    }
    for framework in world.frameworks:
        framework_id = framework.framework_id
        if framework.is_over:
            if framework_id in state.frameworks and framework_id not in _unknowing(world, state):
                yield Difference(framework.node, "is over, and the leader has it still")
        elif framework_id not in connected:
            yield Difference(framework.node, "is not subscribed")
        elif framework.operations:
            what = f"has not heard what became of {', '.join(framework.operations)}"
            yield Difference(framework.node, what)


def _unknowing(world: WorldView, state: State) -> dict[str | None, None]:
    """Return the frameworks that are over, which the leader cannot know.

    As in Mesos, that is in no registry: when an agent that was away brings such a framework's
    tasks to another leader, that takes it for one that has not come back yet.
    """
    return dict.fromkeys(
        each.framework_id
        for each in world.frameworks
        if each.is_over
        and (known := state.frameworks.get(each.framework_id or "")) is not None
        and known.state is FrameworkState.RECOVERED
    )


def _of_agents(world: WorldView, state: State, gone: Mapping[str, None]) -> Iterator[Difference]:
    for agent_id in state.recovered_agents:
        yield Difference(agent_id, "has not come back to the leader")
    here: dict[str, str] = {}
    for agent in world.agents:
        if agent.core is None:
            if agent.node not in gone:
                yield Difference(agent.node, "is down, and should have come back")
            continue
        model = agent.core.model
        known = state.agents.get(model.agent_id or "")
        if model.state is not AgentSide.RUNNING or model.agent_id is None:
            yield Difference(agent.node, f"is {model.state.value}, not registered")
        elif known is None or known.state is not AgentState.REGISTERED:
            says = "unknown" if known is None else known.state.value
            yield Difference(agent.node, f"is registered, and the leader says {says}")
        else:
            here[model.agent_id] = agent.node
            if known.total.unallocated() != model.total + model.oversubscribed:
                what = f"has {model.total}, and the leader says {known.total}"
                yield Difference(agent.node, what)
            if sorted(_executors_at(model)) != sorted(
                (framework_id, executor_id)
                for framework_id, executors in known.executors.items()
                for executor_id in executors
            ):
                yield Difference(agent.node, "has other executors than the leader says")
            if known.operations or model.operations:
                yield Difference(agent.node, "has operations that are not over")
    for agent_id in state.agents:
        if agent_id not in here:
            yield Difference(agent_id, "is registered at the leader, and is no agent's id")


def _of_registry(world: WorldView, leader: Master) -> Iterator[Difference]:
    state = leader.state
    if state.pending_writes:
        yield Difference("the leader", f"has {len(state.pending_writes)} writes under way")
    standings: dict[AgentStanding, Mapping[str, object]] = {
        AgentStanding.ADMITTED: state.agents,
        AgentStanding.UNREACHABLE: state.unreachable_agents,
        AgentStanding.GONE: state.gone_agents,
    }
    held: dict[str, None] = {}
    quotas: dict[str, None] = {}
    weights: dict[str, None] = {}
    for key, value in world.registry.items():
        if key.startswith(PREFIX):
            agent_id = key.removeprefix(PREFIX)
            held[agent_id] = None
            standing = _agents.decode(value).standing
            if agent_id not in standings[standing]:
                what = f"is {standing.value} in the registry, and not so at the leader"
                yield Difference(agent_id, what)
        elif key.startswith(QUOTAS_PREFIX):
            quotas[key.removeprefix(QUOTAS_PREFIX)] = None
        elif key.startswith(WEIGHTS_PREFIX):
            weights[key.removeprefix(WEIGHTS_PREFIX)] = None
    for standing, known in standings.items():
        for agent_id in known:
            if agent_id not in held:
                what = f"is {standing.value} at the leader, and not in the registry"
                yield Difference(agent_id, what)
    if sorted(quotas) != sorted(state.quotas) or sorted(weights) != sorted(state.weights):
        yield Difference("the registry", "has quotas or weights of other roles than the leader")


def _of_tasks(world: WorldView, state: State) -> Iterator[Difference]:
    at_agents: dict[Key, str] = {}
    running: dict[Key, str] = {}
    for agent in world.agents:
        for container in agent.containers.values():
            if container.task_id is not None:
                running[container.framework_id, container.task_id] = agent.node
        if agent.core is not None:
            at_agents.update(_live_at(agent.core.model))
            yield from _untold(agent.node, agent.core.model, world)
    yield from _compared(at_agents, running, "is live at its agent", "runs")
    at_leader = {
        (framework_id, task_id): task.state.name
        for framework_id, framework in state.frameworks.items()
        for task_id, task in framework.tasks.items()
        if not task.is_terminal
    }
    yield from _compared(at_leader, at_agents, "is live at the leader", "is live at its agent")
    in_ledgers: dict[Key, str] = {}
    for each in world.frameworks:
        if each.is_over or each.framework_id is None:
            continue
        for task_id, entry in each.ledger.items():
            # Out of sight is out of sight on both sides.
            if not entry.is_terminal and not _is_out_of_sight(entry, state):
                in_ledgers[each.framework_id, task_id] = entry.state
    unknowing = _unknowing(world, state)
    at_leader = {key: each for key, each in at_leader.items() if key[0] not in unknowing}
    yield from _compared(in_ledgers, at_leader, "is live in its ledger", "is live at the leader")
    for key, believed in in_ledgers.items():
        if believed not in ("PLANNED", "TASK_STAGING") and believed != at_leader.get(key):
            what = f"task {key[1]} is {believed} in the ledger and {at_leader.get(key)}"
            yield Difference(key[0], f"{what} at the leader")


def _executors_at(model: Model) -> Iterator[Key]:
    """Return the executors that masters hear of."""
    for framework_id, framework in model.frameworks.items():
        for executor_id, executor in framework.executors.items():
            if not executor.is_command and executor.state is not ExecutorState.TERMINATED:
                yield framework_id, executor_id


def _live_at(model: Model) -> Iterator[tuple[Key, str]]:
    for framework_id, framework in model.frameworks.items():
        for task_id, task in framework.tasks.items():
            if not task.is_terminal:
                yield (framework_id, task_id), task.state.name


def _untold(node: str, model: Model, world: WorldView) -> Iterator[Difference]:
    """Find updates that a framework has not acknowledged although it could."""
    listening = dict.fromkeys(each.framework_id for each in world.frameworks if not each.is_over)
    for framework_id, framework in model.frameworks.items():
        for task_id, task in framework.tasks.items():
            if task.stream.pending and framework_id in listening:
                yield Difference(node, f"still has an update of task {task_id} to tell")
    for framework_id, task_id in model.refusals:
        if framework_id in listening:
            yield Difference(node, f"still has to tell why task {task_id} did not start")


def _of_ends(framework: FrameworkView, state: State, forgetful: Forgetful) -> Iterator[Difference]:
    """Compare how tasks ended; TASK_LOST and its like are only what a framework was told first."""
    known = state.frameworks.get(framework.framework_id or "")
    if known is None:
        return
    for task in known.completed_tasks:
        entry = framework.ledger.get(task.task_id)
        if entry is None or task.state not in OWN_ENDS or forgetful.knows(task.agent_id):
            continue
        if entry.state in OWN_NAMES and entry.state != task.state.name:
            what = f"task {task.task_id} is {entry.state} in the ledger and {task.state.name}"
            yield Difference(framework.node, f"{what} at the leader")


def _is_out_of_sight(entry: EntryView, state: State) -> bool:
    """Tell whether both sides take a task for unreachable; a new leader knows only the agent."""
    is_unreachable = entry.state == TaskState.TASK_UNREACHABLE.name
    return is_unreachable and entry.agent_id in state.unreachable_agents


def _compared(
    left: Mapping[Key, object], right: Mapping[Key, object], said: str, other: str
) -> Iterator[Difference]:
    for key in left:
        if key not in right:
            yield Difference(key[0], f"task {key[1]} {said} and not one that {other}")
    for key in right:
        if key not in left:
            yield Difference(key[0], f"task {key[1]} {other} and not one that {said}")
