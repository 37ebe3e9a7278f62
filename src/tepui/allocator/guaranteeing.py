"""Serve the roles that have less than they are guaranteed: the stage before the sharing."""

from __future__ import annotations

from tepui.allocator.agents import Agent
from tepui.allocator.holdings import open_scalars
from tepui.allocator.interface import Allocation, AllocatorOptions
from tepui.allocator.ledger import Ledger
from tepui.allocator.minimum import is_worth_offering
from tepui.allocator.sharing import assortment_of, willing
from tepui.allocator.trimming import with_guarantee
from tepui.base.rng import Rng


def guarantee(
    agent: Agent, ledger: Ledger, options: AllocatorOptions, rng: Rng
) -> list[Allocation]:
    """Offer what is available on the agent to roles whose guarantees lack some of it."""
    allocations: list[Allocation] = []
    quotas, filters = ledger.quotas, ledger.filters
    assortment = assortment_of(agent, ledger)
    eligible = _takers(agent, ledger, options)
    while eligible:
        client = ledger.tree.first(eligible)
        if client is None:
            break
        eligible &= ~client.bit
        role = client.node.quota
        assert role is not None
        framework = ledger.frameworks[client.framework_id]
        capabilities = framework.options.capabilities
        minimum = framework.options.minimum.get(client.role, options.minimum)
        seen = agent.available if assortment is None else assortment.to(client.role, capabilities)
        if not seen or not is_worth_offering(seen, minimum):
            continue
        offer = with_guarantee(seen, role, quotas.surplus(), rng)
        if offer is None:
            # What is open is the same for all of the role's frameworks.
            eligible &= ~role.mask
            continue
        if not is_worth_offering(offer, minimum) or filters.blocks(client, agent.id, offer):
            continue
        allocations.append(ledger.offer(framework, client, agent, offer))
        if not agent.available:
            break
        assortment = assortment_of(agent, ledger)
        eligible &= _takers(agent, ledger, options)
    return allocations


def _takers(agent: Agent, ledger: Ledger, options: AllocatorOptions) -> int:
    """Return the clients in roles whose guarantees lack something that is available."""
    needy = ledger.quotas.needy_of(open_scalars(agent.available))
    return needy and needy & willing(agent, ledger, options)
