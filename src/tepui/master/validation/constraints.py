"""Offer constraints: which agents a role wants offers from, by their attributes.

Mesos matches with RE2, which takes time linear in the text. Python's engine does not, so that
patterns are kept small here, and what RE2 lacks is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tepui.master.validation.problem import Problem, problem
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints

Selector = AttributeConstraint.Selector

# What Mesos allows the compiled program of one pattern by default.
PATTERN_SIZE_MAX = 100

_NOT_IN_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|P=|\(|>)|\\[1-9]|[*+?}]\+")
_BOUND = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def validate_constraints(constraints: OfferConstraints, roles: Sequence[str]) -> Problem | None:
    """Check the constraints of a framework that subscribes to ``roles``."""
    return check_constraint_roles(constraints, roles) or check_constraint_shape(constraints)


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


def check_constraint_shape(constraints: OfferConstraints) -> Problem | None:
    """``framework.constraints.shape``."""
    for role, each in constraints.role_constraints.items():
        field = f"offer_constraints.role_constraints[{role!r}].groups"
        if not each.groups:
            return _shape(field, None, "may not be empty")
        for group in each.groups:
            if not group.attribute_constraints:
                return _shape(field, None, "has a group without constraints")
            for constraint in group.attribute_constraints:
                found = _check_selector(field, constraint) or _check_predicate(field, constraint)
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


def _check_predicate(field: str, constraint: AttributeConstraint) -> Problem | None:
    predicate = constraint.predicate
    field = f"{field}.predicate"
    if predicate.text_matches is not None:
        return _check_pattern(f"{field}.text_matches.regex", predicate.text_matches.regex)
    if predicate.text_not_matches is not None:
        return _check_pattern(f"{field}.text_not_matches.regex", predicate.text_not_matches.regex)
    others = (
        predicate.exists,
        predicate.not_exists,
        predicate.text_equals,
        predicate.text_not_equals,
    )
    if all(other is None for other in others):
        return _shape(field, None, "is none that we know")
    return None


def _check_pattern(field: str, pattern: str) -> Problem | None:
    if _size(pattern) > PATTERN_SIZE_MAX:
        return _shape(field, pattern, f"is larger than {PATTERN_SIZE_MAX} once it is written out")
    if _NOT_IN_RE2.search(pattern):
        return _shape(field, pattern, "looks around or back, which takes unbounded time")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return _shape(field, pattern, f"is no regular expression: {error}")
    return None


def _size(pattern: str) -> int:
    """Bound the size of the pattern with its repetitions written out."""
    size = len(pattern)
    for low, high in _BOUND.findall(pattern):
        size *= max(int(low[:6]), int(high[:6] or 0), 1)
        if size > PATTERN_SIZE_MAX:
            break
    return size


def _shape(field: str, value: object, reason: str) -> Problem:
    return problem("framework.constraints.shape", field, value, reason)
