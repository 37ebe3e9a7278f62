"""Which roles there are, who is in them, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tepui.allocator.interface import RoleView
from tepui.base.collections import OrderedSet
from tepui.master.core.model import State
from tepui.messages import FrameworkID, Resource, Role, Value
from tepui.messages.master import Response
from tepui.resources import Quantities
from tepui.resources.roles import is_subrole
from tepui.resources.scalars import from_millis


def get_roles(state: State, roles: Sequence[RoleView]) -> Response:
    """Answer GET_ROLES.

    Args:
        state: What the master knows.
        roles: What the allocator knows.
    """
    messages = [_message(each) for each in known_roles(state, roles)]
    return Response(type=Response.Type.GET_ROLES, get_roles=Response.GetRoles(roles=messages))


def known_roles(state: State, roles: Sequence[RoleView]) -> list[RoleView]:
    """Return the roles to show, by name: with ``--roles`` those, else all that are in use."""
    views = {view.name: _with_members(state, view) for view in roles}
    if state.config.roles is None:
        return [views[name] for name in sorted(views)]
    return [
        views.get(name) or _unused(name) for name in sorted(OrderedSet(("*", *state.config.roles)))
    ]


def consumed_quota(state: State, view: RoleView) -> Quantities:
    """Return what counts towards the quota of a role: reserved, or allocated without that."""
    total = view.reserved
    for framework in state.frameworks.values():
        for role, used in framework.used.allocations().items():
            if role == view.name or is_subrole(role, view.name):
                total = total.plus(used.unreserved().non_revocable().scalars())
    return total


def _with_members(state: State, view: RoleView) -> RoleView:
    """Add the frameworks that left the role but still hold something in it."""
    members = OrderedSet(view.frameworks)
    for framework in state.frameworks.values():
        if view.name in framework.used.allocations():
            members.add(framework.framework_id)
    return replace(view, frameworks=list(members))


def _unused(name: str) -> RoleView:
    none = Quantities()
    return RoleView(
        name=name, weight=1.0, share=0.0, allocated=none, offered=none, reserved=none, frameworks=[]
    )


def _message(view: RoleView) -> Role:
    held = view.allocated.plus(view.offered)
    return Role(
        name=view.name,
        weight=view.weight,
        frameworks=[FrameworkID(value=each) for each in view.frameworks],
        resources=[
            Resource(
                name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=from_millis(amount))
            )
            for name, amount in held.items()
        ],
    )
