"""What frameworks say about themselves when they subscribe or update."""

from __future__ import annotations

import math
import sys
from collections.abc import Container, Iterable, Sequence

import msgspec

from tepui.base.patterns import PatternLimits
from tepui.master.validation.constraints import validate_constraints
from tepui.master.validation.identifiers import validate_id, validate_role
from tepui.master.validation.problem import Problem, problem, within
from tepui.messages import FrameworkInfo, OfferFilters
from tepui.messages.scheduler import OfferConstraints

Capability = FrameworkInfo.Capability.Type

# The largest number of seconds whose nanoseconds fit 64 bits.
_SECONDS_MAX = float(2**63 - 1) / 1e9


class FrameworkRules(msgspec.Struct, frozen=True, kw_only=True):
    """What this master allows frameworks.

    Attributes:
        roles: The ``--roles`` whitelist; ``None`` without that flag.
        root_submissions: Whether user ``root`` may run tasks.
        pattern_limits: What a pattern in offer constraints may cost.
    """

    roles: Container[str] | None = None
    root_submissions: bool = True
    pattern_limits: PatternLimits = PatternLimits()


def roles_of(info: FrameworkInfo) -> list[str]:
    """Return the roles that a framework subscribes to, whichever field says so."""
    if is_multi_role(info):
        return list(info.roles)
    return [info.role or "*"]


def is_multi_role(info: FrameworkInfo) -> bool:
    """Tell whether a framework has the MULTI_ROLE capability."""
    return any(each.type is Capability.MULTI_ROLE for each in info.capabilities)


def validate_framework_info(
    info: FrameworkInfo,
    rules: FrameworkRules,
    *,
    suppressed_roles: Sequence[str] = (),
    offer_constraints: OfferConstraints | None = None,
    is_completed: bool = False,
) -> Problem | None:
    """Check a framework's description and what came with it.

    SUBSCRIBE answers a problem by an ERROR event that ends the stream, UPDATE_FRAMEWORK by
    HTTP 400.

    Args:
        is_completed: Whether a framework of this id has been removed.
    """
    return (
        check_single_role_with_multi(info)
        or check_roles_without_capability(info)
        or check_duplicate_roles(info)
        or check_role_names(info)
        or check_id(info)
        or check_offer_filters(info)
        or check_failover_timeout(info)
        or check_whitelist(info, rules.roles)
        or check_root(info, rules.root_submissions)
        or check_not_completed(info, is_completed)
        or check_suppressed_roles(info, suppressed_roles)
        or _check_constraints(info, offer_constraints, rules.pattern_limits)
    )


def validate_resubscription(old: FrameworkInfo, new: FrameworkInfo) -> Problem | None:
    """Check what may not change by SUBSCRIBE; the rest of what is fixed keeps its old value."""
    return check_same_principal(old, new)


def validate_framework_update(old: FrameworkInfo, new: FrameworkInfo) -> Problem | None:
    """Check what may not change by UPDATE_FRAMEWORK."""
    return (
        check_same_principal(old, new)
        or check_same_user(old, new)
        or check_same_checkpoint(old, new)
    )


def validate_roles_subscribed(
    rule: str, roles: Iterable[str], info: FrameworkInfo
) -> Problem | None:
    """``revive.role`` and ``suppress.role``: a problem makes the master ignore the call."""
    subscribed = roles_of(info)
    for role in roles:
        inner = validate_role(role)
        if inner is not None:
            return within(rule, "roles", inner)
        if role not in subscribed:
            return problem(rule, "roles", role, "is not a role of the framework")
    return None


def check_single_role_with_multi(info: FrameworkInfo) -> Problem | None:
    """``framework.roles.single_with_multi``."""
    if info.role is None or not is_multi_role(info):
        return None
    return problem(
        "framework.roles.single_with_multi",
        "framework_info.role",
        info.role,
        "is set beside the MULTI_ROLE capability, with which only 'roles' counts",
    )


def check_roles_without_capability(info: FrameworkInfo) -> Problem | None:
    """``framework.roles.multi_without_cap``."""
    if not info.roles or is_multi_role(info):
        return None
    return problem(
        "framework.roles.multi_without_cap",
        "framework_info.roles",
        info.roles,
        "is set without the MULTI_ROLE capability",
    )


def check_duplicate_roles(info: FrameworkInfo) -> Problem | None:
    """``framework.roles.duplicate``."""
    seen: dict[str, None] = {}
    for role in info.roles:
        if role in seen:
            return problem(
                "framework.roles.duplicate", "framework_info.roles", role, "is named twice"
            )
        seen[role] = None
    return None


