"""Heads of answers."""

from __future__ import annotations

import pytest

from tepui.http.heads import ResponseHeads, fields


def test_the_date_follows_the_clock() -> None:
    heads = ResponseHeads(0)
    assert heads.start(202) == (b"HTTP/1.1 202 Accepted\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n")
    heads.set_time(1)
    assert b"00:00:01" in heads.start(202)
    assert b"00:00:01" in heads.empty(202)


def test_answers_without_a_length_have_none() -> None:
    heads = ResponseHeads(0)
    assert heads.empty(202).endswith(b"\r\nContent-Length: 0\r\n\r\n")
    assert heads.empty(204).endswith(b"GMT\r\n\r\n")


def test_fields_hold_one_line_each() -> None:
    assert fields((("A", "b"),), "text/x") == "A: b\r\nContent-Type: text/x\r\n"
    for value in ("a\r\nB: c", "a\n", "a\rb"):
        with pytest.raises(ValueError, match="line break"):
            fields((("A", value),), None)
