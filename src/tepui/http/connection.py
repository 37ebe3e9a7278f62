"""One server connection: bytes to requests, answers to bytes, in the order of the requests.

The short way is a handler that answers at once: parse, call, write, without a task, a future or
a second turn of the loop. Everything else (slow handlers, streams, pipelined requests behind
them, peers that do not read) parks the connection in a flag that the next callback looks at.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias, cast

import httptools
import msgspec
import structlog

from tepui.base.errors import InvariantViolated, Rejected, Unavailable
from tepui.http.encoding import COMPRESSED_BYTES_MIN, compress, decompress
from tepui.http.heads import ResponseHeads, fields, has_length
from tepui.http.link import Link, accept_link
from tepui.http.messages import (
    Answer,
    Handler,
    Headers,
    Request,
    Response,
    StreamResponse,
    refusal,
    text_response,
)
from tepui.http.streams import PEER_WENT_AWAY, SERVER_STOP, StreamWriter

LinkHandler: TypeAlias = Callable[[Link], Awaitable[None]]

#: How long a refused peer may go on sending before the connection is cut.
LINGER_SECONDS: Final = 5.0

# Compressing more than this takes milliseconds: a thread does it while the loop goes on.
_INLINE_GZIP_BYTES_MAX: Final = 128 * 1024
_COPIED_BODY_BYTES_MAX: Final = 16 * 1024
_METHODS: Final = {name.encode(): name for name in ("GET", "POST", "PUT", "DELETE", "HEAD")}
_VERSIONS: Final = ("1.1", "1.0")

_log = structlog.get_logger("tepui.http")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer may cost."""

    body_bytes_max: int = 32 * 1024 * 1024
    head_bytes_max: int = 64 * 1024
    stream_buffer_bytes_max: int = 4 * 1024 * 1024
    link_buffer_bytes_max: int = 64 * 1024 * 1024
    request_timeout_seconds: float = 60.0
    idle_timeout_seconds: float = 600.0
    stall_timeout_seconds: float = 60.0


