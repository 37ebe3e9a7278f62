"""The server on real sockets: requests, answers, their order, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from tepui.base.errors import Rejected, Unavailable
from tepui.http.messages import Answer, Request, Response
from tepui.http.reading import Limits

HOST = b"Host: a\r\n"


def describe(request: Request) -> Response:
    text = f"{request.method} {request.path} {len(request.body)}"
    return Response(200, text.encode(), content_type="text/plain")


def accept(request: Request) -> Response:
    return Response(202)


def test_an_accepted_call_is_answered_with_a_date_and_no_body(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        async with served(accept) as server, connected(server) as client:
            client.send(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            status, headers, body = await client.answer()
            assert (status, body) == (202, b"")
            assert list(headers) == ["date", "content-length"]
            assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["date"])

    run(conversation())


def test_a_connection_serves_thousands_of_requests(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        async with served(describe) as server, connected(server) as client:
            for _ in range(3000):
                client.send(b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
                assert (await client.answer())[2] == b"POST /a 5"
            assert server.connections == 1

    run(conversation())


def test_pipelined_requests_are_answered_in_order_though_the_first_is_slow(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        gate = asyncio.Event()
        order: list[str] = []

        async def slow(request: Request) -> Answer:
            await gate.wait()
            return describe(request)

        def handler(request: Request) -> Any:
            order.append(request.path)
            if request.path == "/slow":
                asyncio.get_running_loop().call_soon(gate.set)
                return slow(request)
            return describe(request)

        async with served(handler) as server, connected(server) as client:
            paths = ["/slow", "/1", "/slow", "/2", "/3"]
            client.send(b"".join(b"GET %b HTTP/1.1\r\n\r\n" % path.encode() for path in paths))
            bodies = [(await client.answer())[2] for _ in paths]
            assert bodies == [f"GET {path} 0".encode() for path in paths]
            assert order == paths

    run(conversation())


def test_a_handler_may_answer_with_a_future(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        def handler(request: Request) -> asyncio.Future[Answer]:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[Answer] = loop.create_future()
            loop.call_soon(future.set_result, Response(200, b"later"))
            return future

        async with served(handler) as server, connected(server) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert (await client.answer())[2] == b"later"

    run(conversation())


def test_pipelined_requests_wait_while_the_peer_does_not_read(
    run: Any, served: Any, connected: Any
) -> None:
    """A peer that only asks may not make the server hold all the answers."""

    async def conversation() -> None:
        served_count = 0

        def handler(request: Request) -> Response:
            nonlocal served_count
            served_count += 1
            return Response(200, b"x" * 1_000_000)

        async with served(handler) as server, connected(server, limit=1024) as client:
            client.send(b"GET /big HTTP/1.1\r\n\r\n" * 60)
            status, _ = await client.head()
            assert status == 200
            first = served_count
            await client.reader.readexactly(1_000_000)
            assert first < 30
            for _ in range(59):
                await client.answer()
            assert served_count == 60

    run(conversation())


@pytest.mark.parametrize(
    ("request_head", "keeps", "says"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True, None),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False, "close"),
        (b"GET / HTTP/1.0\r\n\r\n", False, "close"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True, "keep-alive"),
    ],
)
def test_the_connection_stays_as_the_request_says(
    run: Any, served: Any, connected: Any, request_head: bytes, keeps: bool, says: str | None
) -> None:
    async def conversation() -> None:
        async with served(describe) as server, connected(server) as client:
            client.send(request_head)
            _, headers, _ = await client.answer()
            assert headers.get("connection") == says
            client.send(b"GET /again HTTP/1.0\r\n\r\n")
            if keeps:
                assert (await client.answer())[2] == b"GET /again 0"
            assert await client.rest() == b""

    run(conversation())


def test_a_peer_that_has_sent_all_still_gets_its_answers(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Answer:
            await gate.wait()
            return describe(request)

        async with served(handler) as server, connected(server) as client:
            client.send(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
            client.writer.write_eof()
            asyncio.get_running_loop().call_soon(gate.set)
            assert (await client.answer())[2] == b"GET /1 0"
            assert (await client.answer())[2] == b"GET /2 0"
            assert await client.rest() == b""

    run(conversation())


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PUT"])
def test_every_method_reaches_the_handler(
    run: Any, served: Any, connected: Any, method: bytes
) -> None:
    async def conversation() -> None:
        async with served(describe) as server, connected(server) as client:
            client.send(method + b" /a%20b?x=%31 HTTP/1.1\r\n" + HOST + b"\r\n")
            status, headers = await client.head()
            expected = method + b" /a b 0"
            assert status == 200
            assert headers["content-length"] == str(len(expected))
            if method != b"HEAD":
                assert await client.reader.readexactly(len(expected)) == expected
            client.send(b"GET /next HTTP/1.1\r\n\r\n")
            assert (await client.answer())[2] == b"GET /next 0"

    run(conversation())


def test_the_body_is_asked_for_when_the_peer_waits(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        async with served(describe) as server, connected(server) as client:
            head = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            client.send(head)
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"abc")
            assert (await client.answer())[2] == b"POST /a 3"

    run(conversation())


def test_an_offer_of_http_2_is_declined_without_losing_the_body(
    run: Any, served: Any, connected: Any
) -> None:
    """Java's client makes that offer with every request."""

    async def conversation() -> None:
        offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
        async with served(describe) as server, connected(server) as client:
            client.send(b"POST /a HTTP/1.1\r\n" + offer + b"Content-Length: 3\r\n\r\nabc")
            assert (await client.answer())[2] == b"POST /a 3"
            client.send(b"GET /b HTTP/1.1\r\n" + offer + b"\r\n")
            assert (await client.answer())[2] == b"GET /b 0"

    run(conversation())


