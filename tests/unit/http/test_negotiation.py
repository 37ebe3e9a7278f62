"""The checks of the API endpoints, in Mesos' order."""

from __future__ import annotations

import pytest

from tepui.base.errors import Rejected
from tepui.codec.media import JSON, PROTOBUF, RECORDIO, codec_for
from tepui.http.messages import Headers, Request
from tepui.http.negotiation import (
    answer_media_type,
    content_type,
    read_call,
    refuse_message_content_type,
    stream_media_types,
)
from tepui.messages.scheduler import Call

TEARDOWN = b'{"type":"TEARDOWN","framework_id":{"value":"f1"}}'


def post(body: bytes = TEARDOWN, method: str = "POST", /, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "/api/v1/scheduler", Headers.of(named), body)


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_a_call_is_read_in_the_encoding_that_it_names(media_type: str) -> None:
    expected = codec_for(JSON).decode(Call, TEARDOWN)
    body = codec_for(media_type).encode(expected)
    call, named = read_call(post(body, Content_Type=media_type), Call)
    assert (call, named) == (expected, media_type)


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (post(b"{", "GET"), 405, "POST"),
        (post(b"{"), 400, "Content-Type"),
        (post(b"{", Content_Type="text/plain"), 415, "text/plain"),
        (post(TEARDOWN, Content_Type="application/json; charset=utf-8"), 415, "charset"),
        (post(TEARDOWN, Content_Type="Application/JSON"), 415, "Application/JSON"),
        (post(b"{", Content_Type=JSON, Accept="text/html"), 400, "Call"),
        (post(b"", Content_Type=JSON), 400, "Call"),
        (post(b"[]", Content_Type=JSON), 400, "Call"),
        (post(b"\xff", Content_Type=PROTOBUF), 400, "Call"),
    ],
)
def test_the_first_check_that_fails_answers(request_: Request, status: int, says: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_call(request_, Call)
    assert refused.value.status == status
    assert says in refused.value.message


def test_the_method_check_names_the_allowed_method() -> None:
    with pytest.raises(Rejected) as refused:
        read_call(post(b"", "DELETE"), Call)
    assert refused.value.headers == (("Allow", "POST"),)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ({}, JSON),
        ({"Accept": "*/*"}, JSON),
        ({"Accept": PROTOBUF}, PROTOBUF),
        ({"Accept": f"{PROTOBUF}, {JSON};q=0.1"}, JSON),
    ],
)
def test_the_answer_is_in_what_is_accepted(accept: dict[str, str], chosen: str) -> None:
    assert answer_media_type(post(**accept)) == chosen


def test_nothing_acceptable_is_406() -> None:
    with pytest.raises(Rejected) as refused:
        answer_media_type(post(Accept="text/html"))
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("headers", "types"),
    [
        ({}, (JSON, JSON)),
        ({"Accept": PROTOBUF}, (PROTOBUF, PROTOBUF)),
        ({"Accept": RECORDIO, "Message_Accept": PROTOBUF}, (RECORDIO, PROTOBUF)),
        ({"Accept": RECORDIO}, 406),
        ({"Accept": RECORDIO, "Message_Accept": "text/html"}, 406),
        ({"Accept": JSON, "Message_Accept": JSON}, 406),
    ],
)
def test_records_have_a_media_type_of_their_own(
    headers: dict[str, str], types: tuple[str, str] | int
) -> None:
    if isinstance(types, tuple):
        assert stream_media_types(post(**headers)) == types
        return
    with pytest.raises(Rejected) as refused:
        stream_media_types(post(**headers))
    assert refused.value.status == types


def test_streaming_headers_on_a_single_message_are_415() -> None:
    refuse_message_content_type(post())
    with pytest.raises(Rejected) as refused:
        refuse_message_content_type(post(Message_Content_Type=JSON))
    assert refused.value.status == 415
    assert content_type(post(Content_Type=RECORDIO), (JSON, RECORDIO)) == RECORDIO
