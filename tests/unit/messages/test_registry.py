"""The structs agree with the table of the interface, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.messages import registry
from tepui.messages.base import Message, ProtoEnum
from tepui.messages.registry import Cardinality, Field

TABLE: dict[str, Any] = json.loads(
    Path(__file__, "../../../data/mesos/api-v1.json").resolve().read_text()
)


def row(field: Field) -> list[Any]:
    """Describe a field of ours as the table does."""
    type_name = registry.full_name(field.type) if field.type else field.kind
    if field.cardinality is Cardinality.MAP:
        type_name = f"map<string,{type_name}>"
    described: list[Any] = [field.number, field.name, field.cardinality.value, type_name]
    extras: dict[str, Any] = {}
    if field.default is not None:
        is_enum = isinstance(field.default, ProtoEnum)
        extras["default"] = field.default.name if is_enum else field.default
    if field.is_deprecated:
        extras["deprecated"] = True
    if field.oneof is not None:
        extras["oneof"] = field.oneof
    if field.kind == "enum":
        extras["enum"] = True
    return [*described, extras] if extras else described


def leaf(described: msgspec.inspect.Type) -> Any:
    """Return the class in msgspec's view of an annotation."""
    match described:
        case msgspec.inspect.Metadata():
            return leaf(described.type)
        case msgspec.inspect.UnionType():
            return leaf(described.types[0])
        case msgspec.inspect.ListType():
            return leaf(described.item_type)
        case msgspec.inspect.DictType():
            return leaf(described.value_type)
        case _:
            return getattr(described, "cls", None)


@pytest.mark.parametrize("name", TABLE["messages"])
def test_every_field_is_as_the_table_says(name: str) -> None:
    ours = [row(field) for field in registry.fields_of(registry.message_named(name))]
    assert ours == TABLE["messages"][name]["fields"]


@pytest.mark.parametrize("name", TABLE["enums"])
def test_every_enum_value_is_as_the_table_says(name: str) -> None:
    enum_class = registry.enum_named(name)
    ours = {member.name: member.number for member in enum_class}
    assert list(ours.items()) == list(TABLE["enums"][name]["values"].items())


def test_nothing_is_missing_and_nothing_invented() -> None:
    messages = {registry.full_name(cls) for cls in registry.all_messages()}
    enums = {registry.full_name(cls) for cls in registry.all_enums()}
    assert messages - {"google.protobuf.Duration"} == set(TABLE["messages"])
    assert enums == set(TABLE["enums"])
    assert (len(TABLE["messages"]), len(TABLE["enums"])) == (351, 53)


def test_duration_is_the_one_that_comes_with_protobuf() -> None:
    fields = registry.fields_of(registry.message_named("google.protobuf.Duration"))
    assert [row(field) for field in fields] == [
        [1, "seconds", "optional", "int64"],
        [2, "nanos", "optional", "int32"],
    ]


@pytest.mark.slow
def test_msgspec_resolves_every_annotation_to_the_class_that_the_registry_names() -> None:
    """They look names up in their own ways; a nested class hidden by an import would differ."""
    for cls in registry.all_messages():
        described = msgspec.inspect.type_info(cls)
        assert isinstance(described, msgspec.inspect.StructType)
        for field, seen in zip(registry.fields_of(cls), described.fields, strict=True):
            assert leaf(seen.type) is field.type, f"{registry.full_name(cls)}.{field.name}"


def test_defaults_are_written_exactly_where_the_proto_declares_one_that_is_not_deprecated() -> None:
    explicit = [
        field
        for cls in registry.all_messages()
        for field in registry.fields_of(cls)
        if field.is_explicit
    ]
    declared = [
        row
        for message in TABLE["messages"].values()
        for row in message["fields"]
        if row[2] == "optional" and "default" in (row[4:] or [{}])[0] and "deprecated" not in row[4]
    ]
    assert len(explicit) == len(declared) == 25


def test_every_message_says_what_it_is_for() -> None:
    classes: list[type[Message] | type[ProtoEnum]] = [
        *registry.all_messages(),
        *registry.all_enums(),
    ]
    assert [cls for cls in classes if not (cls.__doc__ or "").strip()] == []


def test_unknown_names_are_key_errors() -> None:
    with pytest.raises(KeyError):
        registry.message_named("mesos.v1.SlaveID")
    with pytest.raises(KeyError):
        registry.enum_named("mesos.v1.TaskID")
