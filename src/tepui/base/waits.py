"""How long something is still to last, as people are told."""

from __future__ import annotations

import math

# Each unit up to an amount that is still read at a glance.
_UNITS = (("s", 1, 600), ("min", 60, 7_200), ("h", 3_600, 172_800))
_DAYS = ("days", 86_400)


def format_wait(first: float, last: float) -> str:
    """Return seconds, or the way from ``first`` to ``last``, in one unit and rounded up.

    Example:
        >>> format_wait(10.5, 20.0), format_wait(31_536_000.0, 31_536_000.0)
        ('11 to 20 s', '365 days')
    """
    unit, size = next(((unit, size) for unit, size, most in _UNITS if last <= most), _DAYS)
    low, high = (max(0, math.ceil(each / size)) for each in (first, last))
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"
