"""Maintenance: planned, stored, and then agents and frameworks hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import Shutdown
from tepui.master.core.events import (
    AgentGoneRequested,
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.master.core.maintenance import cluster_status
from tepui.master.core.registry import RegistryDamaged
from tepui.messages import DurationInfo, MachineID, MachineInfo, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

Mode = MachineInfo.Mode

START = 1_800_000_000_000_000_000
SOON = Unavailability(
    start=TimeInfo(nanoseconds=START), duration=DurationInfo(nanoseconds=3_600_000_000_000)
)
LATER = Unavailability(start=TimeInfo(nanoseconds=START + 1))

GHOST = MachineID(hostname="ghost", ip="10.9.9.9")


def machine_of(agent: Any) -> MachineID:
    """Return the machine of an agent double."""
    ip = agent.pid.partition("@")[2].rpartition(":")[0]
    return MachineID(hostname=agent.info.hostname, ip=ip)


def plan(cluster: Any, *machine_ids: MachineID, when: Unavailability = SOON) -> Any:
    """Schedule machines in one window; return the status, or None while the registry works."""
    windows = [Window(machine_ids=list(machine_ids), unavailability=when)] if machine_ids else []
    return plan_windows(cluster, *windows)


def plan_windows(cluster: Any, *windows: Window) -> Any:
    schedule = Schedule(windows=list(windows))
    return ask(
        cluster,
        lambda number: MaintenanceScheduleUpdateRequested(request_id=number, schedule=schedule),
    )


def take_down(cluster: Any, *machine_ids: MachineID) -> Any:
    return ask(
        cluster, lambda number: MachinesDownRequested(request_id=number, machine_ids=machine_ids)
    )


def bring_up(cluster: Any, *machine_ids: MachineID) -> Any:
    return ask(
        cluster, lambda number: MachinesUpRequested(request_id=number, machine_ids=machine_ids)
    )


def ask(cluster: Any, make: Any) -> Any:
    answer = cluster.ask(make)
    return None if answer is None else answer.status


def modes(cluster: Any) -> dict[str, str]:
    return {
        machine.machine_id.hostname: machine.mode.name
        for machine in cluster.state.machines.values()
    }


def test_a_schedule_is_in_force_once_the_registry_holds_it_and_not_before(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    assert "unavailability" not in offer
    scheduler.take()
    cluster.is_storing = False
    assert plan(cluster, machine_of(agent)) is None
    assert cluster.state.machines == {}
    assert scheduler.take() == []
    cluster.store()
    assert [each.status for each in cluster.answers] == [200]
    assert modes(cluster) == {"host-5051": "DRAINING"}
    [rescind] = scheduler.take()
    assert rescind["rescind"]["offer_id"] == offer["id"]


def test_offers_of_a_machine_that_drains_say_when_it_will_be_gone(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    plan(cluster, machine_of(agent))
    [offer] = scheduler.offers()
    assert offer["unavailability"] == {
        "start": {"nanoseconds": START},
        "duration": {"nanoseconds": 3_600_000_000_000},
    }


def test_a_schedule_without_any_agent_takes_all_offers_back_as_it_does_in_mesos(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    assert plan(cluster, GHOST) == 200
    [rescind] = scheduler.take("RESCIND")
    assert rescind["rescind"]["offer_id"] == offer["id"]
    assert len(scheduler.offers()) == 1


def test_machines_that_a_new_schedule_leaves_out_are_in_use_again(cluster) -> None:
    agent = cluster.agent().register()
    plan(cluster, machine_of(agent), GHOST)
    assert plan(cluster, GHOST) == 200
    assert modes(cluster) == {"ghost": "DRAINING"}
    assert cluster.state.agents[agent.agent_id].unavailability is None
    scheduler = cluster.scheduler("red").subscribe()
    assert "unavailability" not in scheduler.offers()[0]


def test_another_time_for_a_machine_is_told_with_its_next_offers(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    plan(cluster, machine_of(agent))
    plan(cluster, machine_of(agent), when=LATER)
    [offer] = scheduler.offers()
    assert offer["unavailability"] == {"start": {"nanoseconds": START + 1}}


def test_host_names_are_the_same_in_any_case_and_addresses_have_to_match(cluster) -> None:
    agent = cluster.agent().register()
    here = machine_of(agent)
    plan(cluster, MachineID(hostname=here.hostname.upper(), ip="10.9.9.9"))
    assert cluster.state.agents[agent.agent_id].unavailability is None
    plan(cluster, MachineID(hostname=here.hostname))
    assert cluster.state.agents[agent.agent_id].unavailability is None
    plan(cluster, MachineID(hostname=here.hostname.upper(), ip=here.ip))
    assert cluster.state.agents[agent.agent_id].unavailability == SOON


def test_an_agent_without_an_address_of_its_own_is_known_by_that_of_its_link(cluster) -> None:
    agent = cluster.agent()
    agent.pid = ""
    agent.register()
    plan(cluster, MachineID(hostname=agent.info.hostname, ip="10.0.0.1"))
    assert cluster.state.agents[agent.agent_id].unavailability == SOON


def test_an_agent_that_comes_later_learns_of_the_schedule(cluster) -> None:
    agent = cluster.agent()
    plan(cluster, machine_of(agent))
    agent.register()
    scheduler = cluster.scheduler("red").subscribe()
    assert scheduler.offers()[0]["unavailability"]["start"] == {"nanoseconds": START}


def test_a_machine_that_goes_down_takes_its_agent_along(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    scheduler.launch(scheduler.offers()[0], "t")
    other = cluster.agent(port=5052).register()
    plan(cluster, machine_of(agent))
    scheduler.take()
    cluster.is_storing = False
    assert take_down(cluster, machine_of(agent)) is None
    assert agent.take(Shutdown) == []
    assert scheduler.take() == []
    cluster.is_storing = True
    cluster.store()
    assert len(agent.take(Shutdown)) == 1
    [lost, failure] = scheduler.take()
    status = lost["update"]["status"]
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")
    assert failure["failure"]["agent_id"] == {"value": agent.agent_id}
    assert list(cluster.state.agents) == [other.agent_id]
    assert agent.agent_id in cluster.state.removed_agents
    assert modes(cluster) == {"host-5051": "DOWN"}
    assert not any(agent.agent_id in key for key in cluster.records)


def test_no_agent_gets_in_while_its_machine_is_down(cluster) -> None:
    agent = cluster.agent().register()
    plan(cluster, machine_of(agent))
    take_down(cluster, machine_of(agent))
    agent.take(Shutdown)
    agent.reregister()
    assert len(agent.take(Shutdown)) == 1
    newcomer = cluster.agent().register()
    assert newcomer.agent_id is None
    assert len(newcomer.take(Shutdown)) == 1
    assert cluster.state.agents == {}
    assert bring_up(cluster, machine_of(agent)) == 200
    newcomer.register()
    assert newcomer.agent_id is not None


def test_an_agent_that_was_let_in_while_its_machine_went_down_has_to_go(cluster) -> None:
    agent = cluster.agent()
    plan(cluster, machine_of(agent))
    cluster.is_storing = False
    take_down(cluster, machine_of(agent))
    agent.register()
    cluster.is_storing = True
    cluster.store()
    assert len(agent.take(Shutdown)) == 1
    assert cluster.state.agents == {}
    assert [key for key in cluster.records if key.startswith("agents/")] == []


def test_a_machine_that_comes_up_is_out_of_the_schedule(cluster) -> None:
    plan_windows(
        cluster,
        Window(machine_ids=[GHOST], unavailability=SOON),
        Window(
            machine_ids=[MachineID(hostname="a"), MachineID(hostname="b")], unavailability=LATER
        ),
    )
    take_down(cluster, GHOST, MachineID(hostname="A"))
    assert bring_up(cluster, GHOST, MachineID(hostname="a")) == 200
    assert modes(cluster) == {"b": "DRAINING"}
    left = Window(machine_ids=[MachineID(hostname="b")], unavailability=LATER)
    assert cluster.state.schedule == Schedule(windows=[left])
    assert cluster.fail_over().state.schedule == cluster.state.schedule


def test_a_machine_that_is_down_stays_so_in_a_new_schedule_and_may_not_be_left_out(cluster) -> None:
    plan(cluster, GHOST)
    take_down(cluster, GHOST)
    assert plan(cluster) == 400
    assert plan(cluster, MachineID(hostname="other")) == 400
    assert plan(cluster, MachineID(hostname="other"), GHOST, when=LATER) == 200
    assert modes(cluster) == {"other": "DRAINING", "ghost": "DOWN"}
    assert take_down(cluster, GHOST) == 400
    assert bring_up(cluster, MachineID(hostname="other")) == 400
    assert bring_up(cluster, GHOST) == 200


def test_requests_that_overtake_the_registry_are_judged_by_what_it_will_hold(cluster) -> None:
    cluster.is_storing = False
    assert plan(cluster, GHOST) is None
    assert take_down(cluster, GHOST) is None
    assert plan(cluster) == 400, "it is going to be down"
    assert bring_up(cluster, GHOST) is None
    assert bring_up(cluster, GHOST) == 400
    assert plan(cluster, GHOST, when=LATER) is None
    cluster.store()
    assert modes(cluster) == {"ghost": "DRAINING"}
    successor = cluster.fail_over()
    assert successor.state.machines == cluster.state.machines


def test_the_successor_knows_the_schedule_and_who_is_down(cluster) -> None:
    agent = cluster.agent().register()
    plan_windows(
        cluster,
        Window(machine_ids=[GHOST, machine_of(agent)], unavailability=SOON),
        Window(machine_ids=[MachineID(ip="10.1.1.1")], unavailability=LATER),
    )
    take_down(cluster, GHOST)
    successor = cluster.fail_over()
    assert successor.state.schedule == cluster.state.schedule
    assert modes(successor) == {"ghost": "DOWN", "host-5051": "DRAINING", None: "DRAINING"}
    agent.cluster = successor
    agent.reregister()
    assert successor.state.agents[agent.agent_id].unavailability == SOON
    assert cluster_status(successor.state) == cluster_status(cluster.state)


def test_a_lost_agent_of_a_scheduled_machine_is_offered_with_its_time_when_it_returns(
    cluster,
) -> None:
    agent = cluster.agent().register()
    agent.disconnect()
    plan(cluster, machine_of(agent))
    agent.reregister()
    scheduler = cluster.scheduler("red").subscribe()
    assert "unavailability" in scheduler.offers()[0]


def test_a_disconnected_agent_goes_with_its_machine(cluster) -> None:
    agent = cluster.agent().register()
    agent.disconnect()
    plan(cluster, machine_of(agent))
    assert take_down(cluster, machine_of(agent)) == 200
    assert cluster.state.agents == {}


def test_an_agent_that_is_being_given_up_goes_with_its_machine_too(cluster) -> None:
    agent = cluster.agent().register()
    agent.answers_pings = False
    plan(cluster, machine_of(agent))
    cluster.is_storing = False
    cluster.pass_time(100)
    assert take_down(cluster, machine_of(agent)) is None
    cluster.is_storing = True
    cluster.store()
    assert cluster.state.agents == {}
    assert cluster.fail_over().state.recovered_agents == {}


@pytest.mark.parametrize("is_gone_first", [True, False])
def test_an_agent_that_is_marked_gone_meanwhile_is_gone(cluster, is_gone_first: bool) -> None:
    agent = cluster.agent().register()
    plan(cluster, machine_of(agent))
    cluster.is_storing = False
    asked = [
        lambda: ask(
            cluster,
            lambda number: AgentGoneRequested(request_id=number, agent_id=agent.agent_id),
        ),
        lambda: take_down(cluster, machine_of(agent)),
    ]
    for request in asked if is_gone_first else reversed(asked):
        assert request() is None
    cluster.is_storing = True
    cluster.store()
    assert cluster.state.agents == {}
    successor = cluster.fail_over()
    assert list(successor.state.gone_agents) == [agent.agent_id]
    assert modes(successor) == {"host-5051": "DOWN"}


def test_a_refused_request_changes_nothing(cluster) -> None:
    assert plan(cluster, MachineID()) == 400
    assert plan(cluster, GHOST, MachineID(hostname="GHOST", ip="10.9.9.9")) == 400
    assert take_down(cluster, GHOST) == 400
    assert bring_up(cluster, GHOST) == 400
    assert cluster.state.machines == {}
    assert cluster.records == {}


def test_only_what_changed_is_written(cluster) -> None:
    plan(cluster, GHOST, MachineID(hostname="b"))
    cluster.is_storing = False
    take_down(cluster, GHOST)
    [persist] = cluster.unstored
    assert list(persist.puts) == ["machines/ghost|10.9.9.9"]
    cluster.store()
    plan(cluster, GHOST)
    [persist] = cluster.unstored
    assert (list(persist.puts), persist.deletes) == ([], ("machines/b|",))


def test_a_damaged_record_of_a_machine_ends_the_master(cluster) -> None:
    plan(cluster, GHOST)
    cluster.records["machines/ghost|10.9.9.9"] = b"nonsense"
    with pytest.raises(RegistryDamaged, match="ghost"):
        cluster.fail_over()


def test_schedules_that_follow_closely_leave_the_last_in_the_registry(cluster) -> None:
    other = MachineID(hostname="other", ip="10.9.9.8")
    cluster.is_storing = False
    plan(cluster, GHOST)
    plan(cluster, other)
    cluster.store()
    assert modes(cluster) == {"other": "DRAINING"}
    assert modes(cluster.fail_over()) == {"other": "DRAINING"}
