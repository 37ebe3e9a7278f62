"""The client against our own server: answers, streams, redirects and failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tepui.http.client import Client, ConnectionFailed, resolve_redirect
from tepui.http.messages import Answer, Request, Response, StreamResponse, StreamWriter


def echo(request: Request) -> Answer:
    if request.path == "/redirect":
        return Response(307, headers=(("Location", f"//{request.local}/api/v1/scheduler?a=b"),))
    if request.path == "/stream":
        return StreamResponse(200, three_records, content_type="application/json")
    if request.path == "/broken":
        return StreamResponse(200, broken)
    body = f"{request.method} {request.raw_target} ".encode() + request.body
    return Response(200, body * (100 if request.path == "/long" else 1))


def three_records(writer: StreamWriter) -> None:
    for record in (b"1\na", b"2\nbb", b"3\nccc"):
        writer.write(record)
    writer.close()


def broken(writer: StreamWriter) -> None:
    writer.write(b"half of")
    asyncio.get_running_loop().call_soon(writer.abort)


def test_a_request_is_answered_and_its_target_left_as_written(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(echo) as server, Client(timeout_seconds=5) as client:
            url = f"http://127.0.0.1:{server.port}/slave(1)/a%2Fb?x=%20"
            answer = await client.request("POST", url, b"{}", [("Content-Type", "text/x")])
            assert (answer.status, answer.body) == (200, b"POST /slave(1)/a%2Fb?x=%20 {}")
            assert answer.headers.get("CONTENT-LENGTH") == "29"

    run(conversation())


def test_connections_are_reused_and_packed_answers_unpacked(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(echo) as server, Client(timeout_seconds=5) as client:
            for _ in range(50):
                answer = await client.request("GET", f"http://127.0.0.1:{server.port}/long")
                assert answer.body == b"GET /long " * 100 + b"" or len(answer.body) == 1000
                assert answer.headers.get("Content-Encoding") is None or len(answer.body) >= 1000
            assert server.connections == 1

    run(conversation())


def test_redirects_are_handed_to_the_caller(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(echo) as server, Client(timeout_seconds=5) as client:
            url = f"http://127.0.0.1:{server.port}/redirect"
            answer = await client.request("POST", url, b"{}")
            assert answer.status == 307
            location = answer.headers.get("Location")
            assert location is not None
            moved = await client.request("POST", resolve_redirect(url, location), b"{}")
            assert moved.body == b"POST /api/v1/scheduler?a=b {}"

    run(conversation())


def test_a_stream_is_read_to_its_end(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(echo) as server, Client(timeout_seconds=5) as client:
            url = f"http://127.0.0.1:{server.port}/stream"
            async with client.stream("POST", url, b"{}") as stream:
                assert stream.status == 200
                assert stream.headers.get("content-type") == "application/json"
                assert await stream.read() == b"1\na2\nbb3\nccc"

    run(conversation())


def test_a_stream_that_breaks_off_is_a_failure(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(echo) as server, Client(timeout_seconds=5) as client:
            url = f"http://127.0.0.1:{server.port}/broken"
            async with client.stream("GET", url) as stream:
                with pytest.raises(ConnectionFailed, match="/broken"):
                    await stream.read()

    run(conversation())


def test_nobody_there_and_nobody_answering_are_failures_with_the_url(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async def silent(request: Request) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

        async with (
            served(silent, grace_seconds=0) as server,
            Client(timeout_seconds=0.05) as client,
        ):
            url = f"http://127.0.0.1:{server.port}/silent"
            with pytest.raises(ConnectionFailed, match="/silent"):
                await client.request("GET", url)
            with pytest.raises(ConnectionFailed, match="/silent"):
                async with client.stream("GET", url):
                    raise AssertionError
        async with Client(timeout_seconds=5) as client:
            with pytest.raises(ConnectionFailed, match="/silent"):
                await client.request("GET", url)

    run(conversation())


def test_a_unix_socket_is_spoken_to_as_well(run: Any, tmp_path: Path) -> None:
    async def conversation() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()

        path = str(tmp_path / "s")
        docker = await asyncio.start_unix_server(answer, path)
        async with Client(timeout_seconds=5, unix_socket=path) as client:
            assert (await client.request("GET", "http://docker/info")).body == b"ok"
        docker.close()
        await docker.wait_closed()

    run(conversation())
