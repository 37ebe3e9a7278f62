"""Maintenance schedules, and how far machines are drained."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.allocator import InverseOfferStatus
from tepui.messages.base import Message
from tepui.messages.machines import MachineID, Unavailability


class Window(Message, kw_only=True):
    """Machines that become unavailable together."""

    machine_ids: Annotated[list[MachineID], 1] = []
    unavailability: Annotated[Unavailability, 2]


class Schedule(Message, kw_only=True):
    """Planned maintenance, a machine in one window at most."""

    windows: Annotated[list[Window], 1] = []


class ClusterStatus(Message, kw_only=True):
    """The machines that are being drained, and those that are down."""

    class DrainingMachine(Message, kw_only=True):
        """A machine, and what frameworks answered to its inverse offers."""

        id: Annotated[MachineID, 1]
        statuses: Annotated[list[InverseOfferStatus], 2] = []

    draining_machines: Annotated[list[DrainingMachine], 1] = []
    down_machines: Annotated[list[MachineID], 2] = []
