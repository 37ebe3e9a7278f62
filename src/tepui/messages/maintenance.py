"""Messages about maintenance."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.allocator import InverseOfferStatus
from tepui.messages.base import Message
from tepui.messages.machines import MachineID, Unavailability


class Window(Message, kw_only=True):
    machine_ids: Annotated[list[MachineID], 1] = []
    unavailability: Annotated[Unavailability, 2]


class Schedule(Message, kw_only=True):
    windows: Annotated[list[Window], 1] = []


class ClusterStatus(Message, kw_only=True):
    class DrainingMachine(Message, kw_only=True):
        id: Annotated[MachineID, 1]
        statuses: Annotated[list[InverseOfferStatus], 2] = []

    draining_machines: Annotated[list[DrainingMachine], 1] = []
    down_machines: Annotated[list[MachineID], 2] = []
