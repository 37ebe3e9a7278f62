"""Weights as people write them."""

from __future__ import annotations

import pytest

from tepui.cli.errors import CommandFailed
from tepui.cli.plans.weights import parse_weights, setting


def test_a_weight_is_set_by_role_and_number() -> None:
    change = setting(parse_weights(["dev=2", "ops/web=0.5"]), None)
    assert (change.intent, change.refusal) == ("set the weights dev=2, ops/web=0.5", None)


@pytest.mark.parametrize("text", ["dev", "dev=", "=2", "dev=two", "dev=nan", "dev=inf"])
def test_what_is_no_weight_is_named(text: str) -> None:
    with pytest.raises(CommandFailed, match=f"^'{text}' is no weight: expected ROLE=NUMBER"):
        parse_weights([text])


def test_a_role_has_one_weight() -> None:
    with pytest.raises(CommandFailed, match="role 'dev' is named twice"):
        parse_weights(["dev=1", "dev=2"])


@pytest.mark.parametrize(
    ("weight", "problem"),
    [("dev=0", "is not a finite number above 0"), ("ops=1", "is not one of --roles")],
)
def test_what_the_master_would_refuse_is_seen_before(weight: str, problem: str) -> None:
    assert problem in (setting(parse_weights([weight]), ["dev"]).refusal or "")
