"""RecordIO survives any split of its bytes, and is bounded."""

from __future__ import annotations

import doctest
import itertools

import pytest

from tepui.codec import recordio
from tepui.codec.errors import DecodeError
from tepui.codec.recordio import Decoder, encode

RECORDS = [b'{"type":"HEARTBEAT"}', b"", b"1\n2\n", b"\x00\xff" * 40, b"x"]
STREAM = b"".join(map(encode, RECORDS))


def feed_byte_by_byte(stream: bytes) -> list[bytes]:
    decoder = Decoder(100)
    return [record for byte in stream for record in decoder.feed(bytes([byte]))]


def test_a_record_is_its_length_a_newline_and_its_bytes() -> None:
    assert encode(b"hello") == b"5\nhello"
    assert encode(b"") == b"0\n"


def test_one_chunk_may_hold_many_records() -> None:
    assert Decoder(100).feed(STREAM) == RECORDS


def test_a_record_may_come_in_many_chunks() -> None:
    decoder = Decoder(100)
    received = [record for byte in STREAM for record in decoder.feed(bytes([byte]))]
    assert received == RECORDS
    decoder.close()


def test_any_two_cuts_give_the_same_records() -> None:
    for first, second in itertools.combinations(range(0, len(STREAM), 3), 2):
        decoder = Decoder(100)
        chunks = (STREAM[:first], STREAM[first:second], STREAM[second:])
        assert [record for chunk in chunks for record in decoder.feed(chunk)] == RECORDS


def test_a_record_may_be_as_long_as_allowed_but_not_longer() -> None:
    assert Decoder(5).feed(b"5\nhello") == [b"hello"]
    with pytest.raises(DecodeError, match="a record of 6 bytes is longer than 5 bytes"):
        Decoder(5).feed(b"6\n")


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"x", "length is not a number: b'x'"),
        (b"\n", "length is not a number: b''"),
        (b"-1\n", "length is not a number"),
        (b"+1\n", "length is not a number"),
        (b" 1\n", "length is not a number"),
        (b"1 \n", "length is not a number"),
        (b"0x1\n", "length is not a number"),
        (b'{"type":"HEARTBEAT"}', "length is not a number"),
        (b"1000", "longer than 100 bytes"),
        (b"999999999999999999999999", "longer than 100 bytes"),
        (b"00000000000", "longer than 100 bytes"),
    ],
)
def test_a_broken_length_is_refused_however_it_arrives(stream: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        Decoder(100).feed(stream)
    with pytest.raises(DecodeError):
        feed_byte_by_byte(stream)


def test_records_before_a_broken_place_are_delivered_first() -> None:
    decoder = Decoder(100)
    assert decoder.feed(b"2\nokoops") == [b"ok"]
    with pytest.raises(DecodeError, match="not a number"):
        decoder.feed(b"")


def test_a_broken_stream_stays_broken() -> None:
    decoder = Decoder(100)
    for chunk in (b"oops", b"2\nok"):
        with pytest.raises(DecodeError):
            decoder.feed(chunk)
    with pytest.raises(DecodeError):
        decoder.close()


def test_an_end_within_a_record_is_told_from_one_between_records() -> None:
    for unfinished in (b"1", b"5\n", b"5\nhell"):
        decoder = Decoder(100)
        assert decoder.feed(unfinished) == []
        with pytest.raises(DecodeError, match="middle of a record"):
            decoder.close()
    decoder = Decoder(100)
    decoder.feed(b"2\nok")
    decoder.close()


def test_a_flood_without_a_length_is_refused_at_once() -> None:
    with pytest.raises(DecodeError):
        Decoder(100).feed(b"7" * 10_000_000)


def test_the_examples_hold() -> None:
    assert doctest.testmod(recordio).failed == 0
