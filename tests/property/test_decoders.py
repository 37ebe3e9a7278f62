"""No input crashes a decoder, hangs it, or makes it take more memory than it is worth.

Whatever a decoder accepts can be encoded again, in both encodings: what comes in can go out.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tepui.codec import json as json_codec
from tepui.codec import protobuf, v0
from tepui.codec.errors import DecodeError
from tepui.codec.media import JSON, PROTOBUF, negotiate
from tepui.codec.recordio import Decoder, encode
from tepui.messages import agent, executor, master, registry, scheduler
from tepui.messages.base import Message

pytestmark = pytest.mark.slow

RECORDED: list[dict[str, Any]] = json.loads(
    Path(__file__, "../../data/mesos/recorded-v1.json").resolve().read_text()
)
MODULES = {"agent": agent, "executor": executor, "master": master, "scheduler": scheduler}
ENTRY_POINTS: list[type[Message]] = [
    scheduler.Call, scheduler.Event, executor.Call, executor.Event, master.Call, master.Response,
    master.Event, agent.Call, agent.Response, agent.ProcessIO,
]  # fmt: skip
REFUSAL_CHARS_MAX = 2000
# A body of many small objects costs most: each becomes a struct with many fields.
MEMORY_PER_BYTE_MAX = 400

exactly = settings(
    derandomize=True,
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

FIELD_NAMES = sorted(
    {field.name for cls in registry.all_messages() for field in registry.fields_of(cls)}
)
ENUM_NAMES = sorted({member.name for cls in registry.all_enums() for member in cls})
JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["Infinity", "-Infinity", "NaN", "true", "1e400", "0x1", "AA==", "", "\0"]),
    st.sampled_from(ENUM_NAMES),
    st.text(max_size=5),
)
JSON_VALUES = st.recursive(
    JSON_SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(FIELD_NAMES), inner, max_size=4),
    ),
    max_leaves=20,
)


def accept_or_refuse(decode: Callable[[], Message]) -> None:
    """Decode; what comes out must be fit to go out again."""
    try:
        message = decode()
    except DecodeError as error:
        refusal = str(error)
    else:
        can_go_out_again(message)
        return
    assert len(refusal) < REFUSAL_CHARS_MAX


def can_go_out_again(message: Message) -> None:
    json_codec.encode(message)
    protobuf.encode(message)
    v0.to_builtins(message)


def recorded_class(row: dict[str, Any]) -> type[Message]:
    module, _, name = row["message"].partition(".")
    cls: type[Message] = getattr(MODULES[module], name)
    return cls


@exactly
@given(st.sampled_from(ENTRY_POINTS), st.binary(max_size=200))
def test_any_bytes(cls: type[Message], data: bytes) -> None:
    accept_or_refuse(lambda: json_codec.decode(cls, data))
    accept_or_refuse(lambda: protobuf.decode(cls, data))


@exactly
@given(st.sampled_from(list(registry.all_messages())), JSON_VALUES)
def test_any_json(cls: type[Message], value: Any) -> None:
    accept_or_refuse(lambda: json_codec.decode(cls, json.dumps(value).encode()))
    accept_or_refuse(lambda: json_codec.from_builtins(cls, value))
    accept_or_refuse(lambda: v0.from_builtins(cls, value))


@exactly
@given(st.sampled_from(RECORDED), st.data())
def test_a_good_body_with_something_else_somewhere(
    row: dict[str, Any], data: st.DataObject
) -> None:
    body = graft(row["body"], data)
    text = json.dumps(body).encode()
    accept_or_refuse(lambda: json_codec.decode(recorded_class(row), text))
    accept_or_refuse(lambda: v0.from_builtins(recorded_class(row), body))


def graft(value: Any, data: st.DataObject) -> Any:
    """Walk down at random and replace what is there."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: graft(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], graft(value[index], data), *value[index + 1 :]]
    return data.draw(JSON_VALUES)


