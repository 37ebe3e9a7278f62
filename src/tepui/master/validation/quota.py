"""Quotas that operators set: what they may say, and what the cluster can promise."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

import msgspec

from tepui.allocator import Quota
from tepui.master.validation.identifiers import validate_role
from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import validate_resources
from tepui.messages import Resource, Value
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.resources import Quantities
from tepui.resources.conversions import reservations_of
from tepui.resources.roles import ANYBODY
from tepui.resources.scalars import format_millis, to_millis
from tepui.resources.validation import ID_BYTES_MAX

CONFIGS_MAX = 10_000
"""How many roles one call may name; an operator with more makes several calls."""
RESOURCES_MAX = 256
"""How many resources one quota may name: it is a record of the registry, whose size is bounded."""
ROLE_BYTES_MAX = 1024
"""How long the name of a role with quota may be: it is the key of that record."""

MEGABYTES_MAX = 1_099_511_627_776.0
"""The largest ``mem`` and ``disk``: an exbibyte."""
AMOUNT_MAX = 1e12
"""The largest amount of anything else."""

_IN_MEGABYTES = ("mem", "disk")


class QuotaContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the check of a quota depends on.

    Attributes:
        allowed_roles: The only roles that there may be, if the operator of the master said so.
        quotas: Those in force and those that the registry is told of, by role.
        capacity: What the registered agents have that may not be taken back.
        consumed: What counts towards the limit of each role now.
    """

    allowed_roles: Sequence[str] | None
    quotas: Mapping[str, Quota]
    capacity: Quantities
    consumed: Mapping[str, Quantities]


def quota_of_request(request: QuotaRequest) -> Quota:
    """Return the quota of the older form, where the guarantee is the limit too."""
    guarantees, limits = Quantities(), Quantities()
    for resource in request.guarantee:
        amount = 0 if resource.scalar is None else to_millis(resource.scalar.value)
        limits[resource.name] = amount
        if amount:
            guarantees[resource.name] = amount
    return Quota(guarantees=guarantees, limits=limits)


def quota_of_config(config: QuotaConfig) -> Quota:
    """Return the quota that the newer form says; a limit of 0 is one."""
    return Quota(
        guarantees=Quantities.from_floats(
            {name: scalar.value for name, scalar in config.guarantees.items()}
        ),
        limits=Quantities(
            {name: to_millis(scalar.value) for name, scalar in config.limits.items()}
        ),
    )


def validate_set_quota(request: QuotaRequest, context: QuotaContext) -> Problem | None:
    """Check SET_QUOTA by the rules ``operator.set_quota.*``; the first problem counts."""
    found = _request_problem(request)
    if found is not None:
        return found
    role = request.role or ""
    if not _is_allowed(role, context):
        return problem("operator.set_quota.whitelist", "role", role, "is not one of --roles")
    if role in context.quotas:
        return problem(
            "operator.set_quota.exists", "role", role, "has quota already: remove that first"
        )
    quotas = {**context.quotas, role: quota_of_request(request)}
    found = _tree_problem("operator.set_quota.tree", quotas)
    if found is not None:
        return found
    if "/" in role:
        return _nested("operator.set_quota.nested", "role", role)
    if request.force:
        return None
    return _overcommitment("operator.set_quota.overcommit", quotas, context.capacity, status=409)


def validate_update_quota(
    configs: Sequence[QuotaConfig], context: QuotaContext, *, is_forced: bool
) -> Problem | None:
    """Check UPDATE_QUOTA by the rules ``operator.update_quota.*``; the first problem counts.

    Args:
        configs: The new quotas, which come into force together.
        context: What the check depends on.
        is_forced: Whether limits may be below what is consumed, and guarantees above what
            there is.
    """
    if len(configs) > CONFIGS_MAX:
        return problem(
            "operator.update_quota.role",
            "quota_configs",
            len(configs),
            f"are more than the {CONFIGS_MAX} that one call may have",
        )
    for index, config in enumerate(configs):
        found = _config_problem(config, f"quota_configs[{index}]", context)
        if found is not None:
            return found
    changed = {config.role: quota_of_config(config) for config in configs}
    if not is_forced:
        for role, quota in changed.items():
            found = _limit_problem(role, quota, context.consumed.get(role, Quantities()))
            if found is not None:
                return found
    quotas = {**context.quotas, **changed}
    found = _tree_problem("operator.update_quota.tree", quotas)
    if found is not None or is_forced:
        return found
    return _overcommitment("operator.update_quota.overcommit", quotas, context.capacity)


def validate_remove_quota(role: str, context: QuotaContext) -> Problem | None:
    """Check DELETE /quota by the rule ``operator.remove_quota.unknown``."""
    rule = "operator.remove_quota.unknown"
    if not _is_allowed(role, context):
        return problem(rule, "role", role, "is not one of --roles")
    if role not in context.quotas:
        return problem(rule, "role", role, "has no quota")
    return None


# -- the older form --


def _request_problem(request: QuotaRequest) -> Problem | None:
    found = validate_resources(request.guarantee)
    if found is not None:
        return within("operator.set_quota.resource", "guarantee", found)
    if not request.role:
        return problem("operator.set_quota.empty", "role", None, "is missing")
    if not request.guarantee:
        return problem("operator.set_quota.empty", "guarantee", None, "names no resource")
    found = _role_problem(request.role, "role", "operator.set_quota.role")
    if found is not None:
        return found
    names: dict[str, None] = {}
    for index, resource in enumerate(request.guarantee):
        reason = _kind_problem(resource, names)
        if reason is not None:
            return problem(
                "operator.set_quota.kind", f"guarantee[{index}].name", resource.name, reason
            )
        names[resource.name] = None
    return None


