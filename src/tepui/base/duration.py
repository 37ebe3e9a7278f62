"""Durations as Mesos writes them: ``15secs``, ``1.5mins``, ``2weeks``."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "secs": 1.0,
    "mins": 60.0,
    "hrs": 3600.0,
    "days": 86400.0,
    "weeks": 604800.0,
}
_TEXT = re.compile(r"^(-?[0-9]+(?:\.[0-9]+)?)(ns|us|ms|secs|mins|hrs|days|weeks)$")


def parse_duration(text: str) -> float:
    """Return the seconds that ``text`` stands for.

    Raises:
        ValueError: The text is not a number followed by one of Mesos' units.
    """
    found = _TEXT.match(text.strip())
    if found is None:
        units = ", ".join(_UNITS)
        raise ValueError(f"{text!r} is not a duration: a number and one of {units}")
    return float(found.group(1)) * _UNITS[found.group(2)]


def format_duration(seconds: float) -> str:
    """Return ``seconds`` in the largest unit that keeps the number whole, as Mesos prints it."""
    nanoseconds = round(seconds * 1e9)
    if nanoseconds == 0:
        return "0ns"
    for unit in reversed(_UNITS):
        unit_nanoseconds = round(_UNITS[unit] * 1e9)
        if nanoseconds % unit_nanoseconds == 0:
            return f"{nanoseconds // unit_nanoseconds}{unit}"
    return f"{nanoseconds}ns"
