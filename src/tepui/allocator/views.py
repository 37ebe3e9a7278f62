"""Roles as the operator sees them."""

from __future__ import annotations

from collections.abc import Iterator

from tepui.allocator.holdings import Place, size_of
from tepui.allocator.interface import RoleView
from tepui.allocator.quota import NO_QUOTA
from tepui.allocator.roles import Client, RoleNode, RoleTree
from tepui.resources import Quantities
from tepui.resources.roles import lineage


def views_of(tree: RoleTree) -> list[RoleView]:
    """Return all roles, those that only have a weight and their ancestors included."""
    tree.refresh()
    views = {node.name: _view(node) for node in tree.nodes()}
    weights = tree.weights()
    for role in weights:
        for name in lineage(role):
            if name not in views:
                views[name] = _bare_view(name, weights.get(name, 1.0))
    return [views[name] for name in sorted(views)]


def _clients(node: RoleNode) -> Iterator[Client]:
    if node.leaf is not None:
        yield from node.leaf.by_framework.values()
    for child in node.children.values():
        yield from _clients(child)


def _view(node: RoleNode) -> RoleView:
    offered, exempt = Quantities(), Quantities()
    used_places: dict[Place, None] = {}
    offered_places: dict[Place, None] = {}
    for client in _clients(node):
        offered = offered.plus(client.offered)
        exempt = exempt.plus(client.offered_exempt)
        offered_places.update(dict.fromkeys(client.offered_copies))
        for place, copies in client.copies.items():
            if copies > client.offered_copies.get(place, 0):
                used_places[place] = None
    # A shared volume may be in use and on offer at once.
    idle_places = dict.fromkeys(place for place in offered_places if place not in used_places)
    members = {} if node.leaf is None else node.leaf.by_framework
    return RoleView(
        name=node.name,
        weight=node.weight,
        share=node.share / node.weight,
        allocated=node.allocated.minus(offered.plus(size_of(idle_places))),
        offered=offered.plus(size_of(offered_places)),
        reserved=Quantities(node.reserved),
        quota=NO_QUOTA if node.quota is None else node.quota.quota,
        consumed=node.consumed().minus(offered.minus(exempt)),
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
