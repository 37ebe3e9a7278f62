"""The machines of the maintenance schedule, and the schedule that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from tepui.master.validation.maintenance import MachineKey, machine_key
from tepui.messages import MachineID, MachineInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

Mode = MachineInfo.Mode

Machines = Mapping[MachineKey, "Machine"]
"""By what tells them apart, in the order of the schedule."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the schedule, as the registry holds it too; one that is UP is not in it.

    Attributes:
        machine_id: As the schedule names it.
        mode: DRAINING or DOWN.
        window: Which window of the schedule it is in; they are numbered with gaps.
        place: Where in its window it stands, with gaps too.
    """

    machine_id: MachineID
    mode: Mode
    unavailability: Unavailability
    window: int
    place: int


def scheduled(schedule: Schedule, machines: Machines) -> Machines:
    """Return the machines of a new schedule: those that are down stay so, all others drain."""
    found: dict[MachineKey, Machine] = {}
    for window_index, window in enumerate(schedule.windows):
        for place, machine_id in enumerate(window.machine_ids):
            key = machine_key(machine_id)
            known = machines.get(key)
            found[key] = Machine(
                machine_id=machine_id,
                mode=Mode.DRAINING if known is None else known.mode,
                unavailability=window.unavailability,
                window=window_index,
                place=place,
            )
    return found


def taken_down(machines: Machines, keys: Iterable[MachineKey]) -> Machines:
    """Return ``machines`` with some of them down."""
    changed = {key: replace(machines[key], mode=Mode.DOWN) for key in keys}
    return {key: changed.get(key, machine) for key, machine in machines.items()}


def brought_up(machines: Machines, keys: Iterable[MachineKey]) -> Machines:
    """Return ``machines`` without some of them: they are in use again, and not scheduled."""
    gone = dict.fromkeys(keys)
    return {key: machine for key, machine in machines.items() if key not in gone}


def in_order(machines: Iterable[Machine]) -> Machines:
    """Return machines by what tells them apart, in the order of their schedule."""
    return {
        machine_key(each.machine_id): each
        for each in sorted(machines, key=lambda each: (each.window, each.place))
    }


def schedule_of(machines: Machines) -> Schedule:
    """Return the schedule that the machines are in."""
    windows: dict[int, list[Machine]] = {}
    for machine in machines.values():
        windows.setdefault(machine.window, []).append(machine)
    return Schedule(
        windows=[
            Window(
                machine_ids=[each.machine_id for each in window],
                unavailability=window[0].unavailability,
            )
            for window in windows.values()
        ]
    )
