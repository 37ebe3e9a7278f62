"""Big answers put together from parts that are encoded already.

A message that only holds lists of others is the concatenation of their encodings with a little
around it, in JSON and in protobuf alike. Whoever keeps the encoded parts can answer without
building, or encoding, the whole.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Protocol

from tepui.codec import json, protobuf
from tepui.codec.media import JSON, PROTOBUF
from tepui.messages.base import Message, ProtoEnum
from tepui.messages.registry import fields_of

Parts = list[bytes]
"""Consecutive pieces; joined once, when the whole is sent."""

_VARINT = 0
_FIXED_64 = 1
_LENGTH_DELIMITED = 2


class Assembler(Protocol):
    """Puts encoded messages together in one of the encodings."""

    @property
    def name(self) -> str:
        """What parts in this encoding are kept under."""

    @property
    def media_type(self) -> str:
        """What HTTP calls this encoding."""

    def encode(self, message: Message) -> bytes:
        """Return the encoding of one message."""

    def kind(self, cls: type[Message], field: str, member: ProtoEnum) -> Parts:
        """Return an enum field of ``cls``."""

    def number(self, cls: type[Message], field: str, value: float) -> Parts:
        """Return a field of ``cls`` that is a finite double."""

    def member(self, cls: type[Message], field: str, body: Parts) -> Parts:
        """Return a field of ``cls`` that holds the message ``body``."""

    def members(self, cls: type[Message], field: str, bodies: Sequence[bytes]) -> Parts:
        """Return a repeated field of ``cls``; JSON writes it even if it is empty."""

    def message(self, fields: Sequence[Parts]) -> Parts:
        """Return the message that has ``fields``."""


class JsonAssembler:
    """Puts JSON together."""

    name = "v1 json"
    media_type = JSON

    def encode(self, message: Message) -> bytes:
        """Return the JSON of one message."""
        return json.encode(message)

    def kind(self, cls: type[Message], field: str, member: ProtoEnum) -> Parts:
        """Return ``"field":"NAME"``."""
        del cls
        return [f'"{field}":"{member.name}"'.encode()]

    def number(self, cls: type[Message], field: str, value: float) -> Parts:
        """Return ``"field":value``."""
        del cls
        return [f'"{field}":{value!r}'.encode()]

    def member(self, cls: type[Message], field: str, body: Parts) -> Parts:
        """Return ``"field":body``."""
        del cls
        return [f'"{field}":'.encode(), *body]

    def members(self, cls: type[Message], field: str, bodies: Sequence[bytes]) -> Parts:
        """Return ``"field":[…]``."""
        del cls
        return [f'"{field}":['.encode(), *separated(bodies), b"]"]

    def message(self, fields: Sequence[Parts]) -> Parts:
        """Return ``{…}``."""
        parts = [b"{"]
        for index, field in enumerate(fields):
            if index:
                parts.append(b",")
            parts += field
        parts.append(b"}")
        return parts


class ProtobufAssembler:
    """Puts protobuf together, which is what its wire format was made for."""

    name = "v1 protobuf"
    media_type = PROTOBUF

    def encode(self, message: Message) -> bytes:
        """Return the protobuf encoding of one message."""
        return protobuf.encode(message)

    def kind(self, cls: type[Message], field: str, member: ProtoEnum) -> Parts:
        """Return the number of ``member``, tagged."""
        return [_varint(_number(cls, field) << 3 | _VARINT) + _varint(member.number)]

    def number(self, cls: type[Message], field: str, value: float) -> Parts:
        """Return the eight bytes of ``value``, tagged."""
        return [_varint(_number(cls, field) << 3 | _FIXED_64) + struct.pack("<d", value)]

    def member(self, cls: type[Message], field: str, body: Parts) -> Parts:
        """Return ``body`` with its tag and length."""
        tag = _varint(_number(cls, field) << 3 | _LENGTH_DELIMITED)
        return [tag + _varint(sum(map(len, body))), *body]

    def members(self, cls: type[Message], field: str, bodies: Sequence[bytes]) -> Parts:
        """Return each of ``bodies`` with its tag and length."""
        tag = _varint(_number(cls, field) << 3 | _LENGTH_DELIMITED)
        parts: Parts = []
        for body in bodies:
            parts += (tag + _varint(len(body)), body)
        return parts

    def message(self, fields: Sequence[Parts]) -> Parts:
        """Return the fields one after the other."""
        return [part for field in fields for part in field]


def separated(bodies: Sequence[bytes]) -> Parts:
    """Return ``bodies`` with commas between them.

    They are not joined: to copy megabytes once more costs more than to pass references.
    """
    parts = [b","] * max(2 * len(bodies) - 1, 0)
    parts[::2] = bodies
    return parts


_ASSEMBLERS: dict[str, Assembler] = {JSON: JsonAssembler(), PROTOBUF: ProtobufAssembler()}


def assembler_for(media_type: str) -> Assembler:
    """Return the assembler of a media type; KeyError if there is none."""
    return _ASSEMBLERS[media_type]


@functools.cache
def _number(cls: type[Message], name: str) -> int:
    return next(field.number for field in fields_of(cls) if field.name == name)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
