"""The agent's metrics follow what happens."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.agent.metrics import agent_metrics


def metrics(agent: Any) -> dict[str, float]:
    return agent_metrics(agent.model, agent.now.wall)


def test_an_agent_counts_from_zero(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    found = metrics(agent)
    assert found["slave/registered"] == 0.0
    assert {value for key, value in found.items() if "tasks" in key} == {0.0}
    assert found["slave/cpus_total"] == 4.0


def test_a_task_is_present_and_then_counted(agent: Any) -> None:
    container_id = agent.running()
    found = metrics(agent)
    assert (found["slave/registered"], found["slave/frameworks_active"]) == (1.0, 1.0)
    assert (found["slave/tasks_running"], found["slave/executors_running"]) == (1.0, 1.0)
    assert found["slave/cpus_used"] == pytest.approx(0.2)  # with its executor's
    assert found["slave/valid_status_updates"] == 2.0
    agent.acknowledge(agent.exited(container_id, status=256))
    found = metrics(agent)
    assert (found["slave/tasks_running"], found["slave/tasks_failed"]) == (0.0, 1.0)
    assert (found["slave/executors_running"], found["slave/executors_terminated"]) == (0.0, 1.0)
    assert found["slave/cpus_used"] == 0.0
