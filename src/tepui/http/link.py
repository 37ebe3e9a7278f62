"""The agent link's transport: a WebSocket that carries binary frames, the same on both sides.

Frames go to a callback (``deliver_to``), which costs no future and no turn of the loop per frame.
Until one is set they wait in the link, for ``receive``: the handshake's messages are read there.
Compression and the library's pings are off; the link's own heartbeats are frames like others.
"""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as HandshakeRequest
from websockets.http11 import Response as HandshakeResponse
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tepui.http.messages import Headers, Request

#: The close code of a link whose peer does not read what it is sent.
SLOW_PEER: Final = 4008
GOING_AWAY: Final = 1001

FRAME_BYTES_MAX: Final = 48 * 1024 * 1024
_BUFFERED_BYTES_MAX: Final = 64 * 1024 * 1024
# Frames that wait for ``receive`` may grow to this before the peer has to wait.
_INBOX_BYTES_MAX: Final = 1024 * 1024
_CLOSE_TIMEOUT_SECONDS: Final = 5.0

# The library tells of every opening and closing, and at the debug level of every frame.
_library_log = logging.getLogger("tepui.http.websockets")
_library_log.setLevel(logging.ERROR)


class LinkRefused(Exception):
    """The other side answered the handshake, and not with a link.

    Attributes:
        status: The HTTP status of its answer.
        reason: What it said.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the link was refused with {status}: {reason}")
        self.status = status
        self.reason = reason


class Link(asyncio.Protocol):
    """One end of an open link; every method belongs to the thread of the event loop.

    Attributes:
        headers: Of the handshake request; on the client's side of its answer.
        peer: ``ip:port`` of the other end.
        close_code: Why the link ended, once it has; 1006 when it ended without a word.
        close_reason: The words that came with the code.
        on_close: Called once, with code and reason, when the link has ended; never from inside
            ``send``.
        on_writable: Called when so little is queued again that a sender may go on that had waited
            for this; never from inside ``send``.
    """

    def __init__(
        self, protocol: ServerProtocol | ClientProtocol, *, peer: str, buffered_bytes_max: int
    ) -> None:
        self.headers = Headers()
        self.peer = peer
        self.close_code: int | None = None
        self.close_reason = ""
        self.on_close: Callable[[int, str], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self._protocol = protocol
        self._buffered_bytes_max = buffered_bytes_max
        self._on_frame: Callable[[bytes], None] | None = None
        self._said_goodbye = False
        self._parts: list[bytes] = []
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._read_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._handshake: asyncio.Future[None] | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    @property
    def closed(self) -> bool:
        """Whether no frame can be sent any more."""
        return self._said_goodbye or self.close_code is not None or self._protocol.state is not OPEN

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were sent and that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def send(self, frame: bytes) -> bool:
        """Queue one binary frame.

        Returns:
            Whether the link still stands. One whose queue passes its bound is cut: its
            ``close_code`` is 4008, and the peer, which is not reading, sees the connection end.
        """
        if self.closed:
            return False
        self._protocol.send_binary(frame)
        self._flush()
        if self._transport.get_write_buffer_size() > self._buffered_bytes_max:
            self._settle(SLOW_PEER, "the peer reads too slowly")
            self.abort()
            return False
        return True

    async def receive(self) -> bytes | None:
        """The next frame, or None when the link has ended."""
        while not self._inbox:
            if self.close_code is not None:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter
        frame = self._inbox.popleft()
        self._inbox_bytes -= len(frame)
        if self._inbox_bytes <= _INBOX_BYTES_MAX:
            self.resume()
        return frame

    def deliver_to(self, on_frame: Callable[[bytes], None]) -> None:
        """Hand every further frame to ``on_frame``, those that wait already first."""
        self._on_frame = on_frame
        while self._inbox:
            on_frame(self._inbox.popleft())
        self._inbox_bytes = 0
        self.resume()

    def pause(self) -> None:
        """Read no further, so that the peer has to wait, until ``resume`` is called.

        Frames that have arrived already are still delivered.
        """
        if not self._read_paused and not self._transport.is_closing():
            self._read_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on; without ``pause`` before it does nothing."""
        if self._read_paused:
            self._read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Say why, and end the link once the peer has heard it or five seconds have passed.

        Frames that arrive after this are dropped.
        """
        if self.closed:
            return
        # A close frame has room for 123 bytes of reason.
        reason = reason.encode()[:123].decode(errors="ignore")
        self._said_goodbye = True
        self._protocol.send_close(code, reason)
        self._flush()
        self._expect_end()

    def abort(self) -> None:
        """End the link without a word."""
        self._said_goodbye = True
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Return when the link has ended and its connection is gone."""
        await asyncio.shield(self._ended)

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._on_event(event)
            elif isinstance(event, HandshakeResponse):
                self._on_handshake(event)
        self._flush()
        if protocol.close_expected():
            self._expect_end()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._flush()
        return False

    def resume_writing(self) -> None:
        if self.on_writable is not None:
            # The transport may call this from inside a write of its own.
            self._loop.call_soon(self.on_writable)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        if self._handshake is not None and not self._handshake.done():
            self._handshake.set_exception(ConnectionResetError("the connection was closed"))
        said = self._protocol.close_rcvd or self._protocol.close_sent
        if said is None:
            self._settle(1006, "the connection was lost")
        else:
            self._settle(said.code, said.reason)
        self._wake()
        on_close, self.on_close = self.on_close, None
        if not self._ended.done():
            self._ended.set_result(None)
        if on_close is not None:
            assert self.close_code is not None
            on_close(self.close_code, self.close_reason)

    # Steps.

    def _on_event(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is not Opcode.BINARY and opcode is not Opcode.CONT:
            if opcode is Opcode.TEXT:
                self.close(1003, "frames are binary")
            return
        if self._said_goodbye:
            return
        if frame.fin and opcode is Opcode.BINARY:
            self._on_message(bytes(frame.data))
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            self._on_message(message)

    def _on_message(self, message: bytes) -> None:
        if self._on_frame is not None:
            self._on_frame(message)
            return
        self._inbox.append(message)
        self._inbox_bytes += len(message)
        if self._inbox_bytes > _INBOX_BYTES_MAX:
            self.pause()
        self._wake()

    def _on_handshake(self, response: HandshakeResponse) -> None:
        handshake = self._handshake
        if handshake is None or handshake.done():
            return
        self.headers = Headers.of(dict(response.headers.raw_items()))
        assert isinstance(self._protocol, ClientProtocol)
        if self._protocol.handshake_exc is None:
            handshake.set_result(None)
        else:
            handshake.set_exception(self._protocol.handshake_exc)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _expect_end(self) -> None:
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(_CLOSE_TIMEOUT_SECONDS, self.abort)

    def _settle(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code = code
            self.close_reason = reason


def accept_link(
    transport: asyncio.Transport,
    request: Request,
    rest: bytes,
    *,
    buffered_bytes_max: int,
    headers: Mapping[str, str],
) -> Link | None:
    """Answer a WebSocket handshake on ``transport`` and take the connection over.

    Args:
        transport: The connection that the request came on.
        request: The handshake.
        rest: What came after the handshake already.
        buffered_bytes_max: Where a peer that does not read is cut off.
        headers: What the answer to the handshake says besides.

    Returns:
        The open link, or None when the handshake was wrong and has been refused.
    """
    protocol = ServerProtocol(max_size=FRAME_BYTES_MAX, logger=_library_log)
    link = Link(protocol, peer=request.peer, buffered_bytes_max=buffered_bytes_max)
    link.headers = request.headers
    lines = [f"GET {request.raw_target} HTTP/1.1\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    protocol.receive_data(("".join(lines) + "\r\n").encode("latin-1"))
    for handshake in protocol.events_received():
        assert isinstance(handshake, HandshakeRequest)
        response = protocol.accept(handshake)
        response.headers.update(headers)
        protocol.send_response(response)
    link.connection_made(transport)
    transport.set_protocol(link)
    if protocol.state is not OPEN:
        link._flush()
        return None
    link._flush()
    if rest:
        link.data_received(rest)
    return link


async def connect_link(
    url: str,
    *,
    headers: Mapping[str, str],
    timeout_seconds: float,
    ssl: tls.SSLContext | None = None,
    buffered_bytes_max: int = _BUFFERED_BYTES_MAX,
) -> Link:
    """Open a link to ``url`` (``ws://`` or ``wss://``).

    Raises:
        LinkRefused: The other side answered with a status of its own.
        OSError: Nobody answered, or not in time.
    """
    try:
        uri = parse_uri(url)
    except InvalidURI as error:
        raise ValueError(f"not a WebSocket URL: {url}") from error
    protocol = ClientProtocol(uri, max_size=FRAME_BYTES_MAX, logger=_library_log)
    loop = asyncio.get_running_loop()
    link = Link(protocol, peer=f"{uri.host}:{uri.port}", buffered_bytes_max=buffered_bytes_max)
    link._handshake = loop.create_future()
    context = (ssl or tls.create_default_context()) if uri.secure else None
    async with asyncio.timeout(timeout_seconds):
        transport, _ = await loop.create_connection(lambda: link, uri.host, uri.port, ssl=context)
        try:
            request = protocol.connect()
            for name, value in headers.items():
                request.headers[name] = value
            protocol.send_request(request)
            link._flush()
            await link._handshake
        except InvalidStatus as error:
            transport.abort()
            response = error.response
            text = bytes(response.body or b"").decode(errors="replace").strip()
            raise LinkRefused(response.status_code, text or response.reason_phrase) from error
        except InvalidHandshake as error:
            transport.abort()
            raise ConnectionError(f"{url} does not speak WebSocket: {error}") from error
        except BaseException:
            transport.abort()
            raise
    return link
