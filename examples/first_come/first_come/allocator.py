"""The queue of frameworks, and all that a master tells an allocator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    AllocatorStatistics,
    Explaining,
    Explanation,
    FrameworkOptions,
    Question,
    Quota,
    RoleReason,
    RoleView,
    Slice,
    Told,
)
from tepui.allocator.agents import Agent
from tepui.allocator.constraints import Wish, compile_constraints
from tepui.allocator.filters import seconds_of
from tepui.allocator.holdings import open_scalars
from tepui.allocator.inverse import InverseOffers
from tepui.allocator.minimum import is_worth_offering
from tepui.allocator.trimming import within
from tepui.allocator.visibility import Assortment
from tepui.base.errors import invariant
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import Unavailability
from tepui.resources import Quantities, Resources

from .holdings import held, reserved, view_of, with_ancestors
from .refusals import UNTIL_THE_PERIODIC_PASS, Refusals

_NO_QUOTA = Quota()


class _Framework:
    def __init__(self, options: FrameworkOptions, is_active: bool) -> None:
        self.options = options
        self.is_active = is_active
        self.suppressed = dict.fromkeys(options.suppressed_roles)
        self.wishes: dict[str, Wish] = {}


class FirstComeAllocator:
    """An `Allocator` that makes a queue of the frameworks."""

    def __init__(self, options: AllocatorOptions, rng: Rng) -> None:
        self._options = options
        self._rng = rng
        self._frameworks: dict[str, _Framework] = {}  # in the order in which they came
        self._agents: dict[str, Agent] = {}
        self._refusals = Refusals()
        self._candidates: dict[str, None] = {}
        self._inverse = InverseOffers(options.allocation_interval)
        self._whitelist: tuple[str, ...] | None = None
        self._quotas: dict[str, Quota] = {}
        self._weights = dict(options.weights)
        self._awaited = 0
        self._runs = 0

    # -- the policy --

    def _share(self, agent: Agent) -> Iterator[Allocation]:
        for framework_id, framework in self._frameworks.items():
            for role in framework.options.roles:
                if not self._can_take(framework, role, agent):
                    continue
                assortment = Assortment(agent.available, agent.lent_in(self._runs))
                seen = assortment.to(role, framework.options.capabilities)
                offer = within(seen, self._room(role), self._rng)
                minimum = framework.options.minimum.get(role, self._options.minimum)
                if not offer or not is_worth_offering(offer, minimum):
                    continue
                if self._refusals.cover((framework_id, role, agent.id), offer):
                    continue
                allocated = offer.allocated_to(role)
                agent.take(framework_id, offer, allocated)
                agent.lend(offer.shared(), self._runs)
                self._inverse.look_at([agent.id])
                yield Allocation(framework_id, role, agent.id, allocated)

    def _can_take(self, framework: _Framework, role: str, agent: Agent) -> bool:
        can, knows = framework.options.capabilities, agent.description.capabilities
        needs_gpus = agent.has_gpus and self._options.filter_gpu_resources
        wish = framework.wishes.get(role)
        return (
            framework.is_active
            and role not in framework.suppressed
            and (can.gpu_resources or not needs_gpus)
            and (can.region_aware or not agent.is_remote)
            and (knows.multi_role or not can.multi_role)
            and (knows.hierarchical_role or "/" not in role)
            and (wish is None or wish.includes(agent.description))
        )

    def _room(self, role: str) -> Mapping[str, int]:
        limits = self._quotas.get(role, _NO_QUOTA).limits
        if not limits:
            return limits
        agents = self._agents.values()
        consumed = reserved(agents, role).plus(open_scalars(held(agents, role, is_used=True)))
        consumed = consumed.plus(open_scalars(held(agents, role, is_used=False)))
        return {name: max(0, most - consumed.get(name, 0)) for name, most in limits.items()}

    # -- frameworks --

    def add_framework(
        self, framework_id: str, options: FrameworkOptions, *, is_active: bool
    ) -> None:
        self._frameworks[framework_id] = _Framework(options, is_active)
        self.update_framework(framework_id, options)

    def update_framework(self, framework_id: str, options: FrameworkOptions) -> None:
        framework = self._frameworks[framework_id]
        for role in framework.options.roles:
            was_suppressed = role in framework.suppressed
            if role not in options.roles or (
                was_suppressed and role not in options.suppressed_roles
            ):
                self._refusals.forget(framework_id=framework_id, role=role)
        framework.options = options
        framework.suppressed = dict.fromkeys(options.suppressed_roles)
        constraints, limits = options.constraints, self._options.pattern_limits
        framework.wishes = {} if constraints is None else compile_constraints(constraints, limits)
        self.trigger()

    def remove_framework(self, framework_id: str) -> None:
        framework = self._frameworks.pop(framework_id, None)
        if framework is None:
            return
        for agent in self._agents.values():
            for books in (agent.offered, agent.used):
                if framework_id in books:
                    agent.give_back(books, framework_id, books[framework_id])
        for role in framework.options.roles:
            self._refusals.forget(framework_id=framework_id, role=role)
        self._inverse.forget_framework(framework_id)
        self.trigger()

    def activate_framework(self, framework_id: str) -> None:
        self._frameworks[framework_id].is_active = True
        self._inverse.look_at()
        self.trigger()

    def deactivate_framework(self, framework_id: str) -> None:
        self._frameworks[framework_id].is_active = False
        for role in self._frameworks[framework_id].options.roles:
            self._refusals.forget(framework_id=framework_id, role=role)

    def suppress(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        framework = self._frameworks[framework_id]
        framework.suppressed.update(dict.fromkeys(tuple(roles) or framework.options.roles))

    def revive(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        framework = self._frameworks[framework_id]
        for role in tuple(roles) or framework.options.roles:
            framework.suppressed.pop(role, None)
            self._refusals.forget(framework_id=framework_id, role=role)
        self._inverse.revive(framework_id)
        self.trigger()

    # -- agents --

    def add_agent(
        self,
        agent_id: str,
        description: AgentDescription,
        *,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        agent = Agent(agent_id, description, total, self._options.domain)
        agent.used.update({name: books for name, books in used.items() if books})
        agent.set_total(total)
        self._agents[agent_id] = agent
        self.trigger([agent_id])

    def update_agent(
        self, agent_id: str, *, total: Resources, description: AgentDescription | None = None
    ) -> None:
        agent = self._agents[agent_id]
        agent.set_total(total)
        if description is not None:
            if description.attributes != agent.description.attributes:
                self._refusals.forget_agent(agent_id)
            agent.describe(description, self._options.domain)
        self.trigger([agent_id])

    def remove_agent(self, agent_id: str) -> None:
        if self._agents.pop(agent_id, None) is not None:
            self._refusals.forget_agent(agent_id)
            self._inverse.forget_agent(agent_id)

    def activate_agent(self, agent_id: str) -> None:
        self._agents[agent_id].is_active = True
        self.trigger([agent_id])

    def deactivate_agent(self, agent_id: str) -> None:
        self._agents[agent_id].is_active = False

    # -- resources --

    def mark_allocated(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        if self._are_there(framework_id, agent_id):
            self._agents[agent_id].use(framework_id, resources)

    def recover(
        self,
        framework_id: str,
        agent_id: str,
        resources: Resources,
        *,
        refuse_seconds: float | None,
        now: Instant,
    ) -> None:
        if not self._are_there(framework_id, agent_id):
            return
        agent, framework = self._agents[agent_id], self._frameworks[framework_id]
        agent.give_back(agent.offered, framework_id, resources)
        self.trigger([agent_id])
        if refuse_seconds is None:
            return
        # What is declined for no time waits for the periodic pass, or it would go round in circles.
        until = UNTIL_THE_PERIODIC_PASS
        if refuse_seconds != 0:
            until = now.monotonic + seconds_of(refuse_seconds, self._options.allocation_interval)
        for role, part in resources.allocations().items():
            if role in framework.options.roles and role not in framework.suppressed:
                self._refusals.add((framework_id, role, agent_id), part.unallocated(), until)

    def release(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        if self._are_there(framework_id, agent_id):
            agent = self._agents[agent_id]
            agent.give_back(agent.used, framework_id, resources)
            self.trigger([agent_id])

    def convert(
        self,
        framework_id: str,
        agent_id: str,
        *,
        held: Resources,
        converted: Resources,
        is_used: bool,
    ) -> None:
        agent = self._agents[agent_id]
        agent.exchange(agent.used if is_used else agent.offered, framework_id, held, converted)

    def add_shared(self, framework_id: str, agent_id: str, copies: Resources) -> None:
        self._agents[agent_id].hold_more(framework_id, copies)

    def available(self, agent_id: str) -> Resources:
        return self._agents[agent_id].free()

    def convert_available(self, agent_id: str, *, held: Resources, converted: Resources) -> None:
        agent = self._agents[agent_id]
        invariant(agent.free().contains(held), f"{held!r} of agent {agent_id} is not available")
        agent.change_available(removed=held, added=converted)
        self.trigger([agent_id])

    # -- operators --

    def update_quota(self, quotas: Mapping[str, Quota]) -> None:
        self._quotas.update(quotas)
        self._quotas = {role: quota for role, quota in self._quotas.items() if quota != Quota()}
        self.trigger()

    def update_weights(self, weights: Mapping[str, float]) -> None:
        self._weights.update(weights)

    def update_whitelist(self, hostnames: Iterable[str] | None) -> None:
        self._whitelist = None if hostnames is None else tuple(hostnames)
        self.trigger()

    def update_unavailability(self, agent_id: str, unavailability: Unavailability | None) -> None:
        self._inverse.schedule(agent_id, unavailability)

    def answer_inverse_offer(
        self, framework_id: str, agent_id: str, *, refuse_seconds: float | None, now: Instant
    ) -> None:
        if framework_id in self._frameworks:
            self._inverse.answer(framework_id, agent_id, refuse_seconds, now)

    # -- passes --

    def pause(self, agents_expected: int) -> None:
        self._awaited = agents_expected

    def resume(self) -> None:
        self._awaited = 0

    def trigger(self, agent_ids: Iterable[str] | None = None) -> None:
        self._candidates.update(dict.fromkeys(self._agents if agent_ids is None else agent_ids))

    def periodic(self, now: Instant) -> None:
        self._refusals.release()
        self._inverse.look_at()
        self.expire(now)
        self.trigger()

    def is_pending(self) -> bool:
        if len(self._agents) < self._awaited:
            return False
        self._awaited = 0  # enough of them have come; that some may leave again is no failover
        return bool(self._candidates) or self._inverse.is_pending()

    def next_deadline(self) -> float | None:
        expiries = (self._refusals.next_expiry(), self._inverse.next_expiry())
        return min((each for each in expiries if each is not None), default=None)

    def expire(self, now: Instant) -> None:
        self.trigger(self._refusals.expire(now.monotonic))
        self._inverse.expire(now.monotonic)

    def allocate_slice(self, now: Instant, *, agents_max: int, offers_max: int) -> Slice:
        self.expire(now)
        if not self.is_pending():
            return Slice([], is_done=True)
        self._runs += 1
        allocations: list[Allocation] = []
        for agent_id in list(self._candidates)[:agents_max]:
            del self._candidates[agent_id]
            agent = self._agents.get(agent_id)
            if agent is not None and agent.is_active and self._is_listed(agent):
                allocations += self._share(agent)
            if len(allocations) >= offers_max:
                break
        inverse = self._inverse.ask(self._holders, agents_max)
        return Slice(allocations, not self.is_pending(), inverse)

    def _are_there(self, framework_id: str, agent_id: str) -> bool:
        return framework_id in self._frameworks and agent_id in self._agents

    def _is_listed(self, agent: Agent) -> bool:
        return self._whitelist is None or agent.description.hostname in self._whitelist

    def _holders(self, agent_id: str) -> list[str]:
        holders = self._agents[agent_id].holders()
        frameworks = self._frameworks
        return [each for each in holders if each in frameworks and frameworks[each].is_active]

    # -- views --

    def roles(self) -> list[RoleView]:
        agents = list(self._agents.values())
        frameworks: dict[str, list[str]] = {}
        for framework_id, framework in self._frameworks.items():
            for role in framework.options.roles:
                frameworks.setdefault(role, []).append(framework_id)
        return [
            view_of(
                role,
                agents,
                weight=self._weights.get(role, 1.0),
                quota=self._quotas.get(role, _NO_QUOTA),
                frameworks=frameworks.get(role, []),
            )
            for role in with_ancestors((*frameworks, *self._weights, *self._quotas), agents)
        ]

    def statistics(self) -> AllocatorStatistics:
        total, free = Quantities(), Quantities()
        for agent in self._agents.values():
            total = total.plus(agent.total.scalars())
            free = free.plus(agent.free().scalars())
        return AllocatorStatistics(
            runs=self._runs,
            total=total,
            offered_or_allocated=total.minus(free),
            filters=self._refusals.counts(),
        )

    def explain(self, question: Question, now: Instant) -> Explaining:
        # A queue has no more to say than that: whoever came first is served first.
        return Told(Explanation(started=now, ended=now, agents=len(self._agents)))

    def reasons(self) -> list[RoleReason]:
        return []
