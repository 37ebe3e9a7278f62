"""Offer constraints: which agents a role wants offers from, by their attributes."""

from __future__ import annotations

from collections.abc import Sequence

from tepui.allocator.constraints import CONSTRAINTS_MAX
from tepui.base.patterns import Pattern, PatternLimits, PatternRefused
from tepui.master.validation.problem import Problem, problem
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints

Selector = AttributeConstraint.Selector


def validate_constraints(
    constraints: OfferConstraints, roles: Sequence[str], limits: PatternLimits
) -> Problem | None:
    """Check the constraints of a framework that subscribes to ``roles``."""
    return check_constraint_roles(constraints, roles) or check_constraint_shape(constraints, limits)


def check_constraint_roles(constraints: OfferConstraints, roles: Sequence[str]) -> Problem | None:
    """``framework.constraints.roles``."""
    for role in constraints.role_constraints:
        if role not in roles:
            return problem(
                "framework.constraints.roles",
                "offer_constraints.role_constraints",
                role,
                "is not a role of the framework",
            )
    return None


def check_constraint_shape(constraints: OfferConstraints, limits: PatternLimits) -> Problem | None:
    """``framework.constraints.shape``."""
    count = 0
    for role, each in constraints.role_constraints.items():
        groups = f"offer_constraints.role_constraints[{role!r}].groups"
        if not each.groups:
            return _shape(groups, None, "may not be empty")
        for i, group in enumerate(each.groups):
            field = f"{groups}[{i}].attribute_constraints"
            if not group.attribute_constraints:
                return _shape(field, None, "may not be empty")
            count += len(group.attribute_constraints)
            if count > CONSTRAINTS_MAX:
                return _shape(field, None, f"takes the framework beyond {CONSTRAINTS_MAX}")
            for j, constraint in enumerate(group.attribute_constraints):
                found = _check_selector(f"{field}[{j}]", constraint) or _check_predicate(
                    f"{field}[{j}]", constraint, limits
                )
                if found is not None:
                    return found
    return None


def _check_selector(field: str, constraint: AttributeConstraint) -> Problem | None:
    selector = constraint.selector
    if selector.attribute_name is not None:
        return None
    kind = selector.pseudoattribute_type
    if kind is not None and kind is not Selector.PseudoattributeType.UNKNOWN:
        return None
    return _shape(f"{field}.selector", None, "names no attribute that we know")


def _check_predicate(
    field: str, constraint: AttributeConstraint, limits: PatternLimits
) -> Problem | None:
    predicate = constraint.predicate
    field = f"{field}.predicate"
    if predicate.text_matches is not None:
        return _check_pattern(f"{field}.text_matches.regex", predicate.text_matches.regex, limits)
    if predicate.text_not_matches is not None:
        regex = predicate.text_not_matches.regex
        return _check_pattern(f"{field}.text_not_matches.regex", regex, limits)
    others = (
        predicate.exists,
        predicate.not_exists,
        predicate.text_equals,
        predicate.text_not_equals,
    )
    if all(other is None for other in others):
        return _shape(field, None, "is none that we know")
    return None


def _check_pattern(field: str, pattern: str, limits: PatternLimits) -> Problem | None:
    try:
        Pattern(pattern, limits)
    except PatternRefused as refused:
        return _shape(field, pattern, str(refused))
    return None


def _shape(field: str, value: object, reason: str) -> Problem:
    return problem("framework.constraints.shape", field, value, reason)
