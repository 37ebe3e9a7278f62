"""Build protobuf descriptors from the structs, in a pool of our own.

A program that embeds the SDK may have loaded other descriptors of the same names; ours stay apart.
"""

from __future__ import annotations

import functools

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message as WireMessage

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.registry import (
    Cardinality,
    Field,
    all_enums,
    all_messages,
    fields_of,
    full_name,
)

_Proto = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _Proto.TYPE_STRING,
    "bytes": _Proto.TYPE_BYTES,
    "bool": _Proto.TYPE_BOOL,
    "double": _Proto.TYPE_DOUBLE,
    "int32": _Proto.TYPE_INT32,
    "uint32": _Proto.TYPE_UINT32,
    "int64": _Proto.TYPE_INT64,
    "uint64": _Proto.TYPE_UINT64,
    "message": _Proto.TYPE_MESSAGE,
    "enum": _Proto.TYPE_ENUM,
}
# Each refers to those before it, at most.
_PACKAGES = (
    "google.protobuf",
    "mesos.v1",
    "mesos.v1.allocator",
    "mesos.v1.quota",
    "mesos.v1.maintenance",
    "mesos.v1.scheduler",
    "mesos.v1.executor",
    "mesos.v1.resource_provider",
    "mesos.v1.agent",
    "mesos.v1.master",
)
_LABELS = {
    Cardinality.OPTIONAL: _Proto.LABEL_OPTIONAL,
    Cardinality.REQUIRED: _Proto.LABEL_REQUIRED,
    Cardinality.REPEATED: _Proto.LABEL_REPEATED,
    Cardinality.MAP: _Proto.LABEL_REPEATED,
}


def wire_class(cls: type[Message]) -> type[WireMessage]:
    """Return the library's class for a message."""
    descriptor = _pool().FindMessageTypeByName(full_name(cls))
    return message_factory.GetMessageClass(descriptor)


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    messages: dict[str, descriptor_pb2.DescriptorProto] = {}
    for cls in all_messages():
        name = full_name(cls)
        message = messages[name] = _place(name, cls, files, messages)
        _describe_message(message, name, cls)
    for enum_class in all_enums():
        _place_enum(enum_class, files, messages)
    pool = descriptor_pool.DescriptorPool()
    for index, package in enumerate(_PACKAGES):
        files[package].dependency.extend(f"{earlier}.proto" for earlier in _PACKAGES[:index])
        pool.AddSerializedFile(files[package].SerializeToString())
    return pool


def _file(
    package: str, files: dict[str, descriptor_pb2.FileDescriptorProto]
) -> descriptor_pb2.FileDescriptorProto:
    if package not in files:
        files[package] = descriptor_pb2.FileDescriptorProto(
            name=package + ".proto", package=package, syntax="proto2"
        )
    return files[package]


def _place(
    name: str,
    cls: type[Message],
    files: dict[str, descriptor_pb2.FileDescriptorProto],
    messages: dict[str, descriptor_pb2.DescriptorProto],
) -> descriptor_pb2.DescriptorProto:
    outer, _, own = name.rpartition(".")
    if outer in messages:
        return messages[outer].nested_type.add(name=own)
    return _file(outer, files).message_type.add(name=own)


def _place_enum(
    cls: type[ProtoEnum],
    files: dict[str, descriptor_pb2.FileDescriptorProto],
    messages: dict[str, descriptor_pb2.DescriptorProto],
) -> None:
    outer, _, own = full_name(cls).rpartition(".")
    if outer in messages:
        described = messages[outer].enum_type.add(name=own)
    else:
        described = _file(outer, files).enum_type.add(name=own)
    for member in cls:
        described.value.add(name=member.name, number=member.number)


def _describe_message(
    message: descriptor_pb2.DescriptorProto, name: str, cls: type[Message]
) -> None:
    groups: list[str] = []
    for field in fields_of(cls):
        if field.cardinality is Cardinality.MAP:
            _describe_map(message, name, field)
            continue
        described = message.field.add(
            name=field.name,
            number=field.number,
            label=_LABELS[field.cardinality],
            type=_TYPES[field.kind],
            type_name=_type_name(field),
        )
        if field.default is not None:
            described.default_value = _default_text(field)
        if field.oneof is not None:
            if field.oneof not in groups:
                groups.append(field.oneof)
                message.oneof_decl.add(name=field.oneof)
            described.oneof_index = groups.index(field.oneof)


def _describe_map(message: descriptor_pb2.DescriptorProto, name: str, field: Field) -> None:
    entry_name = "".join(word.capitalize() for word in field.name.split("_")) + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
    entry.field.add(
        name="value",
        number=2,
        label=_Proto.LABEL_OPTIONAL,
        type=_TYPES[field.kind],
        type_name=_type_name(field),
    )
    message.field.add(
        name=field.name,
        number=field.number,
        label=_Proto.LABEL_REPEATED,
        type=_Proto.TYPE_MESSAGE,
        type_name=f".{name}.{entry_name}",
    )


def _type_name(field: Field) -> str | None:
    return None if field.type is None else "." + full_name(field.type)


def _default_text(field: Field) -> str:
    match field.default:
        case bool():
            return str(field.default).lower()
        case ProtoEnum():
            return field.default.name
        case _:
            return str(field.default)
