"""Cores take everything in, and their books agree with themselves."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.agent.core.invariants import check as check_agent
from tepui.base.errors import InvariantViolated
from tepui.master.core.check import check as check_master
from tepui.sim.laws.law import Law, Watch
from tepui.sim.observations import CoreBroke, EffectUnknown
from tepui.sim.view import WorldView


class SoundCores(Law):
    """No event ends a core by an exception, and its invariants hold between events."""

    name = "sound cores"
    look_seconds = 10.0

    def watches(self) -> Mapping[type, Watch]:
        return {CoreBroke: self._on_broke, EffectUnknown: self._on_unknown}

    def _on_broke(self, broke: CoreBroke) -> None:
        kind = type(broke.event).__name__
        raise self.broken(broke.at, broke.node, f"{kind} broke the core: {broke.error}")

    def _on_unknown(self, unknown: EffectUnknown) -> None:
        kind = type(unknown.effect).__name__
        raise self.broken(unknown.at, unknown.node, f"the simulator does not know {kind}")

    def look(self, world: WorldView) -> None:
        where = "the leader"
        try:
            if world.leader is not None and world.leader.state.is_recovered:
                check_master(world.leader.state, world.leader.allocator)
            for agent in world.agents:
                where = agent.node
                if agent.core is not None:
                    check_agent(agent.core.model)
        except InvariantViolated as error:
            raise self.broken(world.at, where, str(error)) from error

    def conclude(self, world: WorldView) -> None:
        self.look(world)
