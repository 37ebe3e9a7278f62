"""What a refusal looks like."""

from __future__ import annotations

import pytest

from tepui.codec.errors import DecodeError, quote


@pytest.mark.parametrize(
    ("path", "outer", "seen"),
    [
        ("", "accept", "accept: is wrong"),
        ("type", "accept", "accept.type: is wrong"),
        ("[0].type", "operations", "operations[0].type: is wrong"),
    ],
)
def test_a_path_grows_towards_the_outermost_message(path: str, outer: str, seen: str) -> None:
    assert str(DecodeError("is wrong", path).within(outer)) == seen


def test_without_a_path_the_problem_is_all_there_is_to_say() -> None:
    assert str(DecodeError("is not JSON")) == "is not JSON"


def test_it_is_a_value_error() -> None:
    assert isinstance(DecodeError("x"), ValueError)


def test_long_values_are_cut() -> None:
    assert quote("x") == "'x'"
    assert len(quote("x" * 1_000_000)) < 100
