"""Serve the roles that have less than they are guaranteed: the stage before the sharing."""

from __future__ import annotations

from tepui.allocator.agents import Agent
from tepui.allocator.holdings import open_scalars
from tepui.allocator.interface import Allocation, AllocatorOptions
from tepui.allocator.ledger import Ledger
from tepui.allocator.minimum import is_worth_offering, sets_within
from tepui.allocator.sharing import assortment_of, content, willing
from tepui.allocator.trimming import with_guarantee
from tepui.allocator.visibility import Assortment
from tepui.base.rng import Rng


def guarantee(
    agent: Agent, ledger: Ledger, options: AllocatorOptions, rng: Rng
) -> list[Allocation]:
    """Offer what is available on the agent to roles whose guarantees lack some of it."""
    allocations: list[Allocation] = []
    quotas, filters = ledger.quotas, ledger.filters
    assortment = assortment_of(agent, ledger)
    eligible = _takers(agent, assortment, ledger, options)
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
        if not is_worth_offering(offer, minimum):
            continue
        if filters.blocks(client, agent.id, offer):
            if assortment is None or not assortment.is_partial:
                agent.blocked.add_cut(client.bit, agent.available, quotas)
            continue
        allocations.append(ledger.offer(framework, client, agent, offer))
        if not agent.available:
            break
        assortment = assortment_of(agent, ledger)
        eligible &= _takers(agent, assortment, ledger, options)
    agent.served = ledger.stamp_withheld()
    return allocations


def _takers(
    agent: Agent, assortment: Assortment | None, ledger: Ledger, options: AllocatorOptions
) -> int:
    """Return the clients in roles whose guarantees lack something that is available."""
    quotas = ledger.quotas
    clients = quotas.needy_of(open_scalars(agent.available))
    if clients:
        clients &= willing(agent, ledger, options)
    if not clients or not options.minimum or (assortment and assortment.is_revocable):
        return clients
    everyone = agent.available if assortment is None else agent.available.unreserved()
    unserved = quotas.unserved(sets_within(everyone, {}, options.minimum), quotas.surplus())
    return clients & (~unserved | content(assortment, ledger))
