"""Messages about values."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int64, Message, ProtoEnum, UInt64


class TimeInfo(Message, kw_only=True):
    nanoseconds: Annotated[Int64, 1]


class DurationInfo(Message, kw_only=True):
    nanoseconds: Annotated[Int64, 1]


class Parameter(Message, kw_only=True):
    key: Annotated[str, 1]
    value: Annotated[str, 2]


class Parameters(Message, kw_only=True):
    parameter: Annotated[list[Parameter], 1] = []


class Label(Message, kw_only=True):
    key: Annotated[str, 1]
    value: Annotated[str | None, 2] = None


class Labels(Message, kw_only=True):
    labels: Annotated[list[Label], 1] = []


class Value(Message, kw_only=True):
    class Type(ProtoEnum):
        SCALAR = 0
        RANGES = 1
        SET = 2
        TEXT = 3

    class Scalar(Message, kw_only=True):
        value: Annotated[float, 1]

    class Range(Message, kw_only=True):
        begin: Annotated[UInt64, 1]
        end: Annotated[UInt64, 2]

    class Ranges(Message, kw_only=True):
        range: Annotated[list[Value.Range], 1] = []

    class Set(Message, kw_only=True):
        item: Annotated[list[str], 1] = []

    class Text(Message, kw_only=True):
        value: Annotated[str, 1]

    type: Annotated[Type, 1]
    scalar: Annotated[Scalar | None, 2] = None
    ranges: Annotated[Ranges | None, 3] = None
    set: Annotated[Set | None, 4] = None
    text: Annotated[Text | None, 5] = None


class Attribute(Message, kw_only=True):
    name: Annotated[str, 1]
    type: Annotated[Value.Type, 2]
    scalar: Annotated[Value.Scalar | None, 3] = None
    ranges: Annotated[Value.Ranges | None, 4] = None
    set: Annotated[Value.Set | None, 6] = None
    text: Annotated[Value.Text | None, 5] = None
