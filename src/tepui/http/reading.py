"""Bytes to requests: what one connection's peer has asked so far, without any I/O."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import httptools
import msgspec

from tepui.base.errors import Rejected
from tepui.http.encoding import decompress
from tepui.http.messages import Headers, Request

_METHODS: Final = {name.encode(): name for name in ("GET", "POST", "PUT", "DELETE", "HEAD")}
_VERSIONS: Final = ("1.1", "1.0")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer may cost."""

    body_bytes_max: int = 32 * 1024 * 1024
    head_bytes_max: int = 64 * 1024
    #: Room for the updates that answer the reconciliation of some 80,000 tasks at once.
    stream_buffer_bytes_max: int = 32 * 1024 * 1024
    link_buffer_bytes_max: int = 64 * 1024 * 1024
    #: From a request's first byte to its last.
    request_timeout_seconds: float = 60.0
    #: Between requests.
    idle_timeout_seconds: float = 600.0
    #: For a peer that does not take its answer.
    stall_timeout_seconds: float = 60.0


class RequestReader:
    """Collects requests from what the peer sends; the parser calls its ``on_`` methods.

    Attributes:
        pending: Whole requests that wait for their turn: (request, keep alive, HTTP/1.0).
        refusal: Why nothing more can be read, once that is so.
        finished: The peer said that its last request is the last.
        reading: A request has begun, or the first one is awaited, since ``began``.
        continue_due: The peer waits to be told that its body is wanted.
        upgrading: The last request asks for a WebSocket; what follows it is in ``upgrade_rest``.
    """

    def __init__(self, limits: Limits, *, peer: str, local: str, now: float) -> None:
        self.pending: deque[tuple[Request, bool, bool]] = deque()
        self.refusal: Rejected | None = None
        self.finished = False
        self.reading = True
        self.began = now
        self.continue_due = False
        self.upgrading = False
        self.upgrade_rest = b""
        self._limits = limits
        self._peer = peer
        self._local = local
        self._parser: Any = httptools.HttpRequestParser(self)
        self._now = now
        self._declined_upgrade = False
        self._head_bytes = 0
        self._head_began = False  # in what is being read now
        self._head_done = True
        self._method = ""
        self._target = b""
        self._version = "1.1"
        self._fields: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""

    def feed(self, data: bytes, now: float) -> None:
        """Take in what the peer sent; requests it completes are ``pending`` afterwards."""
        if self.finished or self.refusal is not None:
            return
        if self.upgrading:
            self.upgrade_rest += data
            return
        self._now = now
        self._head_began = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if not self.finished:
                words = f"The request is not valid HTTP {self._place()}"
                self.refusal = _without_frames(self.refusal or Rejected(words, 400))
            return
        if not self._head_done:
            # The loop bounds the read in which a head begins; further ones are ours to count.
            self._head_bytes = 0 if self._head_began else self._head_bytes + len(data)
            if self._head_bytes > self._limits.head_bytes_max:
                self.refusal = Rejected("The request's head is too large", 431)

    def close(self) -> None:
        """Let go of the parser, which holds this object's methods: no cycle is left."""
        self._parser = None
        self.pending.clear()
        self.finished = True

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        self.reading = True
        self.began = self._now
        self._head_began = True
        self._head_done = False
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
        headers = self._fields
        parser = self._parser
        method = parser.get_method()
        self._method = _METHODS.get(method) or method.decode("ascii")
        self._version = parser.get_http_version()
        if self._version not in _VERSIONS:
            self._refuse(Rejected(f"HTTP/{self._version} is not spoken here", 400))
        length = headers.get(b"content-length")
        if length is not None and int(length) > self._limits.body_bytes_max:
            self._refuse_body()
        if b"upgrade" in headers and parser.should_upgrade():
            websocket = headers[b"upgrade"].lower() == b"websocket"
            self.upgrading = websocket and self._method == "GET"
            self._declined_upgrade = not self.upgrading
        if b"expect" in headers and self._version == "1.1":
            self.continue_due = headers[b"expect"].lower() == b"100-continue"

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
        self.reading = self.continue_due = False
        headers = self._fields
        body = self._body if type(self._body) is bytes else bytes(self._body)
        self._body = b""
        encoding = headers.get(b"content-encoding")
        if encoding is not None and body:
            body = self._decoded(encoding.strip().lower(), body)
        request = Request(
            self._method,
            self._target.decode("latin-1"),
            Headers(headers),
            body,
            peer=self._peer,
            local=self._local,
        )
        keep_alive = self._parser.should_keep_alive()
        self.finished = not keep_alive and not self.upgrading
        self.pending.append((request, keep_alive, self._version == "1.0"))

    # Steps.

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                if self.upgrading:
                    self.upgrade_rest = data
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

    def _decoded(self, coding: bytes, body: bytes) -> bytes:
        if coding == b"identity":
            return body
        try:
            if coding not in (b"gzip", b"x-gzip"):
                raise Rejected(f"Content-Encoding '{coding.decode('latin-1')}' is not known", 415)
            return decompress(body, bytes_max=self._limits.body_bytes_max)
        except Rejected as error:
            self._refuse(error)
            raise

    def _place(self) -> str:
        """Where in a request the parser has stopped."""
        if self._head_done and self.reading and self._method:
            return "in its body"
        if self._head_done or not self._fields:
            return "in its first lines"
        name = next(reversed(self._fields)).decode("latin-1")
        return f"after the header {name!r}"

    def _refuse_body(self) -> None:
        bound = self._limits.body_bytes_max
        self._refuse(Rejected(f"The body is larger than {bound} bytes", 413))

    def _refuse(self, error: Rejected) -> None:
        # The parser passes no exceptions on: what was raised in it is found here again.
        self.refusal = error
        raise error


def _without_frames(error: Rejected) -> Rejected:
    """Let ``error`` go of the frames it passed, which hold the reader, which holds ``error``.

    The collector of such circles runs rarely in a daemon, and requests are in them.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
