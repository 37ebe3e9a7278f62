"""A whole master in this process, and the wire to it: real sockets, nothing faked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest

from tepui.allocator import AllocatorOptions
from tepui.allocator.hierarchical import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec.recordio import Decoder
from tepui.ha.memory import MemoryStore
from tepui.ha.store import Store
from tepui.ha.writer import RegistryWriter
from tepui.http.files import Files
from tepui.http.link import Link, connect_link
from tepui.http.routes import Router
from tepui.http.server import Server
from tepui.link.frames import encode_frames, to_agent_decoder
from tepui.link.messages import PATH, VERSION_HEADER, LinkMessage, Register
from tepui.master.api import SchedulerEndpoint
from tepui.master.core.config import MasterConfig
from tepui.master.core.master import Master
from tepui.master.driver import MasterDriver
from tepui.master.endpoints import EndpointContext, register
from tepui.master.ports import greet
from tepui.messages import AgentInfo
from tepui.resources.parsing import parse_resources

TIMEOUT_SECONDS = 20.0
SCHEDULER = "/api/v1/scheduler"


class RunningMaster:
    """A master that listens."""

    def __init__(self, driver: MasterDriver, server: Server) -> None:
        self.driver = driver
        self.server = server
        self.port = server.port

    async def request(
        self,
        body: bytes | dict[str, Any],
        *,
        method: str = "POST",
        path: str = SCHEDULER,
        **headers: str,
    ) -> Answer:
        """Send one request on a connection of its own."""
        exchange = await self.open(body, method=method, path=path, **headers)
        try:
            return await exchange.answer()
        finally:
            exchange.close()

    async def open(
        self,
        body: bytes | dict[str, Any],
        *,
        method: str = "POST",
        path: str = SCHEDULER,
        **headers: str,
    ) -> Exchange:
        """Send one request and read the head of its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        if isinstance(body, dict):
            body = msgspec.json.encode(body)
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        exchange = Exchange(reader, writer)
        await exchange.read_head()
        return exchange

    async def subscribe(self, **info: Any) -> Exchange:
        """Subscribe a framework; its stream is read as it goes."""
        framework = {
            "user": "root",
            "name": "wire",
            "roles": ["red"],
            "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
            **info,
        }
        call: dict[str, Any] = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}
        if "id" in info:
            call["framework_id"] = info["id"]
        return await self.open(call, Content_Type="application/json", Accept="application/json")

    async def link(self, versions: str = "1,1") -> AgentLink:
        """Open an agent's link."""
        link = await connect_link(
            f"ws://127.0.0.1:{self.port}{PATH}",
            headers={VERSION_HEADER: versions},
            timeout_seconds=TIMEOUT_SECONDS,
        )
        return AgentLink(link)


class Answer(msgspec.Struct):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request's answer, which may be a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self._records = Decoder(1 << 24)

    async def read_head(self) -> None:
        """Read status and headers."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines)

    async def answer(self) -> Answer:
        """Read the body, whole or chunked, to its end."""
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while (chunk := await self.chunk()) is not None:
                body += chunk
        elif "Content-Length" in self.headers:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                body = await self.reader.readexactly(int(self.headers["Content-Length"]))
        return Answer(self.status, self.headers, body)

    async def chunk(self) -> bytes | None:
        """Read one chunk; None at the end of the body."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            size = int(await self.reader.readline(), 16)
            chunk = await self.reader.readexactly(size + 2)
        return chunk[:-2] if size else None

    async def event(self, kind: str) -> dict[str, Any]:
        """Read on until an event of ``kind`` comes; each chunk is one record."""
        while True:
            for index, each in enumerate(self.events):
                if each["type"] == kind:
                    return self.events.pop(index)
            chunk = await self.chunk()
            assert chunk is not None, f"the stream ended before {kind}"
            [record] = self._records.feed(chunk)
            self.events.append(msgspec.json.decode(record))

    def close(self) -> None:
        """Drop the connection."""
        self.writer.close()


class AgentLink:
    """An agent's end of a link, with any number of channels."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._decoder = to_agent_decoder()
        self._inbox: list[tuple[int, LinkMessage]] = []

    def send(self, *pairs: tuple[int, LinkMessage]) -> None:
        """Send messages on their channels."""
        for frame in encode_frames(pairs):
            self.link.send(frame)

    def register(self, channel: int) -> None:
        """Ask for admission on ``channel``."""
        info = AgentInfo(
            hostname=f"host-{channel}", resources=parse_resources("cpus:4;mem:4096").to_messages()
        )
        pid = f"slave(1)@10.0.0.{channel}:5051"
        message = Register(agent_info=info, version="1.11.0", capabilities=["MULTI_ROLE"], pid=pid)
        self.send((channel, message))

    async def receive(self, kind: type[Any]) -> tuple[int, Any]:
        """Read on until a message of ``kind`` comes."""
        while True:
            for index, (channel, message) in enumerate(self._inbox):
                if isinstance(message, kind):
                    del self._inbox[index]
                    return channel, message
            async with asyncio.timeout(TIMEOUT_SECONDS):
                frame = await self.link.receive()
            assert frame is not None, f"the link ended before {kind.__name__}"
            self._inbox += self._decoder.decode(frame)


RunMaster = Callable[..., AbstractAsyncContextManager[RunningMaster]]


@pytest.fixture(scope="session")
def run_master() -> RunMaster:
    """Return what runs a master for the length of a block."""

    @asynccontextmanager
    async def run(
        store: Store | None = None, *, stream_buffer_bytes_max: int | None = None, **config: Any
    ) -> AsyncIterator[RunningMaster]:
        rng = Rng(3)
        chosen = MasterConfig(allocator=AllocatorOptions(allocation_interval=0.1), **config)
        now = Instant(time.monotonic(), time.time())
        core = Master(chosen, HierarchicalAllocator(chosen.allocator, rng), rng, now)
        driver = MasterDriver(core, RegistryWriter(store or MemoryStore()))
        router = Router("master")
        router.add("/master/api/v1/scheduler", SchedulerEndpoint(driver))
        context = EndpointContext(
            driver=driver,
            flags={},
            files=Files(),
            wall_clock=time.time,
            leader=lambda: core.state.master_info,
        )
        register(router, core, context)
        server = Server(
            router,
            host="127.0.0.1",
            port=0,
            websocket={PATH: driver.serve_link},
            link_greeting=greet,
            stream_buffer_bytes_max=stream_buffer_bytes_max,
        )
        await driver.start()
        await server.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(driver.run())
            try:
                yield RunningMaster(driver, server)
            finally:
                driver.stop()
                await server.stop(2.0)

    return run
