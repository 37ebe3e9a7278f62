"""What does a server pay for one small POST? Candidates side by side, CPU of the server process.

A 200-byte POST with the headers of a scheduler call, answered 202 without a body, over 16
kept-alive connections; uvloop everywhere. Run with ``python -m bench.http_server [REQUESTS]``.
Prints a table and writes ``bench/results/http_server.json``.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httptools
import psutil
import uvloop

RESULTS = Path(__file__).parent / "results"
CONNECTIONS = 16
BODY = b'{"type":"ACKNOWLEDGE"' + b" " * 178 + b"}"
REQUEST = (
    b"POST /api/v1/scheduler HTTP/1.1\r\nHost: 127.0.0.1:5050\r\nContent-Type: application/json\r\n"
    b"Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: bench/1\r\n"
    b"Mesos-Stream-Id: 9db46d7e-94ac-4eab-a96b-0b0141e90870\r\nContent-Length: %d\r\n\r\n"
) % len(BODY) + BODY


async def serve_uvicorn(listener: socket.socket) -> None:
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, http="httptools", lifespan="off", access_log=False, server_header=False, log_level=40
    )
    await uvicorn.Server(config).serve(sockets=[listener])


async def serve_aiohttp(listener: socket.socket) -> None:
    from aiohttp import web

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return web.Response(status=202)

    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


async def serve_bare(listener: socket.socket) -> None:
    """The floor: the parser, and an answer that never changes."""

    class Bare(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.parser = httptools.HttpRequestParser(self)

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_message_complete(self) -> None:
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    await asyncio.get_running_loop().create_server(Bare, sock=listener)
    await asyncio.Event().wait()


async def serve_tepui(listener: socket.socket) -> None:
    from tepui.http.messages import Request, Response
    from tepui.http.server import Server

    def handler(request: Request) -> Response:
        for name in ("Content-Type", "Accept", "Mesos-Stream-Id"):
            request.headers.get(name)
        return Response(202)

    host, port = listener.getsockname()
    listener.close()
    await Server(handler, host=host, port=port).start()
    await asyncio.Event().wait()


SERVERS: dict[str, Callable[[socket.socket], Coroutine[Any, Any, None]]] = {
    "aiohttp": serve_aiohttp,
    "uvicorn, raw ASGI": serve_uvicorn,
    "tepui.http": serve_tepui,
    "bare httptools": serve_bare,
}


class Asker(asyncio.Protocol):
    """Sends the next request when the last one is answered, until ``left`` are done."""

    left = 0
    done: asyncio.Future[None]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        Asker.left -= 1
        if Asker.left > 0:
            self.transport.write(REQUEST)
        elif not Asker.done.done():
            Asker.done.set_result(None)


async def ask(port: int, requests: int) -> None:
    loop = asyncio.get_running_loop()
    Asker.left, Asker.done = requests, loop.create_future()
    opened = [await loop.create_connection(Asker, "127.0.0.1", port) for _ in range(CONNECTIONS)]
    await Asker.done
    for transport, _ in opened:
        transport.close()


def run_server(name: str, listener: socket.socket) -> None:
    uvloop.run(SERVERS[name](listener))


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def measure(name: str, requests: int) -> dict[str, Any]:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    process = multiprocessing.get_context("fork").Process(target=run_server, args=(name, listener))
    process.start()
    listener.close()
    try:
        wait_until_listening(port)
        uvloop.run(ask(port, 2000))
        server = psutil.Process(process.pid)
        before, began = server.cpu_times(), time.monotonic()
        uvloop.run(ask(port, requests))
        seconds, after = time.monotonic() - began, server.cpu_times()
    finally:
        process.terminate()
        process.join()
    cpu = after.user + after.system - before.user - before.system
    return {
        "server": name,
        "cpu_us_per_post": round(cpu / requests * 1e6, 1),
        "posts_per_second": round(requests / seconds),
    }


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    rows = []
    print(f"{'server':<20}{'CPU µs/POST':>12}{'POST/s':>10}")
    for name in SERVERS:
        row = measure(name, requests)
        rows.append(row)
        print(f"{name:<20}{row['cpu_us_per_post']:>12}{row['posts_per_second']:>10}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"requests": requests, "rows": rows}, indent=1)
    (RESULTS / "http_server.json").write_text(text)


if __name__ == "__main__":
    main()
