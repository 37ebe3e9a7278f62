"""What a role is guaranteed stays free for it."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.master.core.effects import SendToScheduler
from tepui.master.core.master import Master
from tepui.resources import Quantities
from tepui.sim.laws.law import Law, StepWatch
from tepui.sim.observations import CoreStepped


class HeadroomKept(Law):
    """Who is guaranteed nothing is offered nothing that others' guarantees still need."""

    name = "quota headroom"

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {SendToScheduler: self._on_sent}

    def _on_sent(self, step: CoreStepped, effect: SendToScheduler) -> None:
        leader = self.world.leader
        if effect.event.offers is None or leader is None or not leader.state.quotas:
            return
        given: dict[str, str] = {}
        for offer in effect.event.offers.offers:
            made = leader.state.offers.get(offer.id.value)
            if made is None:
                continue
            quota = leader.state.quotas.get(made.role.partition("/")[0])
            if quota is None or not quota.guarantees:
                open_part = made.resources.unreserved().non_revocable().scalars()
                given.update(dict.fromkeys(open_part, made.role))
        if not given:
            return
        owed, free = owed_by(leader), free_at(leader)
        for name, role in given.items():
            if free.get(name, 0) < owed.get(name, 0):
                what = f"an offer to {role} leaves {free.get(name, 0) / 1000:g} {name} free, and"
                owes = f"{owed[name] / 1000:g} are guaranteed to others"
                raise self.broken(step.at, step.node, f"{what} {owes}")


def owed_by(leader: Master) -> Quantities:
    """Return what guarantees lack still."""
    owed = Quantities()
    for view in leader.allocator.roles():
        quota = leader.state.quotas.get(view.name)
        if quota is not None and "/" not in view.name:
            owed = owed.plus(quota.guarantees.minus(view.consumed.plus(view.offered)))
    return owed


def free_at(leader: Master) -> Quantities:
    """Return what nobody has; as in Mesos, that of agents which are away for a while counts."""
    free = Quantities()
    for agent_id in leader.state.agents:
        available = leader.allocator.available(agent_id)
        free = free.plus(available.unreserved().non_revocable().scalars())
    return free
