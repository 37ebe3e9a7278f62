"""Machines, when they are unavailable, and where they stand."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.values import DurationInfo, TimeInfo


class MachineID(Message, kw_only=True):
    """A machine, by host name, IP or both; an agent's must match both as given."""

    hostname: Annotated[str | None, 1] = None
    ip: Annotated[str | None, 2] = None


class Unavailability(Message, kw_only=True):
    """When a machine will be gone; without a duration it is not said to come back."""

    start: Annotated[TimeInfo, 1]
    duration: Annotated[DurationInfo | None, 2] = None


class MachineInfo(Message, kw_only=True):
    """A machine and its part in the maintenance schedule."""

    class Mode(ProtoEnum):
        """Whether a machine is in use, being emptied for maintenance, or down for it."""

        UP = 1
        DRAINING = 2
        DOWN = 3

    id: Annotated[MachineID, 1]
    mode: Annotated[Mode | None, 2] = None
    unavailability: Annotated[Unavailability | None, 3] = None


class DomainInfo(Message, kw_only=True):
    """Where a machine stands."""

    class FaultDomain(Message, kw_only=True):
        """What may fail as one: a zone within a region."""

        class RegionInfo(Message, kw_only=True):
            """A region; links between regions are slow."""

            name: Annotated[str, 1]

        class ZoneInfo(Message, kw_only=True):
            """A zone of a region; links between its zones are fast."""

            name: Annotated[str, 1]

        region: Annotated[RegionInfo, 1]
        zone: Annotated[ZoneInfo, 2]

    fault_domain: Annotated[FaultDomain | None, 1] = None
