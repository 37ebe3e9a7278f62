"""Media types: which encoding a request is in, and which its answer should be in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from tepui.codec import json, protobuf
from tepui.messages.base import Message

M = TypeVar("M", bound=Message)

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
RECORDIO = "application/recordio"


class Codec(Protocol):
    """Turns messages into one kind of bytes and back."""

    @property
    def media_type(self) -> str:
        """What HTTP calls this encoding."""

    def encode(self, message: Message) -> bytes:
        """Return the bytes of a message."""

    def encode_lists(self, message: Message) -> bytes:
        """Like `encode`, with the lists that JSON answers hold even when empty."""

    def decode(self, cls: type[M], data: bytes) -> M:
        """Return the message in the bytes, or raise DecodeError."""


class JsonCodec:
    """Messages as JSON."""

    media_type = JSON

    def encode(self, message: Message) -> bytes:
        """Return the JSON of a message."""
        return json.encode(message)

    def encode_lists(self, message: Message) -> bytes:
        """Return the JSON of an operator's answer."""
        return json.encode_lists(message)

    def decode(self, cls: type[M], data: bytes) -> M:
        """Return the message in the JSON, or raise DecodeError."""
        return json.decode(cls, data)


class ProtobufCodec:
    """Messages as protobuf, which has no way to tell an empty list from none."""

    media_type = PROTOBUF

    def encode(self, message: Message) -> bytes:
        """Return the protobuf encoding of a message."""
        return protobuf.encode(message)

    def encode_lists(self, message: Message) -> bytes:
        """Return the protobuf encoding of an operator's answer."""
        return protobuf.encode(message)

    def decode(self, cls: type[M], data: bytes) -> M:
        """Return the message in the bytes, or raise DecodeError."""
        return protobuf.decode(cls, data)


_CODECS: dict[str, Codec] = {JSON: JsonCodec(), PROTOBUF: ProtobufCodec()}


def codec_for(media_type: str) -> Codec:
    """Return the codec of a media type, as written in a Content-Type; KeyError if there is none."""
    return _CODECS[media_type]


def negotiate(accept: str | None, offered: Sequence[str] = (JSON, PROTOBUF)) -> str | None:
    """Return the first of ``offered`` that an Accept header allows, or None if it allows none.

    Weights are not ranked, as in Mesos; only a weight of zero counts, as a refusal. Where several
    ranges match, the most specific one decides.

    Args:
        accept: The header's value; None, or an empty one, allows anything.
        offered: Media types in the order of our preference.

    Example:
        >>> negotiate("application/x-protobuf, */*;q=0.1")
        'application/json'
        >>> negotiate("text/html") is None
        True
    """
    if accept is None or not accept.strip():
        return offered[0] if offered else None
    ranges: dict[str, bool] = {}
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        ranges[media_range] = not any(map(_is_zero_weight, parameters))
    return next((media_type for media_type in offered if _allows(ranges, media_type)), None)


def _allows(ranges: dict[str, bool], media_type: str) -> bool:
    for candidate in (media_type, media_type.split("/", maxsplit=1)[0] + "/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return False


def _is_zero_weight(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    # 0, 0.0 and up to three decimals are all the ways there are to write it.
    return name.strip() == "q" and value.strip() in ("0", "0.", "0.0", "0.00", "0.000")
