"""What all connections of one server have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeAlias

from tepui.http.heads import ResponseHeads
from tepui.http.link import Link
from tepui.http.messages import Handler, Request
from tepui.http.reading import Limits

LinkHandler: TypeAlias = Callable[[Link], Awaitable[None]]
LinkGreeting: TypeAlias = Callable[[Request], Mapping[str, str]]


def no_greeting(request: Request) -> Mapping[str, str]:
    """Say nothing besides in the answer to a handshake."""
    return {}


class Peer(Protocol):
    """What a server asks of each of its connections."""

    def sweep(self, now: float) -> None:
        """Let go of a peer that has kept the connection waiting for too long."""

    def stop(self) -> None:
        """End in order: the server stops."""

    def abort(self) -> None:
        """Cut the connection."""


class Shared:
    """What all connections of one server have in common."""

    def __init__(
        self,
        *,
        handler: Handler,
        websocket: Mapping[str, LinkHandler],
        link_greeting: LinkGreeting,
        limits: Limits,
        heads: ResponseHeads,
        now: float,
    ) -> None:
        self.handler = handler
        self.websocket = websocket
        self.link_greeting = link_greeting
        self.limits = limits
        self.heads = heads
        #: The loop's time as of the last tick: precise enough for time-outs, and free to read.
        self.now = now
        self.connections: set[Peer] = set()
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

    def forget(self, connection: Peer) -> None:
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
