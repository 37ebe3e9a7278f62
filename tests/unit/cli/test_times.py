"""Times as people write them."""

from __future__ import annotations

import doctest

import pytest

from tepui.cli import times
from tepui.cli.errors import CommandFailed
from tepui.cli.times import NANOSECONDS, format_moment, format_span, parse_moment, parse_span

NOW = 1_000 * NANOSECONDS


def test_the_examples_run() -> None:
    assert doctest.testmod(times).failed == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("15secs", 15), ("1.5mins", 90)],
)
def test_a_length_of_time_has_the_units_of_people_and_of_mesos(text: str, seconds: int) -> None:
    assert parse_span("--grace", text) == seconds * NANOSECONDS


@pytest.mark.parametrize("text", ["", "soon", "10x", "-1s", "1h m", "nan", "9" * 400])
def test_what_is_no_length_of_time_is_named_with_its_option(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--grace: '"):
        parse_span("--grace", text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", 1_000),
        ("+10m", 1_600),
        ("1970-01-01T01:00Z", 3_600),
        ("1970-01-01T01:00+01:00", 0),
    ],
)
def test_a_moment_is_told_from_now_or_by_date_and_time(text: str, seconds: int) -> None:
    assert parse_moment("--start", text, NOW) == seconds * NANOSECONDS


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "+soon", "9999-01-01T00:00Z", "1969-01-01T00:00Z"]
)
def test_what_is_no_moment_is_named_with_its_option(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--start: '"):
        parse_moment("--start", text, NOW)


def test_a_moment_beyond_all_is_no_moment() -> None:
    with pytest.raises(CommandFailed, match="is not between 1970 and 2262"):
        parse_moment("--start", "+10000w", 2**62)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (5_000_000, "5ms"), (90 * NANOSECONDS, "1m30s"), (90_061 * NANOSECONDS, "1d1h")],
)
def test_a_length_of_time_is_shown_in_two_units(nanoseconds: int, text: str) -> None:
    assert format_span(nanoseconds) == text


def test_any_moment_can_be_shown() -> None:
    assert format_moment(0) == "1970-01-01T00:00:00Z"
    assert format_moment(2**63 - 1) == "2262-04-11T23:47:16Z"
