"""The tree of roles, with the frameworks as its leaves.

Siblings compete under each parent, and a parent's share covers its subtree. The frameworks of
a role compete with its child roles as one, the virtual leaf ``.``, under the role itself. A
role without child roles has its leaf alone, which makes no difference to the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tepui.allocator.agents import one_of_each
from tepui.allocator.holdings import Holding, Place, add_copies, remove_copies
from tepui.allocator.interface import Quota
from tepui.allocator.quota import NO_QUOTA, Quotas, RoleQuota
from tepui.allocator.sorters import Competitor, Sorter
from tepui.base.errors import invariant
from tepui.resources import Quantities, Resources
from tepui.resources.roles import lineage

MakeSorter = Callable[[], Sorter]


class Client(Competitor):
    """A framework in one of its roles.

    Attributes:
        bit: Stands for it in masks; equal to its own mask.
        is_subscribed: Whether the framework is in the role; if not, it still holds resources.
        node: Its role.
        offered: What part of its allocation is only offered so far, without shared volumes.
        offered_exempt: What of ``offered`` is reserved or revocable.
        offered_copies: Copies of shared volumes that are only offered so far.
    """

    __slots__ = (
        "bit",
        "framework_id",
        "is_subscribed",
        "node",
        "offered",
        "offered_copies",
        "offered_exempt",
        "role",
    )

    def __init__(self, framework_id: str, node: RoleNode, bit: int, leaf: Leaf) -> None:
        super().__init__(framework_id, leaf, leaf.clients)
        self.framework_id = framework_id
        self.role = node.name
        self.node = node
        self.bit = bit
        self.mask = bit
        self.is_subscribed = False
        self.offered = Quantities()
        self.offered_exempt = Quantities()
        self.offered_copies: dict[Place, int] = {}

    def count_offered(self, agent_id: str, resources: Resources, sign: int) -> None:
        """Add to what is only offered, or take from it."""
        if resources.is_plain:
            _count(self.offered, resources.scalars(), sign)
            return
        holding = Holding(agent_id, resources)
        _count(self.offered, holding.amounts, sign)
        _count(self.offered_exempt, holding.exempt, sign)
        if sign > 0:
            add_copies(self.offered_copies, holding.copies)
        else:
            remove_copies(self.offered_copies, holding.copies)


class RoleNode(Competitor):
    """A role: what its subtree holds, and who competes in it.

    Attributes:
        top: The role at the top of its branch: itself, or an ancestor.
        reserved: Scalars that are reserved in its subtree, held or not.
        own_reserved: Scalars that are reserved to this very role.
        exempt: What of its allocation does not count towards a quota for being allocated.
        quota: Its quota, if it has one; only roles at the top do.
    """

    __slots__ = (
        "children",
        "exempt",
        "leaf",
        "members",
        "name",
        "own_reserved",
        "quota",
        "reserved",
        "top",
    )

    def __init__(
        self, name: str, parent: RoleNode | None, siblings: Sorter, members: Sorter
    ) -> None:
        super().__init__(name, parent, siblings)
        self.name = name
        self.top: RoleNode = self if parent is None else parent.top
        self.children: dict[str, RoleNode] = {}
        self.members = members
        self.leaf: Leaf | None = None
        self.reserved = Quantities()
        self.own_reserved = Quantities()
        self.exempt = Quantities()
        self.quota: RoleQuota | None = None

    def consumed(self) -> Quantities:
        """Return what counts towards the role's quota, what is offered included."""
        total = Quantities(self.reserved)
        _count(total, self.allocated, 1)
        _count(total, self.exempt, -1)
        return total


class Leaf(Competitor):
    """The frameworks of one role, as they compete with its child roles."""

    __slots__ = ("by_framework", "clients")

    def __init__(self, node: RoleNode, clients: Sorter) -> None:
        super().__init__(f"{node.name}/.", node, node.members)
        self.clients = clients
        self.by_framework: dict[str, Client] = {}


