"""An unmodified client of somebody else's, pymesos, operates a cluster: call by call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from golden.wire import exchange
from pymesos_client import MARKS, run_client

from tepui.daemons.cluster import Cluster

pytestmark = [*MARKS, pytest.mark.xdist_group("pymesos-operator")]

LISTENING_SECONDS_MAX = 30.0

# In the order in which they were asked, what has a fixed answer.
DONE = (
    *("louder", "quieter", "louder agent"),
    *("weigh", "guarantee", "limit", "take quota", "take limit"),
    *("reserve", "create", "grow", "shrink", "destroy", "unreserve"),
    *("teardown", "deactivate", "reactivate", "drain", "gone"),
    *("plan", "start", "stop", "plan nothing"),
)
REFUSED = {
    "no such path": 404,
    "weigh wrongly": 400,
    "guarantee too much": 409,
    "reserve too much": 409,
    "create again": 400,
    "unreserve again": 409,
    "gone nobody": 404,
    "start without plan": 400,
    "plan twice": 400,
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the operator was answered and told."""

    async def scenario() -> dict[str, Any]:
        work_dir = tmp_path_factory.mktemp("operated")
        resources = "cpus:2;mem:512;disk:1024"
        async with (
            Cluster(work_dir=work_dir, agents=1, resources=resources) as cluster,
            asyncio.TaskGroup() as group,
        ):
            operating = group.create_task(run_client(cluster, "pymesos_operator.py"))
            await until_somebody_listens(cluster.url)
            await cluster.start_agent()
            return await operating

    return asyncio.run(scenario())


@pytest.fixture(scope="module")
def answers(seen: dict[str, Any]) -> dict[str, Any]:
    """What each step was answered."""
    answers: dict[str, Any] = seen["answers"]
    return answers


async def until_somebody_listens(master: str) -> None:
    """Ask again and again; nothing tells of it."""
    async with asyncio.timeout(LISTENING_SECONDS_MAX):
        while True:
            answer = await exchange(master, "GET", "/metrics/snapshot", {})
            if json.loads(answer.body)["master/operator_event_stream_subscribers"]:
                return


