"""Scalars in fixed point: whole thousandths, so that sums never drift."""

from __future__ import annotations

import sys

MILLIS = 1000
_WHOLE_FROM = 2.0**53
"""Doubles from here on have no fractions."""


def to_millis(value: float) -> int:
    """Return ``value`` in thousandths; a half is rounded away from zero, as Mesos does.

    Whatever a peer may say has an answer: NaN is nothing, infinity the largest number.
    """
    if abs(value) >= _WHOLE_FROM:
        # A thousand times as much may be no double any more.
        return int(min(max(value, -sys.float_info.max), sys.float_info.max)) * MILLIS
    if value >= 0:
        return int(value * MILLIS + 0.5)
    return -int(-value * MILLIS + 0.5) if value < 0 else 0


def from_millis(millis: int) -> float:
    """Return the number that ``millis`` thousandths stand for."""
    return millis / MILLIS


def format_millis(millis: int) -> str:
    """Return the shortest decimal text: ``4``, ``0.5``, ``1.125``."""
    sign = "-" if millis < 0 else ""
    whole, rest = divmod(abs(millis), MILLIS)
    return f"{sign}{whole}.{rest:03d}".rstrip("0").rstrip(".")
