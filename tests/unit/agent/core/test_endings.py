"""When an executor and a framework are over, and what is kept of them."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    ScheduleGc,
)
from tepui.link.messages import (
    AcknowledgeStatus,
)
from tepui.messages import (
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def test_a_completed_task_leaves_no_record_and_its_sandbox_to_be_collected(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.exited(container_id)
    (update,) = agent.told(effects)
    acknowledged = agent.hear(
        AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=update.status.uuid)
    )
    frameworks = "/w/slaves/master-S0/frameworks/f1"
    assert acknowledged == [
        ScheduleGc(path=f"{frameworks}/executors/t1/runs/{container_id}"),
        ScheduleGc(path=frameworks),
    ]
    assert list(agent.stored) == ["agent"]


def test_a_framework_that_comes_back_has_its_past(agent: Any) -> None:
    agent.acknowledge(agent.exited(agent.running()))
    assert "f1" in agent.model.completed_frameworks
    agent.running(agent.task("t2"))
    assert "f1" not in agent.model.completed_frameworks
    assert len(agent.model.frameworks["f1"].completed_executors) == 1


def test_the_past_is_bounded(open_conversation: Any) -> None:
    agent = open_conversation(completed_executors_per_framework_max=3).registered()
    agent.running(agent.task("stays"))
    for number in range(5):
        agent.acknowledge(agent.exited(agent.running(agent.task(f"t{number}"))))
    past = agent.model.frameworks["f1"].completed_executors
    assert [executor.executor_id for executor in past.values()] == ["t2", "t3", "t4"]
