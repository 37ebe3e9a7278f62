"""Memory stays within its bounds; see docs/reference/limits.md for what they are."""

from __future__ import annotations

from collections.abc import Iterator

from tepui.agent.core import operations as agent_operations
from tepui.agent.core import updates as agent_updates
from tepui.agent.core.model import Model
from tepui.master.core import operations, registry, tasks
from tepui.master.core.model import State
from tepui.sim.laws.law import Law
from tepui.sim.view import WorldView

Size = tuple[str, int, int]
"""What it is, how many there are, and how many there may be."""


class BoundedMemory(Law):
    """No collection that grows with what peers do is beyond its bound."""

    name = "bounded memory"
    look_seconds = 20.0

    def look(self, world: WorldView) -> None:
        if world.leader is not None:
            self._expect(world.at, "the leader", _of_master(world.leader.state))
        for agent in world.agents:
            if agent.core is not None:
                self._expect(world.at, agent.node, _of_agent(agent.core.model))

    def conclude(self, world: WorldView) -> None:
        self.look(world)

    def _expect(self, at: float, where: str, sizes: Iterator[Size]) -> None:
        for what, size, size_max in sizes:
            if size > size_max:
                raise self.broken(at, where, f"has {size} {what}, and {size_max} is the bound")


def _of_master(state: State) -> Iterator[Size]:
    config = state.config
    yield "completed frameworks", len(state.completed_frameworks), config.max_completed_frameworks
    yield "removed agents", len(state.removed_agents), config.max_removed_agents
    # Beside the bound on what peers bring, the core writes about each agent once at a time.
    agents = len(state.agents) + len(state.recovered_agents) + len(state.unreachable_agents)
    yield "pending writes", len(state.pending_writes), registry.WAITING_MAX + agents
    subscribers_max = config.max_operator_event_stream_subscribers
    yield "operator streams", len(state.operators), subscribers_max
    for framework in (*state.frameworks.values(), *state.completed_frameworks.values()):
        completed = len(framework.completed_tasks)
        yield "completed tasks", completed, config.max_completed_tasks_per_framework
        unreachable = len(framework.unreachable_tasks)
        yield "unreachable tasks", unreachable, config.max_unreachable_tasks_per_framework
        yield "operations of a framework", len(framework.operations), operations.OPERATIONS_MAX
        for task in framework.tasks.values():
            yield "statuses of a task", len(task.statuses), tasks.STATUSES_MAX
    for agent in state.agents.values():
        yield "operations on an agent", len(agent.operations), operations.AGENT_OPERATIONS_MAX
        # Only kills of tasks that the agent has are repeated.
        known = sum(len(each) for each in agent.tasks.values())
        yield "kills to repeat", len(agent.pending_kills), known


def _of_agent(model: Model) -> Iterator[Size]:
    config = model.config
    completed = len(model.completed_frameworks)
    yield "completed frameworks", completed, config.completed_frameworks_max
    yield "operations", len(model.operations), agent_operations.OPERATIONS_MAX
    for framework in model.frameworks.values():
        executors_max = config.completed_executors_per_framework_max
        yield "completed executors", len(framework.completed_executors), executors_max
        for task in framework.tasks.values():
            yield "statuses of a task", len(task.statuses), agent_updates.STATUSES_MAX
        for executor in framework.executors.values():
            tasks_max = config.completed_tasks_per_executor_max
            yield "completed tasks", len(executor.completed_tasks), tasks_max
