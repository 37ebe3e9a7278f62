"""Masters, and what operators set on them: roles, weights, rate limits."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Default, Message, ProtoEnum, UInt32, UInt64
from tepui.messages.ids import FrameworkID
from tepui.messages.machines import DomainInfo
from tepui.messages.networks import Address
from tepui.messages.resources import Resource


class MasterInfo(Message, kw_only=True):
    """A master; in ZooKeeper, in its version 0 names, it says who leads.

    ``ip`` is the IPv4 address in network order, read as an integer of this machine; ``address``
    has it as text.
    """

    class Capability(Message, kw_only=True):
        """Something that a master can do."""

        class Type(ProtoEnum):
            """What masters may be able to do."""

            UNKNOWN = 0
            AGENT_UPDATE = 1
            AGENT_DRAINING = 2
            QUOTA_V2 = 3

        type: Annotated[Type | None, 1] = None

    id: Annotated[str, 1]
    ip: Annotated[UInt32, 2]
    port: Annotated[UInt32, 3, Default(5050)]
    pid: Annotated[str | None, 4] = None
    hostname: Annotated[str | None, 5] = None
    version: Annotated[str | None, 6] = None
    address: Annotated[Address | None, 7] = None
    domain: Annotated[DomainInfo | None, 8] = None
    capabilities: Annotated[list[Capability], 9] = []


class Role(Message, kw_only=True):
    """A role with its weight, its frameworks and what they hold."""

    name: Annotated[str, 1]
    weight: Annotated[float, 2]
    frameworks: Annotated[list[FrameworkID], 3] = []
    resources: Annotated[list[Resource], 4] = []


class WeightInfo(Message, kw_only=True):
    """The weight of a role in fair sharing; 1 if nobody set one."""

    weight: Annotated[float, 1]
    role: Annotated[str | None, 2] = None


class RateLimit(Message, kw_only=True):
    """How many messages a second of a principal are handled, and how many may wait."""

    qps: Annotated[float | None, 1] = None
    principal: Annotated[str, 2]
    capacity: Annotated[UInt64 | None, 3] = None


class RateLimits(Message, kw_only=True):
    """The limits of principals, and one that the others share."""

    limits: Annotated[list[RateLimit], 1] = []
    aggregate_default_qps: Annotated[float | None, 2] = None
    aggregate_default_capacity: Annotated[UInt64 | None, 3] = None
