"""Single things in the legacy JSON."""

from __future__ import annotations

import json
from typing import Any

from tepui.master.legacy import objects


def test_a_framework_of_one_role_shows_it_as_one(cluster: Any) -> None:
    single = cluster.scheduler(role="dev").subscribe()
    several = cluster.scheduler("a", "b", principal="me").subscribe()
    frameworks = cluster.state.frameworks
    first = json.loads(b"".join(objects.framework(frameworks[single.framework_id])))
    second = json.loads(b"".join(objects.framework(frameworks[several.framework_id])))
    assert (first["role"], "roles" in first, "principal" in first) == ("dev", False, False)
    assert (second["roles"], "role" in second, second["principal"]) == (["a", "b"], False, "me")
    assert first["unregistered_time"] == 0.0


def test_a_second_subscription_has_a_time_of_its_own(cluster: Any) -> None:
    scheduler = cluster.scheduler("a", failover_timeout=60.0).subscribe()
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert b"reregistered_time" not in b"".join(objects.framework(framework))
    scheduler.disconnect()
    cluster.pass_time(1.0)
    scheduler.subscribe()
    shown = json.loads(b"".join(objects.framework(framework)))
    assert shown["reregistered_time"] == shown["registered_time"] + 1.0


def test_an_executor_says_where_it_is(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("a").subscribe()
    [offer] = scheduler.offers()
    resources = cluster.resources("cpus:0.5;mem:32", offer["allocation_info"])
    executor = {
        "executor_id": {"value": "e1"},
        "command": {"value": "run"},
        "resources": resources,
    }
    scheduler.launch(offer, "t1", command=None, executor=executor)
    framework = cluster.state.frameworks[scheduler.framework_id]
    shown = json.loads(objects.executor(framework.executors[agent.agent_id]["e1"]))
    assert (shown["slave_id"], shown["role"]) == (agent.agent_id, "a")
    assert shown["command"] == {"shell": True, "value": "run", "argv": [], "uris": []}
    assert json.loads(objects.task(framework.tasks["t1"]))["executor_id"] == "e1"


def test_an_agent_that_is_awaited_is_only_described(cluster: Any) -> None:
    agent = cluster.agent().register()
    successor = cluster.fail_over()
    shown = json.loads(objects.recovered_slave(successor.state.recovered_agents[agent.agent_id]))
    assert shown == {"id": agent.agent_id, "hostname": "host-5051", "port": 5051, "attributes": {}}


def test_an_agent_in_full_lists_each_resource(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;cpus(dev):1").register()
    shown = json.loads(b"".join(objects.slave_in_full(cluster.state.agents[agent.agent_id])))
    assert shown["resources"]["cpus"] == 5.0
    assert [each["role"] for each in shown["reserved_resources_full"]["dev"]] == ["dev"]
    assert [each["role"] for each in shown["unreserved_resources_full"]] == ["*"]
    assert shown["used_resources_full"] == []
