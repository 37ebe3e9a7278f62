"""The machines of a schedule, and the schedule of machines."""

from __future__ import annotations

from tepui.master.core.machines import (
    brought_up,
    in_order,
    schedule_of,
    scheduled,
    taken_down,
)
from tepui.messages import MachineID, MachineInfo, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

Mode = MachineInfo.Mode

A, B, C = (MachineID(hostname=name) for name in ("a", "b", "c"))
FIRST = Unavailability(start=TimeInfo(nanoseconds=2))
SECOND = Unavailability(start=TimeInfo(nanoseconds=1))
SCHEDULE = Schedule(
    windows=[
        Window(machine_ids=[C, A], unavailability=FIRST),
        Window(machine_ids=[B], unavailability=SECOND),
    ]
)


def test_a_schedule_comes_back_as_it_was_given_in_whatever_order_its_machines_are_read() -> None:
    machines = scheduled(SCHEDULE, {})
    assert schedule_of(machines) == SCHEDULE
    assert schedule_of(in_order(reversed(machines.values()))) == SCHEDULE


def test_machines_that_are_down_stay_down_in_another_schedule() -> None:
    machines = taken_down(scheduled(SCHEDULE, {}), [("a", "")])
    again = scheduled(Schedule(windows=SCHEDULE.windows[:1]), machines)
    assert {name: each.mode for (name, _), each in again.items()} == {
        "c": Mode.DRAINING,
        "a": Mode.DOWN,
    }


def test_windows_without_machines_are_gone_and_the_others_keep_their_order() -> None:
    machines = brought_up(scheduled(SCHEDULE, {}), [("c", ""), ("a", "")])
    assert schedule_of(machines) == Schedule(windows=SCHEDULE.windows[1:])
    machines = brought_up(scheduled(SCHEDULE, {}), [("c", "")])
    assert [each.machine_ids for each in schedule_of(machines).windows] == [[A], [B]]
    assert schedule_of({}) == Schedule()
