"""Parsed JSON read by the schema; what is forgiven and refused is told in test_json."""

from __future__ import annotations

import pytest

from tepui.codec.errors import DecodeError
from tepui.codec.lenient import DEPTH_MAX, read_message
from tepui.messages import ContainerID, FrameworkID, registry, scheduler
from tepui.messages.base import Message
from tepui.messages.registry import Cardinality


def test_a_message_is_read_without_its_bytes() -> None:
    assert read_message(FrameworkID, {"value": "f"}) == FrameworkID(value="f")


def test_what_was_parsed_is_left_as_it_was() -> None:
    given = {"framework_id": {"value": "f"}, "revive": {"roles": "r"}, "unknown": None}
    read_message(scheduler.Call, given)
    assert given == {"framework_id": {"value": "f"}, "revive": {"roles": "r"}, "unknown": None}


def test_depth_is_bounded_where_it_starts_to_count() -> None:
    assert read_message(FrameworkID, {"value": "f"}, depth=DEPTH_MAX) == FrameworkID(value="f")
    with pytest.raises(DecodeError, match="nested too deeply"):
        read_message(FrameworkID, {"value": "f"}, depth=DEPTH_MAX + 1)


def test_the_schema_itself_stays_far_from_that_bound() -> None:
    assert max(map(levels, registry.all_messages())) < DEPTH_MAX / 2


def levels(cls: type[Message]) -> int:
    """Count the messages on the longest way down; containers in containers are bounded apart."""
    below = {field.type for field in registry.fields_of(cls) if field.kind == "message"}
    return 1 + max((levels(inner) for inner in below - {cls}), default=0)


def test_every_required_field_is_missed_by_name() -> None:
    for cls in registry.all_messages():
        required = [
            field.name
            for field in registry.fields_of(cls)
            if field.cardinality is Cardinality.REQUIRED
        ]
        if required:
            with pytest.raises(DecodeError) as caught:
                read_message(cls, {})
            assert caught.value.path == required[0]
        else:
            assert read_message(cls, {}) == cls()


def test_a_container_may_name_its_parent() -> None:
    nested = {"value": "c", "parent": {"value": "p"}}
    assert read_message(ContainerID, nested) == ContainerID(
        value="c", parent=ContainerID(value="p")
    )
