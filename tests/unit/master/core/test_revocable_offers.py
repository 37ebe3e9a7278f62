"""What an agent lends goes to frameworks that can do without it, and is kept apart."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.link.messages import RunTask, RunTaskGroup, UpdateAgent
from tepui.resources.parsing import parse_resources

ALLOCATED = {"allocation_info": {"role": "red"}}


def lend(agent: Any, text: str) -> None:
    resources = revocable(parse_resources(text)).to_messages() if text else []
    agent.say(UpdateAgent(oversubscribed=resources))


@pytest.fixture
def agent(cluster: Any) -> Any:
    return cluster.agent("cpus:4;mem:4096;disk:1024").register()


@pytest.fixture
def able(cluster: Any, agent: Any) -> Any:
    capabilities = ["REVOCABLE_RESOURCES", "RESERVATION_REFINEMENT"]
    return cluster.scheduler("red", capabilities=capabilities).subscribe()


def amounts(offers: list[dict[str, Any]]) -> dict[tuple[str, bool], float]:
    found: dict[tuple[str, bool], float] = {}
    for offer in offers:
        for each in offer["resources"]:
            key = each["name"], "revocable" in each
            found[key] = found.get(key, 0.0) + each["scalar"]["value"]
    return found


def cpus(value: float, *, is_revocable: bool) -> dict[str, Any]:
    resource = {"name": "cpus", "type": "SCALAR", "scalar": {"value": value}, **ALLOCATED}
    return {**resource, "revocable": {}} if is_revocable else resource


def task_on(cluster: Any, name: str, offer: Any, *resources: dict[str, Any]) -> dict[str, Any]:
    task: dict[str, Any] = cluster.task(name, offer)
    mem = {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}, **ALLOCATED}
    task["resources"] = [*resources, mem]
    return task


def test_rule_50_who_cannot_do_without_is_not_offered_what_is_lent(cluster, agent) -> None:
    lend(agent, "cpus:2")
    plain = cluster.scheduler("red").subscribe()
    assert amounts(plain.offers()) == {
        ("cpus", False): 4.0,
        ("mem", False): 4096.0,
        ("disk", False): 1024.0,
    }
    able = cluster.scheduler("red", capabilities=["REVOCABLE_RESOURCES"]).subscribe()
    assert amounts(able.offers()) == {("cpus", True): 2.0}


def test_a_task_may_use_what_is_lent(cluster, agent, able) -> None:
    lend(agent, "cpus:2")
    offers = able.offers()
    task = task_on(cluster, "t1", offers[0], cpus(1.5, is_revocable=True))
    able.accept(offers, [{"type": "LAUNCH", "launch": {"task_infos": [task]}}])
    [order] = agent.take(RunTask)
    [told] = [each for each in order.task.resources if each.name == "cpus"]
    assert told.revocable is not None
    [used] = cluster.state.agents[agent.agent_id].used.values()
    assert used.revocable().get_scalar("cpus") == 1.5
    assert used.non_revocable().get_scalar("cpus") == 0.0


def test_a_task_may_not_mix_what_can_be_taken_back_with_what_cannot(cluster, agent, able) -> None:
    lend(agent, "cpus:2")
    offers = able.offers()
    both = cpus(1, is_revocable=True), cpus(1, is_revocable=False)
    task = task_on(cluster, "mixed", offers[0], *both)
    able.accept(offers, [{"type": "LAUNCH", "launch": {"task_infos": [task]}}])
    [status] = able.statuses()
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert agent.take(RunTask) == []


def test_nor_may_a_group(cluster, agent, able) -> None:
    lend(agent, "cpus:2")
    offers = able.offers()
    tasks = [
        task_on(cluster, "a", offers[0], cpus(1, is_revocable=True)),
        task_on(cluster, "b", offers[0], cpus(1, is_revocable=False)),
    ]
    executor = {
        "type": "DEFAULT",
        "executor_id": {"value": "pod"},
        "framework_id": {"value": able.framework_id},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, **ALLOCATED},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}, **ALLOCATED},
            {"name": "disk", "type": "SCALAR", "scalar": {"value": 32.0}, **ALLOCATED},
        ],
    }
    group = {"executor": executor, "task_group": {"tasks": tasks}}
    able.accept(offers, [{"type": "LAUNCH_GROUP", "launch_group": group}])
    statuses = able.statuses()
    assert [status["state"] for status in statuses] == ["TASK_ERROR"] * 2
    assert {status["reason"] for status in statuses} == {"REASON_TASK_GROUP_INVALID"}
    assert all("revocable" in each["message"] for each in statuses)
    assert agent.take(RunTaskGroup) == []


def test_what_is_lent_is_offered_again_when_its_task_was_preempted(cluster, agent, able) -> None:
    lend(agent, "cpus:2")
    offers = able.offers()
    task = task_on(cluster, "t1", offers[0], cpus(2, is_revocable=True))
    able.accept(offers, [{"type": "LAUNCH", "launch": {"task_infos": [task]}}])
    able.offers()
    agent.update(able.framework_id, "t1", "TASK_LOST")
    assert amounts(able.offers())["cpus", True] == 2.0


def test_nothing_is_offered_of_what_is_not_lent_any_more(cluster, agent, able) -> None:
    lend(agent, "cpus:2")
    offers = able.offers()
    task = task_on(cluster, "t1", offers[0], cpus(1, is_revocable=True))
    filters = {"refuse_seconds": 0.0}
    launch = [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]
    able.accept(offers, launch, filters=filters)
    assert amounts(able.offers())["cpus", True] == 1.0
    lend(agent, "cpus:1")
    assert len(able.take("RESCIND")) == 1
    assert ("cpus", True) not in amounts(able.offers()), "what is lent is in use"


def test_the_offers_of_everybody_lose_what_is_not_lent_any_more(cluster, agent, able) -> None:
    able.offers()
    lend(agent, "cpus:2")
    able.offers()
    other = cluster.agent("cpus:1;mem:64", port=5052).register()
    untouched = able.offers()
    lend(other, "cpus:1")
    lend(agent, "")
    [event] = able.take("RESCIND")
    assert event["rescind"]["offer_id"] not in [offer["id"] for offer in untouched]
