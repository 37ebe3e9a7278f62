"""Descriptors say in protobuf's terms what the structs say in Python's."""

from __future__ import annotations

from google.protobuf import descriptor_pool

from tepui.codec.descriptors import wire_class
from tepui.messages import CommandInfo, FrameworkInfo, MasterInfo, NetworkInfo, registry, scheduler
from tepui.messages.base import Message
from tepui.messages.registry import full_name


def test_every_message_has_a_descriptor_of_its_own_name() -> None:
    for cls in registry.all_messages():
        descriptor = wire_class(cls).DESCRIPTOR
        assert descriptor.full_name == full_name(cls)
        assert [(field.name, field.number) for field in descriptor.fields] == [
            (field.name, field.number) for field in registry.fields_of(cls)
        ]


def test_defaults_are_declared_whether_they_are_written_or_not() -> None:
    def default(cls: type[Message], name: str) -> object:
        return wire_class(cls).DESCRIPTOR.fields_by_name[name].default_value

    assert default(FrameworkInfo, "role") == "*"
    assert default(FrameworkInfo, "failover_timeout") == 0.0
    assert default(CommandInfo, "shell") is True
    assert default(MasterInfo, "port") == 5050
    assert default(NetworkInfo.IPAddress, "protocol") == NetworkInfo.Protocol.IPv4.number


def test_oneofs_are_declared() -> None:
    predicate = wire_class(scheduler.AttributeConstraint.Predicate).DESCRIPTOR
    assert [(group.name, len(group.fields)) for group in predicate.oneofs] == [("predicate", 6)]


def test_the_pool_is_our_own() -> None:
    """A program may hold other descriptors of the same names, made from the original protos."""
    descriptor = wire_class(FrameworkInfo).DESCRIPTOR
    assert descriptor.file.pool is not descriptor_pool.Default()
