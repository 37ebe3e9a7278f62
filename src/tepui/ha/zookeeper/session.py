"""A session with ZooKeeper on an event loop.

kazoo has threads of its own. Nothing of it blocks the loop here: requests go out without
waiting, answers, watches and changes of state come back by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    InvalidACLError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
    SessionMovedError,
)
from kazoo.protocol.connection import _CONNECTION_DROP
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

from tepui.base.zookeeper_url import ZooKeeperUrl

STOP_SECONDS = 2.0
"""How long the end of a session is waited for; it expires by itself if that is too short."""

DISCONNECTIONS = (
    ConnectionLoss,
    ConnectionClosedError,
    SessionExpiredError,
    SessionMovedError,
    OperationTimeoutError,
)


# It tells of every connection; what matters of that is told below.
_library_log = logging.getLogger("tepui.zookeeper.kazoo")
_library_log.setLevel(logging.ERROR)

_log = structlog.get_logger("tepui.zookeeper")


class Disconnected(Exception):
    """The request may or may not have been carried out."""


class Refused(Exception):
    """ZooKeeper does not let us do this; trying again would not help."""


class NoNode(Exception):
    """There is no such znode."""


class NodeExists(Exception):
    """There is such a znode already."""


def make_client(url: ZooKeeperUrl, timeout_seconds: float) -> Any:
    """Return a kazoo client that never gives up, not started yet."""
    client = KazooClient(
        hosts=",".join(url.servers),
        timeout=timeout_seconds,
        logger=_library_log,
        connection_retry={"max_tries": -1, "delay": 0.05, "max_delay": 1.0},
        auth_data=[] if url.credentials is None else [("digest", url.credentials)],
        default_acl=(
            OPEN_ACL_UNSAFE if url.credentials is None else READ_ACL_UNSAFE + CREATOR_ALL_ACL
        ),
    )
    # The server may grant less than what was asked for, and kazoo keeps that to itself.
    connection = client._connection
    connect = connection._connect

    def connect_and_remember(*arguments: Any) -> Any:
        read_timeout, connect_timeout = connect(*arguments)
        client.granted_seconds = read_timeout * 1.5 / 1000.0
        return read_timeout, connect_timeout

    client.granted_seconds = timeout_seconds
    connection._connect = connect_and_remember
    return client


def stop_client(client: Any) -> threading.Thread:
    """End a client's session in a thread that nobody has to wait for: servers may hang."""

    def stop() -> None:
        with contextlib.suppress(Exception):  # the session expires by itself then
            client.stop()
            client.close()

    thread = threading.Thread(target=stop, name="zookeeper-stop", daemon=True)
    thread.start()
    return thread


class Session:
    """One client of an ensemble, from ``async with`` to its end; reconnects by itself.

    Attributes:
        url: The ensemble and the path.
        asked_seconds: The session timeout that was asked for.
        expirations: How many sessions of this client have expired.
    """

    def __init__(self, url: ZooKeeperUrl, timeout_seconds: float) -> None:
        self.url = url
        self.asked_seconds = timeout_seconds
        self.expirations = 0
        self._client = make_client(url, timeout_seconds)
        self._connected = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    @property
    def timeout_seconds(self) -> float:
        """After how long without a word the session expires: what was asked for, or less."""
        return min(self.asked_seconds, float(self._client.granted_seconds))

    @property
    def id(self) -> int:
        """The id of the session; another after it has expired."""
        client_id = self._client.client_id
        return 0 if client_id is None else int(client_id[0])

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._client.add_listener(self._on_state)
        self._client.start_async()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopping = stop_client(self._client)
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
        names: list[str] = await self._ask(self._client.get_children_async, path, watch)
        return names

    async def read(self, path: str) -> bytes:
        """Return what stands in a znode."""
        content: bytes = (await self._ask(self._client.get_async, path))[0]
        return content

    async def owner(self, path: str) -> int | None:
        """Return the session that a znode ends with: 0 for none, None if there is no znode."""
        stat = await self._ask(self._client.exists_async, path)
        return None if stat is None else int(stat.ephemeralOwner)

    async def exists(self, path: str, on_change: Callable[[], None]) -> bool:
        """Return whether there is a znode; ``on_change`` is called once that may be otherwise."""
        watch = self._watch(on_change)
        return await self._ask(self._client.exists_async, path, watch) is not None

    async def create_candidate(self, prefix: str, content: bytes) -> str:
        """Make a numbered znode that ends with this session; return its path."""
        path: str = await self._ask(
            lambda: self._client.create_async(prefix, content, ephemeral=True, sequence=True)
        )
        return path

    async def ensure_path(self, path: str) -> None:
        """Make a znode and those above it, as far as they are not there."""
        parts = path.split("/")[1:]
        for depth in range(1, len(parts) + 1):
            part = "/" + "/".join(parts[:depth])
            if await self.owner(part) is None:
                try:
                    await self._ask(self._client.create_async, part, b"")
                except NodeExists:
                    continue

    async def sync(self, path: str) -> None:
        """Return when the leader of the ensemble has confirmed that this session is alive."""
        await self._ask(self._client.sync_async, path)

    def reconnect(self) -> None:
        """Leave a server that does not answer for another, sooner than kazoo would."""
        self._client._call(_CONNECTION_DROP, self._client.handler.async_result())

    # kazoo's threads.

    async def _ask(self, start: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a request of kazoo's is answered with.

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

        start(*arguments).rawlink(lambda result: self._call(take, result))
        try:
            async with asyncio.timeout(self.asked_seconds):
                return await answer
        except TimeoutError:
            # kazoo keeps what is asked while there is no connection, for however long.
            raise Disconnected("there was no answer") from None

    def _watch(self, on_change: Callable[[], None]) -> Callable[[Any], None]:
        return lambda event: self._call(on_change)

    def _on_state(self, state: str) -> None:
        self._call(self._take_state, state)

    def _take_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self._connected.set()
            _log.info("zookeeper_connected", zookeeper=str(self.url))
            return
        self._connected.clear()
        if state == KazooState.LOST:
            self.expirations += 1
        event = "zookeeper_session_lost" if state == KazooState.LOST else "zookeeper_disconnected"
        _log.warning(event, zookeeper=str(self.url))

    def _call(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call something on the loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            return  # the loop has ended, and with it whoever waited


def translated(error: BaseException) -> Exception:
    """Return what an exception of kazoo's means to us."""
    text = str(error) or type(error).__name__
    if isinstance(error, DISCONNECTIONS):
        return Disconnected(text)
    if isinstance(error, NoNodeError):
        return NoNode(text)
    if isinstance(error, NodeExistsError):
        return NodeExists(text)
    if isinstance(error, NoAuthError | AuthFailedError | InvalidACLError):
        return Refused("its permissions do not allow that, or the credentials are wrong")
    if isinstance(error, KazooException):
        return Refused(f"{type(error).__name__}: {text}")
    assert isinstance(error, Exception)
    return error
