"""What bounds a schedule, and how machines are named; the rules are in the table of rules."""

from __future__ import annotations

from tepui.master.validation.maintenance import (
    HOSTNAME_BYTES_MAX,
    MACHINES_MAX,
    machine_key,
    machine_name,
    validate_schedule,
)
from tepui.messages import MachineID, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

SOON = Unavailability(start=TimeInfo(nanoseconds=1))


def schedule_of(*machine_ids: MachineID) -> Schedule:
    return Schedule(windows=[Window(machine_ids=list(machine_ids), unavailability=SOON)])


def test_a_schedule_has_only_so_many_machines() -> None:
    machines = [MachineID(hostname=str(number)) for number in range(MACHINES_MAX + 1)]
    assert validate_schedule(schedule_of(*machines[1:]), {}) is None
    found = validate_schedule(schedule_of(*machines), {})
    assert found is not None
    assert found.message == f"schedule {MACHINES_MAX + 1} machines are over {MACHINES_MAX}"


def test_a_host_name_is_only_so_long() -> None:
    longest = "ä" * (HOSTNAME_BYTES_MAX // 2)
    assert validate_schedule(schedule_of(MachineID(hostname=longest)), {}) is None
    found = validate_schedule(schedule_of(MachineID(hostname=longest + "ä")), {})
    assert found is not None
    assert "schedule.windows[0].machine_ids[0].hostname" in found.message
    assert len(found.message) < 300


def test_a_problem_names_the_window_and_the_machine() -> None:
    twice = MachineID(hostname="Host", ip="10.0.0.1")
    found = validate_schedule(schedule_of(MachineID(ip="10.0.0.1"), twice, twice), {})
    assert found is not None
    assert found.message == (
        "schedule.windows[0].machine_ids[2] 'Host/10.0.0.1' stands in the schedule twice"
    )


def test_machines_are_told_apart_by_host_name_in_any_case_and_address() -> None:
    assert machine_key(MachineID(hostname="HOST")) == ("host", "")
    assert machine_key(MachineID(hostname="Host", ip="10.0.0.1")) == ("host", "10.0.0.1")
    assert machine_name(MachineID(ip="10.0.0.1")) == "10.0.0.1"
