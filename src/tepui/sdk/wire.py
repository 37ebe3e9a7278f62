"""How calls and events become bytes: JSON or protobuf, and what the headers say of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Literal, TypeVar

from tepui.codec.errors import DecodeError
from tepui.codec.media import JSON, PROTOBUF, codec_for
from tepui.codec.recordio import Decoder
from tepui.http.client import ClientStream
from tepui.messages import Message
from tepui.sdk.errors import BadAnswer

M = TypeVar("M", bound=Message)

Content = Literal["json", "protobuf"]
"""What a client speaks; the answers are the same."""

RECORD_BYTES_MAX = 64 * 1024 * 1024
"""A longer event is taken for garbage: offers of ten thousand agents fit into less."""

_MEDIA_TYPES: dict[Content, str] = {"json": JSON, "protobuf": PROTOBUF}


class Wire:
    """One way of writing messages."""

    def __init__(self, content: Content) -> None:
        if content not in _MEDIA_TYPES:
            raise ValueError(f"content {content!r} is neither 'json' nor 'protobuf'")
        self._codec = codec_for(_MEDIA_TYPES[content])

    def headers(self, more: Iterable[tuple[str, str]] = ()) -> list[tuple[str, str]]:
        """Return the headers of a call."""
        media_type = self._codec.media_type
        return [("Content-Type", media_type), ("Accept", media_type), *more]

    def encode(self, message: Message) -> bytes:
        """Return the bytes of a call."""
        return self._codec.encode(message)

    def decode(self, cls: type[M], data: bytes) -> M:
        """Return the message that an answer holds.

        Raises:
            BadAnswer: The bytes are not that message.
        """
        try:
            return self._codec.decode(cls, data)
        except DecodeError as error:
            raise BadAnswer(f"an answer is no {cls.__qualname__}: {error}") from error

    async def records(self, stream: ClientStream, cls: type[M]) -> AsyncGenerator[M, None]:
        """Yield the messages of a stream as they arrive.

        Raises:
            BadAnswer: The stream is not RecordIO of such messages.
            ConnectionFailed: The stream broke off.
        """
        decoder = Decoder(RECORD_BYTES_MAX)
        async for piece in stream:
            try:
                records = decoder.feed(piece)
            except DecodeError as error:
                raise BadAnswer(f"a stream is not RecordIO: {error}") from error
            for record in records:
                yield self.decode(cls, record)
