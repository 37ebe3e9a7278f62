"""What comes in over the sockets and is not even HTTP, or is too much of it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PIECES = 1_000
MEGABYTE = 1024 * 1024
GROWTH_MEGABYTES_MAX = 16.0
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
