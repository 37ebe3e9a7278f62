"""kazoo's client as we need it: it never gives up, and never stays with a server that hangs.

kazoo by itself asks a server that hangs for two thirds of the session timeout, may ask it again
next, and waits a whole session timeout for a machine that is off: none of that leaves enough of
a lease. Here servers are asked in turn, each for a part of the session timeout, and whoever has
waited for an answer for too long can have the connection dropped.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
from typing import Any

from kazoo.client import KazooClient
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
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

from tepui.base.zookeeper_url import ZooKeeperUrl

PATIENCE_SHARE = 1 / 4
"""The part of the session timeout for which a connected server may owe an answer. With what
passes between two requests it leaves time for another server before a lease ends."""

RETRY_SHARE = 1 / 20
"""The part of the session timeout that may pass between two rounds through all servers."""

STOP_SECONDS = 2.0
"""How long the end of a session is waited for; it expires by itself if that is too short."""

DISCONNECTIONS = (
    ConnectionLoss,
    ConnectionClosedError,
    SessionExpiredError,
    SessionMovedError,
    OperationTimeoutError,
)

# It tells of every connection; what matters of that is told by `Session`.
_library_log = logging.getLogger("tepui.zookeeper.kazoo")
_library_log.setLevel(logging.ERROR)


class Disconnected(Exception):
    """The request may or may not have been carried out."""


class Refused(Exception):
    """ZooKeeper does not let us do this; trying again would not help."""


class NoNode(Exception):
    """There is no such znode."""


class NodeExists(Exception):
    """There is such a znode already."""


class Client:
    """A client that connects once `start` is called, and again until `stop` is.

    Attributes:
        kazoo: For requests.
        connections: How many there have been; the number of the one there is, if there is one.
    """

    def __init__(self, url: ZooKeeperUrl, timeout_seconds: float) -> None:
        # In another order in each client, which keeps to it: kazoo mixes them before each round.
        servers = random.sample(url.servers, len(url.servers))
        self.kazoo: Any = KazooClient(
            hosts=",".join(servers),
            randomize_hosts=False,
            timeout=timeout_seconds,
            logger=_library_log,
            connection_retry={
                "max_tries": -1,
                "delay": 0.05,
                "max_delay": timeout_seconds * RETRY_SHARE,
            },
            auth_data=[] if url.credentials is None else [("digest", url.credentials)],
            default_acl=(
                OPEN_ACL_UNSAFE if url.credentials is None else READ_ACL_UNSAFE + CREATOR_ALL_ACL
            ),
        )
        self.connections = 0
        self._asked_seconds = timeout_seconds
        self._granted_seconds = timeout_seconds
        self._asked_last: tuple[str, int] | None = None
        connection = self.kazoo._connection
        self._resolve = connection._expand_client_hosts
        self._connect = connection._connect
        self._open_socket = self.kazoo.handler.create_connection
        connection._expand_client_hosts = self._servers_in_turn
        connection._connect = self._connect_to
        self.kazoo.handler.create_connection = self._open_socket_in_time

    @property
    def timeout_seconds(self) -> float:
        """After how long without a word the session expires: what was asked for, or less."""
        return min(self._asked_seconds, self._granted_seconds)

    @property
    def session(self) -> int:
        """The number of the session; another after it has expired."""
        client_id = self.kazoo.client_id
        return 0 if client_id is None else int(client_id[0])

    @property
    def patience_seconds(self) -> float:
        """For how long a connected server may owe an answer."""
        return self.timeout_seconds * PATIENCE_SHARE

    def start(self) -> None:
        """Begin to connect."""
        self.kazoo.start_async()

    def drop(self, number: int) -> None:
        """Leave the server of connection ``number``, if there still is that, for the next one."""
        if number != self.connections or not self.kazoo.connected:
            return
        opened: socket.socket | None = self.kazoo._connection._socket
        if opened is not None:
            # kazoo's thread wakes, finds the end of the stream, and does the rest.
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def stop(self) -> threading.Thread:
        """End the session in a thread that nobody has to wait for: servers may hang."""

        def stop() -> None:
            with contextlib.suppress(Exception):  # the session expires by itself then
                self.kazoo.stop()
                self.kazoo.close()

        thread = threading.Thread(target=stop, name="zookeeper-stop", daemon=True)
        thread.start()
        return thread

    # Called by kazoo's thread.

    def _servers_in_turn(self) -> list[tuple[str, str, int]]:
        """Return all servers, those first that were not asked last."""
        servers: list[tuple[str, str, int]] = self._resolve()
        for number, (_, address, port) in enumerate(servers, start=1):
            if (address, port) == self._asked_last:
                return servers[number:] + servers[:number]
        return servers

    def _connect_to(self, host: str, address: str, port: int) -> Any:
        self._asked_last = (address, port)
        read_timeout, connect_timeout = self._connect(host, address, port)
        # The server may grant less than what was asked for, and kazoo keeps that to itself.
        self._granted_seconds = read_timeout * 1.5 / 1000.0
        self.connections += 1
        return read_timeout, connect_timeout

    def _open_socket_in_time(self, *arguments: Any, timeout: float, **options: Any) -> Any:
        # A machine that is off does not answer at all, and the others are to have their time.
        return self._open_socket(*arguments, timeout=timeout / len(self.kazoo.hosts), **options)


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
