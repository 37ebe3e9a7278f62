"""What exactly a container runs, and what cannot be run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.messages import (
    CheckInfo,
    CommandInfo,
    ContainerInfo,
    Environment,
    HealthCheck,
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def test_the_environment_is_that_of_mesos_and_the_task_has_the_last_word(agent: Any) -> None:
    variable = Environment.Variable(name="MESOS_CHECKPOINT", value="mine")
    info = msgspec.structs.replace(
        agent.task(),
        command=CommandInfo(value="true", environment=Environment(variables=[variable])),
    )
    (spec,) = agent.launches(agent.run_task(info))
    environment = spec.environment
    assert environment["MESOS_CHECKPOINT"] == "mine"
    assert environment["MESOS_TASK_ID"] == "t1"
    assert environment["MESOS_SANDBOX"] == spec.sandbox
    assert environment["MESOS_SLAVE_PID"] == "slave(1)@127.0.0.1:5051"
    assert spec.user == "alice"


@pytest.mark.parametrize(
    ("field", "check"),
    [
        ("health_check", HealthCheck(type=HealthCheck.Type.COMMAND)),
        ("check", CheckInfo(type=CheckInfo.Type.COMMAND)),
    ],
)
def test_a_task_that_wants_to_be_watched_does_not_run_unwatched(
    agent: Any, field: str, check: Any
) -> None:
    effects = agent.run_task(agent.task(**{field: check}))
    assert agent.launches(effects) == []
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason is Reason.REASON_CONTAINER_LAUNCH_FAILED
    assert field in update.status.message


def test_what_a_container_cannot_have_is_refused_by_name(agent: Any) -> None:
    docker = ContainerInfo(
        type=ContainerInfo.Type.DOCKER, docker=ContainerInfo.DockerInfo(image="busybox")
    )
    effects = agent.run_task(agent.task(container=docker))
    assert agent.launches(effects) == []
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason is Reason.REASON_CONTAINER_LAUNCH_FAILED
    assert "DOCKER" in update.status.message
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}
    assert agent.model.containers == {}
