"""A session with ZooKeeper on an event loop.

kazoo has threads of its own. Nothing of it blocks the loop here: requests go out without
waiting, answers, watches and changes of state come back by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from kazoo.client import KazooState

from tepui.base.zookeeper_url import ZooKeeperUrl
from tepui.ha.election import Lease
from tepui.ha.zookeeper import log
from tepui.ha.zookeeper.client import STOP_SECONDS, Client, Disconnected, NodeExists, translated
from tepui.ha.zookeeper.renewal import Renewal


class Session:
    """One client of an ensemble, from ``async with`` to its end; reconnects by itself.

    Attributes:
        url: The ensemble and the path.
        expirations: How many sessions of this client have expired.
    """

    def __init__(self, url: ZooKeeperUrl, timeout_seconds: float) -> None:
        self.url = url
        self.expirations = 0
        self._client = Client(url, timeout_seconds)
        self._kazoo = self._client.kazoo
        self._connected = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    @property
    def timeout_seconds(self) -> float:
        """After how long without a word the session expires: what was asked for, or less."""
        return self._client.timeout_seconds

    @property
    def id(self) -> int:
        """The number of the session; another after it has expired."""
        return self._client.session

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._kazoo.add_listener(self._on_state)
        self._client.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopping = self._client.stop()
        # A thread of its own that ends in time, since a client may not.
        await asyncio.to_thread(stopping.join, STOP_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._connected.is_set()

    async def wait_until_connected(self) -> None:
        """Return when there is a connection."""
        await self._connected.wait()

    # Requests.

    async def children(self, path: str, on_change: Callable[[], None]) -> list[str]:
        """Return the names below ``path``; ``on_change`` is called once they may be others."""
        watch = self._watch(on_change)
        names: list[str] = await self._ask(self._kazoo.get_children_async, path, watch)
        return names

    async def read(self, path: str) -> bytes:
        """Return what stands in a znode."""
        content: bytes = (await self._ask(self._kazoo.get_async, path))[0]
        return content

    async def owner(self, path: str) -> int | None:
        """Return the session that a znode ends with: 0 for none, None if there is no znode."""
        stat = await self._ask(self._kazoo.exists_async, path)
        return None if stat is None else int(stat.ephemeralOwner)

    async def exists(self, path: str, on_change: Callable[[], None]) -> bool:
        """Return whether there is a znode; ``on_change`` is called once that may be otherwise."""
        watch = self._watch(on_change)
        return await self._ask(self._kazoo.exists_async, path, watch) is not None

    async def create_candidate(self, prefix: str, content: bytes) -> str:
        """Make a numbered znode that ends with this session; return its path."""
        path: str = await self._ask(
            lambda: self._kazoo.create_async(prefix, content, ephemeral=True, sequence=True)
        )
        return path

    async def ensure_path(self, path: str) -> None:
        """Make a znode and those above it, as far as they are not there."""
        parts = path.split("/")[1:]
        for depth in range(1, len(parts) + 1):
            part = "/" + "/".join(parts[:depth])
            if await self.owner(part) is None:
                try:
                    await self._ask(self._kazoo.create_async, part, b"")
                except NodeExists:
                    continue

    async def sync(self, path: str) -> None:
        """Return when the leader of the ensemble has confirmed that this session is alive."""
        await self._ask(self._kazoo.sync_async, path)

    def renewal(self, path: str, number: int, lease: Lease) -> Renewal:
        """Return what renews ``lease`` while the session of that number lives."""
        return Renewal(self._client, path, number, lease)

    # kazoo's threads.

    async def _ask(self, start: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a request of kazoo's is answered with, and leave a server that owes it.

        Raises:
            Disconnected: Whether it was carried out is not known.
            NoNode: There is no such znode.
            NodeExists: There is one already.
            Refused: Permissions do not allow it.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()

        def take(result: Any) -> None:
            if answer.done():
                return
            if result.exception is None:
                answer.set_result(result.value)
            else:
                answer.set_exception(translated(result.exception))

        connection = self._client.connections
        start(*arguments).rawlink(lambda result: self._call(take, result))
        try:
            async with asyncio.timeout(self._client.patience_seconds):
                return await answer
        except TimeoutError:
            # Without a connection, kazoo keeps what is asked for however long; there is none to
            # drop then.
            self._client.drop(connection)
            raise Disconnected("there was no answer") from None

    def _watch(self, on_change: Callable[[], None]) -> Callable[[Any], None]:
        return lambda event: self._call(on_change)

    def _on_state(self, state: str) -> None:
        self._call(self._take_state, state)

    def _take_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self._connected.set()
            log.info("zookeeper_connected", zookeeper=str(self.url))
            return
        self._connected.clear()
        if state == KazooState.LOST:
            self.expirations += 1
        event = "zookeeper_session_lost" if state == KazooState.LOST else "zookeeper_disconnected"
        log.warning(event, zookeeper=str(self.url))

    def _call(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call something on the loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            return  # the loop has ended, and with it whoever waited
