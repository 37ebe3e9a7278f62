"""Scalars, ranges and sets, attributes, labels, times and durations."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int64, Message, ProtoEnum, WholeUInt64, within_64_bits


class TimeInfo(Message, kw_only=True):
    """A point in time, counted from the Unix epoch."""

    nanoseconds: Annotated[Int64, 1]


class DurationInfo(Message, kw_only=True):
    """A span of time."""

    nanoseconds: Annotated[Int64, 1]


class Parameter(Message, kw_only=True):
    """A key and a value for somebody else's program."""

    key: Annotated[str, 1]
    value: Annotated[str, 2]


class Parameters(Message, kw_only=True):
    """Parameters in order; a key may repeat."""

    parameter: Annotated[list[Parameter], 1] = []


class Label(Message, kw_only=True):
    """A key, perhaps with a value, that only its owner understands."""

    key: Annotated[str, 1]
    value: Annotated[str | None, 2] = None


class Labels(Message, kw_only=True):
    """Labels in order; a key may repeat."""

    labels: Annotated[list[Label], 1] = []


class Value(Message, kw_only=True):
    """A scalar, a set of ranges, a set of texts, or a text; ``type`` says which field holds it."""

    class Type(ProtoEnum):
        """Which kind of value it is."""

        SCALAR = 0
        RANGES = 1
        SET = 2
        TEXT = 3

    class Scalar(Message, kw_only=True):
        """A number; of resources it counts with three decimals."""

        value: Annotated[float, 1]

    class Range(Message, kw_only=True):
        """Whole numbers from ``begin`` to ``end``, both included."""

        begin: Annotated[WholeUInt64, 1]
        end: Annotated[WholeUInt64, 2]

        def __post_init__(self) -> None:
            within_64_bits(self.begin, self.end)

    class Ranges(Message, kw_only=True):
        """Ranges, disjoint and ascending once normalised."""

        range: Annotated[list[Value.Range], 1] = []

    class Set(Message, kw_only=True):
        """Texts, each at most once."""

        item: Annotated[list[str], 1] = []

    class Text(Message, kw_only=True):
        """A text."""

        value: Annotated[str, 1]

    type: Annotated[Type, 1]
    scalar: Annotated[Scalar | None, 2] = None
    ranges: Annotated[Ranges | None, 3] = None
    set: Annotated[Set | None, 4] = None
    text: Annotated[Text | None, 5] = None


class Attribute(Message, kw_only=True):
    """Something an agent says of its machine, which frameworks may choose by."""

    name: Annotated[str, 1]
    type: Annotated[Value.Type, 2]
    scalar: Annotated[Value.Scalar | None, 3] = None
    ranges: Annotated[Value.Ranges | None, 4] = None
    set: Annotated[Value.Set | None, 6] = None
    text: Annotated[Value.Text | None, 5] = None
