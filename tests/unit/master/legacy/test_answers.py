"""Whole answers of the master's legacy endpoints."""

from __future__ import annotations

import json
from typing import Any

from tepui.codec.assembly import Parts
from tepui.master.legacy import answers


def decoded(parts: Parts) -> Any:
    return json.loads(b"".join(parts))


def test_a_master_without_anything_still_names_every_list(cluster: Any) -> None:
    shown = decoded(
        answers.state_answer(cluster.state, version={"version": "1.11.0"}, flags={"log_dir": "/l"})
    )
    assert shown["log_dir"] == "/l"
    assert shown["flags"] == {"log_dir": "/l"}
    assert shown["leader"] == shown["pid"] == shown["leader_info"]["pid"]
    lists = ("slaves", "recovered_slaves", "frameworks", "completed_frameworks")
    assert [shown[name] for name in (*lists, "orphan_tasks", "unregistered_frameworks")] == [[]] * 6


def test_agents_are_counted_by_whether_they_may_be_used(cluster: Any) -> None:
    cluster.agent().register()
    cluster.agent(port=5052).register().disconnect()
    shown = decoded(answers.state_answer(cluster.state, version={}, flags={}))
    assert (shown["activated_slaves"], shown["deactivated_slaves"]) == (1.0, 1.0)
    assert shown["unreachable_slaves"] == 0.0


def test_one_framework_or_agent_is_shown_on_request(cluster: Any) -> None:
    agents = [cluster.agent(port=port).register() for port in (5051, 5052)]
    schedulers = [cluster.scheduler("a").subscribe() for _ in range(2)]
    wanted = schedulers[1].framework_id
    shown = decoded(answers.frameworks_answer(cluster.state, wanted))
    assert [each["id"] for each in shown["frameworks"]] == [wanted]
    shown = decoded(answers.slaves_answer(cluster.state, agents[0].agent_id))
    assert [each["id"] for each in shown["slaves"]] == [agents[0].agent_id]
    assert len(decoded(answers.slaves_answer(cluster.state))["slaves"]) == 2


def test_a_framework_that_is_over_moves_to_the_completed_ones(cluster: Any) -> None:
    scheduler = cluster.scheduler("a").subscribe()
    scheduler.call("TEARDOWN")
    shown = decoded(answers.frameworks_answer(cluster.state))
    assert shown["frameworks"] == []
    [over] = shown["completed_frameworks"]
    assert over["unregistered_time"] > 0.0
    assert not over["active"]


def test_tasks_are_ordered_by_their_first_status(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("a").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t2")
    for name in ("t2", "t1"):
        cluster.pass_time(1.0)
        agent.update(scheduler.framework_id, name, "TASK_RUNNING")

    def ids(**query: Any) -> list[str]:
        shown = decoded(answers.tasks_answer(cluster.state, **query))
        return [each["id"] for each in shown["tasks"]]

    assert ids() == ["t1", "t2"]
    assert ids(is_ascending=True) == ["t2", "t1"]
    assert ids(is_ascending=True, offset=1) == ["t1"]
    assert ids(limit=0) == []


def test_a_role_has_quota_that_nobody_set(cluster: Any) -> None:
    cluster.agent("cpus:4;cpus(dev):1").register()
    [role] = decoded(answers.roles_answer(cluster.state, cluster.allocator.roles()))["roles"]
    assert role["quota"] == {
        "role": "dev",
        "guarantee": {},
        "limit": {},
        "consumed": {"cpus": 1.0},
    }
    assert (role["reserved"], role["allocated"], role["resources"]) == ({"cpus": 1.0}, {}, {})


def test_weights_are_those_that_were_set() -> None:
    assert decoded(answers.weights_answer({"dev": 2.0})) == [{"weight": 2.0, "role": "dev"}]
