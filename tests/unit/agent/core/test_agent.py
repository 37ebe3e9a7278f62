"""Command tasks from the master's order to the last acknowledgement."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    AcknowledgeExit,
    LaunchContainer,
)
from tepui.link.messages import (
    AcknowledgeStatus,
    UpdateStatus,
)
from tepui.messages import (
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def test_a_task_starts_runs_and_finishes(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    assert agent.updates(effects) == ["t1 TASK_STARTING"]
    (spec,) = agent.launches(effects)
    # One status is in flight at a time: the next waits for the acknowledgement.
    assert agent.updates(agent.launched(spec.container_id)) == []
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING"]
    effects = agent.exited(spec.container_id)
    assert agent.updates(effects) == ["t1 TASK_FINISHED"]
    assert AcknowledgeExit(container_id=spec.container_id) in effects
    assert agent.acknowledge(effects) == ["TASK_FINISHED"]
    assert agent.model.frameworks == {}


def test_statuses_look_as_those_of_mesos_command_executor(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    effects += agent.launched(agent.launches(effects)[0].container_id, pid=4649)
    agent.acknowledge(effects)
    _, status = agent.model.frameworks["f1"].tasks["t1"].statuses
    assert status.source is Source.SOURCE_EXECUTOR
    assert status.reason is None
    assert status.executor_id.value == "t1"
    assert status.container_status.executor_pid == 4649
    address = status.container_status.network_infos[0].ip_addresses[0]
    assert address.ip_address == "127.0.0.1"


def test_a_command_task_shows_no_executor(agent: Any) -> None:
    agent.running()
    assert agent.model.frameworks["f1"].tasks["t1"].to_message().executor_id is None


def test_a_task_id_that_is_taken_is_not_launched_twice(agent: Any) -> None:
    agent.running()
    assert agent.run_task(agent.task()) == []


def test_an_update_says_what_is_known_beyond_it(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    agent.exited(spec.container_id)
    (update,) = agent.told(effects)
    acknowledge = AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=update.status.uuid)
    (next_,) = agent.told(agent.hear(acknowledge))
    assert isinstance(next_, UpdateStatus)
    assert next_.status.state.value == "TASK_RUNNING"
    assert next_.latest_state.value == "TASK_FINISHED"


def test_launches_come_in_the_order_of_the_orders(agent: Any) -> None:
    effects = [*agent.run_task(agent.task("a")), *agent.run_task(agent.task("b"))]
    launches = [e for e in effects if isinstance(e, LaunchContainer)]
    assert [e.spec.environment["MESOS_TASK_ID"] for e in launches] == ["a", "b"]
