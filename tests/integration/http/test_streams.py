"""Streamed answers: a chunk per record, back-pressure, and every way to end."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from tepui.http.file_routes import FileRoutes
from tepui.http.files import Files
from tepui.http.messages import Answer, Request, Response, StreamResponse, StreamWriter
from tepui.http.routes import Router

GET = b"GET /stream HTTP/1.1\r\n\r\n"


class Subscription:
    """A handler that opens streams and remembers how they went."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.ended = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.writer: StreamWriter

    def __call__(self, request: Request) -> Answer:
        if request.path != "/stream":
            return Response(202)
        headers = (("Mesos-Stream-Id", "s1"),)
        return StreamResponse(200, self.opened, headers, "application/json")

    def opened(self, writer: StreamWriter) -> None:
        self.writer = writer
        writer.on_close = self.on_close
        self.subscribed.set()

    def on_close(self, reason: str) -> None:
        self.ends.append(reason)
        self.ended.set()


def test_each_write_is_one_chunk_and_the_connection_goes_on(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(GET + b"POST /next HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            status, headers = await client.head()
            assert status == 200
            assert list(headers) == ["date", "transfer-encoding", "mesos-stream-id", "content-type"]
            records = [b"20\n" + b"x" * 20, b"1\nx", b"100000\n" + b"y" * 100_000]
            for record in records:
                assert handler.writer.write(record)
            assert handler.writer.write(b"")
            for record in records:
                assert await client.chunk() == record
            handler.writer.close()
            assert handler.writer.closed
            assert not handler.writer.write(b"too late")
            assert await client.chunk() == b""
            assert (await client.answer())[0] == 202
        assert handler.ends == []

    run(conversation())


def test_records_of_one_turn_go_out_together_and_stay_apart(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(GET)
            await client.head()
            assert handler.writer.write_all([b"1\na", b"", b"2\nbb"])
            assert await client.chunk() == b"1\na"
            assert await client.chunk() == b"2\nbb"
            handler.writer.close()
            assert not handler.writer.write_all([b"too late"])

    run(conversation())


def test_the_owner_hears_when_the_peer_goes_away(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server:
            async with connected(server) as client:
                client.send(GET)
                await client.head()
            await handler.ended.wait()
            assert handler.ends == ["peer went away"]
            assert not handler.writer.write(b"anybody there?")

    run(conversation())


def test_a_slow_subscriber_is_cut_at_the_bound_and_told_outside_of_write(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        handler = Subscription()
        bound = 1_000_000
        async with (
            served(handler, stream_buffer_bytes_max=bound) as server,
            connected(server, limit=1024) as client,
        ):
            client.send(GET)
            await client.head()
            record = b"z" * 50_000
            written = 0
            while handler.writer.write(record):
                assert handler.writer.buffered_bytes <= bound
                written += len(record)
                assert written < 50_000_000
                await asyncio.sleep(0)
            assert written >= bound
            assert handler.writer.closed
            assert handler.ends == []
            await handler.ended.wait()
            assert handler.ends == ["slow subscriber"]
        assert handler.ends == ["slow subscriber"]

    run(conversation())


def test_a_slow_subscriber_that_reads_on_gets_everything(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server, limit=1024) as client:
            client.send(GET)
            await client.head()
            records = [b"%d" % number * 30_000 for number in range(100)]
            drained = asyncio.Event()
            handler.writer.on_writable = drained.set
            for record in records:
                assert handler.writer.write(record)
            for record in records:
                assert await client.chunk() == record
            await drained.wait()

    run(conversation())


def test_stopping_ends_streams_in_order(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(GET)
            await client.head()
            handler.writer.write(b"last words")
            await server.stop(5)
            assert handler.ends == ["server stop"]
            assert await client.chunk() == b"last words"
            assert await client.chunk() == b""
            assert await client.rest() == b""

    run(conversation())


def test_an_aborted_stream_breaks_off(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(GET)
            await client.head()
            handler.writer.abort()
            with pytest.raises((asyncio.IncompleteReadError, ValueError, ConnectionResetError)):
                await client.chunk()
        assert handler.ends == []

    run(conversation())


def test_http_1_0_gets_the_records_without_chunks(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            _, headers = await client.head()
            assert "transfer-encoding" not in headers
            assert headers["connection"] == "close"
            handler.writer.write(b"one")
            handler.writer.write(b"two")
            handler.writer.close()
            assert await client.rest() == b"onetwo"

    run(conversation())


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_peer_gone_before_the_stream_opens_is_still_reported(
    run: Any, served: Any, connected: Any, reset: bool
) -> None:
    """The handler has counted it as subscribed by then, and must learn the truth."""

    async def conversation() -> None:
        subscription = Subscription()
        gate = asyncio.Event()
        asked = asyncio.Event()

        async def handler(request: Request) -> Answer:
            asked.set()
            await gate.wait()
            return subscription(request)

        async with served(handler) as server:
            async with connected(server) as client:
                client.send(GET)
                await asked.wait()
                if reset:
                    peer = client.writer.get_extra_info("socket")
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.writer.transport.abort()
            while reset and server.connections:
                await asyncio.sleep(0)
            gate.set()
            await subscription.ended.wait()
            assert subscription.writer.closed
            assert subscription.ends == ["peer went away"]

    run(conversation())


def test_a_head_request_for_a_stream_gets_its_head(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        handler = Subscription()
        async with served(handler) as server, connected(server) as client:
            client.send(b"HEAD /stream HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\n\r\n")
            assert (await client.head())[0] == 200
            assert (await client.head())[0] == 202
        assert not handler.subscribed.is_set()

    run(conversation())


def test_a_large_download_goes_out_as_fast_as_it_is_taken(
    run: Any, served: Any, connected: Any, tmp_path: Path
) -> None:
    async def conversation() -> None:
        content = random.Random(1).randbytes(5_000_000)
        (tmp_path / "big.log").write_bytes(content)
        files = Files()
        files.attach("/run", tmp_path)
        router = Router("master")
        FileRoutes(files).add_to(router)
        # The bound is far below the file's size: what counts is that it is never reached.
        async with (
            served(router, stream_buffer_bytes_max=500_000) as server,
            connected(server, limit=1024) as client,
        ):
            client.send(b"GET /files/download?path=/run/big.log HTTP/1.1\r\n\r\n")
            assert (await client.head())[0] == 200
            received = bytearray()
            while chunk := await client.chunk():
                received += chunk
            assert received == content

    run(conversation())
