"""Single things as operators see them."""

from __future__ import annotations

from typing import Any

from tepui.master.core.views import (
    agent_message,
    first_status_time,
    framework_message,
    role_of,
    task_message,
    time_message,
    used_of,
)
from tepui.messages import AgentInfo, TaskState
from tepui.resources import EMPTY, parse_resources


def test_a_task_is_shown_as_it_is_now(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    task = cluster.state.frameworks[scheduler.framework_id].tasks["t1"]
    assert task_message(task).state is TaskState.TASK_STAGING
    assert first_status_time(task) == 0.0
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    shown = task_message(task)
    assert shown.state is shown.status_update_state is TaskState.TASK_RUNNING
    assert shown.status_update_uuid == b"0123456789abcdef"
    assert [each.state for each in shown.statuses] == [TaskState.TASK_RUNNING]
    assert first_status_time(task) == cluster.now.wall


def test_totals_have_a_role_and_descriptions_have_none(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;cpus(dev):1").register()
    shown = agent_message(cluster.state.agents[agent.agent_id])
    assert [each.role for each in shown.total_resources] == ["*", "dev"]
    assert [each.role for each in shown.agent_info.resources] == [None, None]
    assert shown.active


def test_a_lost_agent_is_not_active_and_unknown_capabilities_are_left_out(cluster: Any) -> None:
    agent = cluster.agent().register()
    known = cluster.state.agents[agent.agent_id]
    known.capabilities = ("MULTI_ROLE", "FROM_THE_FUTURE")
    agent.disconnect()
    shown = agent_message(known)
    assert not shown.active
    assert [each.type for each in shown.capabilities] == [AgentInfo.Capability.Type.MULTI_ROLE]


def test_a_framework_is_shown_with_what_it_holds(cluster: Any) -> None:
    cluster.agent("cpus:4;mem:1024").register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    framework = cluster.state.frameworks[scheduler.framework_id]
    shown = framework_message(framework)
    assert [each.name for each in shown.allocated_resources] == ["cpus", "mem"]
    assert shown.offers == []
    assert shown.registered_time == shown.reregistered_time
    assert shown.unregistered_time is None
    [agent] = cluster.state.agents.values()
    assert used_of(agent) == framework.used


def test_the_role_of_nothing_is_that_of_everybody() -> None:
    assert role_of(EMPTY) == "*"
    assert role_of(parse_resources("cpus:1").allocated_to("red")) == "red"


def test_times_are_in_nanoseconds() -> None:
    assert time_message(1.5).nanoseconds == 1_500_000_000
