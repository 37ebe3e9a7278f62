"""Inverse offers: frameworks are asked to leave, and operators see what they answered."""

from __future__ import annotations

from typing import Any

from tepui.link.messages import Shutdown
from tepui.master.core.events import (
    AgentDeactivationRequested,
    AgentReactivationRequested,
    FrameworkTeardownRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.master.core.maintenance import cluster_status
from tepui.messages import MachineID, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

START = 1_800_000_000_000_000_000
SOON = Unavailability(start=TimeInfo(nanoseconds=START))
LATER = Unavailability(start=TimeInfo(nanoseconds=START + 1))


def plan(cluster: Any, *agents: Any, when: Unavailability = SOON) -> None:
    """Schedule the machines of agents."""
    ids = [
        MachineID(hostname=agent.info.hostname, ip=agent.pid.partition("@")[2].rpartition(":")[0])
        for agent in agents
    ]
    windows = [Window(machine_ids=ids, unavailability=when)] if ids else []
    schedule = Schedule(windows=windows)
    answer = cluster.ask(
        lambda number: MaintenanceScheduleUpdateRequested(request_id=number, schedule=schedule)
    )
    assert answer.status == 200


def busy(cluster: Any, *agents: Any, role: str = "red", name: str = "t") -> Any:
    """Return a framework with a task on each agent, which wants nothing more."""
    scheduler = cluster.scheduler(role).subscribe()
    for offer in scheduler.offers():
        if offer["agent_id"]["value"] in [each.agent_id for each in agents]:
            scheduler.launch(offer, f"{name}-{offer['agent_id']['value']}")
    scheduler.call("SUPPRESS")
    scheduler.take()
    return scheduler


def asked(scheduler: Any) -> list[dict[str, Any]]:
    """Let the allocator run, and return the inverse offers that came."""
    scheduler.cluster.allocate()
    return [
        each
        for event in scheduler.take("INVERSE_OFFERS")
        for each in event["inverse_offers"]["inverse_offers"]
    ]


def answer(scheduler: Any, kind: str, *inverse_offers: dict[str, Any], **fields: Any) -> int:
    ids = [each["id"] for each in inverse_offers]
    status: int = scheduler.call(kind, {"inverse_offer_ids": ids, **fields})
    return status


def statuses(cluster: Any) -> list[tuple[str, str, int]]:
    """Return the answers that operators see."""
    return [
        (each.status.name, each.framework_id.value, each.timestamp.nanoseconds)
        for machine in cluster_status(cluster.state).draining_machines
        for each in machine.statuses
    ]


def test_a_framework_with_tasks_is_asked_to_leave_and_operators_see_its_answer(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    assert inverse_offer == {
        "id": inverse_offer["id"],
        "url": {
            "scheme": "http",
            "address": {"hostname": "host-5051", "ip": "10.0.0.51", "port": 5051},
            "path": "/slave(1)",
        },
        "framework_id": {"value": scheduler.framework_id},
        "agent_id": {"value": agent.agent_id},
        "unavailability": {"start": {"nanoseconds": START}},
    }
    assert statuses(cluster) == []
    assert answer(scheduler, "ACCEPT_INVERSE_OFFERS", inverse_offer) == 202
    now = int(cluster.now.wall * 1e9)
    assert statuses(cluster) == [("ACCEPT", scheduler.framework_id, now)]
    assert cluster.state.inverse_offers == {}


def test_inverse_offers_are_numbered_among_the_offers(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    made = cluster.state.offers_made
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    assert inverse_offer["id"]["value"] == f"{cluster.state.master_id}-O{made}"


def test_frameworks_without_anything_on_the_agent_are_not_asked(cluster) -> None:
    here, there = cluster.agent().register(), cluster.agent(port=5052).register()
    scheduler = busy(cluster, there)
    plan(cluster, here)
    assert asked(scheduler) == []


def test_one_event_asks_about_several_agents(cluster) -> None:
    agents = [cluster.agent().register(), cluster.agent(port=5052).register()]
    scheduler = busy(cluster, *agents)
    plan(cluster, *agents)
    cluster.allocate()
    [event] = scheduler.take("INVERSE_OFFERS")
    about = [each["agent_id"]["value"] for each in event["inverse_offers"]["inverse_offers"]]
    assert sorted(about) == sorted(each.agent_id for each in agents)


def test_who_declined_is_asked_again_when_the_filter_is_over(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    answer(scheduler, "DECLINE_INVERSE_OFFERS", inverse_offer, filters={"refuse_seconds": 20})
    [(status, _, _)] = statuses(cluster)
    assert status == "DECLINE"
    cluster.pass_time(15)
    assert asked(scheduler) == []
    cluster.pass_time(10)
    [again] = asked(scheduler)
    assert again["id"] != inverse_offer["id"]
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", again)
    [(status, _, _)] = statuses(cluster)
    assert status == "ACCEPT", "the newest answer counts"


def test_an_answer_without_a_filter_is_held_for_five_seconds(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", *asked(scheduler))
    cluster.pass_time(4)
    assert asked(scheduler) == []
    cluster.pass_time(3)
    assert len(asked(scheduler)) == 1


def test_nobody_is_asked_twice_while_it_thinks(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    assert len(asked(scheduler)) == 1
    cluster.pass_time(60)
    assert asked(scheduler) == []


def test_another_schedule_takes_inverse_offers_and_answers_back(cluster) -> None:
    agent, other = cluster.agent().register(), cluster.agent(port=5052).register()
    scheduler = busy(cluster, agent, other)
    plan(cluster, agent, other)
    first, second = asked(scheduler)
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", first)
    scheduler.take()
    plan(cluster, agent, other, when=LATER)
    [rescind] = scheduler.take("RESCIND_INVERSE_OFFER")
    assert rescind["rescind_inverse_offer"]["inverse_offer_id"] == second["id"]
    assert statuses(cluster) == []
    again = asked(scheduler)
    assert [each["unavailability"]["start"]["nanoseconds"] for each in again] == [START + 1] * 2


def test_the_same_schedule_once_more_asks_again(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    [first] = asked(scheduler)
    answer(scheduler, "DECLINE_INVERSE_OFFERS", first, filters={"refuse_seconds": 3600.0})
    assert asked(scheduler) == []
    plan(cluster, agent)
    assert statuses(cluster) == []
    assert len(asked(scheduler)) == 1


def test_when_a_machine_stays_after_all_inverse_offers_are_taken_back_for_good(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    assert len(asked(scheduler)) == 1
    plan(cluster)
    assert len(scheduler.take("RESCIND_INVERSE_OFFER")) == 1
    cluster.pass_time(60)
    assert asked(scheduler) == []


def test_inverse_offers_about_a_lost_agent_are_taken_back(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    agent.disconnect()
    [rescind] = scheduler.take("RESCIND_INVERSE_OFFER")
    assert rescind["rescind_inverse_offer"]["inverse_offer_id"] == inverse_offer["id"]
    assert answer(scheduler, "ACCEPT_INVERSE_OFFERS", inverse_offer) == 202
    assert statuses(cluster) == []


def test_a_lost_agent_that_returns_with_its_tasks_is_asked_about_again(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red", checkpoint=True).subscribe()
    scheduler.launch(scheduler.offers()[0], "t")
    scheduler.call("SUPPRESS")
    plan(cluster, agent)
    assert len(asked(scheduler)) == 1
    agent.disconnect()
    assert len(scheduler.take("RESCIND_INVERSE_OFFER")) == 1
    cluster.pass_time(5)
    assert asked(scheduler) == []
    agent.reregister(cluster.framework_state_of(scheduler))
    assert len(asked(scheduler)) == 1


def test_deactivated_agents_are_not_asked_about_until_they_are_in_use_again(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    assert len(asked(scheduler)) == 1
    cluster.ask(
        lambda number: AgentDeactivationRequested(request_id=number, agent_id=agent.agent_id)
    )
    assert len(scheduler.take("RESCIND_INVERSE_OFFER")) == 1
    cluster.pass_time(5)
    assert asked(scheduler) == []
    cluster.ask(
        lambda number: AgentReactivationRequested(request_id=number, agent_id=agent.agent_id)
    )
    assert len(asked(scheduler)) == 1


def test_a_framework_that_left_hears_nothing_and_is_asked_again_when_it_is_back(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    scheduler.info["failover_timeout"] = 1000.0
    scheduler.subscribe()
    scheduler.call("SUPPRESS")
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    scheduler.take()
    scheduler.disconnect()
    assert cluster.state.inverse_offers == {}
    assert scheduler.take() == []
    scheduler.subscribe(suppressed_roles=["red"])
    [again] = asked(scheduler)
    assert again["id"] != inverse_offer["id"]
    scheduler.subscribe(suppressed_roles=["red"])
    assert scheduler.take("RESCIND_INVERSE_OFFER") == []
    assert len(asked(scheduler)) == 1


def test_the_answers_of_a_framework_that_is_over_are_forgotten(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", *asked(scheduler))
    cluster.ask(
        lambda number: FrameworkTeardownRequested(
            request_id=number, framework_id=scheduler.framework_id
        )
    )
    assert statuses(cluster) == []
    assert agent.take(Shutdown) == []


def test_an_inverse_offer_that_is_not_answered_in_time_is_taken_back(make_cluster) -> None:
    cluster = make_cluster(offer_timeout=30.0)
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    assert len(asked(scheduler)) == 1
    cluster.pass_time(29)
    assert scheduler.take("RESCIND_INVERSE_OFFER") == []
    cluster.pass_time(2)
    assert len(scheduler.take("RESCIND_INVERSE_OFFER")) == 1
    assert len(asked(scheduler)) == 1
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", *asked(scheduler))


def test_answers_to_what_is_not_asked_are_passed_over_and_the_rest_counts(cluster) -> None:
    agents = [cluster.agent().register(), cluster.agent(port=5052).register()]
    scheduler = busy(cluster, *agents)
    plan(cluster, *agents)
    first, second = asked(scheduler)
    made_up = {"id": {"value": "never"}}
    assert answer(scheduler, "ACCEPT_INVERSE_OFFERS") == 202
    assert answer(scheduler, "DECLINE_INVERSE_OFFERS") == 202
    assert answer(scheduler, "DECLINE_INVERSE_OFFERS", made_up) == 202
    assert statuses(cluster) == []
    assert answer(scheduler, "ACCEPT_INVERSE_OFFERS", made_up, first, first, second) == 202
    assert [status for status, _, _ in statuses(cluster)] == ["ACCEPT", "ACCEPT"]


def test_nobody_answers_for_another_framework(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    stranger = cluster.scheduler("blue").subscribe(suppressed_roles=["blue"])
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    assert answer(stranger, "ACCEPT_INVERSE_OFFERS", inverse_offer) == 202
    assert statuses(cluster) == []
    assert len(cluster.state.inverse_offers) == 1


def test_inverse_offers_are_counted_among_calls_and_events(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = busy(cluster, agent)
    plan(cluster, agent)
    [inverse_offer] = asked(scheduler)
    answer(scheduler, "ACCEPT_INVERSE_OFFERS", inverse_offer)
    counters = cluster.state.frameworks[scheduler.framework_id].counters
    assert counters.calls["ACCEPT_INVERSE_OFFERS"] == 1
    assert counters.events["INVERSE_OFFERS"] == 1
