"""The long answers: one HTTP chunk per record, cut off when the subscriber cannot keep up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

PEER_WENT_AWAY: Final = "peer went away"
SLOW_SUBSCRIBER: Final = "slow subscriber"
SERVER_STOP: Final = "server stop"

# Below this size one copied buffer is cheaper than three queued ones.
_COPIED_BYTES_MAX: Final = 4096


class StreamWriter:
    """Write one streamed answer; every method belongs to the thread of the event loop.

    Attributes:
        closed: No more bytes go out, whoever ended the stream.
        on_close: Called exactly once with the reason when the stream ends without ``close`` or
            ``abort`` having been called: the peer went away, was too slow, or the server stops.
            Never called from inside ``write``. Set it in ``opened`` or later in the same step.
        on_writable: Called when a peer that was slow has taken most of what was queued: for
            bodies that are longer than the queue may be.
    """

    __slots__ = (
        "_buffered_bytes_max",
        "_chunked",
        "_ended",
        "_transport",
        "closed",
        "on_close",
        "on_writable",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        chunked: bool,
        buffered_bytes_max: int,
        ended: Callable[[], None],
    ) -> None:
        self.closed = False
        self.on_close: Callable[[str], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self._transport = transport
        self._chunked = chunked
        self._buffered_bytes_max = buffered_bytes_max
        self._ended = ended

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def write(self, chunk: bytes) -> bool:
        """Send ``chunk`` as one HTTP chunk, queued while the peer is slow.

        Returns:
            Whether the stream still stands. A stream whose queue passes its bound is cut.
        """
        if self.closed:
            return False
        if not chunk:  # an empty chunk would say that the body ends here
            return True
        transport = self._transport
        if not self._chunked:
            transport.write(chunk)
        elif len(chunk) <= _COPIED_BYTES_MAX:
            transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            transport.writelines((b"%x\r\n" % len(chunk), chunk, b"\r\n"))
        if transport.get_write_buffer_size() > self._buffered_bytes_max:
            self._cut()
            return False
        return True

    def write_all(self, chunks: Iterable[bytes]) -> bool:
        """Send each of ``chunks`` as `write` does, by one call of the kernel for all.

        Returns:
            Whether the stream still stands.
        """
        if self.closed:
            return False
        transport = self._transport
        if self._chunked:
            transport.write(
                b"".join([b"%x\r\n%b\r\n" % (len(each), each) for each in chunks if each])
            )
        else:
            transport.write(b"".join(chunks))
        if transport.get_write_buffer_size() > self._buffered_bytes_max:
            self._cut()
            return False
        return True

    def close(self) -> None:
        """End the body in order; the connection goes on to its next request."""
        if self.closed:
            return
        self.closed = True
        self.on_close = self.on_writable = None
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._ended()

    def abort(self) -> None:
        """Drop the connection with everything that still waits in its queue."""
        if self.closed:
            return
        self.closed = True
        self.on_close = self.on_writable = None
        self._transport.abort()

    def end(self, reason: str) -> None:
        """For the connection: the stream is over for ``reason``; tell its owner, once."""
        self.closed = True
        on_close, self.on_close = self.on_close, None
        self.on_writable = None
        if on_close is not None:
            on_close(reason)

    def _cut(self) -> None:
        self.closed = True
        # The owner is in the middle of writing: it learns of the end on the next turn, before
        # the transport tells the connection, which knows no better reason.
        asyncio.get_running_loop().call_soon(self.end, SLOW_SUBSCRIBER)
        self._transport.abort()
