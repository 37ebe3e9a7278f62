"""Which machines are meant, and what the schedule becomes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.cli.changing import Change
from tepui.cli.errors import CommandFailed
from tepui.cli.plans.maintenance import (
    Facts,
    cancellation,
    facts_of,
    find_machines,
    scheduling,
    start,
    stop,
)
from tepui.cli.times import NANOSECONDS
from tepui.messages import DurationInfo, MachineID, TimeInfo, Unavailability
from tepui.messages.maintenance import ClusterStatus, Schedule, Window
from tepui.messages.master import Response

A = MachineID(hostname="host0", ip="10.0.0.0")
B = MachineID(hostname="host1", ip="10.0.0.1")
LATER = Unavailability(start=TimeInfo(nanoseconds=3600 * NANOSECONDS))
HOUR = Unavailability(
    start=TimeInfo(nanoseconds=0), duration=DurationInfo(nanoseconds=3600 * NANOSECONDS)
)


def facts(agents: list[Any], *windows: Window, down: tuple[MachineID, ...] = ()) -> Facts:
    return facts_of(
        Response.GetAgents(agents=agents),
        Schedule(windows=list(windows)),
        ClusterStatus(down_machines=list(down)),
        {"m-S0": 2, "m-S1": 1},
    )


def windows(change: Change) -> list[Window]:
    assert change.call.update_maintenance_schedule is not None
    return change.call.update_maintenance_schedule.schedule.windows


@pytest.mark.parametrize("name", ["host0", "HOST0", "10.0.0.0", "S0", "m-S0", "host0/10.0.0.0"])
def test_a_machine_is_named_in_many_ways_and_sent_as_its_agents_say_it(
    agent: Any, name: str
) -> None:
    known = facts([agent(0), agent(1)])
    assert find_machines(known, [name, "host0"]) == [A]


def test_two_agents_on_a_machine_are_one_machine(agent: Any) -> None:
    twin = msgspec.structs.replace(agent(1, hostname="host0"), pid="slave(1)@10.0.0.0:5052")
    known = facts([agent(0), twin], Window(machine_ids=[A], unavailability=HOUR))
    assert find_machines(known, ["host0"]) == [A]
    (machine,) = known.scheduled.values()
    assert (machine.agent_ids, machine.tasks) == (("m-S0", "m-S1"), 3)


def test_a_name_that_several_machines_have_is_refused(agent: Any) -> None:
    known = facts([agent(0, hostname="web"), agent(1, hostname="web")])
    with pytest.raises(
        CommandFailed, match=r"several machines are called 'web': web/10.0.0.0, web"
    ):
        find_machines(known, ["web"])


def test_a_machine_without_an_agent_is_written_out(agent: Any) -> None:
    known = facts([agent(0)])
    assert find_machines(known, ["web/10.0.0.9", "db/"]) == [
        MachineID(hostname="web", ip="10.0.0.9"),
        MachineID(hostname="db"),
    ]
    for name in ("web", "/"):
        with pytest.raises(CommandFailed, match=f"no machine is called '{name}'.*HOSTNAME/IP"):
            find_machines(known, [name])


def test_the_rest_of_the_schedule_stays(agent: Any) -> None:
    known = facts([agent(0), agent(1)], Window(machine_ids=[B], unavailability=LATER))
    change = scheduling(known, [A], HOUR)
    assert windows(change) == [
        Window(machine_ids=[B], unavailability=LATER),
        Window(machine_ids=[A], unavailability=HOUR),
    ]
    assert change.refusal is None
    assert change.intent == (
        "schedule maintenance of host0/10.0.0.0 from 1970-01-01T00:00:00Z for 1h"
    )


def test_a_machine_that_is_scheduled_moves_to_the_new_time(agent: Any) -> None:
    known = facts([agent(0), agent(1)], Window(machine_ids=[A, B], unavailability=LATER))
    assert windows(scheduling(known, [A], HOUR)) == [
        Window(machine_ids=[B], unavailability=LATER),
        Window(machine_ids=[A], unavailability=HOUR),
    ]


def test_cancelling_leaves_no_empty_window(agent: Any) -> None:
    known = facts([agent(0), agent(1)], Window(machine_ids=[A], unavailability=HOUR))
    assert windows(cancellation(known, [A])) == []
    with pytest.raises(CommandFailed, match=r"no maintenance of host1/10.0.0.1 is scheduled"):
        cancellation(known, [B])


def test_a_machine_that_is_down_has_to_come_up_first(agent: Any) -> None:
    known = facts([agent(1)], Window(machine_ids=[A], unavailability=HOUR), down=(A,))
    assert find_machines(known, ["host0"]) == [A]
    assert "is down: bring it up first" in (cancellation(known, [A]).refusal or "")
    assert stop(known, [A]).refusal is None
    assert "is not in mode DRAINING" in (start(known, [A]).refusal or "")


def test_taking_a_machine_down_names_what_ends_with_it(agent: Any) -> None:
    known = facts([agent(0), agent(1)], Window(machine_ids=[A], unavailability=HOUR))
    change = start(known, [A])
    assert change.refusal is None
    assert change.question == "Taking host0/10.0.0.0 down ends 1 agent and 2 tasks: go on?"
    assert "is not part of the maintenance schedule" in (start(known, [B]).refusal or "")
    assert "is not in mode DOWN" in (stop(known, [A]).refusal or "")
