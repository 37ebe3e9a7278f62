"""Amounts as people write them: ``cpus:2;mem:1g``, ``disk:512m``, ``ports:[31000-31009]``."""

from __future__ import annotations

import math
import re

from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.resources import ParseError, Resources, parse_resources
from tepui.resources.scalars import format_millis, to_millis

IN_MEGABYTES = ("mem", "disk")

_UNITS = {"": 1.0, "k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0**2, "p": 1024.0**3}
_SIZE = re.compile(r"^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([kmgtp]?)(?:i?b)?$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[;,\n](?![^\[{]*[\]}])")
"""Between resources; not within ``[ranges]`` and ``{sets}``."""


def parse_size(option: str, text: str) -> float:
    """Return the megabytes that ``512``, ``512m``, ``1g`` or ``1.5GiB`` stand for.

    Raises:
        CommandFailed: It is no size above zero.

    Example:
        >>> parse_size("--size", "1.5g")
        1536.0
    """
    megabytes = _megabytes(text)
    if megabytes is None or to_millis(megabytes) <= 0:
        raise CommandFailed(
            f"{option}: {text!r} is no size: expected megabytes, or a number with k, m, g or t,"
            " as in 512m",
            EX_USAGE,
        )
    return megabytes


def parse_amounts(option: str, text: str) -> Resources:
    """Return resources without any reservation; memory and disk may have a unit.

    Raises:
        CommandFailed: They are none, or name a role.

    Example:
        >>> from tepui.resources import describe_resources
        >>> describe_resources(parse_amounts("RESOURCES", "cpus:2, mem:1g; ports:[1-2, 5-6]"))
        'cpus:2; mem:1024; ports:[1-2,5-6]'
    """
    parts = [part.strip() for part in _SEPARATOR.split(text)]
    try:
        found = parse_resources(";".join(_without_unit(part) for part in parts if part))
    except ParseError as error:
        raise CommandFailed(f"{option}: {error}", EX_USAGE) from error
    if not found.is_plain:
        raise CommandFailed(
            f"{option}: {text!r} names a role: amounts only, the role is an option", EX_USAGE
        )
    if not found:
        raise CommandFailed(f"{option}: {text!r} is nothing: expected cpus:1;mem:512", EX_USAGE)
    return found


def parse_scalars(option: str, text: str) -> dict[str, float]:
    """Return amounts that are numbers, by name; zeros count, and ``none`` is nothing at all.

    Raises:
        CommandFailed: A part is not a name and a number.

    Example:
        >>> parse_scalars("--limit", "cpus:10,mem:64g,gpus:0")
        {'cpus': 10.0, 'mem': 65536.0, 'gpus': 0.0}
    """
    if text.strip().lower() == "none":
        return {}
    amounts: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in _SEPARATOR.split(text))):
        name, colon, value = (piece.strip() for piece in _without_unit(part).partition(":"))
        number = _number(value)
        if not colon or not name or number is None:
            raise CommandFailed(
                f"{option}: {part!r} is no amount: expected name:number, as in cpus:10,mem:64g",
                EX_USAGE,
            )
        if name in amounts:
            raise CommandFailed(f"{option}: {name!r} is named twice in {text!r}", EX_USAGE)
        amounts[name] = number
    if not amounts:
        raise CommandFailed(f"{option}: {text!r} is nothing: expected cpus:10, or none", EX_USAGE)
    return amounts


def format_amounts(amounts: dict[str, float]) -> str:
    """Return amounts as `parse_scalars` reads them."""
    return ",".join(f"{name}:{format_number(amounts[name])}" for name in amounts) or "none"


def format_number(value: float) -> str:
    """Return a number with three decimals at most."""
    return format_millis(to_millis(value))


def _without_unit(part: str) -> str:
    name, colon, value = part.partition(":")
    if name.strip() in IN_MEGABYTES and (megabytes := _megabytes(value)) is not None:
        return f"{name}{colon}{megabytes!r}"
    return part


def _megabytes(text: str) -> float | None:
    found = _SIZE.match(text.strip())
    if found is None:
        return None
    megabytes = float(found.group(1)) * _UNITS[found.group(2).lower()]
    return megabytes if math.isfinite(megabytes) else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
