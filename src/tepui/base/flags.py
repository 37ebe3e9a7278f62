"""Flags as Mesos reads them: command line over ``MESOS_*`` over a file over defaults.

A daemon declares a frozen `Flags` subclass once; each field carries a `Flag` in its
annotation. Nothing here reads the environment or a file by itself: `load` is handed
both, so that flags can be tested, and parsed in the cores' company.
"""

from __future__ import annotations

import json
import re
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tepui.base.duration import format_duration, parse_duration

ENVIRONMENT_PREFIX = "MESOS_"


class FlagError(ValueError):
    """A flag is unknown, malformed or not supported; the text names it and what would be right."""


class Kind(msgspec.Struct, frozen=True):
    """How a flag's text becomes a value, and back."""

    name: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str] = str
    takes_file: bool = True
    """Whether ``file:///path`` stands for the file's content; paths keep it as it is."""


class Flag(msgspec.Struct, frozen=True):
    """What `Flags` fields carry: how to read the flag and what it is for."""

    purpose: str
    kind: Kind
    alias: str | None = None
    """The older name that Mesos still takes."""
    own: bool = False
    """Ours rather than Mesos'; left out of the /flags endpoint."""


_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_RATE_SECONDS_MAX = 52 * 604800.0
_BYTES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def parse_bytes(text: str) -> int:
    """Return the number of bytes in a text such as ``512MB``.

    Raises:
        ValueError: Not a whole number followed by B, KB, MB, GB or TB.
    """
    for unit in ("KB", "MB", "GB", "TB", "B"):
        number = text.removesuffix(unit)
        if number != text and number.isascii() and number.isdigit():
            return int(number) * _BYTES[unit]
    raise ValueError(f"{text!r} is not a size: a whole number and one of {', '.join(_BYTES)}")


def format_bytes(size: int) -> str:
    """Return ``size`` in the largest unit that divides it evenly."""
    for unit in reversed(_BYTES):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def _parse_bool(text: str) -> bool:
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise ValueError(f"{text!r} is not true, false, 1 or 0")


def _format_bool(value: bool) -> str:
    return "true" if value else "false"


def whole(low: int, high: int) -> Kind:
    """Return the kind of whole numbers in ``low..high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"{value} is not in {low}..{high}")
        return value

    return Kind("int", parse)


def number(low: float, high: float) -> Kind:
    """Return the kind of numbers in ``low..high``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
        if not low <= value <= high:
            raise ValueError(f"{text} is not in {low}..{high}")
        return value

    return Kind("double", parse)


def percentage() -> Kind:
    """Return the kind of shares, written as ``0%`` to ``100%`` and read as 0 to 1."""

    def parse(text: str) -> float:
        try:
            value = float(text.removesuffix("%"))
        except ValueError:
            value = -1.0
        if not text.endswith("%") or not 0 <= value <= 100:
            raise ValueError(f"{text!r} is not a percentage from 0% to 100%")
        return value / 100

    return Kind("percentage", parse, lambda value: f"{value * 100:g}%")


def duration(low: float = 0.0, high: float = 9e9) -> Kind:
    """Return the kind of durations between ``low`` and ``high`` seconds."""

    def parse(text: str) -> float:
        seconds = parse_duration(text)
        if not low <= seconds <= high:
            bounds = f"{format_duration(low)}..{format_duration(high)}"
            raise ValueError(f"{text} is not in {bounds}")
        return seconds

    return Kind("duration", parse, format_duration)


class Rate(NamedTuple):
    """So many in so many seconds."""

    times: float
    seconds: float


def _parse_rate(text: str) -> Rate:
    times_text, slash, seconds_text = text.partition("/")
    times = float(times_text) if _DECIMAL.fullmatch(times_text.strip()) else 0.0
    if not slash or times <= 0:
        raise ValueError(f"{text!r} is not a rate: a number above 0, a slash and a duration")
    seconds = parse_duration(seconds_text)
    if not 0 < seconds <= _RATE_SECONDS_MAX:
        raise ValueError(f"{text!r}: the duration is not above 0 and at most 52weeks")
    return Rate(times, seconds)


