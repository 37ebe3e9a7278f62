"""Thousandths and back."""

from __future__ import annotations

import sys

import pytest

from tepui.resources.scalars import format_millis, from_millis, to_millis


@pytest.mark.parametrize(
    ("value", "millis"),
    [(0.0, 0), (1.0005, 1001), (-1.0005, -1001), (0.0004, 0), (2.0**53, 2**53 * 1000)],
)
def test_a_half_is_rounded_away_from_zero(value: float, millis: int) -> None:
    assert to_millis(value) == millis


def test_the_largest_numbers_are_counted_and_do_not_overflow() -> None:
    """A framework's offer filter may name any finite number; it must not end the master."""
    largest = sys.float_info.max
    assert to_millis(largest) == int(largest) * 1000
    assert from_millis(to_millis(-largest)) == -largest


def test_what_is_no_number_is_nothing_and_infinity_is_the_largest() -> None:
    assert to_millis(float("nan")) == 0
    assert to_millis(float("-inf")) == -to_millis(float("inf")) == to_millis(-sys.float_info.max)


def test_text_has_no_more_digits_than_it_needs() -> None:
    assert [format_millis(each) for each in (4000, 500, -1125, 0)] == ["4", "0.5", "-1.125", "0"]
