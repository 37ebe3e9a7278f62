"""HTTP as bytes on a socket: header names as they are written, chunks as they are cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS_MAX = 60.0


@dataclass
class Answer:
    """What came back; ``records`` only for a stream."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    records: list[Any] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The value of one header."""
        return next((value for key, value in self.headers if key == name), None)


@asynccontextmanager
async def connection(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> AsyncIterator[asyncio.StreamReader]:
    """Send one request on a connection of its own, and give what comes back."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**22)
    try:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def exchange(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Send a request and read the whole answer, which is no stream."""
    async with (
        asyncio.timeout(ANSWER_SECONDS_MAX),
        connection(url, method, path, headers, body) as reader,
    ):
        answer = await read_head(reader)
        if method != "HEAD":
            answer.body = await reader.readexactly(int(answer.header("Content-Length") or 0))
        return answer


async def read_head(reader: asyncio.StreamReader) -> Answer:
    """Read an answer up to its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return Answer(int(first.split()[1]), [(name, value) for name, value in pairs])


async def read_record(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one record of a stream, which must be exactly one chunk; None at the end.

    A stream ends with its last chunk, or, as Mesos ends one, with the connection.
    """
    try:
        size = int(await reader.readuntil(b"\r\n"), 16)
        chunk = await reader.readexactly(size + 2)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    if size == 0:
        return None
    length, _, text = chunk[:-2].partition(b"\n")
    assert int(length) == len(text), "a chunk is not one record"
    assert b"\n" not in text, "a record's JSON is on more than one line"
    record: dict[str, Any] = json.loads(text)
    return record
