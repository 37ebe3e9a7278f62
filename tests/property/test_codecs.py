"""Laws of the codecs, on random messages drawn from the schema.

The second half is independent of our descriptors: it builds its own straight from the table of
the interface, and exchanges bytes with our codec both ways.
"""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tepui.codec import json as json_codec
from tepui.codec import protobuf, v0
from tepui.link.frames import encode_frames, to_agent_decoder, to_master_decoder
from tepui.link.messages import LinkMessage, Reregister, RunTask, UpdateStatus
from tepui.messages import AgentInfo, FrameworkInfo, TaskInfo, TaskStatus, registry
from tepui.messages.base import Message
from tepui.messages.registry import Cardinality, Field

TABLE: dict[str, Any] = json.loads(
    Path(__file__, "../../data/mesos/api-v1.json").resolve().read_text()
)
pytestmark = pytest.mark.slow

# Deep enough for every path of the schema that does not repeat itself to be drawn sometimes.
DEPTH_MAX = 5
OPTIONAL_FIELDS_MAX = 5

exactly = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    # Messages are big, and the machine may be busy.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    # Lone surrogates are no text; neither encoding can carry them.
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    "bytes": st.binary(max_size=20),
    "bool": st.booleans(),
    "double": st.floats(allow_nan=False),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
}


@st.composite
def messages(draw: st.DrawFn, cls: type[Message] | None = None, depth: int = 0) -> Message:
    """Draw a message: its required fields and, while it is not deep, a few of the others."""
    if cls is None:
        cls = draw(st.sampled_from(ALL_MESSAGES))
    required, optional = split(cls)
    chosen = list(required)
    if depth < DEPTH_MAX and optional:
        chosen += draw(
            st.lists(st.sampled_from(optional), max_size=OPTIONAL_FIELDS_MAX, unique=True)
        )
    # The last of a oneof wins, as on the wire.
    of_group = {field.oneof: field.name for field in chosen if field.oneof}
    given_fields = {
        field.name: draw(values(field, depth + 1))
        for field in chosen
        if field.oneof is None or of_group[field.oneof] == field.name
    }
    return cls(**given_fields)


def values(field: Field, depth: int) -> st.SearchStrategy[Any]:
    one = single(field, depth)
    match field.cardinality:
        case Cardinality.REPEATED:
            return st.lists(one, max_size=3)
        case Cardinality.MAP:
            return st.dictionaries(SCALARS["string"], one, max_size=3)
        case _:
            return one


def single(field: Field, depth: int) -> st.SearchStrategy[Any]:
    match field.kind:
        case "message":
            return messages(field.type, depth)
        case "enum":
            return st.sampled_from(list(field.type))
        case kind:
            return SCALARS[kind]


@functools.cache
def split(cls: type[Message]) -> tuple[list[Field], list[Field]]:
    fields = registry.fields_of(cls)
    required = [field for field in fields if field.cardinality is Cardinality.REQUIRED]
    return required, [field for field in fields if field not in required]


ALL_MESSAGES = list(registry.all_messages())


@exactly
@given(messages())
def test_json_brings_back_what_went_in(message: Message) -> None:
    data = json_codec.encode(message)
    assert json_codec.decode(type(message), data) == message
    assert b"\n" not in data


@exactly
@given(messages())
def test_both_ways_of_reading_json_agree(message: Message) -> None:
    written = json.loads(json_codec.encode(message))
    assert json_codec.from_builtins(type(message), written) == message
    assert json_codec.to_builtins(message) == written


@exactly
@given(messages())
def test_protobuf_brings_back_what_went_in(message: Message) -> None:
    assert protobuf.decode(type(message), protobuf.encode(message)) == message


@exactly
@given(messages())
def test_the_encodings_say_the_same(message: Message) -> None:
    cls = type(message)
    by_protobuf = protobuf.decode(cls, protobuf.encode(message))
    by_json = json_codec.decode(cls, json_codec.encode(by_protobuf))
    assert protobuf.decode(cls, protobuf.encode(by_json)) == message


@exactly
@given(messages())
def test_version_0_brings_back_what_went_in(message: Message) -> None:
    if not has_odd_duration(message):
        assert v0.from_builtins(type(message), v0.to_builtins(message)) == message


@exactly
@given(messages(TaskInfo), messages(TaskStatus), messages(AgentInfo))
def test_the_link_carries_whatever_an_api_lets_in(
    info: TaskInfo, status: TaskStatus, agent_info: AgentInfo
) -> None:
    """A frame that cannot be read ends the link, and with it what else was in the frame."""
    framework = FrameworkInfo(user="u", name="n")
    to_agent = [(1, RunTask(framework=framework, task=info))]
    assert list(map(to_agent_decoder().decode, encode_frames(to_agent))) == [to_agent]
    to_master: list[tuple[int, LinkMessage]] = [
        (1, UpdateStatus(framework_id="f", status=status, latest_state=status.state)),
        (1, Reregister(agent_info=agent_info, version="1.11.0")),
    ]
    assert list(map(to_master_decoder().decode, encode_frames(to_master))) == [to_master]


@exactly
@given(messages())
def test_answers_with_all_their_lists_read_as_those_without(message: Message) -> None:
    data = json_codec.encode_lists(message)
    assert json_codec.decode(type(message), data) == message


def has_odd_duration(message: Message) -> bool:
    """Whether a Duration has parts of two signs, or too many nanoseconds: version 0 has one."""
    if registry.full_name(type(message)) == "google.protobuf.Duration":
        return False
    drains = [message, getattr(message, "drain_agent", None)]
    return any(getattr(drain, "max_grace_period", None) is not None for drain in drains)


# Descriptors built from the table, without a line of ours.


