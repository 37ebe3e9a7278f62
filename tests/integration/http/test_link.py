"""The link's transport: frames both ways, how it ends, and who may not have one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect as foreign_connect

from tepui.http.link import FRAME_BYTES_MAX, Link, LinkRefused, connect_link
from tepui.http.messages import Request, Response
from tepui.http.reading import Limits
from tepui.http.server import Server


def not_found(request: Request) -> Response:
    return Response(404)


class Far:
    """The server's end of one link, held open until the link ends."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.link: Link
        self.ends: list[tuple[int, str]] = []

    async def __call__(self, link: Link) -> None:
        self.link = link
        link.on_close = lambda code, reason: self.ends.append((code, reason))
        self.opened.set()
        await link.wait_closed()


@contextlib.asynccontextmanager
async def linked(server: Server, far: Far) -> AsyncIterator[Link]:
    url = f"ws://127.0.0.1:{server.port}/link"
    link = await connect_link(url, headers={"X-Agent": "a1"}, timeout_seconds=5)
    await far.opened.wait()
    try:
        yield link
    finally:
        link.abort()
        await link.wait_closed()


def test_frames_go_both_ways_whatever_their_size(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            assert far.link.headers.get("X-Agent") == "a1"
            assert far.link.peer.startswith("127.0.0.1:")
            for size in (0, 1, 125, 126, 65_535, 65_536, 3_000_000):
                frame = b"f" * size
                assert near.send(frame)
                assert await far.link.receive() == frame
                assert far.link.send(frame)
                assert await near.receive() == frame

    run(conversation())


def test_a_server_greets_with_headers_of_its_own(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()

        def greet(request: Request) -> dict[str, str]:
            return {"X-Master": f"welcomes {request.headers.get('X-Agent')}"}

        async with (
            served(not_found, websocket={"/link": far}, link_greeting=greet) as server,
            linked(server, far) as near,
        ):
            assert near.headers.get("X-Master") == "welcomes a1"

    run(conversation())


def test_frames_that_waited_are_delivered_before_later_ones(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            near.send(b"hello")
            near.send(b"1")
            assert await far.link.receive() == b"hello"
            got: list[bytes] = []
            done = asyncio.Event()

            def on_frame(frame: bytes) -> None:
                got.append(frame)
                if frame == b"999":
                    done.set()

            for number in range(2, 1000):
                near.send(b"%d" % number)
            far.link.deliver_to(on_frame)
            await done.wait()
            assert got == [b"%d" % number for number in range(1, 1000)]

    run(conversation())


@pytest.mark.parametrize("closer", ["near", "far"])
def test_both_ends_learn_code_and_reason(run: Any, served: Any, closer: str) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            ends: list[tuple[int, str]] = []
            near.on_close = lambda code, reason: ends.append((code, reason))
            near.send(b"last frame")
            (near if closer == "near" else far.link).close(4003, "version 9 is not spoken")
            await near.wait_closed()
            await far.link.wait_closed()
            assert ends == far.ends == [(4003, "version 9 is not spoken")]
            assert near.close_code == far.link.close_code == 4003
            assert near.closed
            assert not near.send(b"too late")
            assert await near.receive() is None
            if closer == "near":
                assert await far.link.receive() == b"last frame"
            assert await far.link.receive() is None

    run(conversation())


def test_a_long_reason_is_shortened_to_what_fits(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            far.link.close(4000, "ü" * 100)
            await near.wait_closed()
            assert near.close_reason == "ü" * 61

    run(conversation())


def test_a_lost_connection_is_1006(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            near.abort()
            await far.link.wait_closed()
            assert far.ends == [(1006, "the connection was lost")]

    run(conversation())


def test_a_peer_that_does_not_read_is_cut_at_the_bound(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        limits = Limits(link_buffer_bytes_max=1_000_000)
        async with (
            served(not_found, websocket={"/link": far}, limits=limits) as server,
            linked(server, far) as near,
        ):
            # Nothing receives at the near end, so that it stops reading at its own bound.
            sent = 0
            while far.link.send(b"x" * 100_000):
                assert far.link.buffered_bytes <= 1_000_000
                sent += 100_000
                assert sent < 100_000_000
                await asyncio.sleep(0)
            assert far.ends == []
            await far.link.wait_closed()
            assert far.ends == [(4008, "the peer reads too slowly")]
            received = 0
            while (frame := await near.receive()) is not None:
                received += len(frame)
            assert received <= sent
            assert near.close_code == 1006

    run(conversation())


def test_a_frame_over_the_bound_ends_the_link(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            near.send(b"x" * (FRAME_BYTES_MAX + 1))
            await near.wait_closed()
            assert (near.close_code, far.link.close_code) == (1009, 1009)

    run(conversation())


def test_where_no_link_is_offered_the_answer_says_so(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async with served(not_found) as server:
            with pytest.raises(LinkRefused) as refused:
                await connect_link(
                    f"ws://127.0.0.1:{server.port}/link", headers={}, timeout_seconds=5
                )
            assert refused.value.status == 404
            assert "/link" in refused.value.reason
            port = server.port
        with pytest.raises(OSError):
            await connect_link(f"ws://127.0.0.1:{port}/link", headers={}, timeout_seconds=5)

    run(conversation())


def test_nobody_who_answers_in_time_is_a_time_out(run: Any) -> None:
    async def conversation() -> None:
        held: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(TimeoutError):
            await connect_link(f"ws://127.0.0.1:{port}/link", headers={}, timeout_seconds=0.01)
        for writer in held:
            writer.close()
        silent.close()
        await silent.wait_closed()

    run(conversation())


def test_a_wrong_handshake_is_refused(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            connected(server) as client,
        ):
            client.send(b"GET /link HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            assert (await client.head())[0] in (400, 426)
        assert not far.opened.is_set()

    run(conversation())


def test_what_follows_the_handshake_at_once_is_not_lost(run: Any, served: Any) -> None:
    """A foreign client, fragments and pings: the other side of the standard."""

    async def conversation() -> None:
        far = Far()
        async with served(not_found, websocket={"/link": far}) as server:
            url = f"ws://127.0.0.1:{server.port}/link"
            async with foreign_connect(url, compression=None) as foreign:
                await foreign.send([b"in ", b"three ", b"parts"])
                await far.opened.wait()
                assert await far.link.receive() == b"in three parts"
                await (await foreign.ping())
                await foreign.send("text")
                await far.link.wait_closed()
                assert far.link.close_code == 1003

    run(conversation())


def test_stopping_the_server_says_so_on_every_link(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            await server.stop(5)
            assert (near.close_code, far.ends) == (1001, [(1001, "the server stops")])
            assert server.connections == 0

    run(conversation())


def test_a_handler_that_fails_closes_its_link(run: Any, served: Any) -> None:
    async def conversation() -> None:
        async def broken(link: Link) -> None:
            raise ZeroDivisionError

        async with served(not_found, websocket={"/link": broken}) as server:
            with capture_logs() as logs:
                url = f"ws://127.0.0.1:{server.port}/link"
                link = await connect_link(url, headers={}, timeout_seconds=5)
                await link.wait_closed()
            assert link.close_code == 1011
            assert [log["event"] for log in logs] == ["link_handler_failed"]

    run(conversation())


def test_an_answer_that_is_no_websocket_is_a_connection_error(run: Any) -> None:
    async def conversation() -> None:
        for said in (b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 101 Yes\r\nUpgrade: other\r\n\r\n"):
            ended = asyncio.Event()

            async def answer(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                said: bytes = said,
                ended: asyncio.Event = ended,
            ) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                await reader.read()
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
                ended.set()

            other = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = other.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionError):
                await connect_link(f"ws://127.0.0.1:{port}/link", headers={}, timeout_seconds=5)
            await ended.wait()
            other.close()
            await other.wait_closed()

    run(conversation())


def test_a_paused_link_lets_its_peer_wait(run: Any, served: Any) -> None:
    async def conversation() -> None:
        far = Far()
        async with (
            served(not_found, websocket={"/link": far}) as server,
            linked(server, far) as near,
        ):
            got: list[bytes] = []
            everything = asyncio.Event()

            def on_frame(frame: bytes) -> None:
                got.append(frame)
                far.link.pause()
                if len(got) == 16:
                    everything.set()

            far.link.deliver_to(on_frame)
            for _ in range(16):
                assert near.send(b"f" * 1_000_000)
            while not got:
                await asyncio.sleep(0)
            for _ in range(200):  # turns enough for all, were they read
                await asyncio.sleep(0)
            assert len(got) == 1
            while not everything.is_set():
                far.link.resume()
                await asyncio.sleep(0)
            assert near.buffered_bytes == 0

    run(conversation())
