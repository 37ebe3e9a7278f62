"""The flat shapes of the legacy endpoints."""

from __future__ import annotations

import json
from typing import Any

from tepui.codec import legacy
from tepui.messages import (
    AgentID,
    CommandInfo,
    ContainerID,
    ContainerStatus,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    Label,
    Labels,
    Task,
    TaskID,
    TaskState,
    TaskStatus,
    Value,
)

LABELS = Labels(labels=[Label(key="k", value="v"), Label(key="only")])


def decoded(described: object) -> Any:
    return json.loads(legacy.encode(described))


def test_a_task_has_flat_ids_and_says_slave() -> None:
    message = Task(
        name="name",
        task_id=TaskID(value="t"),
        framework_id=FrameworkID(value="f"),
        agent_id=AgentID(value="a"),
        state=TaskState.TASK_STAGING,
        labels=LABELS,
        limits={"cpus": Value.Scalar(value=2.0), "mem": Value.Scalar(value=float("inf"))},
    )
    status = TaskStatus(task_id=message.task_id, state=TaskState.TASK_RUNNING, healthy=True)
    described = legacy.task(
        message, state="TASK_RUNNING", statuses=[status], resources=b'{"cpus":1.0}', role="dev"
    )
    assert decoded(described) == {
        "id": "t",
        "name": "name",
        "framework_id": "f",
        "executor_id": "",
        "slave_id": "a",
        "state": "TASK_RUNNING",
        "resources": {"cpus": 1.0},
        "role": "dev",
        "statuses": [{"state": "TASK_RUNNING", "timestamp": 0.0, "healthy": True}],
        "limits": {"cpus": 2.0, "mem": "Infinity"},
        "labels": [{"key": "k", "value": "v"}, {"key": "only"}],
    }


def test_a_container_keeps_its_nested_id() -> None:
    container_id = ContainerID(value="c", parent=ContainerID(value="p"))
    described = legacy.container(ContainerStatus(container_id=container_id, executor_pid=7))
    assert decoded(described) == {"container_id": {"value": "c", "parent": {"value": "p"}}}


def test_an_executor_without_a_command_has_an_empty_one() -> None:
    info = ExecutorInfo(executor_id=ExecutorID(value="e"), type=ExecutorInfo.Type.DEFAULT)
    assert decoded(legacy.executor(info, resources=b"{}", role=None)) == {
        "executor_id": "e",
        "name": "",
        "framework_id": "",
        "command": {"argv": [], "uris": []},
        "resources": {},
        "type": "DEFAULT",
    }


def test_a_command_lists_what_is_fetched() -> None:
    command = CommandInfo(
        value="run", arguments=["run", "x"], shell=False, uris=[CommandInfo.URI(value="/u")]
    )
    assert decoded(legacy.command(command)) == {
        "shell": False,
        "value": "run",
        "argv": ["run", "x"],
        "uris": [{"value": "/u", "executable": False}],
    }


def test_keys_may_repeat() -> None:
    assert legacy.join_object([("a", b"1"), ("a", b'"x"')]) == b'{"a":1,"a":"x"}'