class RoleTree:
    """All roles that have frameworks, allocations, reservations or a quota."""

    def __init__(
        self,
        *,
        make_role_sorter: MakeSorter,
        make_framework_sorter: MakeSorter,
        weights: Mapping[str, float],
        excluded: tuple[str, ...],
        quotas: Quotas,
    ) -> None:
        self.quotas = quotas
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

    @property
    def counted(self) -> Quantities:
        """What of the total shares are shares of."""
        return self._counted

    def change_total(self, *, added: Resources, removed: Resources) -> None:
        """Account for an agent that came, changed or went; shares are measured anew later."""
        added, removed = one_of_each(added), one_of_each(removed)
        if added.scalars() != removed.scalars():
            _count(self._total, added.scalars(), 1)
            _count(self._total, removed.scalars(), -1)
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
            leaf = Leaf(node, self._make_framework_sorter())
            leaf.measure(self._counted)
            node.leaf = leaf
            node.members.add(leaf)
        client = Client(framework_id, node, bit, leaf)
        leaf.by_framework[framework_id] = client
        leaf.clients.add(client)
        self._toggle(leaf, node, bit)
        return client

    def remove_client(self, client: Client) -> None:
        """Take a framework that holds nothing out of a role."""
        node = client.node
        leaf = node.leaf
        assert leaf is not None
        leaf.clients.remove(client)
        del leaf.by_framework[client.framework_id]
        self._toggle(leaf, node, client.bit)
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
                assert isinstance(competitor, Leaf)
                competitor = competitor.clients.first(eligible)
        return competitor

    def charge(self, client: Client, agent_id: str, resources: Resources) -> None:
        """Account ``resources`` to a client and all above it."""
        competitor: Competitor | None = client
        if resources.is_plain:
            amounts = resources.scalars()
            while competitor is not None:
                competitor.charge(amounts, self._counted)
                competitor.siblings.reposition(competitor)
                competitor = competitor.parent
        else:
            holding = Holding(agent_id, resources)
            while competitor is not None:
                competitor.charge(_added(competitor, holding), self._counted)
                competitor.siblings.reposition(competitor)
                competitor = competitor.parent
        if client.node.top.quota is not None:
            self._measure(client.node.top)

    def discharge(self, client: Client, agent_id: str, resources: Resources) -> None:
        """Take ``resources`` from a client and all above it."""
        competitor: Competitor | None = client
        if resources.is_plain:
            amounts = resources.scalars()
            while competitor is not None:
                competitor.discharge(amounts, self._counted)
                competitor.siblings.reposition(competitor)
                competitor = competitor.parent
        else:
            holding = Holding(agent_id, resources)
            while competitor is not None:
                competitor.discharge(_removed(competitor, holding), self._counted)
                competitor.siblings.reposition(competitor)
                competitor = competitor.parent
        if client.node.top.quota is not None:
            self._measure(client.node.top)

    def exchange(
        self, client: Client, agent_id: str, *, held: Resources, converted: Resources
    ) -> None:
        """Replace what a client holds by something else, which is no further allocation."""
        going, coming = Holding(agent_id, held), Holding(agent_id, converted)
        competitor: Competitor | None = client
        while competitor is not None:
            gone = _removed(competitor, going)
            come = _added(competitor, coming)
            if gone != come:
                competitor.exchange(gone, come, self._counted)
                competitor.siblings.reposition(competitor)
            competitor = competitor.parent
        if client.node.top.quota is not None:
            self._measure(client.node.top)

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

    def set_quota(self, role: str, quota: Quota) -> None:
        """Set what the role is guaranteed and limited to."""
        invariant("/" not in role, f"role {role} lies below another, and has a quota")
        node = self._nodes.get(role)
        if node is not None and node.quota is not None:
            self.quotas.remove(node.quota)
            node.quota = None
        if quota != NO_QUOTA:
            node = self._node(role)
            node.quota = self.quotas.add(quota, self.clients_in(role), node.consumed())
        elif node is not None:
            self._prune(node)

    def find(self, role: str) -> RoleNode | None:
        """Return the role, if it is more than a weight."""
        return self._nodes.get(role)

    def nodes(self) -> Iterable[RoleNode]:
        """Return the roles that are more than a weight."""
        return self._nodes.values()

    def weights(self) -> Mapping[str, float]:
        """Return the weights that were set."""
        return self._weights

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
        while not (node.leaf or node.children or node.own_reserved or node.quota):
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
            _count(node.own_reserved, amounts, sign)
            above: Competitor | None = node
            while isinstance(above, RoleNode):
                _count(above.reserved, amounts, sign)
                above = above.parent
            self.quotas.epoch += 1
            self._measure(node.top)
            self._prune(node)

    def _measure(self, top: RoleNode) -> None:
        if top.quota is not None:
            self.quotas.measure(top.quota, top.consumed())

    def _toggle(self, leaf: Leaf, node: RoleNode, bit: int) -> None:
        """Add the bit of a client to all above it, or take it away."""
        competitor: Competitor | None = leaf
        while competitor is not None:
            competitor.siblings.remask(competitor, competitor.mask ^ bit)
            competitor = competitor.parent
        if node.quota is not None:
            self.quotas.remask(node.quota, leaf.mask)


def _added(competitor: Competitor, holding: Holding) -> Quantities:
    new = add_copies(competitor.copies, holding.copies)
    if isinstance(competitor, RoleNode):
        _count(competitor.exempt, holding.exempt, 1)
        _count(competitor.exempt, new, 1)
    return holding.amounts.plus(new) if new else holding.amounts


def _removed(competitor: Competitor, holding: Holding) -> Quantities:
    gone = remove_copies(competitor.copies, holding.copies)
    if isinstance(competitor, RoleNode):
        _count(competitor.exempt, holding.exempt, -1)
        _count(competitor.exempt, gone, -1)
    return holding.amounts.plus(gone) if gone else holding.amounts


def _count(total: dict[str, int], amounts: Mapping[str, int], sign: int) -> None:
    """Add to what is counted, or take from it; what is zero leaves."""
    for name, millis in amounts.items():
        counted = total.get(name, 0) + sign * millis
        if counted:
            total[name] = counted
        elif name in total:
            del total[name]
