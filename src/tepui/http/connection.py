"""One server connection: bytes to requests, answers to bytes, in the order of the requests.

The short way is a handler that answers at once: parse, call, write, without a task, a future or
a second turn of the loop. Everything else (slow handlers, streams, pipelined requests behind
them, peers that do not read) parks the connection in a flag that the next callback looks at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, cast

import structlog

from tepui.base.errors import InvariantViolated, Rejected, Unavailable
from tepui.http.encoding import COMPRESSED_BYTES_MIN, compress
from tepui.http.heads import fields, has_length
from tepui.http.link import Link, accept_link
from tepui.http.messages import (
    Answer,
    Request,
    Response,
    StreamResponse,
    refusal,
    text_response,
)
from tepui.http.reading import RequestReader
from tepui.http.shared import LinkHandler, Shared
from tepui.http.streams import PEER_WENT_AWAY, SERVER_STOP, StreamWriter

#: How long a refused peer may go on sending before the connection is cut.
LINGER_SECONDS: Final = 5.0

# Compressing more than this takes milliseconds: a thread does it while the loop goes on.
_INLINE_GZIP_BYTES_MAX: Final = 128 * 1024
_COPIED_BODY_BYTES_MAX: Final = 16 * 1024

_log = structlog.get_logger("tepui.http")


class Connection(asyncio.Protocol):
    """The protocol of one accepted socket until it closes or becomes a link."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._heads = shared.heads
        self._reader: RequestReader

        # The exchange that is being answered.
        self._busy = False
        self._keep_alive = True
        self._http_1_0 = False
        self._stream: StreamWriter | None = None

        self._since = shared.now
        self._stalled_since = shared.now
        self._read_paused = False
        self._write_paused = False
        self._eof = False
        self._closing = False
        self._discarding = False
        self._lost = False

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._reader = RequestReader(
            self._limits,
            peer=address_text(transport.get_extra_info("peername")),
            local=address_text(transport.get_extra_info("sockname")),
            now=self._shared.now,
        )
        self._shared.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._since = now = self._shared.now
        self._reader.feed(data, now)
        self._serve()

    def eof_received(self) -> bool:
        self._eof = True
        # Half closed while an answer is owed: it may still be wanted. A stream's peer is gone.
        return self._stream is None and (self._busy or bool(self._reader.pending))

    def pause_writing(self) -> None:
        self._write_paused = True
        self._stalled_since = self._shared.now

    def resume_writing(self) -> None:
        self._write_paused = False
        stream = self._stream
        if stream is not None and stream.on_writable is not None:
            stream.on_writable()
        self._serve()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._closing = True
        self._shared.forget(self)
        self._reader.close()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.end(PEER_WENT_AWAY)

    # Answering.

    def _refuse(self, error: Rejected) -> None:
        """Answer what cannot be read any further, and let go of the peer in order."""
        self._keep_alive = False
        self._write(refusal(error), head_only=False)
        # Closing at once would reset the connection, and the peer might never read the answer.
        self._closing = self._discarding = True
        self._since = self._shared.now
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _serve(self) -> None:
        reader = self._reader
        pending = reader.pending
        while pending and not (self._busy or self._write_paused or self._closing):
            request, self._keep_alive, self._http_1_0 = pending.popleft()
            if reader.upgrading and not pending:
                self._upgrade(request)
                return
            self._answer(request)
        if reader.refusal is not None and not (pending or self._busy or self._closing):
            self._refuse(reader.refusal)
        self._pace()

    def _pace(self) -> None:
        """Read on only when nothing waits: a peer that does not read may not pile up work."""
        if self._closing:
            return
        reader = self._reader
        if reader.pending:
            if not self._read_paused:
                self._read_paused = True
                self._transport.pause_reading()
            return
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()
        if reader.continue_due and not self._busy:
            reader.continue_due = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self, request: Request) -> None:
        self._busy = True
        try:
            answer = self._shared.handler(request)
        except Exception as error:
            answer = failed(request, error)
        if type(answer) is Response:
            self._respond(request, answer)
        elif isinstance(answer, StreamResponse):
            self._open_stream(request, answer)
        elif isinstance(answer, Awaitable):
            self._await_answer(request, answer)
        else:
            self._respond(request, failed(request, TypeError(f"not an answer: {answer!r}")))

    def _await_answer(self, request: Request, answer: Awaitable[Answer]) -> None:
        if isinstance(answer, asyncio.Future):
            future = answer
        else:
            future = self._shared.spawn(_wait_for(answer))
        future.add_done_callback(lambda done: self._on_answered(request, done))

    def _on_answered(self, request: Request, future: asyncio.Future[Answer]) -> None:
        if future.cancelled():
            answer: Answer = text_response(503, "The server is stopping")
        else:
            error = future.exception()
            answer = future.result() if error is None else failed(request, error)
        if isinstance(answer, StreamResponse):
            self._open_stream(request, answer)
        elif not self._lost:
            self._respond(request, answer)
        self._serve()

    def _respond(self, request: Request, response: Response) -> None:
        body = response.body
        if not (body or response.headers or response.content_type):
            if self._keep_alive and not self._http_1_0:
                self._transport.write(self._heads.empty(response.status))
                self._busy = False
                return
        elif len(body) >= COMPRESSED_BYTES_MIN and _compressible(request, response):
            if len(body) > _INLINE_GZIP_BYTES_MAX:
                self._await_answer(request, self._compress_in_thread(response))
                return
            response = _encoded(response, compress(body))
        try:
            self._write(response, head_only=request.method == "HEAD")
        except ValueError as error:
            self._write(failed(request, error), head_only=request.method == "HEAD")
        self._done()

    async def _compress_in_thread(self, response: Response) -> Response:
        body = await self._shared.loop.run_in_executor(None, compress, response.body)
        return _encoded(response, body)

    def _write(self, response: Response, *, head_only: bool) -> None:
        text = fields(response.headers, response.content_type)
        body = response.body
        if has_length(response.status):
            text += f"Content-Length: {len(body)}\r\n"
        text += self._connection_field()
        head = b"%b%b\r\n" % (self._heads.start(response.status), text.encode("latin-1"))
        if head_only or not body or not has_length(response.status):
            self._transport.write(head)
        elif len(body) <= _COPIED_BODY_BYTES_MAX:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def _connection_field(self) -> str:
        if not self._keep_alive:
            return "Connection: close\r\n"
        return "Connection: keep-alive\r\n" if self._http_1_0 else ""

    def _done(self) -> None:
        self._busy = False
        self._stream = None
        if not self._keep_alive or (self._eof and not self._reader.pending):
            self.close()

    # Streams.

    def _open_stream(self, request: Request, answer: StreamResponse) -> None:
        chunked = not self._http_1_0
        writer = StreamWriter(
            self._transport,
            chunked=chunked,
            buffered_bytes_max=self._limits.stream_buffer_bytes_max,
            ended=self._on_stream_ended,
        )
        if self._lost:
            writer.closed = True
            answer.opened(writer)
            self._shared.loop.call_soon(writer.end, PEER_WENT_AWAY)
            return
        self._keep_alive = self._keep_alive and chunked
        text = "Transfer-Encoding: chunked\r\n" if chunked else ""
        text += fields(answer.headers, answer.content_type) + self._connection_field()
        head = b"%b%b\r\n" % (self._heads.start(answer.status), text.encode("latin-1"))
        self._transport.write(head)
        if request.method == "HEAD":
            self._done()
            return
        self._stream = writer
        try:
            answer.opened(writer)
        except InvariantViolated:
            raise
        except Exception as error:
            failed(request, error)
            self._transport.abort()
        if self._eof:
            self._transport.close()

    def _on_stream_ended(self) -> None:
        self._done()
        # The handler is still in its own step; the next request's must not start inside it.
        self._shared.loop.call_soon(self._serve)

    # The link.

    def _upgrade(self, request: Request) -> None:
        handler = self._shared.websocket.get(request.path)
        if handler is None:
            self._keep_alive = False
            self._respond(request, text_response(404, f"No link is offered at {request.path}"))
            return
        self._closing = True
        if self._read_paused:
            self._transport.resume_reading()
        link = accept_link(
            self._transport,
            request,
            self._reader.upgrade_rest,
            buffered_bytes_max=self._limits.link_buffer_bytes_max,
            headers=self._shared.link_greeting(request),
        )
        if link is not None:
            shared = self._shared
            shared.links.add(link)
            shared.spawn(_run_link(handler, link)).add_done_callback(
                lambda _: shared.forget_link(link)
            )
        self._reader.close()
        self._shared.forget(self)

    # Ends.

    def sweep(self, now: float) -> None:
        """Let go of a peer that has kept the connection waiting for too long."""
        limits = self._limits
        silent_seconds = now - self._since
        if self._discarding:
            if silent_seconds > LINGER_SECONDS:
                self._transport.abort()
        elif self._closing or (self._write_paused and self._stream is None):
            if now - self._stalled_since > limits.stall_timeout_seconds:
                self._transport.abort()
        elif self._busy:
            return
        elif self._reader.reading:
            if now - self._reader.began > limits.request_timeout_seconds:
                self._reader.refusal = Rejected("The request took too long to arrive", 408)
                self._serve()
        elif silent_seconds > limits.idle_timeout_seconds:
            self.close()

    def close(self) -> None:
        """Close once what was written is on its way."""
        if not self._closing:
            self._closing = True
            self._stalled_since = self._shared.now
            self._transport.close()

    def stop(self) -> None:
        """The server stops: end a stream in order, let a running handler answer, then close."""
        self._reader.pending.clear()
        self._keep_alive = False
        stream = self._stream
        if stream is not None:
            on_close = stream.on_close
            stream.close()
            if on_close is not None:
                on_close(SERVER_STOP)
        elif not self._busy:
            self.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()


