"""Restate what has to hold in the allocator's books, from scratch: for tests.

Everything that is kept up to date step by step is computed anew from agents and holdings.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.allocator.agents import Agent, one_of_each, unshared
from tepui.allocator.holdings import Holding, Place, add_copies, open_scalars
from tepui.allocator.ledger import Ledger
from tepui.allocator.roles import Client, RoleNode, RoleTree
from tepui.allocator.sorters import Competitor
from tepui.base.errors import invariant
from tepui.resources import EMPTY, Quantities


def check(ledger: Ledger) -> None:
    """End the process if the books contradict themselves."""
    for agent in ledger.agents.values():
        _check_agent(agent, ledger)
    _check_totals(ledger)
    _check_holdings(ledger)
    _check_quotas(ledger)


def _check_agent(agent: Agent, ledger: Ledger) -> None:
    taken = EMPTY
    for held in (*agent.offered.values(), *agent.used.values()):
        invariant(bool(held), f"agent {agent.id}: an empty holding is kept")
        taken += held.unallocated()
    _same(f"agent {agent.id}: available", agent.available, agent.total - unshared(taken))
    for framework_id in agent.holders():
        invariant(
            agent.id in ledger.frameworks[framework_id].agents,
            f"framework {framework_id} does not know what it holds on {agent.id}",
        )


def _check_totals(ledger: Ledger) -> None:
    total, headroom = Quantities(), Quantities()
    reserved: dict[str, Quantities] = {}
    for agent in ledger.agents.values():
        total = total.plus(one_of_each(agent.total).scalars())
        headroom = headroom.plus(open_scalars(agent.available))
        for role, part in agent.total.reservations().items():
            reserved[role] = reserved.get(role, Quantities()).plus(one_of_each(part).scalars())
    _same_amounts("total", ledger.tree.total, total)
    _same_amounts("available headroom", ledger.quotas.available, headroom)
    for node in ledger.tree.nodes():
        below = Quantities()
        for role, amounts in reserved.items():
            if (role + "/").startswith(node.name + "/"):
                below = below.plus(amounts)
        _same_amounts(f"role {node.name}: reserved", node.reserved, below)


def _check_holdings(ledger: Ledger) -> None:
    """Compare what each framework, leaf and role holds, copies of shared volumes included."""
    books = _Books()
    for agent in ledger.agents.values():
        for framework_id in agent.holders():
            clients = ledger.frameworks[framework_id].clients
            for role, part in agent.held_by(framework_id).allocations().items():
                books.add(clients[role], Holding(agent.id, part))
            for role, part in agent.offered.get(framework_id, EMPTY).allocations().items():
                books.add_offered(clients[role], Holding(agent.id, part))
    for competitor in _competitors(ledger.tree):
        path = competitor.path
        _same_amounts(f"{path}: held", competitor.allocated, books.held.get(competitor, {}))
        _same(f"{path}: copies", competitor.copies, books.copies.get(competitor, {}))
        if isinstance(competitor, RoleNode):
            _same_amounts(f"{path}: exempt", competitor.exempt, books.exempt.get(competitor, {}))
        if isinstance(competitor, Client):
            offered = books.offered.get(competitor, Quantities())
            _same_amounts(f"{path}: offered", competitor.offered, offered)
            copies = books.offered_copies.get(competitor, {})
            _same(f"{path}: copies offered", competitor.offered_copies, copies)


class _Books:
    def __init__(self) -> None:
        self.held: dict[Competitor, Quantities] = {}
        self.exempt: dict[Competitor, Quantities] = {}
        self.copies: dict[Competitor, dict[Place, int]] = {}
        self.offered: dict[Competitor, Quantities] = {}
        self.offered_copies: dict[Competitor, dict[Place, int]] = {}

    def add(self, client: Client, holding: Holding) -> None:
        competitor: Competitor | None = client
        while competitor is not None:
            new = add_copies(self.copies.setdefault(competitor, {}), holding.copies)
            held = self.held.get(competitor, Quantities())
            self.held[competitor] = held.plus(holding.amounts).plus(new)
            exempt = self.exempt.get(competitor, Quantities())
            self.exempt[competitor] = exempt.plus(holding.exempt).plus(new)
            competitor = competitor.parent

    def add_offered(self, client: Client, holding: Holding) -> None:
        self.offered[client] = self.offered.get(client, Quantities()).plus(holding.amounts)
        add_copies(self.offered_copies.setdefault(client, {}), holding.copies)


def _check_quotas(ledger: Ledger) -> None:
    quotas = ledger.quotas
    required = Quantities()
    needy: dict[str, int] = {}
    tight, light = [0] * len(quotas.tight), [0] * len(quotas.light)
    for node in ledger.tree.nodes():
        invariant(node.quota is None or "/" not in node.name, f"role {node.name} has a quota")
        if node.quota is None:
            continue
        consumed, mask = node.consumed(), ledger.tree.clients_in(node.name)
        needed = node.quota.quota.guarantees.minus(consumed)
        _same_amounts(f"role {node.name}: needed", node.quota.needed, needed)
        required = required.plus(needed)
        for name, millis in needed.items():
            if millis:
                needy[name] = needy.get(name, 0) | mask
        limits = node.quota.quota.limits
        room = {name: max(0, most - consumed.get(name, 0)) for name, most in limits.items()}
        _same(f"role {node.name}: room", node.quota.room, room)
        _same(f"role {node.name}: mask", node.quota.mask, mask)
        for marks, expected in ((node.quota.tight, tight), (node.quota.light, light)):
            for index, is_in in enumerate(marks):
                expected[index] |= mask if is_in else 0
    _same_amounts("required headroom", quotas.required, required)
    _same_amounts("needy clients", quotas.needy, needy)
    _same("clients with tight limits", quotas.tight, tight)
    _same("clients with light guarantees", quotas.light, light)


def _competitors(tree: RoleTree) -> list[Competitor]:
    found: list[Competitor] = []
    for node in tree.nodes():
        found.append(node)
        if node.leaf is not None:
            found += [node.leaf, *node.leaf.by_framework.values()]
    return found


def _same(what: str, kept: object, computed: object) -> None:
    invariant(kept == computed, f"{what} is {computed!r}, and {kept!r} in the books")


def _same_amounts(what: str, kept: Mapping[str, int], computed: Mapping[str, int]) -> None:
    """Compare amounts; one that is absent is zero."""
    for name in {**kept, **computed}:
        _same(f"{what}: {name}", kept.get(name, 0), computed.get(name, 0))
