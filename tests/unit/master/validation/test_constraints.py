"""Patterns are kept to what can be matched in a time that is known."""

from __future__ import annotations

import pytest

from tepui.master.validation.constraints import PATTERN_SIZE_MAX, check_constraint_shape
from tepui.master.validation.problem import Problem
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints

Predicate = AttributeConstraint.Predicate
RoleConstraints = OfferConstraints.RoleConstraints


def check(pattern: str) -> Problem | None:
    constraint = AttributeConstraint(
        selector=AttributeConstraint.Selector(attribute_name="rack"),
        predicate=Predicate(text_matches=Predicate.TextMatches(regex=pattern)),
    )
    group = RoleConstraints.Group(attribute_constraints=[constraint])
    return check_constraint_shape(
        OfferConstraints(role_constraints={"dev": RoleConstraints(groups=[group])})
    )


@pytest.mark.parametrize("pattern", ["", "rack-[0-9]+", "(a|b)*", r"\d{1,3}", "(?i)x", "a{2}"])
def test_what_re2_matches_in_linear_time_is_taken(pattern: str) -> None:
    assert check(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "(?=a)",
        "(?<!a)b",
        r"(a)\1",
        "(?P=name)",
        "a" * (PATTERN_SIZE_MAX + 1),
        "a{999999999999}",
        "((a{9}){9}){9}",
    ],
)
def test_what_may_take_for_ever_is_refused(pattern: str) -> None:
    found = check(pattern)
    assert found is not None
    assert found.rule == "framework.constraints.shape"
    assert found.field.endswith("text_matches.regex")
