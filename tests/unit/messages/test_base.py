"""How messages behave, whichever they are."""

from __future__ import annotations

import doctest
import subprocess
import sys

import msgspec
import pytest

from tepui.messages import (
    ContainerID,
    Filters,
    FrameworkID,
    FrameworkInfo,
    NetworkInfo,
    RLimitInfo,
    TaskState,
    Value,
    base,
    scheduler,
)
from tepui.messages.ids import CONTAINER_DEPTH_MAX

Selector = scheduler.AttributeConstraint.Selector


def test_a_message_never_changes() -> None:
    framework_id = FrameworkID(value="f")
    with pytest.raises(AttributeError):
        framework_id.value = "g"  # type: ignore[misc]
    assert msgspec.structs.replace(framework_id, value="g") == FrameworkID(value="g")


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
def test_the_agent_link_reads_what_64_bits_hold(number: int) -> None:
    """There is no lenient decoder behind it, and a frame that cannot be read ends the link."""
    limit = RLimitInfo.RLimit(type=RLimitInfo.RLimit.Type.RLMT_NOFILE, hard=number, soft=number)
    for message in (limit, Value.Range(begin=0, end=number)):
        packed = msgspec.msgpack.encode(message)
        assert msgspec.msgpack.decode(packed, type=type(message)) == message


def test_64_bits_hold_no_more() -> None:
    with pytest.raises(ValueError, match="18446744073709551616 does not fit into 64 bits"):
        Value.Range(begin=0, end=2**64)
    with pytest.raises(ValueError, match="does not fit"):
        RLimitInfo.RLimit(hard=2**64)


def test_identifiers_are_keys() -> None:
    assert {FrameworkID(value="f"): 1}[FrameworkID(value="f")] == 1


def test_repeated_fields_and_maps_are_never_none_and_never_shared() -> None:
    one, other = (FrameworkInfo(user="u", name="n") for _ in range(2))
    assert (one.roles, one.offer_filters) == ([], {})
    assert one.roles is not other.roles


def test_a_declared_default_is_there_and_written() -> None:
    filters = Filters()
    assert filters.refuse_seconds == 5.0
    assert msgspec.json.encode(filters) == b'{"refuse_seconds":5.0}'
    assert NetworkInfo.IPAddress().protocol is NetworkInfo.Protocol.IPv4


def test_a_deprecated_default_is_not() -> None:
    assert FrameworkInfo(user="u", name="n").role is None


def test_an_enum_is_known_by_name_and_number() -> None:
    assert TaskState.TASK_RUNNING.value == TaskState.TASK_RUNNING.name == "TASK_RUNNING"
    assert TaskState["TASK_RUNNING"] is TaskState.TASK_RUNNING
    assert TaskState.from_number(1) is TaskState.TASK_RUNNING
    assert TaskState.from_number(99) is None
    with pytest.raises(ValueError, match="1 is not a valid TaskState"):
        TaskState(1)


def test_zero_is_a_number_like_any_other() -> None:
    assert TaskState.from_number(0) is TaskState.TASK_STARTING


def test_at_most_one_field_of_a_oneof_is_set() -> None:
    assert Selector(attribute_name="rack").pseudoattribute_type is None
    with pytest.raises(ValueError, match="at most one of pseudoattribute_type, attribute_name"):
        Selector(attribute_name="rack", pseudoattribute_type=Selector.PseudoattributeType.ZONE)


def test_containers_nest_to_a_bound() -> None:
    container_id = ContainerID(value="0")
    for depth in range(1, CONTAINER_DEPTH_MAX):
        container_id = ContainerID(value=str(depth), parent=container_id)
    with pytest.raises(ValueError, match="nest at most 32 deep"):
        ContainerID(value="one too many", parent=container_id)


def test_names_that_hide_others_are_told_apart() -> None:
    call = scheduler.Call(request=scheduler.Call.Request())
    assert msgspec.json.decode(msgspec.json.encode(call), type=scheduler.Call) == call
    assert scheduler.Call.Request.__struct_fields__ == ("requests",)


@pytest.mark.slow
def test_importing_the_messages_builds_no_descriptors() -> None:
    """An agent stays small and starts fast; protobuf is loaded when somebody speaks it."""
    program = (
        "import sys, tepui.messages.scheduler, tepui.codec.media;"
        "print([name for name in sys.modules if name.startswith('google')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_the_examples_hold() -> None:
    assert doctest.testmod(base).failed == 0
