"""What a handler is given and what it may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeAlias
from urllib.parse import parse_qs, unquote

import msgspec

from tepui.base.errors import Rejected, Unavailable
from tepui.http.streams import StreamWriter

__all__ = [
    "TEXT",
    "Answer",
    "Handler",
    "Headers",
    "Request",
    "Response",
    "StreamResponse",
    "StreamWriter",
    "allows_gzip",
    "refusal",
    "text_response",
]

TEXT = "text/plain; charset=utf-8"

# Names that our own code has asked for, so that a look-up need not encode them again.
_keys: dict[str, bytes] = {}


class Headers:
    """The header fields of one message; names are compared without case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[bytes, bytes] | None = None) -> None:
        """Take over ``fields``, whose names are in lower case already."""
        self._fields = {} if fields is None else fields

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Headers:
        """Headers with the names and values of ``fields``."""
        return cls({name.lower().encode(): value.encode() for name, value in fields.items()})

    def get(self, name: str) -> str | None:
        """The value of the field; several fields of one name are joined by commas."""
        key = _keys.get(name)
        if key is None:
            key = _keys[name] = name.lower().encode()
        value = self._fields.get(key)
        return None if value is None else value.decode("latin-1")

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def items(self) -> Iterator[tuple[str, str]]:
        """Every field, its name in lower case."""
        for name, value in self._fields.items():
            yield name.decode("latin-1"), value.decode("latin-1")


class Request:
    """One request with its whole body.

    Attributes:
        method: In upper case, as it came.
        path: The decoded path, without the query.
        raw_target: The target as it came, with query and percent signs.
        body: The body after any content encoding was undone.
        peer: ``ip:port`` of the client.
        local: ``ip:port`` it connected to.
        principal: Who was authenticated, if anybody; set on the way to the handler.
        route: The registered path that a router chose, such as ``/master/quota``.
        rest: What the path holds beyond its route, such as ``dev/web``.
    """

    __slots__ = (
        "_query",
        "_query_text",
        "body",
        "headers",
        "local",
        "method",
        "path",
        "peer",
        "principal",
        "raw_target",
        "rest",
        "route",
    )

    def __init__(
        self,
        method: str,
        raw_target: str,
        headers: Headers,
        body: bytes = b"",
        *,
        peer: str = "",
        local: str = "",
        principal: str | None = None,
    ) -> None:
        self.method = method
        self.raw_target = raw_target
        self.headers = headers
        self.body = body
        self.peer = peer
        self.local = local
        self.principal = principal
        self.route = ""
        self.rest = ""
        path, _, self._query_text = raw_target.partition("?")
        if not path.startswith("/"):
            path = _path_of_absolute(path)
        self.path = unquote(path) if "%" in path else path
        self._query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters in order, empty values included."""
        if self._query is None:
            self._query = parse_qs(self._query_text, keep_blank_values=True, errors="replace")
        return self._query

    def param(self, name: str) -> str | None:
        """The last value of one query parameter."""
        if not self._query_text:
            return None
        values = self.query.get(name)
        return values[-1] if values else None

    @property
    def accepts_gzip(self) -> bool:
        """Whether an answer may be compressed."""
        accepted = self.headers.get("Accept-Encoding")
        return accepted is not None and allows_gzip(accepted)


class Response(msgspec.Struct, frozen=True):
    """A whole answer; a body that already has a ``Content-Encoding`` header goes out as it is."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None


class StreamResponse(msgspec.Struct, frozen=True):
    """An answer without a known end.

    ``opened`` is called once the head is written. If the peer went away before, the writer is
    closed already and its ``on_close`` is called right after.
    """

    status: int
    opened: Callable[[StreamWriter], None]
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None


Answer: TypeAlias = Response | StreamResponse

#: An answer that is ready is sent at once; a future is cheaper to wait for than a coroutine.
Handler: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]


def text_response(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A plain text answer, as errors have it."""
    return Response(status, message.encode(), headers, TEXT)


def refusal(error: Rejected | Unavailable) -> Response:
    """The answer that says what ``error`` says."""
    if isinstance(error, Unavailable):
        return text_response(503, str(error))
    return text_response(error.status, error.message, error.headers)


def allows_gzip(accept_encoding: str) -> bool:
    """Whether an ``Accept-Encoding`` value lets an answer be compressed with gzip."""
    allowed = False
    for part in accept_encoding.split(","):
        coding, _, parameters = part.partition(";")
        coding = coding.strip().lower()
        if coding not in ("gzip", "x-gzip", "*"):
            continue
        refused = parameters.replace(" ", "").lower() in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if coding != "*":
            return not refused
        allowed = not refused
    return allowed


def _path_of_absolute(target: str) -> str:
    # Proxies send "http://host/path"; "*" and "host:port" (OPTIONS, CONNECT) name no path of ours.
    _, scheme, rest = target.partition("://")
    if not scheme:
        return target
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"
