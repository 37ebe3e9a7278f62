"""Share what is free on one agent: the stage in which all roles compete."""

from __future__ import annotations

from tepui.allocator.agents import Agent
from tepui.allocator.interface import Allocation, AllocatorOptions
from tepui.allocator.ledger import Ledger
from tepui.allocator.minimum import is_worth_offering, sets_within
from tepui.allocator.trimming import within
from tepui.allocator.visibility import Assortment
from tepui.base.rng import Rng


def share(agent: Agent, ledger: Ledger, options: AllocatorOptions, rng: Rng) -> list[Allocation]:
    """Offer what is available on the agent to those whose turn it is, until nobody is left."""
    allocations: list[Allocation] = []
    quotas, filters = ledger.quotas, ledger.filters
    agent.is_withheld = was_cut = False
    assortment = assortment_of(agent, ledger)
    eligible = _takers(agent, assortment, ledger, options)
    while eligible:
        client = ledger.tree.first(eligible)
        if client is None:
            break
        eligible &= ~client.bit
        framework = ledger.frameworks[client.framework_id]
        capabilities, own = framework.options.capabilities, framework.options.minimum
        minimum = own.get(client.role, options.minimum) if own else options.minimum
        if assortment is None:
            seen = agent.available
            # Whoever has no minimum of its own was left out above, were it not worth it.
            is_worthy = not own or is_worth_offering(seen, minimum)
        else:
            seen = assortment.to(client.role, capabilities)
            is_worthy = bool(seen) and is_worth_offering(seen, minimum)
        offer = seen
        if is_worthy and quotas.roles:
            offer = within(seen, quotas.room_for(client.node.quota), rng)
            if offer is not seen:
                agent.is_withheld = True
                is_worthy = bool(offer) and is_worth_offering(offer, minimum)
        if not is_worthy:
            if minimum is options.minimum:
                alike = ledger.eligibility.alike(capabilities)
                eligible &= ~(ledger.tree.clients_in(client.role) & alike)
            continue
        if filters.blocks(client, agent.id, seen):
            if assortment is None or not assortment.is_partial:
                agent.blocked.add(client.bit, agent.available)
            continue
        if offer is not seen and filters.blocks(client, agent.id, offer):
            if assortment is None or not assortment.is_partial:
                agent.blocked.add_cut(client.bit, agent.available, quotas)
            continue
        allocations.append(ledger.offer(framework, client, agent, offer))
        was_cut |= offer is not seen
        if not agent.available:
            break
        assortment = assortment_of(agent, ledger)
        eligible &= _takers(agent, assortment, ledger, options)
    # What a subrole is offered is lacking to its top's guarantee no more: it leaves the surplus
    # as it was, for another offer at the next visit.
    if not was_cut and not (agent.has_shared and agent.lent_in(ledger.run)):
        _settle(agent, ledger)
    return allocations


def _settle(agent: Agent, ledger: Ledger) -> None:
    """Pass the agent over until something changes, unless guarantees may ask for more of it."""
    stamp = ledger.stamp_withheld()
    if not agent.is_withheld:
        agent.settled = ledger.epoch
    elif not ledger.quotas.required or agent.served == stamp:
        # What came free after the first stage of the pass is for the first stage of the next.
        agent.settled = stamp


def assortment_of(agent: Agent, ledger: Ledger) -> Assortment | None:
    """Return what clients see of the agent; None if all of them see all that is available."""
    return None if agent.is_simple else Assortment(agent.available, agent.lent_in(ledger.run))


def willing(agent: Agent, ledger: Ledger, options: AllocatorOptions) -> int:
    """Return the clients that want offers, can take the agent, and did not refuse all of it."""
    known = agent.description.capabilities
    clients = ledger.eligibility.clients_for(
        has_gpus=agent.has_gpus and options.filter_gpu_resources,
        is_remote=agent.is_remote,
        knows_multi_role=known.multi_role,
        knows_hierarchical_role=known.hierarchical_role,
    )
    if clients & ledger.exclusions.constrained:
        clients &= ~ledger.exclusions.among(clients, agent.id, agent.description)
    blocked = agent.blocked
    if blocked.whole or blocked.cut:
        clients &= ~blocked.now(agent.available, ledger.quotas)
        if blocked.cut:
            agent.is_withheld = True
    return clients


def _takers(
    agent: Agent, assortment: Assortment | None, ledger: Ledger, options: AllocatorOptions
) -> int:
    """Return the clients that may be able to take some of what is available."""
    clients = willing(agent, ledger, options)
    if not clients:
        return 0
    everyone = agent.available if assortment is None else agent.available.unreserved()
    if not everyone or not is_worth_offering(everyone, options.minimum):
        return clients & content(assortment, ledger)
    quotas = ledger.quotas
    if not quotas.roles or not options.minimum:
        return clients
    sets = sets_within(everyone, quotas.surplus(), options.minimum)
    if sets and assortment is not None and assortment.is_revocable:
        # Limits are not about what is revocable.
        return clients
    capped = clients & quotas.capped(sets)
    if capped:
        agent.is_withheld = True
        # No limit and no headroom keeps from a role what is reserved to it.
        clients &= ~capped | content(assortment, ledger)
    return clients


def content(assortment: Assortment | None, ledger: Ledger) -> int:
    """Return the clients that are content with little, and those that something is reserved to."""
    clients = ledger.eligibility.has_own_minimum
    if assortment is not None:
        for role in assortment.reserved:
            clients |= ledger.tree.clients_below(role)
    return clients
