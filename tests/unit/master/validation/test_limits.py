"""Limits lie above what is asked for."""

from __future__ import annotations

import pytest

from tepui.master.validation.limits import validate_limits
from tepui.messages import AgentID, TaskID, TaskInfo, Value
from tepui.resources import parse_resources

CAPABLE = ("TASK_RESOURCE_LIMITS",)


def task(**limits: float) -> TaskInfo:
    return TaskInfo(
        name="t",
        task_id=TaskID(value="t"),
        agent_id=AgentID(value="a"),
        resources=parse_resources("cpus:1;mem:64").to_messages(),
        limits={name: Value.Scalar(value=value) for name, value in limits.items()},
    )


def test_without_limits_the_agent_need_not_know_any() -> None:
    assert validate_limits(task(), ()) is None


@pytest.mark.parametrize("limits", [{"cpus": 1.0}, {"cpus": 2.0, "mem": 64.0}])
def test_a_limit_may_be_as_low_as_what_is_asked_for(limits: dict[str, float]) -> None:
    assert validate_limits(task(**limits), CAPABLE) is None


def test_a_limit_that_is_no_number_is_too_low() -> None:
    found = validate_limits(task(mem=float("nan")), CAPABLE)
    assert found is not None
    assert found.rule == "task.limits.mem_low"
