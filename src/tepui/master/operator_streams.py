"""The streams of operators: a snapshot at the speed at which it is read, then events.

An event is encoded once for each encoding, however many listen. Who does not keep up is cut.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tepui.codec import recordio
from tepui.codec.assembly import assembler_for
from tepui.codec.media import Codec, codec_for
from tepui.http.messages import StreamResponse
from tepui.http.streams import SLOW_SUBSCRIBER, StreamWriter
from tepui.master.core.effects import CloseOperator, OpenOperatorStream, SendToOperators
from tepui.master.core.events import AnyEvent, OperatorDisconnected, OperatorSubscribed
from tepui.master.core.model import State
from tepui.master.core.views_v1 import get_subscribed

QUEUED_BYTES_MAX = 4 * 1024 * 1024
"""So much may wait for one subscriber, besides the snapshot that it begins with."""

# More than the mark at which a transport asks us to wait, so that it tells when to go on.
_IN_FLIGHT_BYTES_MAX = 256 * 1024
# A record is one chunk, as with Mesos, unless it is larger than this.
_PIECE_BYTES = 1024 * 1024


class OperatorStream:
    """One subscriber's stream; it writes no more than the peer takes."""

    __slots__ = (
        "_bytes_max",
        "_is_flush_due",
        "_is_over",
        "_on_close",
        "_waiting",
        "_waiting_bytes",
        "_writer",
        "codec",
    )

    def __init__(self, codec: Codec, on_close: Callable[[str], None]) -> None:
        self.codec = codec
        self._on_close = on_close
        self._writer: StreamWriter | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._bytes_max = QUEUED_BYTES_MAX
        self._is_flush_due = False
        self._is_over = False

    def begin(self, record: bytes) -> None:
        """Queue the snapshot, which may be larger than what may wait otherwise."""
        self._bytes_max += len(record)
        self.send(record)

    def send(self, record: bytes) -> None:
        """Write one record at the end of this turn, or when the peer has read what is before."""
        if self._is_over:
            return
        for start in range(0, len(record), _PIECE_BYTES):
            self._waiting.append(record[start : start + _PIECE_BYTES])
        self._waiting_bytes += len(record)
        if self._waiting_bytes > self._bytes_max:
            self._cut()
        elif self._writer is not None and not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def open(self, writer: StreamWriter) -> None:
        """The head is out: write what has gathered, and go on."""
        self._writer = writer
        if self._is_over:
            self._flush()
            writer.close()
            return
        writer.on_close = self._on_close
        writer.on_writable = self._flush
        self._flush()

    def close(self) -> None:
        """End the stream, in order if the peer has read nearly all of it."""
        self._is_over = True
        writer = self._writer
        if writer is None:
            return
        self._flush()
        if self._waiting:
            writer.abort()
        else:
            writer.close()

    def _flush(self) -> None:
        self._is_flush_due = False
        writer = self._writer
        if writer is None:
            return
        while self._waiting and not writer.closed:
            room = _IN_FLIGHT_BYTES_MAX - writer.buffered_bytes
            if room <= 0:
                return
            records: list[bytes] = []
            while self._waiting and room > 0:
                records.append(self._waiting.popleft())
                room -= len(records[-1])
                self._waiting_bytes -= len(records[-1])
            writer.write_all(records)

    def _cut(self) -> None:
        self._is_over = True
        self._waiting.clear()
        if self._writer is not None:
            self._writer.abort()
        # The core is in the middle of a step: it hears of the end on the next turn.
        asyncio.get_running_loop().call_soon(self._on_close, SLOW_SUBSCRIBER)


class OperatorStreams:
    """All streams of operators of one master, and the effects that are about them."""

    def __init__(self, state: State, step: Callable[[AnyEvent], None]) -> None:
        self._state = state
        self._step = step
        self._streams: dict[int, OperatorStream] = {}

    def subscribe(self, connection: int, media_type: str) -> StreamResponse:
        """Have the core take in a subscriber, and return the answer to it."""

        def on_close(reason: str) -> None:
            if self._streams.pop(connection, None) is not None:
                self._step(OperatorDisconnected(connection=connection, reason=reason))

        stream = OperatorStream(codec_for(media_type), on_close)
        self._streams[connection] = stream
        self._step(OperatorSubscribed(connection=connection))
        return StreamResponse(200, stream.open, content_type=media_type)

    def open(self, effect: OpenOperatorStream) -> None:
        """Encode the snapshot, now."""
        stream = self._streams[effect.connection]
        assembler = assembler_for(stream.codec.media_type)
        interval = self._state.config.heartbeat_interval
        stream.begin(recordio.encode(b"".join(get_subscribed(self._state, interval, assembler))))

    def send(self, effect: SendToOperators) -> None:
        """Write one event to those that it is for."""
        records: dict[str, bytes] = {}
        for connection in effect.connections:
            stream = self._streams.get(connection)
            if stream is None:
                continue
            codec = stream.codec
            record = records.get(codec.media_type)
            if record is None:
                record = records[codec.media_type] = recordio.encode(codec.encode(effect.event))
            stream.send(record)

    def close(self, effect: CloseOperator) -> None:
        """End a stream."""
        stream = self._streams.pop(effect.connection, None)
        if stream is not None:
            stream.close()
