"""Protobuf by Google's library, with descriptors built from the structs.

Nothing is built, nor the library imported, before somebody encodes or decodes. Both directions
lean on C: a message is encoded by handing its builtins to the generated class, and decoded from
the list of the fields that are present.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tepui.codec.errors import DecodeError, quote
from tepui.messages.base import Message
from tepui.messages.registry import Cardinality, Field, fields_of

if TYPE_CHECKING:
    from google.protobuf.message import Message as WireMessage

M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """Return the protobuf encoding of a message."""
    # bytes stay bytes; enums become names, which the library takes as well as numbers.
    fields = msgspec.to_builtins(message, builtin_types=(bytes,))
    wire = _wire_class(type(message))(**fields)
    return wire.SerializeToString()


def decode(cls: type[M], data: bytes) -> M:
    """Return the message that the bytes hold; fields and enum numbers we do not know are ignored.

    Raises:
        DecodeError: If they are not this message, or a required field is missing.
    """
    from google.protobuf.message import DecodeError as WireError

    wire_class = _wire_class(cls)
    try:
        wire = wire_class.FromString(bytes(data))
    except WireError:
        raise DecodeError(
            f"is not protobuf: its {len(data)} bytes are damaged, or cut short"
        ) from None
    try:
        message: M = _reader(cls)(wire)
    except TypeError:
        # A struct refuses to be made without its required fields; the library knows their names.
        missing = _missing_fields(wire)
        if not missing:
            raise
        raise DecodeError("is required", missing[0]) from None
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error)) from None
    return message


def _missing_fields(wire: Any) -> list[str]:
    paths: list[str] = wire.FindInitializationErrors()
    return paths


@functools.cache
def _wire_class(cls: type[Message]) -> type[WireMessage]:
    from tepui.codec.descriptors import wire_class

    return wire_class(cls)


@functools.cache
def _reader(cls: type[M]) -> Callable[[Any], M]:
    """Return a function that makes a struct of the library's message of the same name."""
    # By descriptor, which is cheaper than asking it for its number. Filled below, because a
    # container's parent is read by the reader that is being made.
    convert: dict[Any, tuple[str, Callable[[Any], Any] | None]] = {}

    def read(wire: Any) -> M:
        given = {}
        for descriptor, value in wire.ListFields():
            name, converter = convert[descriptor]
            given[name] = value if converter is None else converter(value)
        return cls(**given)

    descriptors = _wire_class(cls).DESCRIPTOR.fields_by_name
    for field in fields_of(cls):
        one = read if field.type is cls else _value_converter(field)
        convert[descriptors[field.name]] = (field.name, _converter(field, one))
    return read


def _value_converter(field: Field) -> Callable[[Any], Any] | None:
    if field.kind == "message":
        return _reader(field.type)
    if field.kind == "enum":
        numbers = {member.number: member for member in field.type}
        return numbers.__getitem__
    return _text if field.kind == "string" else None


def _text(value: str | bytes) -> str:
    # The library does not insist on UTF-8 in proto2; it hands over the bytes instead.
    if isinstance(value, str):
        return value
    raise DecodeError(f"holds text that is not UTF-8: {quote(value)}")


def _converter(field: Field, one: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if field.cardinality is Cardinality.REPEATED:
        return list if one is None else lambda values: [one(value) for value in values]
    if field.cardinality is Cardinality.MAP:
        convert = one or _unchanged
        return lambda entries: {_text(key): convert(entries[key]) for key in entries}
    return one


def _unchanged(value: Any) -> Any:
    return value
