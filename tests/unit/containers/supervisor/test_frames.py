from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.containers.supervisor.frames import Decoder, FrameError, encode

MESSAGES: list[dict[str, Any]] = [{}, {"a": 1}, {"text": "é\ud83d\ude00", "list": [1, None]}]


@given(st.lists(st.integers(1, 7)))
def test_messages_come_out_however_the_stream_is_split(sizes: list[int]) -> None:
    stream = b"".join(encode(message) for message in MESSAGES)
    decoder = Decoder(1000)
    found: list[dict[str, Any]] = []
    for size in sizes:
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    found += decoder.feed(stream)
    assert found == [{}, {"a": 1}, {"text": "é😀", "list": [1, None]}]


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"1", b'"a"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        Decoder(1 << 20).feed(struct.pack(">I", len(body)) + body)


def test_a_frame_that_is_too_long_is_refused_by_its_length() -> None:
    with pytest.raises(FrameError, match="1001 bytes"):
        Decoder(1000).feed(struct.pack(">I", 1001))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        Decoder(1000).feed(data)
