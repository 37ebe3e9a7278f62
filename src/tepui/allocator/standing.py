"""How a client stands: whether it takes offers, its place in the order, its quota."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from tepui.allocator.agents import Agent
from tepui.allocator.explanation import Allowance, Place, RoleReason, RoleState, Wish
from tepui.allocator.frameworks import Framework
from tepui.allocator.interface import Minimum
from tepui.allocator.ledger import Ledger
from tepui.allocator.roles import Client, Leaf, RoleNode, RoleTree
from tepui.allocator.sorters import Competitor, RandomSorter
from tepui.allocator.sorters.competitor import Rank
from tepui.resources import Quantities

_STATES = list(RoleState)
_NOBODY = RoleReason(role="", state=RoleState.NOBODY)


def wish_of(framework: Framework, client: Client) -> Wish:
    """Tell whether a client takes offers, and why not."""
    if framework.wants_offers(client):
        return Wish.WANTS_OFFERS
    if not client.is_subscribed:
        return Wish.LEFT
    return Wish.SUPPRESSED if framework.is_active else Wish.INACTIVE


def clients_below(node: RoleNode) -> Iterator[Client]:
    """Iterate the clients of a role, and then those of the roles below it."""
    below = [node]
    while below:
        each = below.pop()
        if each.leaf is not None:
            yield from each.leaf.by_framework.values()
        below.extend(each.children.values())


class Standings:
    """The tree of roles as it is at one moment.

    Args:
        active: The bits of the clients that take offers.
    """

    def __init__(self, tree: RoleTree, active: int) -> None:
        tree.refresh()
        self._tree = tree
        self._active = active
        self._top = [node for node in tree.nodes() if node.parent is None]
        # Who competes for offers at present below each parent, whoever is served first in front.
        self._ranked: dict[Competitor | None, list[Rank]] = {}

    def places(self, role: str, client: Client | None) -> list[Place]:
        """Return the way from the top down to a client, or as far as there is one."""
        node = self._tree.find(role)
        above: list[Competitor] = [] if client is None else [client]
        at: Competitor | None = node if client is None else client.parent
        while at is not None:
            above.append(at)
            at = at.parent
        # A role's only framework, or all of them if there are no child roles, stand for the role.
        return [
            self._place(competitor)
            for competitor in reversed(above)
            if isinstance(competitor, RoleNode) or len(self._siblings(competitor)) > 1
        ]

    def allowance(self, role: str) -> Allowance | None:
        """Return the quota that is set at the top of the role's branch, if any is."""
        top = self._tree.find(role.partition("/")[0])
        if top is None or top.quota is None:
            return None
        return Allowance(
            role=top.name,
            guarantees=top.quota.quota.guarantees,
            limits=top.quota.quota.limits,
            consumed=top.consumed(),
        )

    def owed(self, names_max: int) -> dict[str, Quantities]:
        """Return the roles whose guarantees lack most, and what they lack."""
        lacking = [
            (node.name, Quantities(node.quota.needed))
            for node in self._top
            if node.quota is not None and node.quota.needed
        ]
        lacking.sort(key=lambda each: (-sum(each[1].values()), each[0]))
        return dict(lacking[:names_max])

    def _siblings(self, competitor: Competitor) -> Sequence[Competitor]:
        parent = competitor.parent
        if parent is None:
            return self._top
        if isinstance(parent, Leaf):
            return list(parent.by_framework.values())
        assert isinstance(parent, RoleNode)
        members: list[Competitor] = list(parent.children.values())
        return members if parent.leaf is None else [*members, parent.leaf]

    def _ranked_with(self, competitor: Competitor) -> list[Rank]:
        ranked = self._ranked.get(competitor.parent)
        if ranked is None:
            siblings = self._siblings(competitor)
            ranked = sorted(each.rank for each in siblings if each.mask & self._active)
            self._ranked[competitor.parent] = ranked
        return ranked

    def _place(self, competitor: Competitor) -> Place:
        ranked = self._ranked_with(competitor)
        first: Competitor = ranked[0][3] if ranked else competitor
        is_competing = bool(competitor.mask & self._active)
        is_drawn = isinstance(competitor.siblings, RandomSorter)
        leads = is_drawn or not competitor.rank > first.rank
        return Place(
            name=_name(competitor),
            weight=competitor.weight,
            share=competitor.share,
            dominant=competitor.dominant(self._tree.counted),
            siblings=len(ranked) + (not is_competing),
            ahead=None if is_drawn else bisect_left(ranked, competitor.rank),
            leader=None if leads else _name(first),
            leader_share=0.0 if leads else first.share / first.weight,
        )


def reasons_of(
    ledger: Ledger, minimum: Minimum, *, is_paused: bool, is_listed: Callable[[Agent], bool]
) -> list[RoleReason]:
    """Say of each role why it may be waiting; costs a look at each client, not at each agent."""
    closed = RoleState.PAUSED if is_paused else None
    if closed is None and not any(
        each.is_active and is_listed(each) for each in ledger.agents.values()
    ):
        closed = RoleState.NO_AGENT
    is_anything_free = not minimum or any(
        all(ledger.quotas.available.get(name, 0) >= millis for name, millis in each.items())
        for each in minimum
    )
    found: dict[str, RoleReason] = {}
    # Children first: a role that no framework is in has the reason of a role below it.
    for node in sorted(ledger.tree.nodes(), key=lambda each: -each.name.count("/")):
        own = {} if node.leaf is None else node.leaf.by_framework
        clients = [each for each in own.values() if each.is_subscribed]
        if clients:
            reason = _reason(
                node, clients, ledger, closed=closed, is_anything_free=is_anything_free
            )
        else:
            below = [found[child.name] for child in node.children.values()]
            best = max(below, key=lambda each: _STATES.index(each.state), default=_NOBODY)
            reason = replace(best, role=node.name)
        found[node.name] = reason
    return [found[name] for name in sorted(found)]


def _reason(
    node: RoleNode,
    clients: Sequence[Client],
    ledger: Ledger,
    *,
    closed: RoleState | None,
    is_anything_free: bool,
) -> RoleReason:
    wishes = dict.fromkeys(wish_of(ledger.frameworks[each.framework_id], each) for each in clients)
    if Wish.WANTS_OFFERS not in wishes:
        is_suppressed = Wish.SUPPRESSED in wishes
        state = RoleState.SUPPRESSED if is_suppressed else RoleState.INACTIVE
        return RoleReason(role=node.name, state=state)
    if closed is not None:
        return RoleReason(role=node.name, state=closed)
    if any(each.offered or each.offered_copies for each in clients):
        return RoleReason(role=node.name, state=RoleState.ON_OFFER)
    if node.quota is not None and node.quota.is_capped:
        names = tuple(name for name, left in node.quota.room.items() if left <= 0)
        return RoleReason(role=node.name, state=RoleState.AT_LIMIT, names=names)
    if not is_anything_free:
        return RoleReason(role=node.name, state=RoleState.NOTHING_FREE)
    refused = max(ledger.filters.agents_count(each) for each in clients)
    if refused:
        return RoleReason(role=node.name, state=RoleState.FILTERED, agents=refused)
    return RoleReason(role=node.name, state=RoleState.OPEN)


def _name(competitor: Competitor) -> str:
    match competitor:
        case Client():
            return competitor.framework_id
        case RoleNode():
            return competitor.name
        case _:
            return "."
