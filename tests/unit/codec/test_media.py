"""Which encoding an answer gets."""

from __future__ import annotations

import doctest

import pytest

from tepui.codec import media
from tepui.codec.media import JSON, PROTOBUF, RECORDIO, codec_for, negotiate
from tepui.messages import FrameworkID, master


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (PROTOBUF, PROTOBUF),
        ("APPLICATION/JSON", JSON),
        (f"{PROTOBUF}, {JSON}", JSON),
        (f"{PROTOBUF};q=1, {JSON};q=0.1", JSON),
        (f"{PROTOBUF}, */*;q=0.1", JSON),
        (f"{JSON};q=0, */*", PROTOBUF),
        (f"{JSON}; q=0.000, {PROTOBUF}", PROTOBUF),
        (f"{JSON};q=0", None),
        (f"application/*;q=0, {PROTOBUF}", PROTOBUF),
        ("*/*;q=0", None),
        (f"{JSON};charset=utf-8", JSON),
        ("text/html", None),
        ("text/*", None),
        ("json", None),
        (RECORDIO, None),
        (",,;;,", None),
        (f"text/html, {PROTOBUF}", PROTOBUF),
    ],
)
def test_accept_is_answered_as_mesos_does(accept: str | None, expected: str | None) -> None:
    assert negotiate(accept) == expected


def test_what_is_offered_may_be_something_else() -> None:
    assert negotiate(RECORDIO, (JSON, PROTOBUF, RECORDIO)) == RECORDIO
    assert negotiate("*/*", (PROTOBUF,)) == PROTOBUF
    assert negotiate(None, ()) is None


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_a_codec_turns_messages_into_its_media_type_and_back(media_type: str) -> None:
    codec = codec_for(media_type)
    message = FrameworkID(value="f")
    assert codec.media_type == media_type
    assert codec.decode(FrameworkID, codec.encode(message)) == message


def test_only_json_can_show_an_empty_list() -> None:
    tasks = master.Response.GetTasks()
    assert b"completed_tasks" in codec_for(JSON).encode_lists(tasks)
    assert codec_for(PROTOBUF).encode_lists(tasks) == b""


def test_a_content_type_is_taken_as_written() -> None:
    for unknown in (RECORDIO, "application/json; charset=utf-8", "Application/JSON", ""):
        with pytest.raises(KeyError):
            codec_for(unknown)


def test_the_examples_hold() -> None:
    assert doctest.testmod(media).failed == 0
