"""The hierarchical allocator: fair shares in a tree of roles, agent by agent.

An agent is visited when something about it changed, and once more in each periodic pass. A
visit costs next to nothing where there is nothing to decide: clients that cannot take the agent
are masked out together, a client whose filter covers what is available is asked once and then
masked as well, and an agent for which nobody was found is passed over until it, or somebody's
wish for offers, changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tepui.allocator.agents import Agent
from tepui.allocator.check import check
from tepui.allocator.explanation import Question, RoleReason
from tepui.allocator.filters import seconds_of
from tepui.allocator.guaranteeing import guarantee
from tepui.allocator.inquiry import Inquiry, Surroundings
from tepui.allocator.interface import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    AllocatorStatistics,
    FrameworkOptions,
    Quota,
    RoleView,
    Slice,
)
from tepui.allocator.inverse import InverseOffers
from tepui.allocator.ledger import Ledger
from tepui.allocator.passes import Pass, Stage
from tepui.allocator.quota import Quotas
from tepui.allocator.roles import MakeSorter, RoleTree
from tepui.allocator.sharing import share
from tepui.allocator.sorters import DrfSorter, RandomSorter
from tepui.allocator.standing import reasons_of
from tepui.allocator.views import views_of
from tepui.base.errors import invariant
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import Unavailability
from tepui.resources import Quantities, Resources

_EFFORT_MAX = 5_000
"""Constraints judged in one slice, each at 2 µs; the agent at which it is reached is finished."""


class HierarchicalAllocator:
    """The `Allocator` of this package."""

    def __init__(self, options: AllocatorOptions, rng: Rng) -> None:
        self._options = options
        self._rng = rng
        self._tree = RoleTree(
            make_role_sorter=_sorter_maker(options.role_sorter, rng),
            make_framework_sorter=_sorter_maker(options.framework_sorter, rng),
            weights=options.weights,
            excluded=options.fair_sharing_excluded,
            quotas=Quotas(options.minimum),
        )
        self._ledger = Ledger(self._tree, options.pattern_limits)
        self._pass = Pass(rng)
        self._inverse = InverseOffers(options.allocation_interval)
        self._whitelist: dict[str, None] | None = None
        # How many agents have to be there before anything is offered, while paused.
        self._awaited: int | None = None

    # -- frameworks --

    def add_framework(
        self, framework_id: str, options: FrameworkOptions, *, is_active: bool
    ) -> None:
        """Take in a framework, which may hold resources on agents that were added before it."""
        framework = self._ledger.framework(framework_id)
        framework.is_active = is_active
        self._ledger.set_options(framework, options)
        self._wake_all()

    def update_framework(self, framework_id: str, options: FrameworkOptions) -> None:
        """Replace what the framework says about itself."""
        self._ledger.set_options(self._ledger.frameworks[framework_id], options)
        self._wake_all()

    def remove_framework(self, framework_id: str) -> None:
        """Forget the framework; all that it holds becomes free."""
        framework = self._ledger.frameworks.get(framework_id)
        if framework is not None:
            self._ledger.remove_framework(framework)
            self._inverse.forget_framework(framework_id)

    def activate_framework(self, framework_id: str) -> None:
        """Make offers to the framework again, in the roles that are not suppressed."""
        framework = self._ledger.frameworks[framework_id]
        framework.is_active = True
        self._ledger.refresh(framework)
        self._inverse.look_at(framework.agents)
        self._wake_all()

    def deactivate_framework(self, framework_id: str) -> None:
        """Make no more offers to the framework; its filters are cleared."""
        framework = self._ledger.frameworks[framework_id]
        framework.is_active = False
        self._ledger.refresh(framework)
        for client in framework.clients.values():
            self._ledger.clear_filters(client)

    def suppress(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Make no more offers in ``roles``, or in all of its roles if there are none."""
        framework = self._ledger.frameworks[framework_id]
        for role in tuple(roles) or framework.options.roles:
            if role in framework.clients:
                framework.suppressed[role] = None
        self._ledger.refresh(framework)

    def revive(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Clear the filters in ``roles``, or in all of its roles, and make offers again."""
        framework = self._ledger.frameworks[framework_id]
        was_asleep = False
        for role in tuple(roles) or framework.options.roles:
            was_asleep |= role in framework.suppressed
            framework.suppressed.pop(role, None)
            client = framework.clients.get(role)
            if client is not None:
                # Where it had no filter, an agent that nobody wanted is still not wanted.
                self._ledger.wake(self._ledger.clear_filters(client))
        self._inverse.revive(framework_id)
        if was_asleep:
            self._ledger.refresh(framework)
            self._wake_all()

    # -- agents --

    def add_agent(
        self,
        agent_id: str,
        description: AgentDescription,
        *,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """Take in an agent."""
        invariant(agent_id not in self._ledger.agents, f"agent {agent_id} is added twice")
        agent = Agent(agent_id, description, total, self._options.domain)
        self._ledger.add_agent(agent, used)
        if self._awaited is not None and len(self._ledger.agents) >= self._awaited:
            self.resume()

    def update_agent(
        self, agent_id: str, *, total: Resources, description: AgentDescription | None = None
    ) -> None:
        """Replace what the agent has and, if given, what it says about itself."""
        agent = self._ledger.agents[agent_id]
        self._ledger.set_total(agent, total)
        if description is not None:
            if description.attributes != agent.description.attributes:
                self._ledger.filters.clear_agent(agent_id)
                agent.blocked.remove(-1)
            self._ledger.exclusions.forget_agent(agent_id)
            agent.describe(description, self._options.domain)
        self._ledger.wake([agent_id])

    def remove_agent(self, agent_id: str) -> None:
        """Forget the agent and all that is held on it."""
        agent = self._ledger.agents.get(agent_id)
        if agent is not None:
            self._ledger.remove_agent(agent)
            self._inverse.forget_agent(agent_id)

    def activate_agent(self, agent_id: str) -> None:
        """Offer the agent's resources again."""
        self._ledger.agents[agent_id].is_active = True
        self._ledger.wake([agent_id])
        self._inverse.look_at([agent_id])

    def deactivate_agent(self, agent_id: str) -> None:
        """Offer nothing of the agent; what is held on it stays accounted."""
        self._ledger.agents[agent_id].is_active = False

    # -- resources --

    def mark_allocated(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Count ``resources``, which were offered, as used: a launch was accepted."""
        framework = self._ledger.frameworks.get(framework_id)
        agent = self._ledger.agents.get(agent_id)
        if framework is not None and agent is not None and resources:
            self._ledger.use(framework, agent, resources)

    def recover(
        self,
        framework_id: str,
        agent_id: str,
        resources: Resources,
        *,
        refuse_seconds: float | None,
        now: Instant,
    ) -> None:
        """Free what was offered and not used."""
        framework = self._ledger.frameworks.get(framework_id)
        agent = self._ledger.agents.get(agent_id)
        if framework is None or agent is None or not resources:
            return
        self._ledger.take_back(framework, agent, resources)
        if refuse_seconds is None:
            return
        for role, part in resources.allocations().items():
            client = framework.clients.get(role)
            if client is None or not framework.wants_offers(client):
                continue
            refused = part.unallocated()
            if refuse_seconds == 0:
                # No filter, by the rules. Offering the same again at once would go round in
                # circles as fast as the framework can decline, so it waits for the next
                # periodic pass, as it would in Mesos.
                self._ledger.filters.hold(client, agent_id, refused)
            else:
                seconds = seconds_of(refuse_seconds, self._options.allocation_interval)
                self._ledger.filters.add(client, agent_id, refused, now.monotonic + seconds)

    def release(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Free what was used: a task or an executor ended."""
        framework = self._ledger.frameworks.get(framework_id)
        agent = self._ledger.agents.get(agent_id)
        if framework is not None and agent is not None and resources:
            self._ledger.release(framework, agent, resources)

    def convert(
        self,
        framework_id: str,
        agent_id: str,
        *,
        held: Resources,
        converted: Resources,
        is_used: bool,
    ) -> None:
        """Turn what a framework holds into something else, and the agent's total with it."""
        framework = self._ledger.frameworks[framework_id]
        agent = self._ledger.agents[agent_id]
        self._ledger.convert(framework, agent, held=held, converted=converted, is_used=is_used)

    def add_shared(self, framework_id: str, agent_id: str, copies: Resources) -> None:
        """Let a framework hold more copies, as offered, of shared resources that it holds."""
        framework = self._ledger.frameworks[framework_id]
        self._ledger.add_shared(framework, self._ledger.agents[agent_id], copies)

    def available(self, agent_id: str) -> Resources:
        """Return what nobody holds on the agent, allocated to nobody."""
        return self._ledger.agents[agent_id].free()

    def convert_available(self, agent_id: str, *, held: Resources, converted: Resources) -> None:
        """Turn part of what is available on an agent into something else."""
        agent = self._ledger.agents[agent_id]
        free = agent.free()
        if not free.contains(held):
            invariant(False, f"{held!r} of agent {agent_id} is not available, but {free!r}")
        self._ledger.convert_available(agent, held=held, converted=converted)

    # -- operators --

    def update_quota(self, quotas: Mapping[str, Quota]) -> None:
        """Set the quota of the roles named; an empty `Quota` is none at all."""
        for role, quota in quotas.items():
            self._tree.set_quota(role, quota)
        self._wake_all()

    def update_whitelist(self, hostnames: Iterable[str] | None) -> None:
        """Offer agents with these host names only; all agents, if there is no list."""
        self._whitelist = None if hostnames is None else dict.fromkeys(hostnames)
        self.trigger()

    def update_unavailability(self, agent_id: str, unavailability: Unavailability | None) -> None:
        """Say when an agent will be unavailable, or that it stays."""
        self._inverse.schedule(agent_id, unavailability)
        self.trigger([agent_id])

    def answer_inverse_offer(
        self, framework_id: str, agent_id: str, *, refuse_seconds: float | None, now: Instant
    ) -> None:
        """The framework's inverse offer is not outstanding any more."""
        if framework_id in self._ledger.frameworks:
            self._inverse.answer(framework_id, agent_id, refuse_seconds, now)

    def update_weights(self, weights: Mapping[str, float]) -> None:
        """Set the weights of the roles named; they have to be positive."""
        for role, weight in weights.items():
            invariant(weight > 0, f"role {role} has the weight {weight}")
            self._tree.set_weight(role, weight)
        self.trigger()

    # -- after a failover --

    def pause(self, agents_expected: int) -> None:
        """Make no offers until that many agents are there, or `resume` is called."""
        if len(self._ledger.agents) < agents_expected:
            self._awaited = agents_expected

    def resume(self) -> None:
        """Make offers, if paused; all agents are candidates then."""
        if self._awaited is not None:
            self._awaited = None
            self.trigger()

    # -- passes --

    def trigger(self, agent_ids: Iterable[str] | None = None) -> None:
        """Put the agents named, or all, on the list for the next pass."""
        self._ledger.wake(agent_ids)

    def periodic(self, now: Instant) -> None:
        """Put all agents on the list: called each ``allocation_interval``."""
        for held in self._ledger.filters.release_held():
            self._ledger.ask_again(held.client, held.agent_id)
        self._inverse.look_at()
        self.expire(now)
        self.trigger()

    def is_pending(self) -> bool:
        """Tell whether a pass is under way or called for."""
        if self._awaited is not None:
            return False
        return bool(
            not self._pass.is_over() or self._ledger.candidates or self._inverse.is_pending()
        )

    def next_deadline(self) -> float | None:
        """Return the monotonic time at which the next filter expires, if there is any."""
        of_offers, of_inverse = self._ledger.filters.next_expiry(), self._inverse.next_expiry()
        if of_offers is None or of_inverse is None:
            return of_offers if of_inverse is None else of_inverse
        return min(of_offers, of_inverse)

    def expire(self, now: Instant) -> None:
        """Drop the filters whose time is over, and put their agents on the list."""
        for expired in self._ledger.filters.expire(now.monotonic):
            self._ledger.ask_again(expired.client, expired.agent_id)
            self._ledger.candidates[expired.agent_id] = None
        self._inverse.expire(now.monotonic)

    def allocate_slice(self, now: Instant, *, agents_max: int, offers_max: int) -> Slice:
        """Go on with the pass under way, or begin one."""
        self.expire(now)
        if self._awaited is not None:
            return Slice([], is_done=True)
        if self._pass.is_over() and self._ledger.candidates:
            self._begin_pass()
        self._tree.refresh()
        allocations: list[Allocation] = []
        effort_max = self._ledger.exclusions.effort + _EFFORT_MAX
        for _ in range(agents_max):
            if not self._pass.agents_left:
                if self._pass.is_over():
                    break
                self._pass.begin_fair_shares()
            allocations += self._visit(self._pass.draw())
            if len(allocations) >= offers_max or self._ledger.exclusions.effort > effort_max:
                break
        self._inverse.look_at(each.agent_id for each in allocations)
        inverse = self._inverse.ask(self._holders, agents_max)
        is_done = self._pass.is_over() and not self._inverse.is_pending()
        return Slice(allocations, is_done, inverse)

    # -- views --

    def roles(self) -> list[RoleView]:
        """Return the roles that have frameworks, allocations, reservations or weights."""
        return views_of(self._tree)

    def statistics(self) -> AllocatorStatistics:
        """Return the counts for the metrics."""
        free = Quantities()
        for agent in self._ledger.agents.values():
            for name, millis in agent.free().scalars().items():
                free[name] = free.get(name, 0) + millis
        return AllocatorStatistics(
            runs=self._pass.runs,
            total=Quantities(self._tree.total),
            offered_or_allocated=self._tree.total.minus(free),
            filters=self._ledger.filters.counts(),
        )

    def explain(self, question: Question, now: Instant) -> Inquiry:
        """Say why somebody waits."""
        return Inquiry(
            question,
            self._ledger,
            self._options,
            is_listed=self._is_listed,
            surroundings=lambda: Surroundings(self._awaited, self.is_pending()),
            now=now,
        )

    def reasons(self) -> list[RoleReason]:
        """Say of each role, in short, why it may be waiting."""
        return reasons_of(
            self._ledger,
            self._options.minimum,
            is_paused=self._awaited is not None,
            is_listed=self._is_listed,
        )

    def check(self) -> None:
        """Restate what has to hold in the books, from scratch: for tests."""
        check(self._ledger)

    def _begin_pass(self) -> None:
        ledger = self._ledger
        agents, stamps = ledger.agents, (ledger.epoch, ledger.stamp_withheld())
        candidates = [
            agent_id
            for agent_id in ledger.candidates
            if agent_id in agents and agents[agent_id].settled not in stamps
        ]
        ledger.candidates.clear()
        is_lacking = bool(ledger.quotas.required)
        self._pass.begin(candidates, Stage.GUARANTEES if is_lacking else Stage.FAIR_SHARES)
        ledger.run = self._pass.runs

    def _visit(self, agent_id: str) -> list[Allocation]:
        ledger = self._ledger
        agent = ledger.agents.get(agent_id)
        if agent is None or agent.settled == ledger.epoch or not agent.is_active:
            return []
        if not agent.available or not self._is_listed(agent):
            return []
        if agent.is_withheld and agent.settled == ledger.stamp_withheld():
            return []
        if self._pass.stage is Stage.GUARANTEES:
            return guarantee(agent, ledger, self._options, self._rng)
        return share(agent, ledger, self._options, self._rng)

    def _is_listed(self, agent: Agent) -> bool:
        return self._whitelist is None or agent.description.hostname in self._whitelist

    def _holders(self, agent_id: str) -> list[str]:
        """Return the active frameworks that hold something on an agent, if that is active."""
        frameworks = self._ledger.frameworks
        agent = self._ledger.agents[agent_id]
        if not agent.is_active:
            return []
        return [each for each in agent.holders() if frameworks[each].is_active]

    def _wake_all(self) -> None:
        """Visit all agents: somebody may want what nobody wanted before."""
        self._ledger.epoch += 1
        self.trigger()


def _sorter_maker(name: str, rng: Rng) -> MakeSorter:
    match name:
        case "drf":
            return DrfSorter
        case "random":
            return lambda: RandomSorter(rng)
        case _:
            raise ValueError(f"{name!r} is not a sorter: drf or random")
