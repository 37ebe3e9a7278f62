"""The tree of roles, with the frameworks as its leaves.

Siblings compete under each parent, and a parent's share covers its subtree. The frameworks of
a role compete with its child roles as one, the virtual leaf ``.``, under the role itself. A
role without child roles has its leaf alone, which makes no difference to the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tepui.allocator.interface import RoleView
from tepui.allocator.sorters import Competitor, Sorter
from tepui.resources import Quantities, Resources
from tepui.resources.roles import lineage

MakeSorter = Callable[[], Sorter]


class Client(Competitor):
    """A framework in one of its roles.

    Attributes:
        bit: Stands for it in masks; equal to its own mask.
        is_subscribed: Whether the framework is in the role; if not, it still holds resources.
        offered: What part of its allocation is only offered so far.
    """

    __slots__ = ("bit", "framework_id", "is_subscribed", "offered", "role")

    def __init__(self, framework_id: str, role: str, bit: int, leaf: _Leaf) -> None:
        super().__init__(framework_id, leaf, leaf.clients)
        self.framework_id = framework_id
        self.role = role
        self.bit = bit
        self.mask = bit
        self.is_subscribed = False
        self.offered = Quantities()

    def count_offered(self, amounts: Mapping[str, int], sign: int) -> None:
        """Add to what is only offered, or take from it."""
        for name, millis in amounts.items():
            self.offered[name] = self.offered.get(name, 0) + sign * millis


class RoleNode(Competitor):
    """A role: what its subtree holds, and who competes in it.

    Attributes:
        reserved: Scalars that are reserved to this very role.
    """

    __slots__ = ("children", "leaf", "members", "name", "reserved")

    def __init__(
        self, name: str, parent: RoleNode | None, siblings: Sorter, members: Sorter
    ) -> None:
        super().__init__(name, parent, siblings)
        self.name = name
        self.children: dict[str, RoleNode] = {}
        self.members = members
        self.leaf: _Leaf | None = None
        self.reserved = Quantities()


class _Leaf(Competitor):
    """The frameworks of one role, as they compete with its child roles."""

    __slots__ = ("by_framework", "clients")

    def __init__(self, node: RoleNode, clients: Sorter) -> None:
        super().__init__(f"{node.name}/.", node, node.members)
        self.clients = clients
        self.by_framework: dict[str, Client] = {}


class RoleTree:
    """All roles that have frameworks, allocations or reservations."""

    def __init__(
        self,
        *,
        make_role_sorter: MakeSorter,
        make_framework_sorter: MakeSorter,
        weights: Mapping[str, float],
        excluded: tuple[str, ...],
    ) -> None:
        self._make_role_sorter = make_role_sorter
        self._make_framework_sorter = make_framework_sorter
        self._weights = dict(weights)
        self._excluded = frozenset(excluded)
        self._top = make_role_sorter()
        self._nodes: dict[str, RoleNode] = {}
        self._total = Quantities()
        # The total without the excluded names: what shares are shares of.
        self._counted = Quantities()
        self._is_stale = False

    # -- the total --

    @property
    def total(self) -> Quantities:
        """All scalars of all agents."""
        return self._total

    def change_total(self, *, added: Resources, removed: Resources) -> None:
        """Account for an agent that came, changed or went; shares are measured anew later."""
        for amounts, sign in ((added.scalars(), 1), (removed.scalars(), -1)):
            for name, millis in amounts.items():
                self._total[name] = self._total.get(name, 0) + sign * millis
        self._counted = Quantities(
            {
                name: millis
                for name, millis in self._total.items()
                if millis > 0 and name not in self._excluded
            }
        )
        self._is_stale = True
        self._change_reserved(added, 1)
        self._change_reserved(removed, -1)

    def refresh(self) -> None:
        """Measure all shares anew if the total changed."""
        if not self._is_stale:
            return
        self._is_stale = False
        for node in self._nodes.values():
            node.measure(self._counted)
            if node.leaf is not None:
                node.leaf.measure(self._counted)
                for client in node.leaf.by_framework.values():
                    client.measure(self._counted)
                node.leaf.clients.reposition_all()
        self._top.reposition_all()
        for node in self._nodes.values():
            node.members.reposition_all()

    # -- clients --

    def add_client(self, framework_id: str, role: str, bit: int) -> Client:
        """Put a framework into a role."""
        node = self._node(role)
        leaf = node.leaf
        if leaf is None:
            leaf = _Leaf(node, self._make_framework_sorter())
            leaf.measure(self._counted)
            node.leaf = leaf
            node.members.add(leaf)
        client = Client(framework_id, role, bit, leaf)
        leaf.by_framework[framework_id] = client
        leaf.clients.add(client)
        _toggle(leaf, bit)
        return client

    def remove_client(self, client: Client) -> None:
        """Take a framework that holds nothing out of a role."""
        node = self._nodes[client.role]
        leaf = node.leaf
        assert leaf is not None
        leaf.clients.remove(client)
        del leaf.by_framework[client.framework_id]
        _toggle(leaf, client.bit)
        if not leaf.by_framework:
            node.members.remove(leaf)
            node.leaf = None
        self._prune(node)

    def first(self, eligible: int) -> Client | None:
        """Return whose turn it is among the clients whose bits are in ``eligible``."""
        competitor = self._top.first(eligible)
        while competitor is not None and type(competitor) is not Client:
            if type(competitor) is RoleNode:
                competitor = competitor.members.first(eligible)
            else:
                assert isinstance(competitor, _Leaf)
                competitor = competitor.clients.first(eligible)
        return competitor

    def charge(self, client: Client, amounts: Mapping[str, int]) -> None:
        """Account ``amounts`` to a client and all above it."""
        competitor: Competitor | None = client
        while competitor is not None:
            competitor.charge(amounts, self._counted)
            competitor.siblings.reposition(competitor)
            competitor = competitor.parent

    def discharge(self, client: Client, amounts: Mapping[str, int]) -> None:
        """Take ``amounts`` from a client and all above it."""
        competitor: Competitor | None = client
        while competitor is not None:
            competitor.discharge(amounts, self._counted)
            competitor.siblings.reposition(competitor)
            competitor = competitor.parent

    # -- roles --

    def clients_below(self, role: str) -> int:
        """Return the bits of the clients in the role and its subroles."""
        node = self._nodes.get(role)
        return 0 if node is None else node.mask

    def clients_in(self, role: str) -> int:
        """Return the bits of the clients in the role itself."""
        node = self._nodes.get(role)
        return 0 if node is None or node.leaf is None else node.leaf.mask

    def set_weight(self, role: str, weight: float) -> None:
        """Set what the role's share is divided by."""
        self._weights[role] = weight
        node = self._nodes.get(role)
        if node is not None:
            node.weight = weight
            node.siblings.reposition(node)

    def views(self) -> list[RoleView]:
        """Return all roles as the operator sees them, those that only have a weight included."""
        self.refresh()
        views = {name: _view(node) for name, node in self._nodes.items()}
        for role in self._weights:
            for name in lineage(role):
                if name not in views:
                    views[name] = _bare_view(name, self._weights.get(name, 1.0))
        return [views[name] for name in sorted(views)]

    def _node(self, role: str) -> RoleNode:
        node = self._nodes.get(role)
        if node is not None:
            return node
        parent: RoleNode | None = None
        for name in lineage(role):
            node = self._nodes.get(name)
            if node is None:
                siblings = self._top if parent is None else parent.members
                node = RoleNode(name, parent, siblings, self._make_role_sorter())
                node.weight = self._weights.get(name, 1.0)
                siblings.add(node)
                self._nodes[name] = node
                if parent is not None:
                    parent.children[name] = node
            parent = node
        assert node is not None
        return node

    def _prune(self, node: RoleNode) -> None:
        """Forget the role, and its ancestors, if nothing is left of them."""
        while node.leaf is None and not node.children and not node.reserved:
            node.siblings.remove(node)
            del self._nodes[node.name]
            parent = node.parent
            if not isinstance(parent, RoleNode):
                return
            del parent.children[node.name]
            node = parent

    def _change_reserved(self, resources: Resources, sign: int) -> None:
        if resources.is_plain:
            return
        for role, part in resources.reservations().items():
            node = self._node(role)
            amounts = part.scalars()
            node.reserved = (
                node.reserved.plus(amounts) if sign > 0 else node.reserved.minus(amounts)
            )
            self._prune(node)


