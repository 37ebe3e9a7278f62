"""Quotas are kept, and whoever could be served is served."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.master.core.effects import SendToScheduler
from tepui.master.core.master import Master
from tepui.master.core.model import Agent, FrameworkState
from tepui.resources import Quantities
from tepui.resources.roles import lineage
from tepui.sim.laws.law import Law, StepWatch
from tepui.sim.observations import CoreStepped
from tepui.sim.scenario import Scenario, Workload
from tepui.sim.view import FrameworkView, WorldView

CALM_SECONDS = 60.0
"""After the last fault is over, and after a new leader: what is to be mended needs that long."""


class QuotaKept(Law):
    """No offer takes a role, as its master knows it, beyond the limits of its quota."""

    name = "quota limits"

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {SendToScheduler: self._on_sent}

    def _on_sent(self, step: CoreStepped, effect: SendToScheduler) -> None:
        leader = self.world.leader
        if effect.event.offers is None or leader is None or not leader.state.quotas:
            return
        given: dict[str, dict[str, None]] = {}
        for offer in effect.event.offers.offers:
            made = leader.state.offers.get(offer.id.value)
            if made is None:
                continue
            names = dict.fromkeys(made.resources.unreserved().non_revocable().scalars())
            for role in lineage(made.role):
                given.setdefault(role, {}).update(names)
        for role, names in given.items():
            problem = beyond_limit(leader, role, names)
            if problem is not None:
                raise self.broken(step.at, step.node, f"an offer gives {role} {problem}")


def beyond_limit(leader: Master, role: str, names: Mapping[str, None]) -> str | None:
    """Return what a role and those below it have beyond its limit, in words.

    Args:
        leader: Whose books are looked at.
        role: The role.
        names: The resources that are looked at.
    """
    quota = leader.state.quotas.get(role)
    if quota is None or not quota.limits:
        return None
    [view] = [each for each in leader.allocator.roles() if each.name == role]
    has = view.consumed
    for offer in leader.state.offers.values():
        if role in lineage(offer.role):
            has = has.plus(offer.resources.unreserved().non_revocable().scalars())
    for name, limit in quota.limits.items():
        if name in names and has.get(name, 0) > limit:
            return f"{has[name] / 1000:g} {name}, and {limit / 1000:g} is its limit"
    return None


class Calm:
    """Tells whether nothing has gone wrong for a while, and who leads has done so as long."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._leader: Master | None = None

    def lasts(self, world: WorldView) -> bool:
        """Return whether it is calm; to be asked at every look."""
        leader = world.leader
        if leader is None or world.faults_active or leader is not self._leader:
            self._since = None
            self._leader = leader
            return False
        if self._since is None:
            self._since = world.at
        return world.at - self._since >= CALM_SECONDS


class GuaranteesKept(Law):
    """In calm times, a role below its guarantee is offered what nobody uses and fits its tasks."""

    name = "quota guarantees"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._calm = Calm()
        self._short_since: dict[str, float] = {}

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if not self._calm.lasts(world) or leader is None:
            self._short_since.clear()
            return
        for role, quota in leader.state.quotas.items():
            if not quota.guarantees or not self._is_short(world, leader, role):
                self._short_since.pop(role, None)
                continue
            since = self._short_since.setdefault(role, world.at)
            if world.at - since > self.scenario.starvation_seconds:
                what = "is below its guarantee, wants tasks that fit what nobody uses, and waits"
                raise self.broken(world.at, role, f"{what} for {world.at - since:g} s")

    def _is_short(self, world: WorldView, leader: Master, role: str) -> bool:
        guarantees = leader.state.quotas[role].guarantees
        [view] = [each for each in leader.allocator.roles() if each.name == role]
        has = view.consumed.plus(view.offered)
        for number, framework in enumerate(world.frameworks):
            workload = self.scenario.workload_of(number)
            if role not in workload.roles or not _is_waiting(leader, framework, workload):
                continue
            needs = needs_of(workload)
            after = has.plus({name: each for name, each in needs.items() if name in guarantees})
            if guarantees.contains({name: after.get(name, 0) for name in guarantees}) and any(
                agent.is_active and _unused(agent).contains(needs)
                for agent in leader.state.agents.values()
            ):
                return True
        return False


