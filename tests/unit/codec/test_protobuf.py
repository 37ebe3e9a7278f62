"""Protobuf as proto2 has it, byte by byte where it matters."""

from __future__ import annotations

import math

import pytest

from tepui.codec import protobuf
from tepui.codec.errors import DecodeError
from tepui.messages import (
    Address,
    CommandInfo,
    ContainerID,
    ContainerInfo,
    FrameworkID,
    FrameworkInfo,
    Label,
    OfferFilters,
    TaskState,
    TaskStatus,
    Value,
    registry,
    scheduler,
)
from tepui.messages.base import Message

Call = scheduler.Call


def refused(cls: type[Message], data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        protobuf.decode(cls, data)
    return caught.value


def test_fields_stand_under_their_numbers() -> None:
    assert protobuf.encode(FrameworkID(value="f")) == b"\x0a\x01f"
    assert protobuf.encode(Call(type=Call.Type.REVIVE)) == b"\x10\x05"


def test_an_empty_message_that_is_set_is_not_an_absent_one() -> None:
    assert protobuf.encode(Call(suppress=Call.Suppress())) == b"\x82\x01\x00"
    assert protobuf.decode(Call, b"\x82\x01\x00").suppress == Call.Suppress()
    assert protobuf.decode(Call, b"").suppress is None


def test_zero_and_the_empty_text_are_set_too() -> None:
    for message in (Label(key="", value=""), Address(port=0, ip=""), Value.Scalar(value=0.0)):
        assert protobuf.decode(type(message), protobuf.encode(message)) == message
    assert protobuf.decode(Label, b"\x0a\x00") == Label(key="")


def test_declared_defaults_stand_in_for_what_is_absent() -> None:
    assert protobuf.decode(CommandInfo, b"") == CommandInfo(shell=True)
    assert protobuf.decode(FrameworkInfo, b"\x0a\x01u\x12\x01n").role is None


def test_everything_a_number_can_be_survives() -> None:
    for message in (
        Value.Range(begin=0, end=2**64 - 1),
        Address(port=-(2**31)),
        Value.Scalar(value=math.inf),
        Value.Scalar(value=-math.inf),
        Value.Scalar(value=5e-324),
    ):
        assert protobuf.decode(type(message), protobuf.encode(message)) == message
    nan = protobuf.decode(Value.Scalar, protobuf.encode(Value.Scalar(value=math.nan)))
    assert math.isnan(nan.value)


def test_maps_hold_messages() -> None:
    quantities = OfferFilters.ResourceQuantities(
        quantities={"": Value.Scalar(value=1.0), "mem": Value.Scalar(value=2.0)}
    )
    assert protobuf.decode(type(quantities), protobuf.encode(quantities)) == quantities


def test_a_missing_required_field_is_named() -> None:
    error = refused(Call, b"\x0a\x00")
    assert (error.path, error.problem) == ("framework_id.value", "is required")
    assert refused(TaskStatus, b"").path in ("task_id", "state")


def test_an_unknown_enum_number_counts_as_absent() -> None:
    assert protobuf.decode(Call, b"\x10\x63") == Call()
    capability = registry.message_named("mesos.v1.CapabilityInfo")
    assert protobuf.decode(capability, b"\x08\x63\x08\xe8\x07") == protobuf.decode(
        capability, b"\x08\xe8\x07"
    )
    status = TaskStatus(task_id=FrameworkID(value="t"), state=TaskState.TASK_LOST)  # type: ignore[arg-type]
    unknown_state = protobuf.encode(status).replace(b"\x10\x05", b"\x10\x63")
    assert refused(TaskStatus, unknown_state).path == "state"


def test_unknown_fields_are_ignored() -> None:
    assert protobuf.decode(FrameworkID, b"\x0a\x01f\xa2\x06\x03xyz") == FrameworkID(value="f")


def test_a_field_given_twice_counts_once_and_lists_may_be_packed() -> None:
    assert protobuf.decode(FrameworkID, b"\x0a\x01f\x0a\x01g") == FrameworkID(value="g")
    capability = registry.message_named("mesos.v1.CapabilityInfo")
    packed = protobuf.decode(capability, b"\x0a\x04\xe8\x07\xed\x07")
    assert protobuf.encode(packed) == b"\x08\xe8\x07\x08\xed\x07"


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05f", b"\xff" * 20, b"\x0b", b"\x07"])
def test_broken_bytes_are_said_to_be_so(data: bytes) -> None:
    assert refused(FrameworkID, data).problem.startswith("is not protobuf: ")


def test_text_must_be_utf_8() -> None:
    assert "not UTF-8" in str(refused(FrameworkID, b"\x0a\x01\xff"))
    assert "not UTF-8" in str(refused(Call.Revive, b"\x0a\x01\xff"))
    key = b"\x0a\x0e\x0a\x01\xff\x12\x09\x09" + bytes(8)
    assert "not UTF-8" in str(refused(OfferFilters.ResourceQuantities, key))


def test_depth_is_bounded() -> None:
    nested = b"\x0a\x01c"
    for _ in range(40):
        nested = b"\x0a\x01c\x12" + _varint(len(nested)) + nested
    assert "nest at most 32 deep" in str(refused(ContainerID, nested))
    for _ in range(5000):
        nested = b"\x12" + _varint(len(nested)) + nested
    assert refused(ContainerID, nested).problem.startswith("is not protobuf: ")


def test_one_field_of_a_oneof_survives_the_last_on_the_wire() -> None:
    selector = scheduler.AttributeConstraint.Selector
    both = protobuf.encode(selector(attribute_name="rack")) + b"\x08\x03"
    assert protobuf.decode(selector, both) == selector(
        pseudoattribute_type=selector.PseudoattributeType.ZONE
    )


def test_types_with_awkward_names_work_as_the_others() -> None:
    mapping = ContainerInfo.DockerInfo(image="i", network=ContainerInfo.DockerInfo.Network.NONE)
    assert protobuf.decode(type(mapping), protobuf.encode(mapping)) == mapping


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
