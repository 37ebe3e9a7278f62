"""A way to run a conversation on both event loops, and a client that shows raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from tepui.http.server import Server

PATIENCE_SECONDS = 10


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a test's coroutine to its end, or fail after ten seconds."""

    async def bounded(conversation: Awaitable[None]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await conversation

    def runner(conversation: Coroutine[Any, Any, None]) -> None:
        request.param(bounded(conversation))

    return runner


class RawClient:
    """One connection, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and headers of the next answer."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = text.removesuffix("\r\n\r\n").split("\r\n")
        pairs = (field.split(": ", 1) for field in fields)
        return int(line.split(" ", 2)[1]), {name.lower(): value for name, value in pairs}

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer with a body of known length."""
        status, headers = await self.head()
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return status, headers, body

    async def chunk(self) -> bytes:
        """The next chunk; empty at the end of the body."""
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return data

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def _served(*args: Any, grace_seconds: float = 1, **kwargs: Any) -> Any:
    server = Server(*args, host="127.0.0.1", port=0, **kwargs)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_seconds)


@asynccontextmanager
async def _connected(server: Server, **kwargs: Any) -> Any:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", server.port, **kwargs))
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def served() -> Any:
    """Serve a handler for as long as a context lasts."""
    return _served


@pytest.fixture
def connected() -> Any:
    """Hold one raw connection for as long as a context lasts."""
    return _connected
