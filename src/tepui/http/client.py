"""The HTTP client of the project: pooled connections, streams, Unix sockets; no redirects."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
import msgspec
from yarl import URL

from tepui.http.messages import Headers

_READ_BYTES: Final = 64 * 1024


class ConnectionFailed(OSError):
    """Nobody answered, or the answer broke off; the text says at which URL."""


class ClientResponse(msgspec.Struct, frozen=True):
    """A whole answer, unpacked if it came compressed."""

    status: int
    headers: Headers
    body: bytes


class ClientStream:
    """An answer that arrives piece by piece.

    Attributes:
        status: Of the answer.
        headers: Of the answer.
    """

    def __init__(self, url: str, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = _headers(response)
        self._url = url
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive; the pieces are not the server's chunks.

        Raises:
            ConnectionFailed: The stream broke off without its end.
        """
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(self._url, error) from error

    async def read(self) -> bytes:
        """The rest of the body, for an answer that turned out to be a short one.

        Raises:
            ConnectionFailed: The answer broke off.
        """
        return b"".join([piece async for piece in self])


class Client:
    """A pool of connections; use it as an asynchronous context manager.

    Redirects are answers like others: see ``resolve_redirect``.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        connections_max: int = 0,
        ssl: tls.SSLContext | None = None,
        unix_socket: str | None = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            timeout_seconds: How long a whole request may take; for a stream, how long until its
                head is there.
            connections_max: At most so many connections at a time; 0 for no bound.
            ssl: For ``https`` URLs; the system's trust by default.
            unix_socket: Send every request over this socket; its URLs' hosts mean nothing then.
        """
        self._timeout_seconds = timeout_seconds
        self._connections_max = connections_max
        self._ssl = ssl
        self._unix_socket = unix_socket
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector: aiohttp.BaseConnector
        if self._unix_socket is not None:
            connector = aiohttp.UnixConnector(self._unix_socket, limit=self._connections_max)
        else:
            connector = aiohttp.TCPConnector(
                limit=self._connections_max, ssl=True if self._ssl is None else self._ssl
            )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Content-Type"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> ClientResponse:
        """Send a request and read the whole answer.

        Raises:
            ConnectionFailed: There is no answer, or no complete one in time.
        """
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body or None,
                headers=tuple(headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            ) as response:
                answer = await response.read()
                return ClientResponse(response.status, _headers(response), answer)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(url, error) from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        *,
        silence_seconds_max: float | None = None,
    ) -> AsyncIterator[ClientStream]:
        """Send a request and give its answer as it arrives.

        Args:
            method: Of the request.
            url: Of the request.
            body: Of the request.
            headers: Of the request.
            silence_seconds_max: The stream has failed when nothing arrives for so long.

        Raises:
            ConnectionFailed: No head of an answer came in time.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._session.request(
                    method,
                    URL(url, encoded=True),
                    data=body or None,
                    headers=tuple(headers),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_read=silence_seconds_max),
                    read_bufsize=_READ_BYTES,
                )
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(url, error) from error
        try:
            yield ClientStream(url, response)
        finally:
            # An unread rest would block the connection for others: it is closed, not pooled.
            response.close()


def resolve_redirect(url: str, location: str) -> str:
    """The URL that a ``Location`` means for a request to ``url``.

    Mesos' masters leave the scheme out (``//leader:5050/path``): it stays as it was.

    >>> resolve_redirect("http://a:5050/api/v1/scheduler", "//b:5051/api/v1/scheduler")
    'http://b:5051/api/v1/scheduler'
    """
    return urljoin(url, location)


def _headers(response: aiohttp.ClientResponse) -> Headers:
    fields: dict[bytes, bytes] = {}
    for name, value in response.raw_headers:
        key = name.lower()
        fields[key] = value if key not in fields else fields[key] + b", " + value
    return Headers(fields)


def _failure(url: str, error: Exception) -> ConnectionFailed:
    what = str(error) or type(error).__name__
    return ConnectionFailed(f"{url}: {what}")
