"""What is to be killed dies."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import ShutdownFramework
from tepui.master.core.master import Master
from tepui.sim.laws.law import Law, StepWatch
from tepui.sim.laws.sharing import Calm
from tepui.sim.observations import CoreStepped
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

KILL_SECONDS_MAX = 120.0
"""A framework may need more than a minute to see that nobody hears it; then it asks again."""


class KillsKept(Law):
    """In calm times, a task that its framework wants dead runs no more before long.

    For as long as its agent is there: the network may lose something at any time.
    """

    name = "kills kept"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._calm = Calm()
        self._doomed: dict[tuple[str, str], float] = {}

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if not self._calm.lasts(world) or leader is None:
            self._doomed.clear()
            return
        running = {
            (each.framework_id, each.task_id): None
            for agent in world.agents
            for each in agent.containers.values()
        }
        doomed = {
            (framework.node, task_id): world.at
            for framework in world.frameworks
            if framework.is_up
            for task_id, entry in framework.ledger.items()
            if entry.is_to_die
            and not entry.is_terminal
            and (framework.framework_id, task_id) in running
            and _is_here(leader, entry.agent_id)
        }
        for key in doomed:
            doomed[key] = since = self._doomed.get(key, world.at)
            if world.at - since > KILL_SECONDS_MAX:
                what = f"has wanted task {key[1]} dead for {world.at - since:g} s"
                raise self.broken(world.at, key[0], f"{what}, and it runs")
        self._doomed = doomed

    def conclude(self, world: WorldView) -> None:
        self.look(world)


def _is_here(leader: Master, agent_id: str) -> bool:
    agent = leader.state.agents.get(agent_id)
    return agent is not None and agent.is_connected


class ShutdownsKept(Law):
    """What an agent runs for a framework that is shut down ends before long."""

    name = "shutdowns kept"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._since: dict[tuple[str, str], float] = {}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {ShutdownFramework: self._on_shutdown}

    def _on_shutdown(self, step: CoreStepped, message: ShutdownFramework) -> None:
        if step.core == "agent":
            self._since.setdefault((step.node, message.framework_id), step.at)

    def look(self, world: WorldView) -> None:
        if not self._since:
            return
        for agent in world.agents:
            running = dict.fromkeys(each.framework_id for each in agent.containers.values())
            for key in [each for each in self._since if each[0] == agent.node]:
                if key[1] not in running:
                    del self._since[key]
                elif agent.core is None or world.faults_active:
                    self._since[key] = world.at
                elif world.at - self._since[key] > KILL_SECONDS_MAX:
                    what = f"still runs what framework {key[1]} has left"
                    raise self.broken(world.at, agent.node, what)
