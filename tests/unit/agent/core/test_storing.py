"""What is stored of a task."""

from __future__ import annotations

from typing import Any

from tepui.messages import (
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def test_what_is_launched_is_stored_with_what_is_said_of_it(agent: Any) -> None:
    agent.run_task(agent.task())
    assert {key.partition("/")[0] for key in agent.stored} == {
        *("agent", "framework", "executor", "task", "stream")
    }


def test_nothing_is_stored_for_a_framework_without_checkpoints(agent: Any) -> None:
    agent.run_task(agent.task(), by=agent.framework(checkpoint=False))
    assert list(agent.stored) == ["agent"]