def check_role_names(info: FrameworkInfo) -> Problem | None:
    """``framework.roles.invalid``."""
    field = "roles" if is_multi_role(info) else "role"
    for role in roles_of(info):
        inner = validate_role(role, field)
        if inner is not None:
            return within("framework.roles.invalid", "framework_info", inner)
    return None


def check_id(info: FrameworkInfo) -> Problem | None:
    """``framework.id.invalid``."""
    # An empty id is that of a framework which asks for one.
    if info.id is None or not info.id.value:
        return None
    inner = validate_id(info.id.value, "id")
    return None if inner is None else within("framework.id.invalid", "framework_info", inner)


def check_offer_filters(info: FrameworkInfo) -> Problem | None:
    """``framework.offer_filters``."""
    for role, filters in info.offer_filters.items():
        field = f"framework_info.offer_filters[{role!r}]"
        found = _check_filters(field, filters)
        if found is not None:
            return found
    return None


def check_failover_timeout(info: FrameworkInfo) -> Problem | None:
    """``framework.failover_timeout``: negative ones are taken, as Mesos does."""
    seconds = info.failover_timeout
    if not math.isnan(seconds) and abs(seconds) <= _SECONDS_MAX:
        return None
    return problem(
        "framework.failover_timeout",
        "framework_info.failover_timeout",
        seconds,
        "is no number of seconds that a duration can hold",
    )


def check_whitelist(info: FrameworkInfo, allowed: Container[str] | None) -> Problem | None:
    """``framework.roles.whitelist``."""
    if allowed is None:
        return None
    for role in roles_of(info):
        if role != "*" and role not in allowed:
            return problem(
                "framework.roles.whitelist",
                "framework_info.roles",
                role,
                "is not among the roles that this master's --roles allows",
            )
    return None


def check_root(info: FrameworkInfo, root_submissions: bool) -> Problem | None:
    """``framework.root``."""
    if root_submissions or info.user != "root":
        return None
    return problem(
        "framework.root", "framework_info.user", info.user, "may not run tasks on this master"
    )


def check_not_completed(info: FrameworkInfo, is_completed: bool) -> Problem | None:
    """``framework.completed``."""
    if not is_completed or info.id is None:
        return None
    return problem(
        "framework.completed", "framework_info.id", info.id.value, "is a framework that was removed"
    )


def check_suppressed_roles(info: FrameworkInfo, suppressed: Sequence[str]) -> Problem | None:
    """``framework.suppressed_roles``."""
    subscribed = roles_of(info)
    for role in suppressed:
        if role not in subscribed:
            return problem(
                "framework.suppressed_roles",
                "suppressed_roles",
                role,
                "is not a role of the framework",
            )
    return None


def check_same_principal(old: FrameworkInfo, new: FrameworkInfo) -> Problem | None:
    """``framework.update.principal``."""
    if old.principal == new.principal:
        return None
    return problem(
        "framework.update.principal",
        "framework_info.principal",
        new.principal,
        f"cannot replace {old.principal!r}: a framework keeps its principal",
    )


def check_same_user(old: FrameworkInfo, new: FrameworkInfo) -> Problem | None:
    """``framework.update.user``."""
    if old.user == new.user:
        return None
    return problem(
        "framework.update.user",
        "framework_info.user",
        new.user,
        f"cannot replace {old.user!r}: a framework keeps its user",
    )


def check_same_checkpoint(old: FrameworkInfo, new: FrameworkInfo) -> Problem | None:
    """``framework.update.checkpoint``."""
    if old.checkpoint == new.checkpoint:
        return None
    return problem(
        "framework.update.checkpoint",
        "framework_info.checkpoint",
        new.checkpoint,
        f"cannot replace {old.checkpoint!r}: a framework keeps it",
    )


def _check_constraints(
    info: FrameworkInfo, constraints: OfferConstraints | None, limits: PatternLimits
) -> Problem | None:
    if constraints is None:
        return None
    return validate_constraints(constraints, roles_of(info), limits)


def _check_filters(field: str, filters: OfferFilters) -> Problem | None:
    if filters.min_allocatable_resources is None:
        return None
    for each in filters.min_allocatable_resources.quantities:
        if not each.quantities:
            return problem(
                "framework.offer_filters", field, None, "has a set of quantities with nothing in it"
            )
        for name, scalar in each.quantities.items():
            if not _is_quantity(scalar.value):
                return problem(
                    "framework.offer_filters",
                    f"{field}.{name}",
                    scalar.value,
                    "is no quantity: those are finite and not negative",
                )
    return None


def _is_quantity(value: float) -> bool:
    # Subnormal numbers are refused: no amount of a resource is that small.
    return value == 0 or sys.float_info.min <= value < math.inf
