"""Frames of the agent link: what one loop turn produced, as one msgpack array.

A frame is an array of ``[channel, message]`` pairs. The side that connects gives out
the channel numbers, one per agent that it speaks for; they mean nothing beyond their
connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from tepui.link.messages import LinkMessage, ToAgent, ToMaster

FRAME_BYTES_MAX = 48 * 1024 * 1024
"""A frame above this is refused by both sides."""

FRAME_BYTES_TARGET = 1024 * 1024
"""A sender starts a new frame when this is passed, so that one turn's work is never one blob."""

FRAME_MESSAGES_MAX = FRAME_BYTES_TARGET // 4
"""A frame that says to hold more is refused unread; the smallest message has twice these bytes."""

CHANNEL_MAX = 2**32 - 1

M = TypeVar("M")


class FrameError(ValueError):
    """A frame is not what the link's version allows; the connection is closed for it."""


class FrameDecoder(Generic[M]):
    """Decode frames of one direction of a link."""

    def __init__(self, frame_type: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[list[tuple[int, M]]] = msgspec.msgpack.Decoder(
            frame_type
        )

    def decode(self, frame: bytes) -> list[tuple[int, M]]:
        """Return the pairs of ``frame`` in order.

        Raises:
            FrameError: The bytes are no frame of this direction.
        """
        count = _count(frame)
        if count > FRAME_MESSAGES_MAX:
            raise FrameError(f"link frame of {count} messages: at most {FRAME_MESSAGES_MAX}")
        try:
            pairs = self._decoder.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FrameError(f"link frame of {len(frame)} bytes: {error}") from error
        for channel, _ in pairs:
            if not 0 <= channel <= CHANNEL_MAX:
                raise FrameError(f"link channel {channel} is not in 0..{CHANNEL_MAX}")
        return pairs


def to_master_decoder() -> FrameDecoder[ToMaster]:
    """Return a decoder for what agents send."""
    return FrameDecoder(list[tuple[int, ToMaster]])


def to_agent_decoder() -> FrameDecoder[ToAgent]:
    """Return a decoder for what the master sends."""
    return FrameDecoder(list[tuple[int, ToAgent]])


_encoder = msgspec.msgpack.Encoder()


def encode_frames(
    pairs: Iterable[tuple[int, LinkMessage]],
    on_oversized: Callable[[int, FrameError], None] | None = None,
) -> Iterator[bytes]:
    """Yield ``pairs`` in order as few frames, each near `FRAME_BYTES_TARGET` at most.

    Args:
        pairs: Channels and what is said on them.
        on_oversized: Told of the channel of a message that is left out because it is too large.

    Raises:
        FrameError: One message alone is above `FRAME_BYTES_MAX`, and ``on_oversized`` is not given.
    """
    chunk: list[bytes] = []
    size = 0
    for pair in pairs:
        encoded = _encoder.encode(pair)
        if len(encoded) + 5 > FRAME_BYTES_MAX:
            name = type(pair[1]).__name__
            error = FrameError(f"a {name} of {len(encoded)} bytes is above {FRAME_BYTES_MAX}")
            if on_oversized is None:
                raise error
            on_oversized(pair[0], error)
            continue
        if chunk and size + len(encoded) > FRAME_BYTES_TARGET:
            yield _join(chunk)
            chunk, size = [], 0
        chunk.append(encoded)
        size += len(encoded)
    if chunk:
        yield _join(chunk)


def _join(encoded: Sequence[bytes]) -> bytes:
    """Prefix the encoded pairs with a msgpack array header."""
    count = len(encoded)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 65536:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(encoded)


def _count(frame: bytes) -> int:
    """Return how many messages the array header of a frame announces; 0 if it has none."""
    if frame[:1] == b"\xdd":
        return int.from_bytes(frame[1:5], "big")
    return 0  # the shorter headers cannot announce too many


def choose_version(offered: str, low: int, high: int) -> int:
    """Return the newest version that both sides speak.

    Args:
        offered: The peer's ``"min,max"``.
        low: The oldest version that this side speaks.
        high: The newest one.

    Raises:
        FrameError: The text is malformed or the ranges do not meet.
    """
    try:
        peer_low, peer_high = (int(part) for part in offered.split(","))
    except ValueError as error:
        raise FrameError(f"link versions {offered!r} are not 'min,max'") from error
    chosen = min(high, peer_high)
    if chosen < max(low, peer_low):
        raise FrameError(f"link versions {offered} and {low},{high} do not meet")
    return chosen