LABELS: dict[str, Any] = {"optional": 1, "required": 2, "repeated": 3, "map": 3}
TYPES: dict[str, Any] = {
    "double": 1, "int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9, "bytes": 12,
    "uint32": 13,
}  # fmt: skip
MESSAGE: Any = 11
ENUM: Any = 14


@functools.cache
def table_pool() -> descriptor_pool.DescriptorPool:
    # One file of one package, nested names flattened: only numbers and types reach the wire.
    file = descriptor_pb2.FileDescriptorProto(name="table.proto", package="t", syntax="proto2")
    duration = file.message_type.add(name=flat("google.protobuf.Duration"))
    duration.field.add(name="seconds", number=1, label=1, type=TYPES["int64"])
    duration.field.add(name="nanos", number=2, label=1, type=TYPES["int32"])
    for name, enum in TABLE["enums"].items():
        described = file.enum_type.add(name=flat(name))
        for value, number in enum["values"].items():
            described.value.add(name=f"{flat(name)}__{value}", number=number)
    for name, message in TABLE["messages"].items():
        add_message(file, name, message["fields"])
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def add_message(file: descriptor_pb2.FileDescriptorProto, name: str, rows: list[list[Any]]) -> None:
    message = file.message_type.add(name=flat(name))
    for number, field_name, label, type_name, *_ in rows:
        field = message.field.add(name=field_name, number=number, label=LABELS[label])
        if label == "map":
            entry_name = "".join(part.capitalize() for part in field_name.split("_")) + "Entry"
            entry = message.nested_type.add(name=entry_name)
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, label=1, type=TYPES["string"])
            value = entry.field.add(name="value", number=2, label=1)
            set_type(value, type_name.removeprefix("map<string,").removesuffix(">"))
            field.type, field.type_name = MESSAGE, f".t.{flat(name)}.{entry_name}"
        else:
            set_type(field, type_name)


def set_type(field: descriptor_pb2.FieldDescriptorProto, type_name: str) -> None:
    if type_name in TYPES:
        field.type = TYPES[type_name]
    else:
        field.type = ENUM if type_name in TABLE["enums"] else MESSAGE
        field.type_name = f".t.{flat(type_name)}"


def flat(name: str) -> str:
    return name.replace(".", "_")


def table_class(cls: type[Message]) -> Any:
    descriptor = table_pool().FindMessageTypeByName(f"t.{flat(registry.full_name(cls))}")
    return message_factory.GetMessageClass(descriptor)


def as_builtins(wire: Any) -> dict[str, Any]:
    """Describe a protobuf message by reflection, as `msgspec.to_builtins` describes ours."""
    described: dict[str, Any] = {}
    for field, value in wire.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            described[field.name] = {
                key: as_single(field.message_type.fields_by_name["value"], value[key])
                for key in value
            }
        elif field.is_repeated:
            described[field.name] = [as_single(field, item) for item in value]
        else:
            described[field.name] = as_single(field, value)
    return described


def as_single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return as_builtins(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name.split("__", 1)[1]
    return value


def for_the_table(cls: type[Message], described: dict[str, Any]) -> dict[str, Any]:
    """Give enum values the longer names that the flat file needs."""
    renamed: dict[str, Any] = {}
    for field in registry.fields_of(cls):
        if field.name not in described:
            continue
        value = described[field.name]
        if field.cardinality is Cardinality.REPEATED:
            renamed[field.name] = [rename_one(field, item) for item in value]
        elif field.cardinality is Cardinality.MAP:
            renamed[field.name] = {key: rename_one(field, item) for key, item in value.items()}
        else:
            renamed[field.name] = rename_one(field, value)
    return renamed


def rename_one(field: Field, value: Any) -> Any:
    if field.kind == "message":
        return for_the_table(field.type, value)
    if field.kind == "enum":
        return f"{flat(registry.full_name(field.type))}__{value}"
    return value


@exactly
@given(messages())
def test_what_we_write_is_what_the_table_reads(message: Message) -> None:
    wire = table_class(type(message)).FromString(protobuf.encode(message))
    assert as_builtins(wire) == msgspec.to_builtins(message, builtin_types=(bytes,))


@exactly
@given(messages())
def test_what_the_table_writes_is_what_we_read(message: Message) -> None:
    described = msgspec.to_builtins(message, builtin_types=(bytes,))
    wire = table_class(type(message))(**for_the_table(type(message), described))
    assert protobuf.decode(type(message), wire.SerializeToString()) == message


def test_every_single_field_is_exchanged_both_ways() -> None:
    """Random messages may miss one; this one leaves none out."""
    exchanged = 0
    for cls in ALL_MESSAGES:
        bare = smallest(cls)
        for field in registry.fields_of(cls):
            message = msgspec.structs.replace(bare, **{field.name: sample(field)})
            wire = table_class(cls).FromString(protobuf.encode(message))
            assert as_builtins(wire) == msgspec.to_builtins(message, builtin_types=(bytes,))
            assert protobuf.decode(cls, wire.SerializeToString()) == message
            assert json_codec.decode(cls, json_codec.encode(message)) == message
            exchanged += 1
    assert exchanged > 1190


def smallest(cls: type[Message]) -> Message:
    required, _ = split(cls)
    return cls(**{field.name: sample(field) for field in required})


def sample(field: Field) -> Any:
    one: Any
    match field.kind:
        case "message":
            one = smallest(field.type)
        case "enum":
            one = list(field.type)[-1]
        case kind:
            one = {"string": "é", "bytes": b"\xff", "bool": True, "double": math.inf}.get(kind, 7)
    match field.cardinality:
        case Cardinality.REPEATED:
            return [one, one]
        case Cardinality.MAP:
            return {"": one, "k": one}
        case _:
            return one