def test_a_chunked_body_is_put_together_and_its_trailers_are_not_headers(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        def handler(request: Request) -> Response:
            return Response(200, request.body + str(request.headers.get("Accept")).encode())

        async with served(handler) as server, connected(server) as client:
            client.send(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            client.send(b"2\r\nde\r\n0\r\nAccept: evil\r\n\r\n")
            assert (await client.answer())[2] == b"abcdeNone"

    run(conversation())


MALFORMED = {
    "no method": b"/ HTTP/1.1\r\n\r\n",
    "a strange method": b"FOO / HTTP/1.1\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "a space in a header's name": b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length beyond 64 bits": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a bad chunk size": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused_in_words(
    run: Any, served: Any, connected: Any, name: str
) -> None:
    async def conversation() -> None:
        async with served(describe) as server, connected(server) as client:
            client.send(b"GET /first HTTP/1.1\r\n\r\n" + MALFORMED[name])
            assert (await client.answer())[2] == b"GET /first 0"
            status, headers, body = await client.answer()
            assert status == 400
            assert headers["content-type"] == "text/plain; charset=utf-8"
            assert headers["connection"] == "close"
            assert body
            assert await client.rest() == b""

    run(conversation())


def test_a_head_that_does_not_end_is_refused(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        limits = Limits(head_bytes_max=1000)
        async with served(describe, limits=limits) as server, connected(server) as client:
            client.send(b"GET / HTTP/1.1\r\nX: ")
            head = asyncio.ensure_future(client.head())
            while not head.done():
                client.send(b"x" * 500)
                await asyncio.sleep(0)
            assert (await head)[0] == 431

    run(conversation())


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1001\r\n", b"Transfer-Encoding: chunked\r\n"], ids=["known", "not"]
)
def test_a_body_over_the_bound_is_refused(
    run: Any, served: Any, connected: Any, head: bytes
) -> None:
    async def conversation() -> None:
        async with served(describe, body_bytes_max=1000) as server, connected(server) as client:
            client.send(b"POST / HTTP/1.1\r\n" + head + b"\r\n")
            if b"chunked" in head:
                client.send(b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
            status, _, body = await client.answer()
            assert (status, b"1000" in body) == (413, True)

        async with served(describe, body_bytes_max=1000) as server, connected(server) as client:
            client.send(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
            assert (await client.answer())[2] == b"POST / 1000"

    run(conversation())


def packed(body: bytes, coding: bytes = b"gzip") -> bytes:
    head = b"POST / HTTP/1.1\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (packed(gzip.compress(b"hello")), 200),
        (packed(gzip.compress(b"he") + gzip.compress(b"llo")), 200),
        (packed(b"hello", b"identity"), 200),
        (packed(gzip.compress(b"\0" * 1_000_000)), 413),
        (packed(b"not gzip"), 400),
        (packed(gzip.compress(b"hello")[:-4]), 400),
        (packed(b"hello", b"br"), 415),
    ],
    ids=["gzip", "two members", "identity", "bomb", "not gzip", "cut", "brotli"],
)
def test_packed_bodies_are_unpacked_within_the_bound(
    run: Any, served: Any, connected: Any, message: bytes, status: int
) -> None:
    async def conversation() -> None:
        def handler(request: Request) -> Response:
            return Response(200, request.body)

        async with served(handler, body_bytes_max=1000) as server, connected(server) as client:
            client.send(message)
            answered, _, body = await client.answer()
            assert answered == status
            assert status != 200 or body == b"hello"

    run(conversation())


@pytest.mark.parametrize("size", [1023, 1024, 500_000])
def test_large_answers_are_packed_for_those_who_accept_it(
    run: Any, served: Any, connected: Any, size: int
) -> None:
    async def conversation() -> None:
        content = b"abcdefghij" * (size // 10) + b"x" * (size % 10)

        def handler(request: Request) -> Response:
            return Response(200, content, content_type="application/json")

        async with served(handler) as server, connected(server) as client:
            for accepted in (b"gzip, deflate", b"*", b"gzip;q=0.5"):
                client.send(b"GET / HTTP/1.1\r\nAccept-Encoding: " + accepted + b"\r\n\r\n")
                _, headers, body = await client.answer()
                assert headers.get("content-encoding") == ("gzip" if size >= 1024 else None)
                assert (gzip.decompress(body) if size >= 1024 else body) == content
            for refused in (b"", b"Accept-Encoding: gzip;q=0\r\n", b"Accept-Encoding: br\r\n"):
                client.send(b"GET / HTTP/1.1\r\n" + refused + b"\r\n")
                assert (await client.answer())[2] == content

    run(conversation())


def test_an_answer_that_is_packed_already_goes_out_as_it_is(
    run: Any, served: Any, connected: Any
) -> None:
    async def conversation() -> None:
        body = gzip.compress(b"x" * 100_000, 9) + b"\0" * 2000

        def handler(request: Request) -> Response:
            assert request.accepts_gzip
            return Response(200, body, (("Content-Encoding", "gzip"),))

        async with served(handler) as server, connected(server) as client:
            client.send(b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
            assert (await client.answer())[2] == body

    run(conversation())


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_what_a_handler_raises_becomes_an_answer(
    run: Any, served: Any, connected: Any, later: bool
) -> None:
    async def conversation() -> None:
        errors = {
            "/rejected": Rejected("no such thing", 404, (("Allow", "POST"),)),
            "/unavailable": Unavailable("recovering"),
            "/broken": ZeroDivisionError("a bug"),
        }

        def handler(request: Request) -> Any:
            async def fail() -> Answer:
                raise errors[request.path]

            if later:
                return fail()
            raise errors[request.path]

        async with served(handler) as server, connected(server) as client:
            answers = []
            with capture_logs() as logs:
                for path in errors:
                    client.send(b"GET %b HTTP/1.1\r\n\r\n" % path.encode())
                    answers.append(await client.answer())
            assert [answer[0] for answer in answers] == [404, 503, 500]
            assert answers[0][1]["allow"] == "POST"
            assert answers[0][2] == b"no such thing"
            assert b"bug" not in answers[2][2]
            assert [(log["event"], log["path"]) for log in logs] == [
                ("http_handler_failed", "/broken")
            ]

    run(conversation())


def test_a_header_cannot_smuggle_another_one_in(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        def handler(request: Request) -> Response:
            return Response(307, headers=(("Location", "//a\r\nSet-Cookie: x"),))

        async with served(handler) as server, connected(server) as client:
            with capture_logs():
                client.send(b"GET / HTTP/1.1\r\n\r\n")
                status, headers, _ = await client.answer()
            assert status == 500
            assert "set-cookie" not in headers

    run(conversation())


@pytest.mark.parametrize(
    ("sent", "seconds", "answer"),
    [
        (b"", 61, b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\nX: y", 61, b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", 61, b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\n\r\n", 601, b"HTTP/1.1 200"),
    ],
    ids=["silent from the start", "half a head", "half a body", "idle"],
)
def test_peers_that_keep_us_waiting_are_let_go(
    run: Any, served: Any, connected: Any, sent: bytes, seconds: float, answer: bytes
) -> None:
    async def conversation() -> None:
        async with (
            served(describe) as server,
            connected(server) as probe,
            connected(server) as client,
        ):
            client.send(sent)
            # An answer on a second connection shows that the server has read the first.
            for _ in range(3):
                probe.send(b"GET / HTTP/1.1\r\n\r\n")
                await probe.answer()
            now = asyncio.get_running_loop().time()
            server.sweep(now + seconds - 5)
            assert server.connections == 2
            server.sweep(now + seconds)
            assert (await client.rest()).startswith(answer)

    run(conversation())


def test_stopping_lets_a_running_handler_answer(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Answer:
            gate.set()
            await asyncio.sleep(0)
            return Response(200, b"done")

        async with served(handler) as server, connected(server) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            await gate.wait()
            await server.stop(5)
            assert (await client.answer())[2] == b"done"
            assert await client.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)

    run(conversation())


def test_stopping_cuts_a_handler_that_does_not_end(run: Any, served: Any, connected: Any) -> None:
    async def conversation() -> None:
        started = asyncio.Event()

        async def handler(request: Request) -> Answer:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        async with served(handler) as server, connected(server) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            await started.wait()
            await server.stop(0)
            assert server.connections == 0

    run(conversation())