class Shared:
    """What all connections of one server have in common."""

    def __init__(
        self,
        *,
        handler: Handler,
        websocket: Mapping[str, LinkHandler],
        limits: Limits,
        heads: ResponseHeads,
        now: float,
    ) -> None:
        self.handler = handler
        self.websocket = websocket
        self.limits = limits
        self.heads = heads
        #: The loop's time as of the last tick: precise enough for time-outs, and free to read.
        self.now = now
        self.connections: set[Connection] = set()
        self.links: set[Link] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.loop = asyncio.get_running_loop()
        self._emptied: asyncio.Future[None] | None = None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` in a task that the server ends and awaits when it stops."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def forget(self, connection: Connection) -> None:
        """The connection is gone, or a link now."""
        self.connections.discard(connection)
        self._check_emptied()

    def forget_link(self, link: Link) -> None:
        """The link is gone and its handler has returned."""
        self.links.discard(link)
        self._check_emptied()

    async def wait_until_empty(self) -> None:
        """Return when no connection, link or task is left."""
        while self.connections or self.links or self.tasks:
            self._emptied = self.loop.create_future()
            await self._emptied

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        self._check_emptied()

    def _check_emptied(self) -> None:
        emptied = self._emptied
        if emptied is None or emptied.done() or self.connections or self.links or self.tasks:
            return
        emptied.set_result(None)


class Connection(asyncio.Protocol):
    """The protocol of one accepted socket until it closes or becomes a link."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._heads = shared.heads
        self._parser: Any = httptools.HttpRequestParser(self)
        self._peer = ""
        self._local = ""

        # The request that is being read.
        self._reading = True
        self._began = shared.now
        self._head_bytes = 0
        self._head_done = True
        self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._method = ""
        self._version = "1.1"
        self._refusal: Rejected | None = None
        self._last_read = False
        self._continue_due = False
        self._upgrading = False
        self._declined_upgrade = False
        self._upgrade_rest = b""

        # Requests that were read and wait for their turn: (request, keep alive, HTTP/1.0).
        self._pending: deque[tuple[Request, bool, bool]] = deque()

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
        self._peer = address_text(transport.get_extra_info("peername"))
        self._local = address_text(transport.get_extra_info("sockname"))
        self._shared.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._closing or self._last_read or self._refusal is not None:
            return
        self._since = self._shared.now
        if self._upgrading:
            self._upgrade_rest += data
            return
        began = self._head_done
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if self._refusal is None and not self._last_read:
                self._refusal = Rejected(f"The request is not valid HTTP: {error}", 400)
        if not self._head_done and self._refusal is None:
            # The first read is bounded by the loop; further ones are ours to count.
            self._head_bytes = 0 if began else self._head_bytes + len(data)
            if self._head_bytes > self._limits.head_bytes_max:
                self._refusal = Rejected("The request's head is too large", 431)
        self._serve()

    def eof_received(self) -> bool:
        self._eof = True
        # Half closed while an answer is owed: it may still be wanted. A stream's peer is gone.
        return self._stream is None and (self._busy or bool(self._pending))

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
        self._pending.clear()
        self._parser = None  # it holds this object's methods: without it no cycle is left
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.end(PEER_WENT_AWAY)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        self._reading = True
        self._head_done = False
        self._began = self._shared.now
        self._target = b""
        self._fields = {}
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target = self._target + url if self._target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # a trailer may not add what the head did not say
            return
        name = name.lower()
        known = self._fields.get(name)
        self._fields[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        self._head_done = True
        parser = self._parser
        method = parser.get_method()
        self._method = _METHODS.get(method) or method.decode("ascii")
        self._version = parser.get_http_version()
        if self._version not in _VERSIONS:
            self._refusal = Rejected(f"HTTP/{self._version} is not spoken here", 400)
            raise self._refusal
        length = self._fields.get(b"content-length")
        if length is not None and int(length) > self._limits.body_bytes_max:
            self._refuse_body()
        if b"upgrade" in self._fields and parser.should_upgrade():
            websocket = self._fields[b"upgrade"].lower() == b"websocket"
            self._upgrading = websocket and self._method == "GET"
            self._declined_upgrade = not self._upgrading
        if b"expect" in self._fields and not self._declined_upgrade:
            self._on_expect(self._fields[b"expect"])

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body
        if len(self._body) > self._limits.body_bytes_max:
            self._refuse_body()

    def on_message_complete(self) -> None:
        if self._declined_upgrade:
            return  # the parser has left the body out; `_feed` states the request again
        self._reading = False
        self._continue_due = False
        headers = self._fields
        body = self._body if type(self._body) is bytes else bytes(self._body)
        self._body = b""
        encoding = headers.get(b"content-encoding")
        if encoding is not None and body:
            body = self._decode_body(encoding, body)
        request = Request(
            self._method,
            self._target.decode("latin-1"),
            Headers(headers),
            body,
            peer=self._peer,
            local=self._local,
        )
        keep_alive = self._parser.should_keep_alive()
        self._last_read = not keep_alive and not self._upgrading
        self._pending.append((request, keep_alive, self._version == "1.0"))

    # Reading.

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                if self._upgrading:
                    self._upgrade_rest = data
                    return
                if self._declined_upgrade:
                    self._declined_upgrade = False
                    data = self._head_without_upgrade() + data
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """The head just read, as if no other protocol had been offered.

        Java's client offers HTTP/2 on every request, and our answer is to stay with HTTP/1.1. The
        parser takes what follows such a head for the other protocol, even a body.
        """
        lines = [b"%b %b HTTP/1.1" % (self._method.encode(), self._target)]
        for name, value in self._fields.items():
            if name == b"connection":
                tokens = (token.strip().lower() for token in value.split(b","))
                value = b", ".join(token for token in tokens if token != b"upgrade")
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _on_expect(self, expectation: bytes) -> None:
        if expectation.lower() != b"100-continue" or self._version == "1.0":
            return
        if self._busy or self._pending:
            self._continue_due = True
        else:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _decode_body(self, encoding: bytes, body: bytes) -> bytes:
        coding = encoding.strip().lower()
        if coding == b"identity":
            return body
        try:
            if coding not in (b"gzip", b"x-gzip"):
                raise Rejected(f"Content-Encoding '{coding.decode('latin-1')}' is not known", 415)
            return decompress(body, bytes_max=self._limits.body_bytes_max)
        except Rejected as error:
            self._refusal = error
            raise

    def _refuse_body(self) -> None:
        self._refusal = Rejected(
            f"The body is larger than {self._limits.body_bytes_max} bytes", 413
        )
        raise self._refusal

    def _refuse(self, error: Rejected) -> None:
        """Answer what cannot be read any further, and let go of the peer in order."""
        self._keep_alive = False
        self._write(refusal(error), head_only=False)
        # Closing at once would reset the connection, and the peer might never read the answer.
        self._closing = self._discarding = True
        self._since = self._shared.now
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # Answering.

    def _serve(self) -> None:
        pending = self._pending
        while pending and not (self._busy or self._write_paused or self._closing):
            request, self._keep_alive, self._http_1_0 = pending.popleft()
            if self._upgrading and not pending and request.method == "GET":
                self._upgrade(request)
                return
            self._answer(request)
        if self._refusal is not None and not (pending or self._busy or self._closing):
            self._refuse(self._refusal)
        self._pace()

    def _pace(self) -> None:
        """Read on only when nothing waits: a peer that does not read may not pile up work."""
        if self._closing:
            return
        if self._pending:
            if not self._read_paused:
                self._read_paused = True
                self._transport.pause_reading()
            return
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()
        if self._continue_due and not self._busy:
            self._continue_due = False
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
        if not self._keep_alive or (self._eof and not self._pending):
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
        self._parser = None
        if self._read_paused:
            self._transport.resume_reading()
        link = accept_link(
            self._transport,
            request,
            self._upgrade_rest,
            buffered_bytes_max=self._limits.link_buffer_bytes_max,
        )
        if link is not None:
            shared = self._shared
            shared.links.add(link)
            shared.spawn(_run_link(handler, link)).add_done_callback(
                lambda _: shared.forget_link(link)
            )
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
        elif self._reading:
            if now - self._began > limits.request_timeout_seconds:
                self._refusal = Rejected("The request took too long to arrive", 408)
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
        self._pending.clear()
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
