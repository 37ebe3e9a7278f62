"""Instants."""

from __future__ import annotations

from tepui.base.time import Instant


def test_an_instant_moves_both_clocks_and_measures_by_the_monotonic_one() -> None:
    start = Instant(100.0, 1e9)
    end = start.later(2.5)
    assert end == Instant(102.5, 1e9 + 2.5)
    assert end.since(start) == 2.5
    assert Instant(101.0, 5.0).since(start) == 1.0
