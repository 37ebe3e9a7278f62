"""No resource is used twice: not by containers, and not by an offer of what a container uses.

What containers use is what really runs, whatever the agent and the masters believe: a container
counts from its start until nothing of it is left, also while it is being ended. So no agent may
start one beyond what it has.

An offer is a promise for later, and may be of what is still being cleared: as Mesos' does, a master
takes what a framework has for free when it removes the framework, and its agents see to it that
nothing starts there too early. Offers are therefore held against all containers but those of
frameworks that a master has told an agent to end. Tasks that wait for such containers run nowhere:
they count once they start; until then they are in the books of the master that sent them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tepui.link.messages import Registered, RunTask, RunTaskGroup, ShutdownFramework
from tepui.messages import Resource
from tepui.resources import Quantities, Resources
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import ContainerEnded, ContainerStarted, CoreStepped
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

EMPTY = Resources()
Owner = tuple[str, str]


class Held:
    """What containers on one agent use.

    Attributes:
        total: What the agent has.
        containers: The resources of each that runs, and the executor of a group that it is of.
    """

    def __init__(self, total: Quantities) -> None:
        self.total = total
        self.containers: dict[str, tuple[Resources, Owner | None]] = {}


class NoDoubleSpending(Law):
    """On no agent do containers and offers together have more than there is."""

    name = "no double spending"
    look_seconds = 1.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._held: dict[str, Held] = {}
        self._nodes: dict[str, str] = {}
        self._tasks: dict[Owner, tuple[Resources, Owner | None]] = {}
        self._executors: dict[Owner, Resources] = {}
        self._frameworks: dict[str, str] = {}
        self._ending: dict[str, None] = {}
        for number in range(scenario.agent_count):
            held = Held(scenario.agent_total(number).quantities())
            self._held[f"agent-{number}"] = held

    def watches(self) -> Mapping[type, Watch]:
        return {ContainerStarted: self._on_started, ContainerEnded: self._on_ended}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            RunTask: self._on_run_task,
            RunTaskGroup: self._on_run_task_group,
            Registered: self._on_registered,
            ShutdownFramework: self._on_shutdown_framework,
        }

    def _on_registered(self, step: CoreStepped, message: Registered) -> None:
        if step.core == "agent":
            self._nodes[message.agent_id] = step.node

    def _on_run_task(self, step: CoreStepped, message: RunTask) -> None:
        if step.core == "agent" and message.framework.id is not None:
            key = (message.framework.id.value, message.task.task_id.value)
            self._tasks[key] = (_plain(message.task.resources), None)

    def _on_run_task_group(self, step: CoreStepped, message: RunTaskGroup) -> None:
        if step.core != "agent" or message.framework.id is None:
            return
        framework_id = message.framework.id.value
        executor = (framework_id, message.executor.executor_id.value)
        self._executors[executor] = _plain(message.executor.resources)
        for task in message.task_group.tasks:
            self._tasks[framework_id, task.task_id.value] = (_plain(task.resources), executor)

    def _on_shutdown_framework(self, step: CoreStepped, message: ShutdownFramework) -> None:
        del step  # of the master that says it, or of an agent that hears it
        self._ending[message.framework_id] = None

    def _on_started(self, started: ContainerStarted) -> None:
        if started.task_id is None:
            return
        self._frameworks[started.container_id] = started.framework_id
        held = self._held[started.node]
        uses = self._tasks.get((started.framework_id, started.task_id))
        if uses is None:
            what = f"started task {started.task_id}, which nobody told it to run"
            raise self.broken(started.at, started.node, what)
        held.containers[started.container_id] = uses
        problem = excess(held.total, self._used(held))
        if problem:
            what = f"with task {started.task_id}, containers use {problem}"
            raise self.broken(started.at, started.node, what)

    def _on_ended(self, ended: ContainerEnded) -> None:
        self._held[ended.node].containers.pop(ended.container_id, None)
        self._frameworks.pop(ended.container_id, None)

    def _used(self, held: Held, besides: Iterable[str] = ()) -> list[Resources]:
        left_out = dict.fromkeys(besides)
        counted = [uses for each, uses in held.containers.items() if each not in left_out]
        parts = [resources for resources, _ in counted]
        executors = dict.fromkeys(owner for _, owner in counted if owner)
        return parts + [self._executors[owner] for owner in executors]

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if leader is None:
            return
        for agent_id, agent in leader.state.agents.items():
            node = self._nodes.get(agent_id)
            if node is None or not agent.offers:
                continue
            held = self._held[node]
            offered = [_unshared(each.resources.unallocated()) for each in agent.offers.values()]
            ending = [
                container_id
                for container_id in held.containers
                if self._frameworks[container_id] in self._ending
            ]
            problem = excess(held.total, [*self._used(held, besides=ending), *offered])
            if problem:
                raise self.broken(world.at, node, f"containers use and offers name {problem}")


def _plain(messages: Iterable[Resource]) -> Resources:
    return _unshared(Resources.from_messages(messages).unallocated())


def _unshared(resources: Resources) -> Resources:
    return resources.filter(lambda key: not key.shared)


def excess(total: Quantities, parts: list[Resources]) -> str | None:
    """Return what ``parts`` have beyond ``total`` or twice, in words."""
    counted = Quantities()
    union = EMPTY
    for part in parts:
        counted = counted.plus(part.quantities())
        union += part
    for name, millis in counted.items():
        if millis > total.get(name, 0):
            return f"{millis / 1000:g} {name} of {total.get(name, 0) / 1000:g}"
    # Ranges and sets add up to their union: what is in two parts is missing from the sum.
    together = union.quantities()
    for name, millis in counted.items():
        if together.get(name, 0) != millis:
            twice = (millis - together.get(name, 0)) / 1000
            return f"{twice:g} {name} twice"
    return None
