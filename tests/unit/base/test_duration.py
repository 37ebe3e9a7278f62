"""Durations in Mesos' notation."""

from __future__ import annotations

import pytest

from tepui.base.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15secs", 15.0),
        ("1.5mins", 90.0),
        ("2weeks", 1209600.0),
        ("10days", 864000.0),
        ("6hrs", 21600.0),
        ("100ms", 0.1),
        ("0ns", 0.0),
        ("-3secs", -3.0),
    ],
)
def test_text_becomes_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "15", "secs", "1 min", "15s", "1e3secs", "∞", "1_0secs"])
def test_other_text_is_refused_with_the_units_that_exist(text: str) -> None:
    with pytest.raises(ValueError, match="weeks"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (60, "1mins"),
        (90, "90secs"),
        (864000, "10days"),
        (604800, "1weeks"),
        (0, "0ns"),
        (0.5, "500ms"),
        (900, "15mins"),
    ],
)
def test_seconds_become_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == pytest.approx(seconds)
