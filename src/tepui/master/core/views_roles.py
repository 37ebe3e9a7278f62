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
    members = _members(state)
    views = {
        view.name: replace(view, frameworks=list(dict.fromkeys(view.frameworks) | left))
        if (left := members.get(view.name))
        else view
        for view in roles
    }
    names = views if state.config.roles is None else OrderedSet(("*", *state.config.roles))
    return [views.get(name) or _unused(name) for name in sorted(names)]


def _members(state: State) -> dict[str, dict[str, None]]:
    """Return the frameworks that hold something in each role: also those that left it since."""
    members: dict[str, dict[str, None]] = {}
    for framework in state.frameworks.values():
        for role in framework.used.allocations():
            members.setdefault(role, {})[framework.framework_id] = None
    return members


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
