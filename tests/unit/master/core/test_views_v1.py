"""Answers that are joined from what was encoded before."""

from __future__ import annotations

import json
from typing import Any

from tepui.codec.assembly import assembler_for
from tepui.codec.media import JSON, PROTOBUF
from tepui.master.core import views_v1


def test_what_did_not_change_is_not_encoded_again(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t2")
    assembler = assembler_for(JSON)
    tasks = cluster.state.frameworks[scheduler.framework_id].tasks
    views_v1.get_tasks(cluster.state, assembler)
    before = {name: task.fragments[assembler.name] for name, task in tasks.items()}
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    views_v1.get_tasks(cluster.state, assembler)
    assert tasks["t2"].fragments[assembler.name] is before["t2"]
    assert tasks["t1"].fragments[assembler.name] != before["t1"]


def test_each_encoding_has_its_own_fragments(cluster: Any) -> None:
    cluster.agent().register()
    for media_type in (JSON, PROTOBUF):
        views_v1.get_agents(cluster.state, assembler_for(media_type))
    [agent] = cluster.state.agents.values()
    assert len(agent.fragments) == 2


def test_agents_that_are_awaited_are_shown_apart(cluster: Any) -> None:
    cluster.agent().register()
    successor = cluster.fail_over()
    answer = json.loads(b"".join(views_v1.get_agents(successor.state, assembler_for(JSON))))
    assert answer["get_agents"]["agents"] == []
    [awaited] = answer["get_agents"]["recovered_agents"]
    assert awaited["checkpoint"] is True
    assert awaited["hostname"] == "host-5051"


def test_executors_are_shown_with_their_agent(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    executor = {
        "executor_id": {"value": "e1"},
        "command": {"value": "run"},
        "resources": cluster.resources("cpus:0.5;mem:32", offer["allocation_info"]),
    }
    scheduler.launch(offer, "t1", command=None, executor=executor)
    answer = json.loads(b"".join(views_v1.get_executors(cluster.state, assembler_for(JSON))))
    [shown] = answer["get_executors"]["executors"]
    assert shown["agent_id"] == {"value": agent.agent_id}
    assert shown["executor_info"]["framework_id"] == {"value": scheduler.framework_id}
