"""What one peer of the supervisor's socket may cost it."""

from __future__ import annotations

import os
import selectors
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tepui.containers.supervisor import frames
from tepui.containers.supervisor.link import (
    CONNECTIONS_MAX,
    REQUESTS_WAITING_MAX,
    SOCKET_NAME,
    Link,
)


class Stage:
    """A supervisor's link, and peers that come and speak."""

    def __init__(self, directory: str) -> None:
        self._directory = os.open(directory, os.O_RDONLY)
        self._selector = selectors.DefaultSelector()
        self._peers: list[socket.socket] = []
        self.link = Link(directory, self._selector)

    def peer(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._peers.append(peer)
        peer.connect(f"/proc/self/fd/{self._directory}/{SOCKET_NAME}")
        peer.setblocking(False)
        self.turn()
        return peer

    def turn(self) -> None:
        """Take in what the peers have done: on a unix socket it is there once it is sent."""
        while ready := [
            (key, events & selectors.EVENT_READ)
            for key, events in self._selector.select(0)
            if events & selectors.EVENT_READ
        ]:
            for key, events in ready:
                key.data(events)

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self.link.close()
        self._selector.close()
        os.close(self._directory)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(str(tmp_path))
    yield stage
    stage.close()


def has_hung_up(peer: socket.socket) -> bool:
    """Tell whether the supervisor has closed its end, whatever it had not read."""
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_so_many_peers_are_let_in_and_another_once_one_has_gone(stage: Stage) -> None:
    peers = [stage.peer() for _ in range(CONNECTIONS_MAX)]
    assert has_hung_up(stage.peer())
    assert not any(has_hung_up(peer) for peer in peers)
    peers[0].close()
    stage.turn()
    assert not has_hung_up(stage.peer())


def test_a_request_is_refused_by_its_length_before_it_is_there(stage: Stage) -> None:
    patient, greedy = stage.peer(), stage.peer()
    patient.send(struct.pack(">I", frames.REQUEST_BYTES_MAX))
    greedy.send(struct.pack(">I", frames.REQUEST_BYTES_MAX + 1))
    stage.turn()
    assert (has_hung_up(patient), has_hung_up(greedy)) == (False, True)


def test_only_so_many_requests_wait(stage: Stage) -> None:
    first, second = stage.peer(), stage.peer()
    first.send(frames.encode({}) * REQUESTS_WAITING_MAX)
    stage.turn()
    assert len(stage.link.requests) == REQUESTS_WAITING_MAX
    assert not has_hung_up(first)
    second.send(frames.encode({}))
    stage.turn()
    assert len(stage.link.requests) == REQUESTS_WAITING_MAX
    assert (has_hung_up(first), has_hung_up(second)) == (False, True)


def test_a_peer_that_does_not_read_is_dropped_at_a_bound(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tepui.containers.supervisor.link.OUTGOING_BYTES_MAX", 10_000)
    peer = stage.peer()
    peer.send(frames.encode({}))
    stage.turn()
    [(connection, _)] = stage.link.requests
    while not connection.outgoing:  # the kernel keeps some
        connection.send({"text": "x" * 4_000})
        stage.link.flush()
    was_open = connection.is_open
    connection.send({"text": "x" * 10_000})
    stage.link.flush()
    assert (was_open, connection.is_open) == (True, False)
    connection.send({"text": "nobody waits for it"})
    assert b"nobody" not in connection.outgoing


def test_what_a_peer_reads_late_arrives_whole(stage: Stage) -> None:
    peer = stage.peer()
    peer.send(frames.encode({}))
    stage.turn()
    [(connection, _)] = stage.link.requests
    for number in range(100):
        connection.send({"number": number, "text": "x" * 10_000})
    stage.link.flush()
    assert connection.outgoing
    decoder = frames.Decoder(frames.REPLY_BYTES_MAX)
    numbers: list[int] = []
    while len(numbers) < 100:
        numbers += [message["number"] for message in decoder.feed(peer.recv(1 << 16))]
        stage.link.flush()
    assert numbers == list(range(100))
    assert not connection.outgoing