def failed(request: Request, error: BaseException) -> Response:
    """The answer to a request whose handler raised ``error``."""
    if isinstance(error, Rejected | Unavailable):
        return refusal(error)
    if isinstance(error, InvariantViolated) or not isinstance(error, Exception):
        raise error
    _log.error(
        "http_handler_failed",
        method=request.method,
        path=request.path,
        peer=request.peer,
        exc_info=error,
    )
    return text_response(500, "The server failed to answer; its log says why")


def address_text(address: Any) -> str:
    """``ip:port`` of a socket address, with brackets around IPv6."""
    if not isinstance(address, tuple):
        return ""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _compressible(request: Request, response: Response) -> bool:
    if any(name.lower() == "content-encoding" for name, _ in response.headers):
        return False
    return request.accepts_gzip


def _encoded(response: Response, body: bytes) -> Response:
    headers = (("Content-Encoding", "gzip"), *response.headers)
    return Response(response.status, body, headers, response.content_type)


async def _wait_for(answer: Awaitable[Answer]) -> Answer:
    return await answer


async def _run_link(handler: LinkHandler, link: Link) -> None:
    try:
        await handler(link)
    except InvariantViolated:
        raise
    except Exception as error:
        _log.error("link_handler_failed", peer=link.peer, exc_info=error)
        link.close(1011, "internal error")
    else:
        link.close(1000, "")
    await link.wait_closed()
