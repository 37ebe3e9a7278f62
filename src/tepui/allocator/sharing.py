"""Share what is free on one agent: the only stage so far, in which all roles compete."""

from __future__ import annotations

from tepui.allocator.agents import Agent
from tepui.allocator.interface import Allocation, AllocatorOptions
from tepui.allocator.ledger import Ledger
from tepui.allocator.minimum import is_worth_offering


def share(agent: Agent, ledger: Ledger, options: AllocatorOptions) -> list[Allocation]:
    """Offer what is available on the agent to those whose turn it is, until nobody is left."""
    allocations: list[Allocation] = []
    eligible = _eligible_for(agent, ledger, options)
    while eligible:
        client = ledger.tree.first(eligible)
        if client is None:
            break
        eligible &= ~client.bit
        framework = ledger.frameworks[client.framework_id]
        capabilities = framework.options.capabilities
        free = agent.visible_to(client.role, capabilities)
        minimum = framework.options.minimum.get(client.role, options.minimum)
        if not free or not is_worth_offering(free, minimum):
            if minimum is options.minimum:
                alike = ledger.eligibility.alike(capabilities)
                eligible &= ~(ledger.tree.clients_in(client.role) & alike)
            continue
        if ledger.filters.blocks(client, agent.id, free):
            agent.blocked |= client.bit
            # The bits set before hold for whatever is contained in what they were set for.
            agent.blocked_for = agent.available
            continue
        allocations.append(ledger.offer(framework, client, agent, free))
        if not agent.available:
            break
        eligible &= _eligible_for(agent, ledger, options)
    agent.settled = ledger.epoch
    return allocations


def _eligible_for(agent: Agent, ledger: Ledger, options: AllocatorOptions) -> int:
    """Return the clients that may be able to take some of what is available."""
    known = agent.description.capabilities
    eligible = ledger.eligibility.clients_for(
        has_gpus=agent.has_gpus and options.filter_gpu_resources,
        is_remote=agent.is_remote,
        knows_multi_role=known.multi_role,
        knows_hierarchical_role=known.hierarchical_role,
    )
    eligible &= ~ledger.exclusions.among(eligible, agent.id, agent.description)
    if agent.blocked:
        if not agent.blocked_for.contains(agent.available):
            agent.blocked = 0
        eligible &= ~agent.blocked
    if not eligible:
        return 0
    open_to_all = agent.available if agent.is_simple else agent.available.unreserved()
    if open_to_all and is_worth_offering(open_to_all, options.minimum):
        return eligible
    # What is left is for those who are content with little, and those it is reserved to.
    few = ledger.eligibility.has_own_minimum
    if not agent.is_simple:
        for role in agent.available.reservations():
            few |= ledger.tree.clients_below(role)
    return eligible & few