def _kind_problem(resource: Resource, names: Mapping[str, None]) -> str | None:
    """Return why a quota cannot speak of this resource."""
    if reservations_of(resource):
        return "is reserved: quota is about what anybody may be offered"
    if resource.disk is not None:
        return "has disk info: quota counts amounts only"
    if resource.revocable is not None:
        return "is revocable: nothing of that kind can be guaranteed"
    if resource.type is not Value.Type.SCALAR:
        return "is not a scalar"
    if resource.name in names:
        return "is named twice"
    return _name_problem(resource.name, len(names))


# -- the newer form --


def _config_problem(config: QuotaConfig, field: str, context: QuotaContext) -> Problem | None:
    role = config.role
    if not _is_allowed(role, context):
        return problem(
            "operator.update_quota.whitelist", f"{field}.role", role, "is not one of --roles"
        )
    if "/" in role:
        return _nested("operator.update_quota.nested", f"{field}.role", role)
    found = _role_problem(role, f"{field}.role", "operator.update_quota.role")
    if found is not None:
        return found
    for part, amounts in (("guarantees", config.guarantees), ("limits", config.limits)):
        for index, (name, scalar) in enumerate(amounts.items()):
            found = _amount_problem(f"{field}.{part}", name, scalar.value, index)
            if found is not None:
                return found
    return _guarantee_problem(field, quota_of_config(config))


def _amount_problem(field: str, name: str, value: float, before: int) -> Problem | None:
    reason = _name_problem(name, before)
    if reason is not None:
        return problem("operator.update_quota.scalar", field, name, reason)
    largest = MEGABYTES_MAX if name in _IN_MEGABYTES else AMOUNT_MAX
    at = f"{field}[{name!r}]"
    if value > largest:
        return problem(
            "operator.update_quota.large", at, value, f"is above {largest:.0f}, the largest amount"
        )
    if not math.isfinite(value):
        return problem("operator.update_quota.scalar", at, value, "is not a finite number")
    if value < 0:
        return problem("operator.update_quota.scalar", at, value, "is negative")
    if 0 < value < sys.float_info.min:
        return problem("operator.update_quota.scalar", at, value, "is too close to 0")
    return None


def _guarantee_problem(field: str, quota: Quota) -> Problem | None:
    for name, limit in quota.limits.items():
        guarantee = quota.guarantees.get(name, 0)
        if guarantee > limit:
            return problem(
                "operator.update_quota.guarantee_over_limit",
                f"{field}.guarantees[{name!r}]",
                format_millis(guarantee),
                f"is above its limit of {format_millis(limit)}",
            )
    return None


def _limit_problem(role: str, quota: Quota, consumed: Quantities) -> Problem | None:
    for name, limit in quota.limits.items():
        taken = consumed.get(name, 0)
        if taken > limit:
            return problem(
                "operator.update_quota.limit_consumed",
                f"limits[{name!r}]",
                format_millis(limit),
                f"is below the {format_millis(taken)} that the role {role!r} consumes now"
                " ('force' lets it be)",
            )
    return None


# -- both --


def _is_allowed(role: str, context: QuotaContext) -> bool:
    return context.allowed_roles is None or role == ANYBODY or role in context.allowed_roles


def _role_problem(role: str, field: str, rule: str) -> Problem | None:
    if len(role.encode("utf-8", "surrogatepass")) > ROLE_BYTES_MAX:
        return problem(rule, field, role, f"is longer than {ROLE_BYTES_MAX} bytes")
    found = validate_role(role, field)
    if found is not None:
        return within(rule, "", found)
    if role == ANYBODY:
        return problem(rule, field, role, "cannot have quota: it stands for everybody")
    return None


def _name_problem(name: str, before: int) -> str | None:
    """Return what is wrong with the name of a resource that ``before`` others precede."""
    if not name:
        return "is no name of a resource"
    if len(name.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX:
        return f"is longer than {ID_BYTES_MAX} bytes"
    if before >= RESOURCES_MAX:
        return f"is one more than the {RESOURCES_MAX} resources that a quota may name"
    return None


def _nested(rule: str, field: str, role: str) -> Problem:
    return problem(rule, field, role, "lies below another role: only top-level roles have quota")


def _tree_problem(rule: str, quotas: Mapping[str, Quota]) -> Problem | None:
    """Return which role guarantees less than the roles right below it do together."""
    below: dict[str, Quantities] = {}
    for role, quota in quotas.items():
        parent = role.rpartition("/")[0]
        if parent:
            below[parent] = below.get(parent, Quantities()).plus(quota.guarantees)
    for parent, together in below.items():
        own = quotas[parent].guarantees if parent in quotas else Quantities()
        for name, amount in together.items():
            if amount > own.get(name, 0):
                return problem(
                    rule,
                    "role",
                    parent,
                    f"guarantees {format_millis(own.get(name, 0))} of {name!r}, and the roles"
                    f" below it {format_millis(amount)}",
                )
    return None


def _overcommitment(
    rule: str, quotas: Mapping[str, Quota], capacity: Quantities, *, status: int = 400
) -> Problem | None:
    total = Quantities()
    for role, quota in quotas.items():
        if "/" not in role:
            total = total.plus(quota.guarantees)
    for name, amount in total.items():
        if amount > capacity.get(name, 0):
            return problem(
                rule,
                f"guarantee of {name!r}",
                format_millis(amount),
                f"over all roles is above the {format_millis(capacity.get(name, 0))} that the"
                " registered agents have ('force' lets it be)",
                status=status,
            )
    return None