def _format_rate(value: Rate) -> str:
    return f"{value.times:g}/{format_duration(value.seconds)}"


def one_of(*names: str) -> Kind:
    """Return the kind of texts that are one of ``names``."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not supported; supported: {', '.join(names)}")
        return text

    return Kind("choice", parse)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        found = text[error.pos : error.pos + 20]
        what = f"unexpected {found!r} at character {error.pos}" if found else "it ends too early"
        raise ValueError(f"not JSON: {what}") from None
    except RecursionError:
        raise ValueError("not JSON: it is nested too deeply") from None


def _parse_object(text: str) -> dict[str, Any]:
    value = _parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object: {text!r}")
    return value


def _bare_path(text: str) -> str:
    return text.removeprefix("file://")


def _parse_path(text: str) -> str:
    # The empty path is the directory in which the daemon happens to be started.
    path = _bare_path(text)
    if not path:
        raise ValueError("is empty: expected a path")
    return path


TEXT = Kind("string", str)
RATE = Kind("rate", _parse_rate, _format_rate)
PATH = Kind("path", _parse_path, takes_file=False)
PATH_OR_NOTHING = Kind("path", _bare_path, takes_file=False)
BOOL = Kind("bool", _parse_bool, _format_bool)
BYTES = Kind("bytes", parse_bytes, format_bytes)
OBJECT = Kind("json", _parse_object, lambda value: json.dumps(value, separators=(",", ":")))


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The base of a daemon's flags; every field has a default and a `Flag`."""

    def as_mesos(self) -> dict[str, str]:
        """Return Mesos' flags that have a value, as the /flags endpoint shows them."""
        return {
            name: flag.kind.format(value)
            for name, flag in declared(type(self)).items()
            if not flag.own and (value := getattr(self, name)) is not None
        }


F = TypeVar("F", bound=Flags)


def declared(flags: type[Flags]) -> dict[str, Flag]:
    """Return the `Flag` of each field of ``flags``, in order of declaration."""
    hints = typing.get_type_hints(flags, include_extras=True)
    found: dict[str, Flag] = {}
    for name in flags.__struct_fields__:
        found[name] = next(
            extra for extra in getattr(hints[name], "__metadata__", ()) if isinstance(extra, Flag)
        )
    return found


class Sources(msgspec.Struct, frozen=True):
    """Where values come from, strongest first."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    read_file: Callable[[str], str]
    """Returns a file's text or raises OSError."""
    refused: Mapping[str, str] = {}
    """Flags that Mesos knows and we refuse, each with what to do instead."""
    fixed: Mapping[str, str] = {}
    """Flags that Mesos knows and of which we do one value only."""


def load(flags: type[F], sources: Sources) -> F:
    """Return the flags that ``sources`` give.

    Raises:
        FlagError: A flag on the command line or in the file is unknown, any known one has
            a bad value, or Mesos knows it and we do not support it.
    """
    table = declared(flags)
    names = {name: name for name in table}
    names |= {flag.alias: name for name, flag in table.items() if flag.alias is not None}
    texts: dict[str, tuple[str, str]] = {}
    given = _from_arguments(sources, table, names)
    config = given.get("config")
    if config is not None:
        texts |= _from_file(sources, names, config[1])
    texts |= _from_environment(sources, names)
    texts |= given
    values = {
        name: _value(table[name], origin, text, sources) for name, (origin, text) in texts.items()
    }
    return flags(**values)