@exactly
@given(
    st.sampled_from(RECORDED),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), min_size=1, max_size=3),
)
def test_good_bytes_damaged_in_places(
    row: dict[str, Any], damages: list[tuple[float, bytes]]
) -> None:
    cls = recorded_class(row)
    by_json = json.dumps(row["body"]).encode()
    accept_or_refuse(lambda: json_codec.decode(cls, damage(by_json, damages)))
    with contextlib.suppress(DecodeError):
        by_protobuf = protobuf.encode(json_codec.decode(cls, by_json))
        accept_or_refuse(lambda: protobuf.decode(cls, damage(by_protobuf, damages)))


def damage(data: bytes, damages: list[tuple[float, bytes]]) -> bytes:
    for place, replacement in damages:
        at = int(place * len(data))
        data = data[:at] + replacement + data[at + 1 :]
    return data


@exactly
@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 250), max_size=8))
def test_any_split_of_a_stream_gives_its_records(records: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(encode, records))
    decoder = Decoder(record_bytes_max=30)
    places = [0, *sorted(cuts), len(stream)]
    received = [
        record
        for start, end in itertools.pairwise(places)
        for record in decoder.feed(stream[start:end])
    ]
    assert received == records
    decoder.close()


@exactly
@given(st.lists(st.binary(max_size=20), max_size=10), st.integers(0, 50))
def test_what_a_broken_stream_gives_does_not_depend_on_its_split(
    chunks: list[bytes], size_max: int
) -> None:
    assert received(chunks, size_max) == received([b"".join(chunks)], size_max)


def received(chunks: list[bytes], size_max: int) -> tuple[list[bytes], bool]:
    decoder = Decoder(record_bytes_max=size_max)
    records: list[bytes] = []
    try:
        for chunk in chunks:
            records += decoder.feed(chunk)
        decoder.feed(b"")
    except DecodeError:
        return records, False
    return records, True


@exactly
@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_any_accept_header_is_answered(accept: str) -> None:
    assert negotiate(accept) in (JSON, PROTOBUF, None)


@pytest.mark.parametrize(
    "unit",
    [b"{}", b'{"a":1}', b"[]", b"null", b'"\\u0000"', b"1e308", b'{"network_infos":[{},{},{}]}'],
)
@pytest.mark.parametrize(
    ("cls", "around"),
    [
        (scheduler.Call, b'{"accept":{"operations":[%b]}}'),
        (agent.Response, b'{"get_containers":{"containers":[%b]}}'),
        (scheduler.Call, b'{"unknown":[%b]}'),
        (scheduler.Call, b'{"type":null,"unknown":[%b]}'),
    ],
)
def test_memory_grows_no_faster_than_the_input(
    cls: type[Message], around: bytes, unit: bytes
) -> None:
    data = around % b",".join([unit] * 3_000)
    tracemalloc.start()
    with contextlib.suppress(DecodeError):
        json_codec.decode(cls, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_PER_BYTE_MAX * len(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"decline":{"filters":{"refuse_seconds":"%s"}}}' % ("9" * 1_000_000),
        '{"decline":{"filters":{"refuse_seconds":"%s"}}}' % ("1" + "e" * 1_000_000),
        '{"decline":{"filters":{"refuse_seconds":%s}}}' % ("9" * 1_000_000),
        '{"decline":{"filters":{"refuse_seconds":"1e%s"}}}' % ("9" * 900),
        '{"message":{"data":"%s"}}' % ("A" * 1_000_001),
        '{"type":["%s"]}' % ("x" * 1_000_000),
        '{"%s":1}' % ("x" * 1_000_000),
    ],
    ids=["digits", "not digits", "number", "exponent", "base64", "enum", "name"],
)
def test_long_nonsense_is_dealt_with_at_once(text: str) -> None:
    """The time limit of the test run stands behind this."""
    accept_or_refuse(lambda: json_codec.decode(scheduler.Call, text.encode()))
