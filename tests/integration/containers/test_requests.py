"""What the supervisor makes of what it is asked, sense or not."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.connection import RequestRefused
from tepui.containers.posix import state_directory

OpenStage = Callable[..., Any]
IsRunning = Callable[[int], bool]
Gone = Callable[[list[int]], list[int]]


def speak(work_dir: Path) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(10.0)
    directory = os.open(state_directory(work_dir), os.O_RDONLY)
    try:
        peer.connect(f"/proc/self/fd/{directory}/socket")
    finally:
        os.close(directory)
    return peer


def test_nonsense_on_the_socket_harms_nobody(open_stage: OpenStage) -> None:
    def frame(body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + body

    nonsense = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        frame(b"not json"),
        frame(b"[1, 2]"),
        frame(b"[" * 100_000),
        frame(b"{}"),
        frame(b'{"id": 1, "call": "stop"}'),
        frame(b'{"id": 1, "call": "hello", "version": 99, "recovery_timeout": 1}'),
        frame(b'{"id": 1, "call": "hello", "version": 1, "recovery_timeout": "x"}'),
        frame(b'{"id": [], "call": {}}'),
        b"",
    ]

    async def story() -> None:
        async with open_stage() as stage:
            container_id = await stage.launch("/bin/sleep", "1000")
            for data in nonsense:
                with speak(stage.work_dir) as peer:
                    peer.sendall(data)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass
            assert stage.containerizer.status(container_id) is not None
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    "fields",
    [
        {"call": "launch"},
        {"call": "launch", "container_id": "a", "sandbox": 7, "argv": ["x"]},
        {"call": "launch", "container_id": "a", "sandbox": "/", "argv": []},
        {"call": "launch", "container_id": "a", "sandbox": "/", "argv": "true"},
        {"call": "kill", "container_id": "a", "signal": 1000},
        {"call": "kill", "container_id": "a", "signal": True},
        {"call": "destroy", "container_id": None},
        {"call": "dance"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    open_stage: OpenStage, fields: dict[str, Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            with pytest.raises(RequestRefused):
                await stage.containerizer._connection.request(**fields)
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_a_second_agent_takes_the_place_of_the_first(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as first:
            container_id = await first.launch("/bin/sleep", "1000")
            async with open_stage() as second:
                await first.lost.wait()
                assert second.supervisor_pid == first.supervisor_pid
                assert [item.container_id for item in second.recovered] == [container_id]

    asyncio.run(story())