def _from_arguments(
    sources: Sources, table: Mapping[str, Flag], names: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return flag name -> (how it was said, text) from the command line."""
    texts: dict[str, tuple[str, str]] = {}
    arguments = iter(sources.arguments)
    for argument in arguments:
        said, text = _split(argument, arguments, table, names, sources.fixed)
        if _is_fixed(said, text, sources, f"--{said}"):
            continue
        name = _known(said, names, sources, f"--{said}")
        if name in texts:
            raise FlagError(f"--{said}: given twice")
        texts[name] = (f"--{said}", text)
    return texts


def _split(
    argument: str,
    rest: Iterator[str],
    table: Mapping[str, Flag],
    names: Mapping[str, str],
    fixed: Mapping[str, str],
) -> tuple[str, str]:
    """Return the name and the text of one ``--name=text``, ``--name text``, ``--[no-]name``."""
    if not argument.startswith("--") or argument == "--":
        raise FlagError(f"{argument!r} is not a flag: flags look like --name=value")
    said, equals, text = argument[2:].partition("=")
    said = said.replace("-", "_") if not said.startswith("no-") else said
    if equals:
        return said, text
    positive = said.removeprefix("no-").replace("-", "_")
    if (positive in names and table[names[positive]].kind is BOOL) or positive in fixed:
        return positive, "false" if said.startswith("no-") else "true"
    following = next(rest, None) if said in names else ""
    if following is None:
        raise FlagError(f"--{said}: has no value; write --{said}=value")
    return said, following


def _is_fixed(said: str, text: str, sources: Sources, origin: str) -> bool:
    """Return whether ``said`` is a flag of one value, and was given that value."""
    value = sources.fixed.get(said)
    if value is not None and text != value:
        raise FlagError(f"{origin}: Tepui does only {value!r} of this flag so far, not {text!r}")
    return value is not None


def _known(said: str, names: Mapping[str, str], sources: Sources, origin: str) -> str:
    if said in names:
        return names[said]
    if said in sources.refused:
        raise FlagError(
            f"{origin}: Mesos knows this flag, Tepui does not support it yet"
            + (f"; {sources.refused[said]}" if sources.refused[said] else "")
        )
    near = _nearest(said, names)
    raise FlagError(f"{origin}: unknown flag" + (f"; did you mean --{near}?" if near else ""))


def _nearest(said: str, names: Mapping[str, str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(said, names, n=1, cutoff=0.75)), None)


def _from_environment(sources: Sources, names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    texts: dict[str, tuple[str, str]] = {}
    for variable, text in sources.environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        said = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if _is_fixed(said, text, sources, variable):
            continue
        if said in names or said in sources.refused:
            texts[_known(said, names, sources, variable)] = (variable, text)
    return texts


def _from_file(sources: Sources, names: Mapping[str, str], path: str) -> dict[str, tuple[str, str]]:
    try:
        content = tomllib.loads(sources.read_file(path))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FlagError(f"--config={path}: {error}") from None
    texts: dict[str, tuple[str, str]] = {}
    for said, value in content.items():
        origin = f"{path}: {said}"
        if isinstance(value, bool):
            text = _format_bool(value)
        elif isinstance(value, dict | list):
            text = json.dumps(value)
        else:
            text = str(value)
        if not _is_fixed(said, text, sources, origin):
            texts[_known(said, names, sources, origin)] = (origin, text)
    return texts


def _value(flag: Flag, origin: str, text: str, sources: Sources) -> Any:
    if flag.kind.takes_file and text.startswith("file://"):
        path = text.removeprefix("file://")
        try:
            text = sources.read_file(path).strip()
        except OSError as error:
            raise FlagError(f"{origin}={text}: {error}") from None
    try:
        return flag.kind.parse(text)
    except ValueError as error:
        raise FlagError(f"{origin}: {error}") from None


def usage(flags: type[Flags], program: str) -> str:
    """Return the help text: one flag a paragraph with its default and purpose."""
    lines = [f"Usage: {program} [--flag=value ...]", ""]
    defaults = flags()
    for name, flag in declared(flags).items():
        default = getattr(defaults, name)
        shown = "" if default is None else f" (default: {flag.kind.format(default)})"
        lines.append(f"  --{name}={flag.kind.name}{shown}")
        lines.append(f"      {flag.purpose}")
    return "\n".join(lines)
