"""Read parsed JSON as a message, forgiving what Mesos forgives.

Absent means null, unknown names are ignored, numbers and booleans may come as strings, one value
stands for a list of one, and an enum name that we do not know counts as not said, unless the
field is required. What is wrong beyond that is refused with its place and value.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from tepui.codec.errors import DecodeError, quote
from tepui.messages.base import Message
from tepui.messages.registry import Cardinality, Field, fields_of

M = TypeVar("M", bound=Message)

# The deepest schema has fewer levels; only a container in a container in a container has more.
DEPTH_MAX = 100

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DECIMAL_CHARS_MAX = 1000
_NOT_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
_BOUNDS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
# What a reader returns for a value that counts as not given.
_ABSENT: Any = object()


def read_message(cls: type[M], value: object, depth: int = 0) -> M:
    """Return the message that parsed JSON describes.

    Raises:
        DecodeError: If it is not this message.
    """
    if not isinstance(value, dict):
        raise DecodeError(f"expected an object, got {quote(value)}")
    if depth > DEPTH_MAX:
        raise DecodeError("is nested too deeply")
    given: dict[str, Any] = {}
    for field in fields_of(cls):
        raw = value.get(field.name)
        if raw is not None:
            try:
                read = _READERS[field.cardinality](field, raw, depth + 1)
            except DecodeError as error:
                raise error.within(field.name) from None
            if read is not _ABSENT:
                given[field.name] = read
        elif field.cardinality is Cardinality.REQUIRED:
            raise DecodeError("is required", field.name)
    try:
        return cls(**given)
    except ValueError as error:
        raise DecodeError(str(error)) from None


def _optional(field: Field, raw: object, depth: int) -> Any:
    if isinstance(raw, list):
        raise DecodeError(f"expected one {_noun(field)}, got a list")
    return _value(field, raw, depth)


def _required(field: Field, raw: object, depth: int) -> Any:
    read = _optional(field, raw, depth)
    if read is _ABSENT:
        raise DecodeError(f"{quote(raw)} is not one of its names")
    return read


def _repeated(field: Field, raw: object, depth: int) -> list[Any]:
    if not isinstance(raw, list):
        raw = [raw]
    items = []
    for index, item in enumerate(raw):
        if item is None:
            continue
        try:
            read = _optional(field, item, depth)
        except DecodeError as error:
            raise error.within(f"[{index}]") from None
        if read is not _ABSENT:
            items.append(read)
    return items


def _map(field: Field, raw: object, depth: int) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise DecodeError(f"expected an object, got {quote(raw)}")
    entries = {}
    for key, item in raw.items():
        if item is None:
            continue
        try:
            entries[_string(key)] = _optional(field, item, depth)
        except DecodeError as error:
            raise error.within(f"[{quote(key)}]") from None
    return entries


_READERS: dict[Cardinality, Callable[[Field, object, int], Any]] = {
    Cardinality.OPTIONAL: _optional,
    Cardinality.REQUIRED: _required,
    Cardinality.REPEATED: _repeated,
    Cardinality.MAP: _map,
}


def _value(field: Field, raw: object, depth: int) -> Any:
    match field.kind:
        case "message":
            return read_message(field.type, raw, depth)
        case "enum":
            return _enum(field, raw)
        case "string":
            return _string(raw)
        case "bytes":
            return _bytes(raw)
        case "bool":
            return _bool(raw)
        case "double":
            return _double(raw)
        case _:
            return _int(field.kind, raw)


def _enum(field: Field, raw: object) -> Any:
    if not isinstance(raw, str):
        raise DecodeError(f"expected a name, got {quote(raw)}")
    return field.type.__members__.get(raw, _ABSENT)


def _string(raw: object) -> str:
    if not isinstance(raw, str):
        raise DecodeError(f"expected a string, got {quote(raw)}")
    try:
        raw.encode()
    except UnicodeEncodeError:
        # Half of a character: some JSON parsers let it in, no encoder of ours could get it out.
        raise DecodeError(f"{quote(raw)} is not text") from None
    return raw


def _bytes(raw: object) -> bytes:
    try:
        return base64.b64decode(_string(raw), validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError(f"expected base64, got {quote(raw)}") from None


def _bool(raw: object) -> bool:
    if raw is True or raw == "true":
        return True
    if raw is False or raw == "false":
        return False
    raise DecodeError(f"expected true or false, got {quote(raw)}")


def _double(raw: object) -> float:
    if isinstance(raw, str):
        if raw in _NOT_FINITE:
            return _NOT_FINITE[raw]
        if len(raw) > _DECIMAL_CHARS_MAX or not _DECIMAL.fullmatch(raw):
            raise DecodeError(f"expected a number, got {quote(raw)}")
    elif isinstance(raw, bool) or not isinstance(raw, int | float):
        raise DecodeError(f"expected a number, got {quote(raw)}")
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DecodeError(f"{quote(raw)} is beyond the range of a double")
    return number


def _int(kind: str, raw: object) -> int:
    number = _whole_number(raw)
    lowest, highest = _BOUNDS[kind]
    if not lowest <= number <= highest:
        raise DecodeError(f"{quote(raw)} is outside {lowest}..{highest}")
    return number


def _whole_number(raw: object) -> int:
    if isinstance(raw, str) and _INTEGER.fullmatch(raw):
        return int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    # Some languages know doubles only, and write 31000.0 for a port.
    if isinstance(raw, float) or (isinstance(raw, str) and _DECIMAL.fullmatch(raw)):
        number = _double(raw)
        if number.is_integer():
            return int(number)
    raise DecodeError(f"expected a whole number, got {quote(raw)}")


def _noun(field: Field) -> str:
    return {"message": "object", "enum": "name"}.get(field.kind, field.kind)
