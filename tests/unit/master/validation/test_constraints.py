"""Patterns are kept to what can be matched in a time that is known."""

from __future__ import annotations

import pytest

from tepui.allocator.constraints import CONSTRAINTS_MAX
from tepui.base.patterns import PatternLimits
from tepui.master.validation.constraints import check_constraint_shape
from tepui.master.validation.problem import Problem
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints

Predicate = AttributeConstraint.Predicate
RoleConstraints = OfferConstraints.RoleConstraints
LIMITS = PatternLimits()


def matches(pattern: str) -> AttributeConstraint:
    return AttributeConstraint(
        selector=AttributeConstraint.Selector(attribute_name="rack"),
        predicate=Predicate(text_matches=Predicate.TextMatches(regex=pattern)),
    )


def check_all(*groups: list[AttributeConstraint]) -> Problem | None:
    made = [RoleConstraints.Group(attribute_constraints=group) for group in groups]
    dev = RoleConstraints(groups=made)
    return check_constraint_shape(OfferConstraints(role_constraints={"dev": dev}), LIMITS)


def check(pattern: str) -> Problem | None:
    return check_all([matches(pattern)])


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
        "a" * 101,
        "a{1001}",
        "((a{9}){9}){9}",
    ],
)
def test_what_may_take_for_ever_is_refused(pattern: str) -> None:
    found = check(pattern)
    assert found is not None
    assert found.rule == "framework.constraints.shape"
    assert found.field.endswith("text_matches.regex")


def test_a_refusal_names_the_place_and_the_pattern() -> None:
    found = check_all([matches("a")], [matches("b"), matches("[")])
    assert found is not None
    assert found.message == (
        "offer_constraints.role_constraints['dev'].groups[1].attribute_constraints[1]"
        ".predicate.text_matches.regex '[' is no pattern for RE2: missing ]: ["
    )


def test_a_frameworks_constraints_are_bounded() -> None:
    assert check_all(*([matches("a")] for _ in range(CONSTRAINTS_MAX))) is None
    found = check_all([matches("a")] * CONSTRAINTS_MAX, [matches("a")])
    assert found is not None
    assert found.message.endswith("groups[1].attribute_constraints takes the framework beyond 500")
