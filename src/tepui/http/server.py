"""The HTTP server of the daemons: requests, streams and links on one port."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from tepui.http.connection import Connection
from tepui.http.heads import ResponseHeads
from tepui.http.link import GOING_AWAY
from tepui.http.messages import Handler
from tepui.http.reading import Limits
from tepui.http.shared import LinkGreeting, LinkHandler, Shared, no_greeting

_TICK_SECONDS: Final = 1.0
_BACKLOG: Final = 1024


class Server:
    """Serve ``handler`` on one address from ``start`` to ``stop``."""

    def __init__(
        self,
        handler: Handler,
        *,
        host: str,
        port: int,
        websocket: Mapping[str, LinkHandler] | None = None,
        link_greeting: LinkGreeting = no_greeting,
        body_bytes_max: int | None = None,
        stream_buffer_bytes_max: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            handler: Answers every request, at once or later.
            host: The address to listen on; empty for all.
            port: 0 picks a free one.
            websocket: Who takes the links that are opened, by exact path.
            link_greeting: The headers that the answer to a link's handshake has besides.
            body_bytes_max: Larger request bodies are refused with 413.
            stream_buffer_bytes_max: Where a slow subscriber of a stream is cut off.
            limits: All bounds; the two above go before it.
        """
        self._handler = handler
        self._host = host
        self._port = port
        self._link_greeting = link_greeting
        self._websocket = {} if websocket is None else websocket
        bounds = limits or Limits()
        if body_bytes_max is not None:
            bounds = msgspec.structs.replace(bounds, body_bytes_max=body_bytes_max)
        if stream_buffer_bytes_max is not None:
            bounds = msgspec.structs.replace(
                bounds, stream_buffer_bytes_max=stream_buffer_bytes_max
            )
        self._limits = bounds
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._shared: Shared

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._shared = Shared(
            handler=self._handler,
            websocket=self._websocket,
            link_greeting=self._link_greeting,
            limits=self._limits,
            heads=ResponseHeads(time.time()),
            now=loop.time(),
        )
        self._listener = await loop.create_server(
            lambda: Connection(self._shared),
            self._host or None,
            self._port,
            backlog=_BACKLOG,
            reuse_address=True,
        )
        self._port = self.addresses[0][1]
        self._timer = loop.call_later(_TICK_SECONDS, self._tick)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Every address that is listened on."""
        assert self._listener is not None
        return [socket.getsockname()[:2] for socket in self._listener.sockets]

    @property
    def connections(self) -> int:
        """How many connections stand, links included."""
        return len(self._shared.connections) + len(self._shared.links)

    def sweep(self, now: float) -> None:
        """Let go of peers that kept us waiting for too long as of ``now``, the loop's time."""
        self._shared.now = now
        for connection in tuple(self._shared.connections):
            connection.sweep(now)

    async def stop(self, grace_seconds: float) -> None:
        """Stop listening, end streams and links in order, and wait for running handlers.

        What still stands after ``grace_seconds`` is cut.
        """
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        if self._timer is not None:
            self._timer.cancel()
        shared = self._shared
        for connection in tuple(shared.connections):
            connection.stop()
        for link in tuple(shared.links):
            link.close(GOING_AWAY, "the server stops")
        await self._wait_until_empty(grace_seconds)
        for task in tuple(shared.tasks):
            task.cancel()
        for connection in tuple(shared.connections):
            connection.abort()
        for link in tuple(shared.links):
            link.abort()
        await asyncio.gather(*shared.tasks, return_exceptions=True)
        await shared.wait_until_empty()
        await listener.wait_closed()

    async def _wait_until_empty(self, grace_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._shared.wait_until_empty()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._shared.heads.set_time(time.time())
        self.sweep(loop.time())
        self._timer = loop.call_later(_TICK_SECONDS, self._tick)