def _unused(agent: Agent) -> Quantities:
    """Return what no task uses of an agent and is reserved to nobody, offered or not."""
    unused = agent.total.unreserved().quantities()
    for used in agent.used.values():
        unused = unused.minus(used.unreserved().quantities())
    return unused


def _is_waiting(leader: Master, framework: FrameworkView, workload: Workload) -> bool:
    """Tell whether a framework is there and wants to launch."""
    known = leader.state.frameworks.get(framework.framework_id or "")
    if known is None or not framework.is_up or framework.wants < workload.group_size:
        return False
    return known.state is FrameworkState.CONNECTED and not len(known.suppressed_roles)


class NoStarvation(Law):
    """In calm times, who wants tasks that fit what is free hears an offer before long.

    What is free and kept for a guarantee is not for others; a role at its limit gets nothing.
    """

    name = "no starvation"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._calm = Calm()
        self._offered_at: dict[str, float] = {}
        self._waiting_since: dict[str, float] = {}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {SendToScheduler: self._on_sent}

    def _on_sent(self, step: CoreStepped, effect: SendToScheduler) -> None:
        if effect.event.offers is not None:
            for offer in effect.event.offers.offers[:1]:
                self._offered_at[offer.framework_id.value] = step.at

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if not self._calm.lasts(world) or leader is None:
            self._waiting_since.clear()
            return
        for number, framework in enumerate(world.frameworks):
            self._look_at(world, leader, framework, self.scenario.workload_of(number))

    def _look_at(
        self, world: WorldView, leader: Master, framework: FrameworkView, workload: Workload
    ) -> None:
        framework_id = framework.framework_id or ""
        if not _could_be_served(leader, framework, workload):
            self._waiting_since.pop(framework_id, None)
            return
        since = self._waiting_since.setdefault(framework_id, world.at)
        since = max(since, self._offered_at.get(framework_id, 0.0))
        if world.at - since > self.scenario.starvation_seconds:
            what = f"wants {framework.wants} tasks that fit, and was offered nothing for "
            raise self.broken(world.at, framework.node, f"{what}{world.at - since:g} s")


def _could_be_served(leader: Master, framework: FrameworkView, workload: Workload) -> bool:
    if not _is_waiting(leader, framework, workload):
        return False
    needs = needs_of(workload)
    return any(_may_have(leader, role, needs) for role in workload.roles) and any(
        agent.is_active
        and agent.unavailability is None
        and leader.allocator.available(agent_id).unreserved().quantities().contains(needs)
        for agent_id, agent in leader.state.agents.items()
    )


def needs_of(workload: Workload) -> Quantities:
    """Return what one launch of a framework needs on an agent, with its executor."""
    each = Quantities.from_floats(
        {
            "cpus": workload.cpus,
            "mem": workload.mem,
            "disk": workload.disk,
            "ports": float(workload.ports),
        }
    )
    needs = Quantities({name: millis * workload.group_size for name, millis in each.items()})
    if workload.group_size > 1:
        needs = needs.plus(Quantities.from_floats({"cpus": 0.1, "mem": 32.0}))
    return needs


def _may_have(leader: Master, role: str, needs: Quantities) -> bool:
    """Tell whether no quota, of the role or of others, stands against its being offered more."""
    quotas = leader.state.quotas
    if not quotas:
        return True
    views = {view.name: view for view in leader.allocator.roles()}
    is_guaranteed = False
    for name in lineage(role):
        quota, view = quotas.get(name), views.get(name)
        if quota is None or view is None:
            continue
        has = view.consumed.plus(view.offered)
        if any(has.get(key, 0) + needs.get(key, 0) > limit for key, limit in quota.limits.items()):
            return False
        after = has.plus(needs)
        is_guaranteed = is_guaranteed or (
            bool(quota.guarantees)
            and quota.guarantees.contains(
                {key: after[key] for key in quota.guarantees if key in after}
            )
        )
    if is_guaranteed:
        return True
    return all(
        name not in views or views[name].consumed.contains(quota.guarantees)
        for name, quota in quotas.items()
    )
