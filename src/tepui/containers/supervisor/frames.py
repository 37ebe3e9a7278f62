"""Messages between an agent and its supervisor: a JSON object after its length in four bytes."""

from __future__ import annotations

import json
import struct
from typing import Any

VERSION = 1
"""Raised when a message changes its meaning; both sides name theirs when they meet."""

VERSION_MIN = 1
"""The oldest version that is still spoken; the newest that both know is used."""

REQUEST_BYTES_MAX = 8 << 20
"""Above what the kernel takes as arguments and environment of one process."""

REPLY_BYTES_MAX = 256 << 20
"""The largest reply lists every container: about 300 bytes for each."""

_LENGTH = struct.Struct(">I")
_encoder = json.JSONEncoder(separators=(",", ":"))

Message = dict[str, Any]


class FrameError(Exception):
    """The bytes are not frames; the connection is of no further use."""


def encode(message: Message) -> bytes:
    """Return ``message`` as one frame."""
    body = _encoder.encode(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Cuts a stream of bytes, split anywhere, into messages."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that ``data`` completes.

        Raises:
            FrameError: A frame is longer than allowed, or holds no JSON object.
        """
        self._buffer += data
        messages: list[Message] = []
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            if length > self._bytes_max:
                raise FrameError(f"a frame of {length} bytes; at most {self._bytes_max} are taken")
            end = at + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(_parse(self._buffer[at + _LENGTH.size : end]))
            at = end
        del self._buffer[:at]
        return messages


def _parse(body: bytearray) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a frame holds no JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("a frame holds JSON, but no object")
    return message
