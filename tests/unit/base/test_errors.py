"""Errors and invariants."""

from __future__ import annotations

import pytest

from tepui.base.errors import InvariantViolated, Rejected, invariant


def test_an_invariant_that_does_not_hold_ends_the_step() -> None:
    invariant(True, "fine")
    with pytest.raises(InvariantViolated, match="no offer twice"):
        invariant([], "no offer twice")


def test_a_rejection_carries_its_status() -> None:
    error = Rejected("framework f is unknown", 403)
    assert (error.status, error.message, str(error)) == (403, error.message, error.message)
    assert Rejected("x").status == 400
