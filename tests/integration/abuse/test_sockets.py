"""What comes in over the sockets and is not even HTTP, or is too much of it."""

from __future__ import annotations

import asyncio
import gzip
import socket as sockets
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PIECES = 1_000
MEGABYTE = 1024 * 1024
GROWTH_MEGABYTES_MAX = 16.0
RECEIVE_BYTES = 64 * 1024
PIPELINED_BYTES_MAX = 100 * MEGABYTE  # ten times what the kernel keeps of a connection
PATHS = {
    "master": ("/api/v1", "/api/v1/scheduler", "/api/kill", "/tepui/link"),
    "agent": ("/api/v1", "/api/v1/executor"),
}


async def throw(attacked: Any, url: str, piece: bytes) -> None:
    """Send a piece, half close, and read what is answered until the end."""
    async with attacked.connected(url) as socket, asyncio.timeout(30.0):
        try:
            socket.writer.write(piece)
            socket.writer.write_eof()
            answers = await socket.reader.read()
        except ConnectionError:
            return  # cut off while it was speaking
    for line in answers.split(b"HTTP/1.1 ")[1:]:
        assert line[:3] in {b"400", b"404", b"405", b"413", b"415", b"431", b"501", b"101"}, (
            piece[:200],
            answers[:500],
        )


@pytest.mark.parametrize("daemon", PATHS)
def test_garbage_on_the_socket_is_refused_or_hung_up_on(
    attack: Callable[..., Any], malformed: Any, daemon: str
) -> None:
    async def story() -> None:
        async with attack() as attacked:
            url = attacked.url if daemon == "master" else attacked.agent_url

            async def storm(seed: str, count: int) -> None:
                for path in PATHS[daemon]:
                    for piece in malformed.broken_http(f"{seed}{path}", path, count):
                        await throw(attacked, url, piece)

            await storm("warm up", 100)
            before, weight = await attacked.picture(), attacked.resident_megabytes()[daemon]
            await storm("garbage", PIECES // len(PATHS[daemon]))
            assert await attacked.picture() == before
            assert attacked.resident_megabytes()[daemon] - weight < GROWTH_MEGABYTES_MAX
            await attacked.still_serves()

    asyncio.run(story())


def test_bodies_that_are_too_large_are_refused_by_their_size(attack: Callable[..., Any]) -> None:
    json = {"Content-Type": "application/json"}

    async def story() -> None:
        async with attack() as attacked:
            for url, path in [
                (attacked.url, "/api/v1"),
                (attacked.url, "/api/v1/scheduler"),
                (attacked.url, "/api/kill"),
                (attacked.agent_url, "/api/v1"),
                (attacked.agent_url, "/api/v1/executor"),
            ]:
                async with attacked.connected(url) as socket:
                    # Said, but not sent: it is refused all the same.
                    head = f"POST {path} HTTP/1.1\r\nContent-Length: {33 * MEGABYTE}\r\n\r\n"
                    socket.writer.write(head.encode())
                    assert (await socket.answer()).status == 413
                async with attacked.connected(url) as socket:
                    bomb = gzip.compress(b"[" * 40 * MEGABYTE)
                    socket.ask(path, bomb, {**json, "Content-Encoding": "gzip"})
                    assert (await socket.answer()).status == 413
                async with attacked.connected(url) as socket:
                    socket.ask(path, b" " * 20 * MEGABYTE, json)
                    assert (await socket.answer()).status in (400, 413)
            await attacked.still_serves()

    asyncio.run(story())


async def ask_for_health(attacked: Any) -> None:
    """Ask the master something on a connection of its own."""
    async with attacked.connected(attacked.url) as other, asyncio.timeout(30.0):
        other.ask("/api/v1", b'{"type":"GET_HEALTH"}', {"Content-Type": "application/json"})
        assert (await other.answer()).status == 200


async def send_until_nobody_reads(socket: sockets.socket, piece: bytes, attacked: Any) -> int:
    """Send ``piece`` over and over; return how many bytes went out before nothing more did."""
    sent = full_in_a_row = 0
    while full_in_a_row < 10:
        try:
            sent += socket.send(piece[sent % len(piece) :])
            full_in_a_row = 0
        except BlockingIOError:
            full_in_a_row += 1
            # While it answers somebody else, the master comes by all that it wants to read.
            await ask_for_health(attacked)
        assert sent < PIPELINED_BYTES_MAX, "requests are read, but no answers are"
    return sent


async def count_answers(socket: sockets.socket) -> int:
    """Read to the end; return how many answers there were."""
    count, rest = 0, b""
    start = b"HTTP/1.1 200 OK\r\n"
    while piece := await asyncio.get_running_loop().sock_recv(socket, MEGABYTE):
        rest += piece
        count += rest.count(start)
        rest = rest[rest.rfind(start) + len(start) :] if start in rest else rest[-len(start) :]
    return count


async def finish(socket: sockets.socket, rest: bytes) -> None:
    """Send what is left, and say that there is no more."""
    await asyncio.get_running_loop().sock_sendall(socket, rest)
    socket.shutdown(sockets.SHUT_WR)


def test_a_peer_that_pipelines_and_never_reads_makes_no_work_pile_up(
    attack: Callable[..., Any],
) -> None:
    body = b'{"type":"GET_FLAGS"}'
    head = "POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    request = head.format(len(body)).encode() + body

    async def story() -> None:
        async with attack() as attacked:
            await ask_for_health(attacked)
            weight = attacked.resident_megabytes()["master"]
            with sockets.socket() as socket:
                socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, RECEIVE_BYTES)
                socket.setblocking(False)
                target = attacked.address(attacked.url)
                await asyncio.get_running_loop().sock_connect(socket, target)
                sent = await send_until_nobody_reads(socket, request * 1_000, attacked)
                assert attacked.resident_megabytes()["master"] - weight < GROWTH_MEGABYTES_MAX
                # Not one was dropped: who begins to read after all gets every answer.
                async with asyncio.timeout(60.0):
                    answers, _ = await asyncio.gather(
                        count_answers(socket), finish(socket, request[sent % len(request) :])
                    )
                assert answers == sent // len(request) + 1
            await attacked.still_serves()

    asyncio.run(story())
