"""Whole answers of the agent's legacy endpoints."""

from __future__ import annotations

import json
from typing import Any

from tepui.agent.container_views import ContainerView
from tepui.agent.legacy import answers
from tepui.messages import ContainerID, ContainerStatus, ResourceStatistics


def state(agent: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(answers.state_answer(agent.model, version={}, flags={}))
    return shown


def test_an_agent_without_a_master_has_no_id(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    shown = state(agent)
    assert shown["id"] == ""
    assert "master_hostname" not in shown


def test_what_executors_and_tasks_hold_is_shown_as_allocated(agent: Any) -> None:
    agent.running()
    shown = state(agent)
    assert shown["master_hostname"] == "m"
    assert shown["unreserved_resources_allocated"]["cpus"] == 0.2
    assert shown["unreserved_resources"]["cpus"] == 4.0
    [executor] = shown["frameworks"][0]["executors"]
    assert executor["resources"]["cpus"] == 0.2
    assert executor["directory"].endswith(f"/runs/{executor['container']}")


def test_a_framework_that_is_over_is_shown_with_its_executors(agent: Any) -> None:
    agent.acknowledge(agent.exited(agent.running()))
    shown = state(agent)
    assert shown["frameworks"] == []
    [framework] = shown["completed_frameworks"]
    [executor] = framework["completed_executors"]
    assert [task["state"] for task in executor["completed_tasks"]] == ["TASK_FINISHED"]
    assert executor["resources"]["cpus"] == 0.1


def container(statistics: ResourceStatistics | None) -> ContainerView:
    container_id = ContainerID(value="c")
    return ContainerView(
        container_id=container_id,
        framework_id="f",
        executor_id="e",
        name="n",
        source="s",
        status=ContainerStatus(container_id=container_id, executor_pid=7),
        statistics=statistics,
    )


def test_statistics_leave_out_what_does_not_run() -> None:
    running = container(ResourceStatistics(timestamp=1.0))
    idle = container(None)
    assert len(json.loads(answers.statistics_answer([running, idle]))) == 1
    [first, second] = json.loads(answers.containers_answer([running, idle]))
    assert first["statistics"] == {"timestamp": 1.0}
    assert "statistics" not in second
    assert first["status"] == {"container_id": {"value": "c"}, "executor_pid": 7}
