"""A cluster under attack: raw sockets, raw calls, and pictures of the state before and after."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tepui.codec.recordio import Decoder

MEGABYTE = 1024 * 1024
RECEIVE_BYTES = 256 * 1024


def _load(path: Path) -> Any:
    """Import a file that lies beside the tests, once."""
    name = f"tests_integration_{path.parent.name}_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Answer:
    """Status, headers and body of one response."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


class Socket:
    """One connection to a daemon, on which anything at all can be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> Answer:
        """Read one response, a whole one unless it is a stream."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in fields}
        status = int(head[0].split()[1])
        length = headers.get("content-length")
        body = await self.reader.readexactly(int(length)) if length is not None else b""
        return Answer(status, headers, body)

    def ask(self, path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Socket]:
    reader, writer = await asyncio.open_connection(*address(url), limit=64 * MEGABYTE, **options)
    try:
        yield Socket(reader, writer)
    finally:
        writer.transport.abort()


class Scheduler:
    """A framework that says whatever it is told to, in JSON, without looking at it."""

    def __init__(self, url: str, subscription: Socket, calls: Socket) -> None:
        self.url = url
        self.id: dict[str, str] | None = None
        self._subscription = subscription
        self._calls = calls
        self._stream_id = ""
        self._decoder = Decoder(64 * MEGABYTE)
        self._events: list[dict[str, Any]] = []

    async def subscribe(self, info: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Subscribe, and return the first event."""
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}, **more}
        if "id" in info:
            call["framework_id"] = info["id"]
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._subscription.ask("/api/v1/scheduler", json.dumps(call).encode(), headers)
        answer = await self._subscription.answer()
        assert answer.status == 200, answer
        self._stream_id = answer.headers["mesos-stream-id"]
        first = await self.event()
        self.id = first.get("subscribed", {}).get("framework_id")
        return first

    async def call(self, kind: str, **fields: Any) -> Answer:
        """Make a call; the fields are those of its payload, or of the call if it has none."""
        call = {"type": kind, "framework_id": self.id, **fields}
        return await self.say(json.dumps(call).encode())

    async def say(self, body: bytes, content_type: str = "application/json") -> Answer:
        """Send bytes in this framework's name."""
        headers = {"Content-Type": content_type, "Mesos-Stream-Id": self._stream_id}
        self._calls.ask("/api/v1/scheduler", body, headers)
        return await self._calls.answer()

    async def event(self, *kinds: str) -> dict[str, Any]:
        """Return the next event, of one of ``kinds`` if any are given."""
        async with asyncio.timeout(30.0):
            while True:
                while self._events:
                    event = self._events.pop(0)
                    if not kinds or event["type"] in kinds:
                        return event
                piece = await self._chunk()
                self._events += [json.loads(record) for record in self._decoder.feed(piece)]

    async def _chunk(self) -> bytes:
        reader = self._subscription.reader
        size = int(await reader.readline(), 16)
        if size == 0:
            raise EOFError("the stream has ended")
        piece = await reader.readexactly(size)
        await reader.readline()
        return piece

    async def statuses(self, count: int) -> list[dict[str, Any]]:
        """Return the next ``count`` statuses."""
        return [(await self.event("UPDATE"))["update"]["status"] for _ in range(count)]


@asynccontextmanager
async def opened_scheduler(url: str) -> AsyncIterator[Scheduler]:
    async with connected(url) as subscription, connected(url) as calls:
        yield Scheduler(url, subscription, calls)


class Abused:
    """The cluster, and what it looks like."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.url = stage.cluster.url
        self.agent_url = stage.cluster.agents[0].url
        self.scheduler = opened_scheduler
        self.connected = connected
        self.address = address
        self.task = _load(Path(__file__).parents[1] / "cluster" / "conftest.py").task

    def resident_megabytes(self) -> dict[str, float]:
        """How much memory master and agent have."""
        pids = {"master": self.stage.cluster.master.pid, "agent": self.stage.cluster.agents[0].pid}
        return {
            name: psutil.Process(pid).memory_info().rss / MEGABYTE for name, pid in pids.items()
        }

    async def picture(self) -> dict[str, Any]:
        """All that master and agent show of their state, without what changes by itself."""
        picture = {"agent": await self._ask(self.agent_url, "GET_STATE")}
        for call in ("GET_STATE", "GET_ROLES", "GET_FLAGS"):
            picture[call] = await self._ask(self.url, call)
        picture["state"] = await self.stage.get("/state")
        picture["weights"] = await self.stage.get("/weights")
        return picture

    async def _ask(self, url: str, call: str) -> Any:
        async with connected(url) as socket:
            headers = {"Content-Type": "application/json"}
            socket.ask("/api/v1", json.dumps({"type": call}).encode(), headers)
            answer = await socket.answer()
        assert answer.status == 200, answer
        return json.loads(answer.body)

    async def still_serves(self) -> None:
        """Hold that a framework can still run a task to its end."""
        framework = await self.stage.framework(name="afterwards")
        await framework.launch(self.task("afterwards", "exit 0"))
        await framework.sees("afterwards", "TASK_FINISHED")
        assert self.stage.cluster.master.is_running
        assert self.stage.cluster.agents[0].is_running
        for name in ("master", "agent1"):
            log = (self.stage.work_dir / f"{name}.log").read_text(encoding="utf-8")
            assert "Traceback" not in log, log[-4000:]
            assert '"level":"error"' not in log, log[-4000:]


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a cluster to do harm to; it has to leave nothing behind all the same."""
    cluster = _load(Path(__file__).parents[1] / "cluster" / "conftest.py")
    work_dir = tmp_path.resolve()

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Abused]:
        async with cluster.opened_stage(work_dir, **options) as stage:
            yield Abused(stage)

    yield opened
    left = cluster.processes_of(work_dir)
    for process in left:
        process.kill()
    assert not left


@pytest.fixture
def malformed() -> Any:
    """The generator of malformed requests."""
    return _load(Path(__file__).with_name("malformed.py"))