def agents(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(answer["get_agents"]["agents"])


def amounts(resources: list[dict[str, Any]]) -> dict[tuple[str, bool, str | None], float]:
    """How much there is of what: its name, whether it is reserved, and its volume."""
    return {
        (
            each["name"],
            bool(each.get("reservations")),
            each.get("disk", {}).get("persistence", {}).get("id"),
        ): each["scalar"]["value"]
        for each in resources
        if "scalar" in each
    }


@pytest.mark.parametrize("step", DONE)
def test_what_is_right_is_done(step: str, answers: dict[str, Any]) -> None:
    assert answers[step] in (None, {})


@pytest.mark.parametrize("step", REFUSED)
def test_what_is_wrong_is_refused_with_the_status_of_mesos(
    step: str, answers: dict[str, Any]
) -> None:
    assert answers[step] == {"refused": REFUSED[step]}


def test_a_master_that_does_nothing_can_be_read(answers: dict[str, Any]) -> None:
    assert answers["Health"]["get_health"] == {"healthy": True}
    assert answers["Version"]["get_version"]["version_info"]["version"].startswith("1.11")
    assert {"name": "ip", "value": "127.0.0.1"} in answers["Flags"]["get_flags"]["flags"]
    metrics = {each["name"]: each["value"] for each in answers["Metrics"]["get_metrics"]["metrics"]}
    assert metrics["master/slaves_active"] == 2.0
    assert answers["Master"]["get_master"]["master_info"]["hostname"] == "127.0.0.1"
    assert len(answers["State"]["get_state"]["get_agents"]["agents"]) == 2
    for name in ("Frameworks", "Executors", "Tasks", "Roles"):
        assert not any(answers[name][f"get_{name.lower()}"].values())
    assert answers["level"]["get_logging_level"] == {"level": 2}


def test_an_agent_that_does_nothing_can_be_read(answers: dict[str, Any]) -> None:
    assert answers["agent Health"]["get_health"] == {"healthy": True}
    assert answers["agent Version"] == answers["Version"]
    assert {"name": "ip", "value": "127.0.0.1"} in answers["agent Flags"]["get_flags"]["flags"]
    assert not any(answers["agent State"]["get_state"]["get_tasks"].values())
    for name in ("Frameworks", "Executors", "Tasks", "Containers", "Operations"):
        assert not any(answers[f"agent {name}"][f"get_{name.lower()}"].values())
    metrics = answers["agent Metrics"]["get_metrics"]["metrics"]
    assert {"name": "slave/registered", "value": 1.0} in metrics
    assert answers["agent level"]["get_logging_level"] == {"level": 3}


def test_weights_and_quota_are_told_as_they_were_set(answers: dict[str, Any]) -> None:
    weights = answers["weights"]["get_weights"]["weight_infos"]
    assert weights == [{"role": "ops", "weight": 2.5}]
    one = {"cpus": {"value": 1.0}}
    ops = {"role": "ops", "guarantees": one, "limits": one}
    assert answers["quota"]["get_quota"]["status"]["configs"] == [ops]
    [shown] = answers["roles with quota"]["get_roles"]["roles"]
    assert (shown["name"], shown["weight"]) == ("ops", 2.5)
    dev = {"role": "dev", "limits": {"cpus": {"value": 1.5}}}
    assert answers["quota and limit"]["get_quota"]["status"]["configs"] == [dev, ops]
    assert answers["take it again"] is None
    assert answers["no quota"]["get_quota"]["status"] == {}


def test_an_agent_is_carved_up_and_whole_again(answers: dict[str, Any]) -> None:
    carved = agents(answers["carved"])[0]
    reserved = {("cpus", True, None): 1.0, ("disk", True, None): 64.0, ("disk", True, "keep"): 64.0}
    free = {("cpus", False, None): 1.0, ("mem", False, None): 512.0, ("disk", False, None): 896.0}
    assert amounts(carved["total_resources"]) == reserved | free
    whole = {("cpus", False, None): 2.0, ("mem", False, None): 512.0, ("disk", False, None): 1024.0}
    assert amounts(agents(answers["given back"])[0]["total_resources"]) == whole
    assert answers["operations"]["get_operations"] == {}


def test_an_agent_goes_out_of_service_comes_back_and_is_drained(answers: dict[str, Any]) -> None:
    def shown(step: str) -> list[tuple[bool, str | None]]:
        found = agents(answers[step])
        return [(each["deactivated"], each.get("drain_info", {}).get("state")) for each in found]

    assert shown("deactivated") == [(False, None), (True, None)]
    assert shown("reactivated") == [(False, None), (False, None)]
    assert shown("drained agents") == [(False, None), (True, "DRAINED")]


def test_a_machine_goes_down_as_planned_and_comes_up(answers: dict[str, Any]) -> None:
    [window] = answers["schedule"]["get_maintenance_schedule"]["schedule"]["windows"]
    [machine] = window["machine_ids"]
    assert machine == {"hostname": "127.0.0.1", "ip": "127.0.0.1"}

    def status(step: str) -> Any:
        return answers[step]["get_maintenance_status"]["status"]

    assert status("planned") == {"draining_machines": [{"id": machine}]}
    assert status("started") == {"down_machines": [machine]}
    assert status("stopped") == {}


def test_the_stream_tells_of_each_change(seen: dict[str, Any]) -> None:
    events = [each for each in seen["events"] if each[:2] != ["task updated", "sleep"]]
    states = [each[2] for each in seen["events"] if each[:2] == ["task updated", "sleep"]]
    [busy] = seen["answers"]["busy"]["get_tasks"]["tasks"]
    there = [each["agent_info"]["id"]["value"] for each in agents(seen["answers"]["carved"])]
    assert busy["agent_id"]["value"] in there
    assert events == [
        ["agent added", there[1]],
        ["framework added", "sleeper"],
        ["task added", "sleep"],
        ["framework removed", "sleeper"],
        ["agent removed", there[1]],
        ["agent removed", there[0]],
    ]
    assert "TASK_RUNNING" in states
