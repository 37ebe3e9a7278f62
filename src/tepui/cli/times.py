"""Times as people write them: ``30s``, ``1h30m``, ``now``, ``+10m``, ``2030-01-31T22:00``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tepui.cli.errors import EX_USAGE, CommandFailed

NANOSECONDS = 1_000_000_000
_NANOSECONDS_MAX = 2**63 - 1

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "m": 60.0,
    "min": 60.0,
    "mins": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hrs": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
    "weeks": 604800.0,
}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)", re.IGNORECASE)


def parse_span(option: str, text: str) -> int:
    """Return the nanoseconds of ``30s``, ``1h30m``, ``15secs`` or, in seconds, ``30``.

    Raises:
        CommandFailed: It is no length of time.

    Example:
        >>> parse_span("--grace", "1m30s") / 1e9
        90.0
    """
    seconds = _seconds(text.strip())
    if seconds is None:
        raise CommandFailed(
            f"{option}: {text!r} is no length of time: expected 30s, 10m, 1h30m or 2d", EX_USAGE
        )
    if seconds * NANOSECONDS > _NANOSECONDS_MAX:
        raise CommandFailed(f"{option}: {text!r} is longer than 292 years", EX_USAGE)
    return round(seconds * NANOSECONDS)


def parse_moment(option: str, text: str, now: int) -> int:
    """Return a moment in nanoseconds since 1970; without a zone, it is this machine's time.

    Args:
        option: What to call it in errors.
        text: ``now``, ``+10m`` from now, or a date and time in the form of ISO 8601.
        now: In nanoseconds since 1970.

    Raises:
        CommandFailed: It is no moment.

    Example:
        >>> parse_moment("--start", "1970-01-01T00:01Z", now=0) / 1e9
        60.0
    """
    given = text.strip()
    if given.lower() == "now":
        return now
    try:
        if given.startswith("+"):
            nanoseconds = now + parse_span(option, given[1:])
        else:
            nanoseconds = round(datetime.fromisoformat(given).timestamp()) * NANOSECONDS
    except (ValueError, OverflowError, OSError) as error:
        raise CommandFailed(
            f"{option}: {text!r} is no time: expected now, +10m or 2030-01-31T22:00", EX_USAGE
        ) from error
    if not 0 <= nanoseconds <= _NANOSECONDS_MAX:
        raise CommandFailed(f"{option}: {text!r} is not between 1970 and 2262", EX_USAGE)
    return nanoseconds


def format_span(nanoseconds: int) -> str:
    """Return a length of time as `parse_span` reads it, in two units at most.

    Example:
        >>> format_span(5_400 * NANOSECONDS)
        '1h30m'
    """
    seconds = nanoseconds // NANOSECONDS
    if seconds == 0:
        return f"{nanoseconds // 1_000_000}ms" if nanoseconds else "0s"
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def format_moment(nanoseconds: int) -> str:
    """Return a moment to the second, in UTC."""
    seconds = nanoseconds // NANOSECONDS
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds}s after 1970"


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    total, at = 0.0, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or found.group(2).lower() not in _UNITS:
            return None
        total += float(found.group(1)) * _UNITS[found.group(2).lower()]
        at = found.end()
    return total if text else None
