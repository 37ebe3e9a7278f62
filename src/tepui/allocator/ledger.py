"""The allocator's books: who there is, who holds what, and who wants offers.

Everything that changes shares, filters or the sets of eligible clients goes through here, and
leaves a note of the agents that have to be looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tepui.allocator.agents import Agent, shared
from tepui.allocator.constraints import Exclusions, compile_constraints
from tepui.allocator.eligibility import Bits, Eligibility
from tepui.allocator.filters import Filters
from tepui.allocator.frameworks import NO_OPTIONS, Framework
from tepui.allocator.holdings import open_scalars
from tepui.allocator.interface import Allocation, FrameworkOptions
from tepui.allocator.roles import Client, RoleTree
from tepui.base.patterns import PatternLimits
from tepui.resources import EMPTY, Resources


class Ledger:
    """Frameworks, agents, and what is between them.

    Attributes:
        candidates: Agents to visit in the next pass.
        epoch: Rises whenever somebody may want what nobody wanted before.
        run: The number of the pass under way.
    """

    def __init__(self, tree: RoleTree, pattern_limits: PatternLimits) -> None:
        self.tree = tree
        self.quotas = tree.quotas
        self.frameworks: dict[str, Framework] = {}
        self.agents: dict[str, Agent] = {}
        self.eligibility = Eligibility()
        self.filters = Filters()
        self.candidates: dict[str, None] = {}
        self.epoch = 0
        self.run = 0
        self.exclusions = Exclusions()
        self._pattern_limits = pattern_limits
        self._bits = Bits()

    # -- agents --

    def add_agent(self, agent: Agent, used: Mapping[str, Resources]) -> None:
        """Take in an agent with what is held on it, by frameworks known or not."""
        self.agents[agent.id] = agent
        self.tree.change_total(added=agent.total, removed=EMPTY)
        for framework_id, held in used.items():
            if not held:
                continue
            agent.used[framework_id] = held
            framework = self.framework(framework_id)
            framework.agents[agent.id] = None
            for role, part in held.allocations().items():
                self.tree.charge(self._client(framework, role), agent.id, part)
        agent.set_total(agent.total)
        self.quotas.free(open_scalars(agent.available))
        self.candidates[agent.id] = None

    def remove_agent(self, agent: Agent) -> None:
        """Forget an agent and all that is held on it."""
        del self.agents[agent.id]
        self.filters.clear_agent(agent.id)
        self.exclusions.forget_agent(agent.id)
        self.candidates.pop(agent.id, None)
        for framework_id in agent.holders():
            framework = self.frameworks[framework_id]
            del framework.agents[agent.id]
            self._count_offered(framework, agent, agent.offered.get(framework_id, EMPTY), -1)
            self._discharge(framework, agent, agent.held_by(framework_id))
        self.tree.change_total(added=EMPTY, removed=agent.total)
        self.quotas.take(open_scalars(agent.available))

    def set_total(self, agent: Agent, total: Resources) -> None:
        """Replace what an agent has."""
        if total != agent.total:
            self.tree.change_total(added=total, removed=agent.total)
        self.quotas.take(open_scalars(agent.available))
        agent.set_total(total)
        self.quotas.free(open_scalars(agent.available))
        self.candidates[agent.id] = None

    def wake(self, agent_ids: Iterable[str] | None = None) -> None:
        """Visit the agents named, or all, in the next pass."""
        self.candidates.update(dict.fromkeys(self.agents if agent_ids is None else agent_ids))

    def stamp_withheld(self) -> int:
        """Return the stamp for an agent of which quotas kept something back.

        It differs from the epoch, and from what it was before either of the two has risen.
        """
        return -2 - self.epoch - self.quotas.epoch

    # -- frameworks --

    def framework(self, framework_id: str) -> Framework:
        """Return the framework, or one that only holds resources until it is added."""
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = Framework(framework_id)
            self.frameworks[framework_id] = framework
        return framework

    def set_options(self, framework: Framework, options: FrameworkOptions) -> None:
        """Replace what a framework says about itself."""
        revived = [role for role in framework.suppressed if role not in options.suppressed_roles]
        sees_more = options.capabilities != framework.options.capabilities
        if options.constraints != framework.options.constraints:
            framework.wishes = (
                {}
                if options.constraints is None
                else compile_constraints(options.constraints, self._pattern_limits)
            )
        framework.options = options
        framework.suppressed = dict.fromkeys(options.suppressed_roles)
        for role in options.roles:
            self._client(framework, role).is_subscribed = True
        for client in list(framework.clients.values()):
            client.is_subscribed = client.role in options.roles
            if client.role in revived or not client.is_subscribed:
                self.clear_filters(client)
            elif sees_more:
                for agent_id in self.filters.agents_of(client):
                    self.ask_again(client, agent_id)
            self._forget_if_unused(framework, client)
        self.refresh(framework)

    def remove_framework(self, framework: Framework) -> None:
        """Forget a framework; all that it holds becomes available."""
        del self.frameworks[framework.id]
        for agent_id in framework.agents:
            agent = self.agents[agent_id]
            for role, part in agent.held_by(framework.id).allocations().items():
                self.tree.discharge(framework.clients[role], agent_id, part)
            for held in (agent.offered, agent.used):
                if framework.id in held:
                    freed = agent.give_back(held, framework.id, held[framework.id])
                    self.quotas.free(open_scalars(freed))
            self.candidates[agent_id] = None
        for client in framework.clients.values():
            self._drop_client(client)

    def refresh(self, framework: Framework) -> None:
        """Bring the sets of clients up to date with what the framework wants."""
        for client in framework.clients.values():
            self.exclusions.set(client.bit, framework.wishes.get(client.role))
            self.eligibility.set(
                client,
                is_active=framework.wants_offers(client),
                has_own_minimum=client.role in framework.options.minimum,
                capabilities=framework.options.capabilities,
            )

    def clear_filters(self, client: Client) -> list[str]:
        """Drop all filters of a client; return the agents that they were on."""
        agent_ids = self.filters.clear_client(client)
        for agent_id in agent_ids:
            self.ask_again(client, agent_id)
        return agent_ids

    def ask_again(self, client: Client, agent_id: str) -> None:
        """Consider the client on an agent: a filter is gone, or it sees more than before."""
        agent = self.agents[agent_id]
        agent.blocked.remove(client.bit)
        agent.unsettle()

    # -- resources --

    def offer(
        self, framework: Framework, client: Client, agent: Agent, free: Resources
    ) -> Allocation:
        """Let a client hold ``free``, which is available on the agent."""
        allocated = free.allocated_to(client.role)
        agent.take(framework.id, free, allocated)
        if agent.has_shared:
            agent.lend(shared(free), self.run)
        framework.agents[agent.id] = None
        self.quotas.take(open_scalars(free))
        self.tree.charge(client, agent.id, free)
        client.count_offered(agent.id, free, 1)
        return Allocation(framework.id, client.role, agent.id, allocated)

    def use(self, framework: Framework, agent: Agent, resources: Resources) -> None:
        """Count as used what was offered."""
        agent.use(framework.id, resources)
        self._count_offered(framework, agent, resources, -1)

    def take_back(self, framework: Framework, agent: Agent, resources: Resources) -> None:
        """Make available what was offered."""
        freed = agent.give_back(agent.offered, framework.id, resources)
        self._count_offered(framework, agent, resources, -1)
        self._freed(framework, agent, resources, freed)

    def release(self, framework: Framework, agent: Agent, resources: Resources) -> None:
        """Make available what was used."""
        freed = agent.give_back(agent.used, framework.id, resources)
        self._freed(framework, agent, resources, freed)

    def convert(
        self,
        framework: Framework,
        agent: Agent,
        *,
        held: Resources,
        converted: Resources,
        is_used: bool,
    ) -> None:
        """Turn what a framework holds, and a part of the agent's total, into something else."""
        total = agent.total
        agent.exchange(agent.used if is_used else agent.offered, framework.id, held, converted)
        self._change_total(agent, total, held=held.unallocated(), converted=converted.unallocated())
        if not is_used:
            self._count_offered(framework, agent, held, -1)
            self._count_offered(framework, agent, converted, 1)
        going, coming = held.allocations(), converted.allocations()
        for role in {**going, **coming}:
            self.tree.exchange(
                framework.clients[role],
                agent.id,
                held=going.get(role, EMPTY),
                converted=coming.get(role, EMPTY),
            )
        self._forget_where_unheld(framework, agent)
        for role in going:
            self._forget_if_unused(framework, framework.clients[role])
        self.candidates[agent.id] = None

    def convert_available(self, agent: Agent, *, held: Resources, converted: Resources) -> None:
        """Turn a part of what nobody holds into something else."""
        total, available = agent.total, open_scalars(agent.available)
        agent.change_available(removed=held, added=converted)
        self._change_total(agent, total, held=held, converted=converted)
        self.quotas.take(available)
        self.quotas.free(open_scalars(agent.available))
        self.candidates[agent.id] = None

    def add_shared(self, framework: Framework, agent: Agent, copies: Resources) -> None:
        """Let a framework hold more copies of what it holds."""
        agent.hold_more(framework.id, copies)
        self._count_offered(framework, agent, copies, 1)
        for role, part in copies.allocations().items():
            client = framework.clients[role]
            self.tree.exchange(client, agent.id, held=EMPTY, converted=part)

    def _change_total(
        self, agent: Agent, before: Resources, *, held: Resources, converted: Resources
    ) -> None:
        """Account for what became of an agent's total.

        An agent may have thousands of resources, of which a conversion changes one or two: it is
        the whole difference, but for copies and for what the agent lacked.
        """
        if shared(held) or shared(converted) or not before.contains(held):
            added, removed = agent.total - before, before - agent.total
        else:
            added, removed = converted - held, held - converted
        self.tree.change_total(added=added, removed=removed)

    def _freed(
        self, framework: Framework, agent: Agent, resources: Resources, freed: Resources
    ) -> None:
        self._forget_where_unheld(framework, agent)
        self._discharge(framework, agent, resources)
        self.quotas.free(open_scalars(freed))
        self.candidates[agent.id] = None

    def _forget_where_unheld(self, framework: Framework, agent: Agent) -> None:
        if framework.id not in agent.used and framework.id not in agent.offered:
            del framework.agents[agent.id]

    def _count_offered(
        self, framework: Framework, agent: Agent, resources: Resources, sign: int
    ) -> None:
        for role, part in resources.allocations().items():
            framework.clients[role].count_offered(agent.id, part, sign)

    # -- clients --

    def _client(self, framework: Framework, role: str) -> Client:
        client = framework.clients.get(role)
        if client is None:
            client = self.tree.add_client(framework.id, role, self._bits.take())
            framework.clients[role] = client
        return client

    def _discharge(self, framework: Framework, agent: Agent, resources: Resources) -> None:
        """Take ``resources`` from the shares; forget whom they were the last trace of."""
        for role, part in resources.allocations().items():
            client = framework.clients[role]
            self.tree.discharge(client, agent.id, part)
            self._forget_if_unused(framework, client)
        if framework.options is NO_OPTIONS and not framework.agents:
            self.frameworks.pop(framework.id, None)

    def _forget_if_unused(self, framework: Framework, client: Client) -> None:
        if client.is_subscribed or client.allocated:
            return
        # It may still hold ranges or sets.
        for agent_id in framework.agents:
            held = self.agents[agent_id].held_by(framework.id)
            if any(key.allocation_role == client.role for key, _ in held.entries()):
                return
        del framework.clients[client.role]
        self._drop_client(client)

    def _drop_client(self, client: Client) -> None:
        self.clear_filters(client)
        self.eligibility.forget(client)
        self.exclusions.set(client.bit, None)
        self.tree.remove_client(client)
        self._bits.give_back(client.bit)
