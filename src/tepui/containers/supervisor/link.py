"""The supervisor's end of the unix socket: one agent at a time, checked by its uid.

The address is bound through a descriptor of its directory, because a socket's path may hold no
more than 108 bytes and a work directory's path may be longer. Agents look for it in the state
directory, where there is at least a link to it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
from collections import deque

from tepui.containers.supervisor.frames import (
    REQUEST_BYTES_MAX,
    Decoder,
    FrameError,
    Message,
    encode,
)
from tepui.containers.supervisor.log import log

SOCKET_NAME = "socket"
CONNECTIONS_MAX = 8
REQUESTS_WAITING_MAX = 10_000
OUTGOING_BYTES_MAX = 256 << 20
READ_BYTES = 1 << 18


class Connection:
    """One peer, and what waits to be sent to it."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.decoder = Decoder(REQUEST_BYTES_MAX)
        self.outgoing = bytearray()
        self.is_open = True

    def send(self, message: Message) -> None:
        """Queue a message; it leaves with ``Link.flush``."""
        if self.is_open:
            self.outgoing += encode(message)


class Link:
    """Accepts peers and collects their requests."""

    def __init__(
        self,
        directory: str,
        selector: selectors.BaseSelector,
        socket_directory: str | None = None,
        listener: int = -1,
    ) -> None:
        """Listen in the state directory, or elsewhere, with a link to that in the state directory.

        Args:
            directory: The state directory, in which agents look.
            selector: Told what is waited for.
            socket_directory: Where the socket is; the state directory if not given.
            listener: A descriptor that listens there already, and stays the caller's; -1 if none.
        """
        self._selector = selector
        self._connections: list[Connection] = []
        self.requests: deque[tuple[Connection, Message]] = deque()
        self._directory = directory
        self.socket_directory = socket_directory or directory
        if listener >= 0:
            self._listener = socket.socket(fileno=os.dup(listener))
            self._listener.setblocking(False)
            self._address = _identity_of(f"{directory}/{SOCKET_NAME}")
        else:
            self._listener = self._listen()
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def listener(self) -> int:
        """The descriptor that listens."""
        return self._listener.fileno()

    def listen_again(self) -> None:
        """Make the address anew if somebody has taken it away."""
        if _identity_of(f"{self._directory}/{SOCKET_NAME}") == self._address:
            return
        try:
            listener = self._listen()
        except OSError as error:
            log("address_not_made", why=error)
            return
        log("address_made_anew", directory=self.socket_directory)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Send what can be sent at once, then hang up and take the address away."""
        for connection in self._connections:
            connection.peer.settimeout(1.0)
            with contextlib.suppress(OSError):
                connection.peer.sendall(connection.outgoing)
            connection.peer.close()
        self._listener.close()
        self._remove_address()

    def flush(self) -> None:
        """Send what is queued, as far as the peers take it."""
        for connection in list(self._connections):
            if connection.outgoing:
                self._send(connection)

    def drop(self, connection: Connection) -> None:
        """Hang up on a peer."""
        if connection.is_open:
            connection.is_open = False
            self._connections.remove(connection)
            self._selector.unregister(connection.peer)
            connection.peer.close()

    def _listen(self) -> socket.socket:
        self._remove_address()
        os.makedirs(self.socket_directory, 0o700, exist_ok=True)
        directory = os.open(self.socket_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
            listener.listen(CONNECTIONS_MAX)
            own = f"{self._directory}/{SOCKET_NAME}"
            if self.socket_directory != self._directory:
                os.symlink(f"{self.socket_directory}/{SOCKET_NAME}", own)
            self._address = _identity_of(own)
        except OSError:
            listener.close()
            raise
        finally:
            os.close(directory)
        return listener

    def _remove_address(self) -> None:
        """Remove the address, also one that led somewhere else before."""
        own = f"{self._directory}/{SOCKET_NAME}"
        places = [own, f"{self.socket_directory}/{SOCKET_NAME}"]
        with contextlib.suppress(OSError):
            places.append(os.readlink(own))
        for place in places:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)

    def _accept(self, _events: int) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _pid, uid, _gid = struct.unpack("3i", credentials)
        if uid not in (0, os.geteuid()) or len(self._connections) >= CONNECTIONS_MAX:
            log("peer_refused", uid=uid, connections=len(self._connections))
            peer.close()
            return
        peer.setblocking(False)
        connection = Connection(peer)
        self._connections.append(connection)
        self._watch(connection, selectors.EVENT_READ, is_new=True)

    def _watch(self, connection: Connection, events: int, *, is_new: bool = False) -> None:
        # That it can be written to only ends the wait: the turn's ``flush`` sends, after the
        # journal is written.
        def on_ready(ready: int) -> None:
            if ready & selectors.EVENT_READ:
                self._receive(connection)

        if is_new:
            self._selector.register(connection.peer, events, on_ready)
        elif self._selector.get_key(connection.peer).events != events:
            self._selector.modify(connection.peer, events, on_ready)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.peer.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(connection)
            return
        try:
            messages = connection.decoder.feed(data)
        except FrameError as error:
            log("peer_made_no_sense", why=error)
            self.drop(connection)
            return
        if len(self.requests) + len(messages) > REQUESTS_WAITING_MAX:
            log("peer_asked_too_much", waiting=len(self.requests))
            self.drop(connection)
            return
        self.requests.extend((connection, message) for message in messages)

    def _send(self, connection: Connection) -> None:
        try:
            sent = connection.peer.send(connection.outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop(connection)
            return
        del connection.outgoing[:sent]
        if len(connection.outgoing) > OUTGOING_BYTES_MAX:
            log("peer_reads_too_slowly", waiting_bytes=len(connection.outgoing))
            self.drop(connection)
            return
        events = selectors.EVENT_READ
        if connection.outgoing:
            events |= selectors.EVENT_WRITE
        self._watch(connection, events)


def _identity_of(path: str) -> tuple[int, int] | None:
    """Return what tells the file at ``path`` from one that is made there later."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
