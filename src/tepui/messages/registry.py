"""The schema as data: every message and enum by its protobuf name, every field with its facts.

Nothing here is computed at import: a class is looked at when somebody first asks about it, so that
a process that speaks JSON only pays for none of this.
"""

from __future__ import annotations

import enum
import functools
import importlib
import sys
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Union

import msgspec

from tepui.messages.base import DEPRECATED, Default, Message, OneOf, ProtoEnum

# Python module -> protobuf package; the topical modules beside them are all of `mesos.v1`.
_PACKAGES = {
    "agent": "mesos.v1.agent",
    "allocator": "mesos.v1.allocator",
    "executor": "mesos.v1.executor",
    "maintenance": "mesos.v1.maintenance",
    "master": "mesos.v1.master",
    "quota": "mesos.v1.quota",
    "resource_provider": "mesos.v1.resource_provider",
    "scheduler": "mesos.v1.scheduler",
    "well_known": "google.protobuf",
}
_ROOT = "tepui.messages"
_SCALARS = {str: "string", bool: "bool", float: "double", bytes: "bytes"}


class Cardinality(enum.Enum):
    """How often a field may occur."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    REPEATED = "repeated"
    MAP = "map"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What protobuf knows of one field.

    Attributes:
        name: Its name in the proto, in JSON and on the struct.
        number: Its protobuf number.
        cardinality: How often it may occur.
        kind: The scalar's protobuf name, or ``message`` or ``enum``; of the values, if a map.
        type: The class of a message or an enum, otherwise None.
        default: The default that the proto declares, otherwise None; for an enum the member.
        is_explicit: Whether that default is written although the field is unset.
        is_deprecated: Whether Mesos keeps it for old clients only.
        oneof: The group of which at most one field may be set, if it is in one.
    """

    name: str
    number: int
    cardinality: Cardinality
    kind: str
    type: Any = None
    default: Any = None
    is_explicit: bool = False
    is_deprecated: bool = False
    oneof: str | None = None


def full_name(cls: type[Message] | type[ProtoEnum]) -> str:
    """Return the protobuf name, for example ``mesos.v1.scheduler.Call.Accept``."""
    topic = cls.__module__.removeprefix(_ROOT + ".").split(".")[0]
    return f"{_PACKAGES.get(topic, 'mesos.v1')}.{cls.__qualname__}"


def message_named(name: str) -> type[Message]:
    """Return the class of the message with this protobuf name, or raise KeyError."""
    return _messages()[name]


def enum_named(name: str) -> type[ProtoEnum]:
    """Return the class of the enum with this protobuf name, or raise KeyError."""
    return _enums()[name]


def all_messages() -> Iterator[type[Message]]:
    """Iterate over every message, outer ones before those nested in them."""
    yield from _messages().values()


def all_enums() -> Iterator[type[ProtoEnum]]:
    """Iterate over every enum."""
    yield from _enums().values()


@functools.cache
def fields_of(cls: type[Message]) -> tuple[Field, ...]:
    """Return the fields of a message in the order in which the proto declares them."""
    # In msgspec's order: a name of the module hides one of the class.
    hints = typing.get_type_hints(
        cls,
        globalns=dict(vars(cls)),
        localns=vars(sys.modules[cls.__module__]),
        include_extras=True,
    )
    return tuple(_field(info, hints[info.name]) for info in msgspec.structs.fields(cls))


def _field(info: msgspec.structs.FieldInfo, hint: Any) -> Field:
    cardinality, target = _cardinality(hint.__origin__, has_default=not info.required)
    facts: list[Any] = list(hint.__metadata__)
    if typing.get_origin(target) is Annotated:
        facts += target.__metadata__
    kind = next((fact for fact in facts if isinstance(fact, str)), None) or _kind(target)
    declared = next((fact.value for fact in facts if isinstance(fact, Default)), None)
    written = _explicit_default(info)
    return Field(
        name=info.name,
        # A required integer's annotation is folded into ours: its bounds stand before the number.
        number=next(fact for fact in facts if isinstance(fact, int)),
        cardinality=cardinality,
        kind=kind,
        type=target if kind in ("message", "enum") else None,
        default=declared if written is None else written,
        is_explicit=written is not None,
        is_deprecated=DEPRECATED in facts,
        oneof=next((fact.group for fact in facts if isinstance(fact, OneOf)), None),
    )


def _cardinality(hint: Any, *, has_default: bool) -> tuple[Cardinality, Any]:
    origin = typing.get_origin(hint)
    if origin is list:
        return Cardinality.REPEATED, typing.get_args(hint)[0]
    if origin is dict:
        return Cardinality.MAP, typing.get_args(hint)[1]
    if origin in (Union, types.UnionType):
        return Cardinality.OPTIONAL, typing.get_args(hint)[0]
    return (Cardinality.OPTIONAL if has_default else Cardinality.REQUIRED), hint


def _kind(target: Any) -> str:
    if target in _SCALARS:
        return _SCALARS[target]
    return "enum" if issubclass(target, ProtoEnum) else "message"


def _explicit_default(info: msgspec.structs.FieldInfo) -> Any:
    factory: Any = info.default_factory
    return None if factory in (msgspec.NODEFAULT, list, dict) else factory()


@functools.cache
def _messages() -> dict[str, type[Message]]:
    return {
        full_name(cls): cls
        for outermost in _outermost_classes()
        for cls in _with_nested(outermost)
        if issubclass(cls, Message)
    }


@functools.cache
def _enums() -> dict[str, type[ProtoEnum]]:
    return {
        full_name(cls): cls
        for outermost in _outermost_classes()
        for cls in _with_nested(outermost)
        if issubclass(cls, ProtoEnum)
    }


def _outermost_classes() -> Iterator[type[Any]]:
    for name in ("", *(f".{topic}" for topic in _PACKAGES)):
        module = importlib.import_module(_ROOT + name)
        for value in vars(module).values():
            if _is_schema(value) and "." not in value.__qualname__ and _belongs(value, name):
                yield value


def _belongs(cls: type[Any], name: str) -> bool:
    topic = cls.__module__.removeprefix(_ROOT)
    if name:
        return topic == name or topic.startswith(name + ".")
    return topic.split(".")[1] not in _PACKAGES


def _with_nested(cls: type[Any]) -> Iterator[type[Any]]:
    yield cls
    for value in vars(cls).values():
        if _is_schema(value) and value.__qualname__.startswith(cls.__qualname__ + "."):
            yield from _with_nested(value)


def _is_schema(value: object) -> bool:
    is_class = isinstance(value, type) and issubclass(value, Message | ProtoEnum)
    return is_class and value not in (Message, ProtoEnum)
