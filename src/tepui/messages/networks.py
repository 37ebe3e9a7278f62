"""Addresses, and the networks that a container joins."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tepui.messages.base import Int32, Message, ProtoEnum, UInt32
from tepui.messages.values import Labels, Parameter


class Address(Message, kw_only=True):
    """Where something listens: a host name, an IP, or both, and a port."""

    hostname: Annotated[str | None, 1] = None
    ip: Annotated[str | None, 2] = None
    port: Annotated[Int32, 3]


class URL(Message, kw_only=True):
    """A URL in parts."""

    scheme: Annotated[str, 1]
    address: Annotated[Address, 2]
    path: Annotated[str | None, 3] = None
    query: Annotated[list[Parameter], 4] = []
    fragment: Annotated[str | None, 5] = None


class NetworkInfo(Message, kw_only=True):
    """A network that a container asks to join, or has joined."""

    class Protocol(ProtoEnum):
        """A version of the Internet Protocol."""

        IPv4 = 1
        IPv6 = 2

    class IPAddress(Message, kw_only=True):
        """An address that is asked for by version, or by its text, or that was given."""

        protocol: Annotated[NetworkInfo.Protocol, 1] = msgspec.field(
            # The enclosing class is not there yet.
            default_factory=lambda: NetworkInfo.Protocol.IPv4
        )
        ip_address: Annotated[str | None, 2] = None

    class PortMapping(Message, kw_only=True):
        """A port of the machine that leads to one of the container."""

        host_port: Annotated[UInt32, 1]
        container_port: Annotated[UInt32, 2]
        protocol: Annotated[str | None, 3] = None

    ip_addresses: Annotated[list[IPAddress], 5] = []
    name: Annotated[str | None, 6] = None
    groups: Annotated[list[str], 3] = []
    labels: Annotated[Labels | None, 4] = None
    port_mappings: Annotated[list[PortMapping], 7] = []
