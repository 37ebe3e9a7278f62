"""Messages about machines."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.values import DurationInfo, TimeInfo


class MachineID(Message, kw_only=True):
    hostname: Annotated[str | None, 1] = None
    ip: Annotated[str | None, 2] = None


class Unavailability(Message, kw_only=True):
    start: Annotated[TimeInfo, 1]
    duration: Annotated[DurationInfo | None, 2] = None


class MachineInfo(Message, kw_only=True):
    class Mode(ProtoEnum):
        UP = 1
        DRAINING = 2
        DOWN = 3

    id: Annotated[MachineID, 1]
    mode: Annotated[Mode | None, 2] = None
    unavailability: Annotated[Unavailability | None, 3] = None


class DomainInfo(Message, kw_only=True):
    class FaultDomain(Message, kw_only=True):
        class RegionInfo(Message, kw_only=True):
            name: Annotated[str, 1]

        class ZoneInfo(Message, kw_only=True):
            name: Annotated[str, 1]

        region: Annotated[RegionInfo, 1]
        zone: Annotated[ZoneInfo, 2]

    fault_domain: Annotated[FaultDomain | None, 1] = None