def _toggle(leaf: _Leaf, bit: int) -> None:
    """Add the bit of a client to all above it, or take it away."""
    competitor: Competitor | None = leaf
    while competitor is not None:
        competitor.siblings.remask(competitor, competitor.mask ^ bit)
        competitor = competitor.parent


def _subtree(node: RoleNode) -> Iterator[RoleNode]:
    yield node
    for child in node.children.values():
        yield from _subtree(child)


def _view(node: RoleNode) -> RoleView:
    offered, reserved = Quantities(), Quantities()
    for each in _subtree(node):
        reserved = reserved.plus(each.reserved)
        if each.leaf is not None:
            for client in each.leaf.by_framework.values():
                offered = offered.plus(client.offered)
    offered = Quantities({name: millis for name, millis in offered.items() if millis})
    members = {} if node.leaf is None else node.leaf.by_framework
    return RoleView(
        name=node.name,
        weight=node.weight,
        share=node.share / node.weight,
        allocated=node.allocated.minus(offered),
        offered=offered,
        reserved=reserved,
        frameworks=[client.framework_id for client in members.values() if client.is_subscribed],
    )


def _bare_view(name: str, weight: float) -> RoleView:
    return RoleView(
        name=name,
        weight=weight,
        share=0.0,
        allocated=Quantities(),
        offered=Quantities(),
        reserved=Quantities(),
        frameworks=[],
    )
