"""Requests out of bytes, however the bytes were cut."""

from __future__ import annotations

import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.http.reading import Limits, RequestReader

PACKED = gzip.compress(b"packed")
CONVERSATION = b"".join(
    (
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: x\r\nAccept: y\r\n\r\n",
        b"POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"POST /d HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED),
        PACKED,
        b"POST /e HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
        b"GET /f HTTP/1.1\r\nConnection: close\r\n\r\n",
    )
)


def reader(limits: Limits | None = None) -> RequestReader:
    return RequestReader(limits or Limits(), peer="p:1", local="l:2", now=0.0)


def read(subject: RequestReader) -> list[tuple[str, str, bytes, bool]]:
    return [
        (request.method, request.path, request.body, keep_alive)
        for request, keep_alive, _ in subject.pending
    ]


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=12))
def test_the_cuts_between_reads_do_not_matter(cuts: list[int]) -> None:
    # No head is longer: what was read with it belongs to other requests, and counts for none.
    subject = reader(Limits(head_bytes_max=100))
    edges = [0, *sorted(cuts), len(CONVERSATION)]
    for start, end in itertools.pairwise(edges):
        subject.feed(CONVERSATION[start:end], 0.0)
    assert subject.refusal is None
    assert read(subject) == [
        ("GET", "/a", b"", True),
        ("POST", "/b", b"hello", True),
        ("POST", "/c", b"abcde", True),
        ("POST", "/d", b"packed", True),
        ("POST", "/e", b"hi", True),
        ("GET", "/f", b"", False),
    ]
    assert subject.pending[0][0].headers.get("Accept") == "x, y"
    assert subject.finished


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"GET / HTTP/1.1\r\n",
                    b"POST /x HTTP/1.1\r\n",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
                    b"\r\n",
                    b"abc",
                    b"3\r\nabc\r\n",
                    b"0\r\n\r\n",
                ]
            ),
        ),
        max_size=20,
    )
)
def test_no_bytes_break_the_reader(pieces: list[bytes]) -> None:
    subject = reader(Limits(body_bytes_max=100, head_bytes_max=200))
    for piece in pieces:
        subject.feed(piece, 0.0)
    if subject.refusal is not None:
        assert 400 <= subject.refusal.status < 500
    subject.close()


def test_the_tail_of_one_read_and_the_start_of_the_next_are_one_head() -> None:
    requests = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n" * 100
    subject = reader(Limits(head_bytes_max=100))
    half = len(requests) // 2 + 7
    for piece in (requests[:half], requests[half:] + requests[:7], requests[7:]):
        subject.feed(piece, 0.0)
    assert subject.refusal is None
    assert len(subject.pending) == 200


def test_a_head_is_bounded_however_small_its_pieces_are() -> None:
    subject = reader(Limits(head_bytes_max=100))
    subject.feed(b"GET /before HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n", 0.0)
    for _ in range(10):
        subject.feed(b"X: 1234567\r\n", 0.0)
    assert read(subject) == [("GET", "/before", b"", True)]
    assert subject.refusal is not None
    assert subject.refusal.status == 431


def test_what_follows_the_last_request_is_ignored() -> None:
    subject = reader()
    subject.feed(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nrubbish", 0.0)
    subject.feed(b"GET /more HTTP/1.1\r\n\r\n", 0.0)
    assert read(subject) == [("GET", "/", b"", False)]
    assert subject.refusal is None


def test_what_follows_a_websocket_handshake_is_kept_for_the_link() -> None:
    subject = reader()
    subject.feed(
        b"GET /link HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframe", 0.0
    )
    subject.feed(b" more", 0.0)
    assert subject.upgrading
    assert subject.upgrade_rest == b"frame more"


def test_a_request_is_being_read_from_its_first_byte_to_its_last() -> None:
    subject = reader()
    states = [subject.reading]
    for second, data in enumerate(
        (b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", b"x")
    ):
        subject.feed(data, float(second))
        states.append(subject.reading)
    assert states == [True, False, True, True]
    assert subject.began == 1.0


def test_a_refusal_does_not_hold_what_it_refuses() -> None:
    subject = reader()
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    subject.feed(head + b"abc", 0.0)
    assert subject.refusal is not None
    assert subject.refusal.status == 400
    assert subject.refusal.__traceback__ is None
    assert subject.refusal.__context__ is None


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\x00", "in its first lines"),
        (b"HELLO / HTTP/1.1\r\n\r\n", "in its first lines"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n", "after the header 'host'"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "in its body"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n1\x00", "in its first lines"),
    ],
)
def test_a_refusal_says_in_our_words_where_it_is_not_http(data: bytes, place: str) -> None:
    subject = reader()
    subject.feed(data, 0.0)
    assert subject.refusal is not None
    assert subject.refusal.message == f"The request is not valid HTTP {place}"
