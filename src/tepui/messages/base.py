"""What a Mesos message is in Python: a frozen struct whose annotations hold its protobuf facts.

A field reads ``name: Annotated[TYPE, NUMBER]``. The type says the rest: ``X | None`` is optional,
``list[X]`` repeated, ``dict[str, X]`` a map, anything else required; `Int32`, `UInt32`, `Int64`
and `UInt64` tell the integers apart, ``float`` is a double. After the number may stand
`DEPRECATED`, `Default` or `OneOf`.

`explicit` is the default of an optional field whose proto declares one: it is written even when
nobody set it, as Mesos does.
"""

from __future__ import annotations

import enum
import itertools
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

import msgspec
from msgspec import Meta

T = TypeVar("T")
E = TypeVar("E", bound="ProtoEnum")

# Bounds that msgspec checks while it decodes. It cannot express more than a signed 64-bit bound,
# so that the upper half of UInt64 goes through the lenient decoder, which can. The agent link and
# the checkpoint have no lenient decoder: what goes there is WholeUInt64, and its message calls
# `within_64_bits`.
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1), "int32"]
UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1), "uint32"]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1), "int64"]
UInt64 = Annotated[int, Meta(ge=0, le=2**63 - 1), "uint64"]
WholeUInt64 = Annotated[int, Meta(ge=0), "uint64"]

_UINT64_MAX = 2**64 - 1


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(msgspec.field,),
)
class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
):
    """A message of the Mesos API; never changed after it is made.

    Use `msgspec.structs.replace` to derive one from another. Subclasses repeat ``kw_only``, the one
    option that structs do not inherit. Messages form trees, never cycles,
    so that the garbage collector need not look at them.

    Example:
        >>> from tepui.messages import TaskID
        >>> TaskID(value="t-1")
        TaskID(value='t-1')
    """


class Mark(enum.Enum):
    """What may be said of a field without a value."""

    DEPRECATED = "kept by Mesos for old clients only"


DEPRECATED = Mark.DEPRECATED


class Default(msgspec.Struct, frozen=True):
    """A default that the proto declares but nobody writes; `explicit` makes those that are."""

    value: str | int


class OneOf(msgspec.Struct, frozen=True):
    """Marks a field of which at most one of the same ``group`` may be set."""

    group: str


def at_most_one(**fields: object) -> None:
    """Refuse a message that has set more than one field of a oneof.

    Raises:
        ValueError: If more than one of ``fields`` is set; it names them.
    """
    if len(present := [name for name, value in fields.items() if value is not None]) > 1:
        raise ValueError(f"at most one of {', '.join(fields)} may be set, not {present}")


def within_64_bits(*values: int | None) -> None:
    """Refuse numbers that no 64 bits hold.

    Raises:
        ValueError: If one of ``values`` is larger.
    """
    for value in values:
        if value is not None and value > _UINT64_MAX:
            raise ValueError(f"{value} does not fit into 64 bits")


def explicit(value: T) -> T:
    """Make the default of a field that is written even when it was left at the default."""
    # msgspec omits a plain default; one that comes from a factory of ours it always writes.
    default: Any = msgspec.field(default_factory=itertools.repeat(value).__next__)
    return default  # type: ignore[no-any-return]


class ProtoEnum(enum.Enum):
    """An enum of the Mesos API: ``value`` is the name that JSON carries, ``number`` protobuf's.

    Members are declared by their number.

    Example:
        >>> from tepui.messages import TaskState
        >>> TaskState.TASK_RUNNING.value, TaskState.TASK_RUNNING.number
        ('TASK_RUNNING', 1)
        >>> TaskState.from_number(1)
        <TaskState.TASK_RUNNING: 'TASK_RUNNING'>
    """

    _value_: str
    number: int
    _by_number: ClassVar[dict[int, Any]]

    def __new__(cls, number: int) -> ProtoEnum:
        member = object.__new__(cls)
        member.number = number
        return member

    def __init_subclass__(cls) -> None:
        # Members exist by now, with their numbers as values; give them their names instead.
        for member in cls:
            member._value_ = member.name
        cls._value2member_map_ = {member.name: member for member in cls}
        cls._by_number = {member.number: member for member in cls}

    # Members are unique; the inherited hash of the name is a Python call for every look-up.
    __hash__ = object.__hash__

    @classmethod
    def from_number(cls: type[E], number: int) -> E | None:
        """Return the member with this protobuf number, or None if there is none."""
        member: E | None = cls._by_number.get(number)
        return member
