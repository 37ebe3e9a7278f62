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
from tepui.allocator.eligibility import Bits, Eligibility
from tepui.allocator.filters import Filters, seconds_of
from tepui.allocator.frameworks import NO_OPTIONS, Framework
from tepui.allocator.interface import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    AllocatorStatistics,
    FrameworkOptions,
    Minimum,
    RoleView,
    Slice,
)
from tepui.allocator.minimum import is_worth_offering
from tepui.allocator.roles import Client, MakeSorter, RoleTree
from tepui.allocator.sorters import DrfSorter, RandomSorter
from tepui.base.errors import invariant
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.resources import Quantities, Resources


class HierarchicalAllocator:
    """The `Allocator` of this package."""

    def __init__(self, options: AllocatorOptions, rng: Rng) -> None:
        self._options = options
        self._rng = rng
        self._frameworks: dict[str, Framework] = {}
        self._agents: dict[str, Agent] = {}
        self._tree = RoleTree(
            make_role_sorter=_sorter_maker(options.role_sorter, rng),
            make_framework_sorter=_sorter_maker(options.framework_sorter, rng),
            weights=options.weights,
            excluded=options.fair_sharing_excluded,
        )
        self._bits = Bits()
        self._eligibility = Eligibility()
        self._filters = Filters()
        # Agents to visit in the next pass, and those left to visit in the one under way.
        self._candidates: dict[str, None] = {}
        self._unvisited: list[str] = []
        self._runs = 0
        # Rises whenever somebody may want what nobody wanted before.
        self._epoch = 0

    # -- frameworks --

    def add_framework(
        self, framework_id: str, options: FrameworkOptions, *, is_active: bool
    ) -> None:
        """Take in a framework, which may hold resources on agents that were added before it."""
        framework = self._framework(framework_id)
        framework.is_active = is_active
        self._set_options(framework, options)
        self._wake_all()

    def update_framework(self, framework_id: str, options: FrameworkOptions) -> None:
        """Replace what the framework says about itself."""
        self._set_options(self._frameworks[framework_id], options)
        self._wake_all()

    def remove_framework(self, framework_id: str) -> None:
        """Forget the framework; all that it holds becomes free."""
        framework = self._frameworks.pop(framework_id, None)
        if framework is None:
            return
        framework.is_active = False
        for client in framework.clients.values():
            self._clear_filters(client)
        for agent_id in framework.agents:
            agent = self._agents[agent_id]
            held = agent.used[framework_id]
            for role, part in held.allocations().items():
                self._tree.discharge(framework.clients[role], part.scalars())
            agent.give_back(framework_id, held)
            self._candidates[agent_id] = None
        for client in framework.clients.values():
            self._drop_client(client)

    def activate_framework(self, framework_id: str) -> None:
        """Make offers to the framework again, in the roles that are not suppressed."""
        framework = self._frameworks[framework_id]
        framework.is_active = True
        self._refresh(framework)
        self._wake_all()

    def deactivate_framework(self, framework_id: str) -> None:
        """Make no more offers to the framework; its filters are cleared."""
        framework = self._frameworks[framework_id]
        framework.is_active = False
        self._refresh(framework)
        for client in framework.clients.values():
            self._clear_filters(client)

    def suppress(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Make no more offers in ``roles``, or in all of its roles if there are none."""
        framework = self._frameworks[framework_id]
        for role in tuple(roles) or framework.options.roles:
            if role in framework.clients:
                framework.suppressed[role] = None
        self._refresh(framework)

    def revive(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Clear the filters in ``roles``, or in all of its roles, and make offers again."""
        framework = self._frameworks[framework_id]
        was_asleep = False
        for role in tuple(roles) or framework.options.roles:
            client = framework.clients.get(role)
            was_asleep |= role in framework.suppressed
            framework.suppressed.pop(role, None)
            if client is not None:
                # Where it had no filter, an agent that nobody wanted is still not wanted.
                for agent_id in self._clear_filters(client):
                    self._candidates[agent_id] = None
        if was_asleep:
            self._refresh(framework)
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
        invariant(agent_id not in self._agents, f"agent {agent_id} is added twice")
        agent = Agent(agent_id, description, total, self._options.domain)
        self._agents[agent_id] = agent
        self._tree.change_total(added=total, removed=_NOTHING)
        for framework_id, held in used.items():
            if not held:
                continue
            agent.used[framework_id] = held
            framework = self._framework(framework_id)
            framework.agents[agent_id] = None
            for role, part in held.allocations().items():
                self._tree.charge(self._client(framework, role), part.scalars())
        agent.set_total(total)
        self._candidates[agent_id] = None

    def update_agent(
        self, agent_id: str, *, total: Resources, description: AgentDescription | None = None
    ) -> None:
        """Replace what the agent has and, if given, what it says about itself."""
        agent = self._agents[agent_id]
        if total != agent.total:
            self._tree.change_total(added=total, removed=agent.total)
        agent.set_total(total)
        if description is not None:
            if description.attributes != agent.description.attributes:
                self._filters.clear_agent(agent_id)
                agent.blocked = 0
            agent.describe(description, self._options.domain)
        self._candidates[agent_id] = None

    def remove_agent(self, agent_id: str) -> None:
        """Forget the agent and all that is held on it."""
        agent = self._agents.pop(agent_id, None)
        if agent is None:
            return
        self._filters.clear_agent(agent_id)
        self._candidates.pop(agent_id, None)
        for framework_id, held in agent.used.items():
            framework = self._frameworks[framework_id]
            del framework.agents[agent_id]
            self._discharge(framework, held)
        self._tree.change_total(added=_NOTHING, removed=agent.total)

    def activate_agent(self, agent_id: str) -> None:
        """Offer the agent's resources again."""
        self._agents[agent_id].is_active = True
        self._candidates[agent_id] = None

    def deactivate_agent(self, agent_id: str) -> None:
        """Offer nothing of the agent; what is held on it stays accounted."""
        self._agents[agent_id].is_active = False

    # -- resources --

    def mark_allocated(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Count ``resources``, which were offered, as used: a launch was accepted."""
        framework = self._frameworks.get(framework_id)
        if framework is None or agent_id not in framework.agents:
            return
        for role, part in resources.allocations().items():
            client = framework.clients[role]
            client.offered = client.offered.minus(part.scalars())

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
        framework = self._free(framework_id, agent_id, resources, was_offered=True)
        if framework is None or refuse_seconds is None:
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
                self._filters.hold(client, agent_id, refused)
            else:
                seconds = seconds_of(refuse_seconds, self._options.allocation_interval)
                self._filters.add(client, agent_id, refused, now.monotonic + seconds)

    def release(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Free what was used: a task or an executor ended."""
        self._free(framework_id, agent_id, resources, was_offered=False)

    # -- operators --

    def update_weights(self, weights: Mapping[str, float]) -> None:
        """Set the weights of the roles named; they have to be positive."""
        for role, weight in weights.items():
            invariant(weight > 0, f"role {role} has the weight {weight}")
            self._tree.set_weight(role, weight)
        self.trigger()

    # -- passes --

    def trigger(self, agent_ids: Iterable[str] | None = None) -> None:
        """Put the agents named, or all, on the list for the next pass."""
        self._candidates.update(dict.fromkeys(self._agents if agent_ids is None else agent_ids))

    def periodic(self, now: Instant) -> None:
        """Put all agents on the list: called each ``allocation_interval``."""
        for held in self._filters.release_held():
            self._unblock(held.client, held.agent_id)
        self.expire(now)
        self.trigger()

    def is_pending(self) -> bool:
        """Tell whether a pass is under way or called for."""
        return bool(self._unvisited or self._candidates)

    def next_deadline(self) -> float | None:
        """Return the monotonic time at which the next filter expires, if there is any."""
        return self._filters.next_expiry()

    def expire(self, now: Instant) -> None:
        """Drop the filters whose time is over, and put their agents on the list."""
        for expired in self._filters.expire(now.monotonic):
            self._unblock(expired.client, expired.agent_id)
            self._candidates[expired.agent_id] = None

    def allocate_slice(self, now: Instant, *, agents_max: int, offers_max: int) -> Slice:
        """Go on with the pass under way, or begin one."""
        self.expire(now)
        if not self._unvisited:
            if not self._candidates:
                return Slice([], True)
            self._unvisited = list(self._candidates)
            self._candidates.clear()
            self._runs += 1
        self._tree.refresh()
        unvisited = self._unvisited
        allocations: list[Allocation] = []
        for _ in range(min(agents_max, len(unvisited))):
            # One step of a shuffle, so that a long list costs no more at the start of a pass.
            at = self._rng.below(len(unvisited))
            unvisited[at], unvisited[-1] = unvisited[-1], unvisited[at]
            agent = self._agents.get(unvisited.pop())
            if agent is None or agent.settled == self._epoch:
                continue
            if agent.is_active and agent.available:
                self._serve(agent, allocations)
                if len(allocations) >= offers_max:
                    break
        return Slice(allocations, not unvisited)

    # -- views --

    def roles(self) -> list[RoleView]:
        """Return the roles that have frameworks, allocations, reservations or weights."""
        return self._tree.views()

    def statistics(self) -> AllocatorStatistics:
        """Return the counts for the metrics."""
        free = Quantities()
        for agent in self._agents.values():
            for name, millis in agent.available.scalars().items():
                free[name] = free.get(name, 0) + millis
        return AllocatorStatistics(
            runs=self._runs,
            total=Quantities(self._tree.total),
            offered_or_allocated=self._tree.total.minus(free),
            filters=self._filters.counts(),
        )

    # -- one agent --

    def _serve(self, agent: Agent, allocations: list[Allocation]) -> None:
        """Offer what is available on an agent to those whose turn it is."""
        eligible = self._eligible_for(agent)
        while eligible:
            client = self._tree.first(eligible)
            if client is None:
                break
            eligible &= ~client.bit
            framework = self._frameworks[client.framework_id]
            capabilities = framework.options.capabilities
            free = agent.visible_to(client.role, capabilities)
            if not free or not is_worth_offering(free, self._minimum_of(framework, client.role)):
                alike = self._eligibility.alike(capabilities)
                eligible &= ~(self._tree.clients_in(client.role) & alike)
                continue
            if self._filters.blocks(client, agent.id, free):
                agent.blocked |= client.bit
                # The bits set before hold for whatever is contained in what they were set for.
                agent.blocked_for = agent.available
                continue
            allocations.append(self._offer(framework, client, agent, free))
            if not agent.available:
                break
            eligible &= self._eligible_for(agent)
        agent.settled = self._epoch

    def _eligible_for(self, agent: Agent) -> int:
        """Return the clients that may be able to take some of what is available."""
        known = agent.description.capabilities
        eligible = self._eligibility.clients_for(
            has_gpus=agent.has_gpus and self._options.filter_gpu_resources,
            is_remote=agent.is_remote,
            knows_multi_role=known.multi_role,
            knows_hierarchical_role=known.hierarchical_role,
        )
        if agent.blocked:
            if not agent.blocked_for.contains(agent.available):
                agent.blocked = 0
            eligible &= ~agent.blocked
        if not eligible:
            return 0
        open_to_all = agent.available if agent.is_simple else agent.available.unreserved()
        if open_to_all and is_worth_offering(open_to_all, self._options.minimum):
            return eligible
        # What is left is for those who are content with little, and those it is reserved to.
        few = self._eligibility.has_own_minimum
        if not agent.is_simple:
            for role in agent.available.reservations():
                few |= self._tree.clients_below(role)
        return eligible & few

    def _minimum_of(self, framework: Framework, role: str) -> Minimum:
        return framework.options.minimum.get(role, self._options.minimum)

    def _offer(
        self, framework: Framework, client: Client, agent: Agent, free: Resources
    ) -> Allocation:
        allocated = free.allocated_to(client.role)
        agent.take(framework.id, free, allocated)
        framework.agents[agent.id] = None
        amounts = free.scalars()
        self._tree.charge(client, amounts)
        client.offered = client.offered.plus(amounts)
        return Allocation(framework.id, client.role, agent.id, allocated)

    # -- bookkeeping --

    def _free(
        self, framework_id: str, agent_id: str, resources: Resources, *, was_offered: bool
    ) -> Framework | None:
        framework = self._frameworks.get(framework_id)
        agent = self._agents.get(agent_id)
        if framework is None or agent is None or not resources:
            return None
        held = agent.used.get(framework_id, _NOTHING)
        invariant(
            held.contains(resources),
            f"framework {framework_id} gives back more than it holds on agent {agent_id}",
        )
        agent.give_back(framework_id, resources)
        if framework_id not in agent.used:
            del framework.agents[agent_id]
        if was_offered:
            for role, part in resources.allocations().items():
                client = framework.clients[role]
                client.offered = client.offered.minus(part.scalars())
        self._discharge(framework, resources)
        self._candidates[agent_id] = None
        return framework

    def _discharge(self, framework: Framework, resources: Resources) -> None:
        """Take ``resources`` from the shares; forget whom they were the last trace of."""
        for role, part in resources.allocations().items():
            client = framework.clients[role]
            self._tree.discharge(client, part.scalars())
            self._forget_if_unused(framework, client)
        if framework.options is NO_OPTIONS and not framework.agents:
            self._frameworks.pop(framework.id, None)

    def _framework(self, framework_id: str) -> Framework:
        """Return the framework, or one that only holds resources until it is added."""
        framework = self._frameworks.get(framework_id)
        if framework is None:
            framework = Framework(framework_id)
            self._frameworks[framework_id] = framework
        return framework

    def _client(self, framework: Framework, role: str) -> Client:
        client = framework.clients.get(role)
        if client is None:
            client = self._tree.add_client(framework.id, role, self._bits.take())
            framework.clients[role] = client
        return client

    def _set_options(self, framework: Framework, options: FrameworkOptions) -> None:
        revived = [role for role in framework.suppressed if role not in options.suppressed_roles]
        sees_more = options.capabilities != framework.options.capabilities
        framework.options = options
        framework.suppressed = dict.fromkeys(options.suppressed_roles)
        for role in options.roles:
            self._client(framework, role).is_subscribed = True
        for client in list(framework.clients.values()):
            client.is_subscribed = client.role in options.roles
            if client.role in revived or not client.is_subscribed:
                self._clear_filters(client)
            elif sees_more:
                for agent_id in self._filters.agents_of(client):
                    self._unblock(client, agent_id)
            self._forget_if_unused(framework, client)
        self._refresh(framework)

    def _refresh(self, framework: Framework) -> None:
        """Bring the sets of clients up to date with what the framework wants."""
        for client in framework.clients.values():
            self._eligibility.set(
                client,
                is_active=framework.wants_offers(client),
                has_own_minimum=client.role in framework.options.minimum,
                capabilities=framework.options.capabilities,
            )

    def _forget_if_unused(self, framework: Framework, client: Client) -> None:
        if client.is_subscribed or client.allocated:
            return
        # It may still hold ranges or sets.
        for agent_id in framework.agents:
            held = self._agents[agent_id].used[framework.id]
            if any(key.allocation_role == client.role for key, _ in held.entries()):
                return
        del framework.clients[client.role]
        self._drop_client(client)

    def _drop_client(self, client: Client) -> None:
        self._clear_filters(client)
        self._eligibility.forget(client)
        self._tree.remove_client(client)
        self._bits.give_back(client.bit)

    def _clear_filters(self, client: Client) -> list[str]:
        agent_ids = self._filters.clear_client(client)
        for agent_id in agent_ids:
            self._unblock(client, agent_id)
        return agent_ids

    def _unblock(self, client: Client, agent_id: str) -> None:
        """Ask the client again on an agent: a filter is gone, or it sees more than before."""
        agent = self._agents[agent_id]
        agent.blocked &= ~client.bit
        agent.settled = -1

    def _wake_all(self) -> None:
        """Visit all agents: somebody may want what nobody wanted before."""
        self._epoch += 1
        self.trigger()


_NOTHING = Resources()


def _sorter_maker(name: str, rng: Rng) -> MakeSorter:
    match name:
        case "drf":
            return DrfSorter
        case "random":
            return lambda: RandomSorter(rng)
        case _:
            raise ValueError(f"{name!r} is not a sorter: drf or random")
