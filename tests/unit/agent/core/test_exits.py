"""What the beginning and the end of a container mean for its task."""

from __future__ import annotations

from typing import Any

import msgspec

from tepui.agent.core.events import ContainerLaunchFailed
from tepui.messages import (
    CommandInfo,
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def exit_code(code: int) -> int:
    return code << 8


def test_a_task_that_exits_with_a_code_fails_and_says_which(agent: Any) -> None:
    effects = agent.exited(agent.running(), exit_code(3))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.message == "the command exited with status 3"
    assert update.status.reason is None


def test_a_task_that_a_signal_ends_fails_and_says_which(agent: Any) -> None:
    (update,) = agent.told(agent.exited(agent.running(), SIGKILLED))
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.message == "the command was terminated by SIGKILL"


def test_an_exit_that_overtakes_its_launch_waits_for_it(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    assert agent.exited(spec.container_id) == []
    effects += agent.launched(spec.container_id)
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


def test_a_task_with_uris_is_staging_until_they_are_fetched(agent: Any) -> None:
    command = CommandInfo(value="true", uris=[CommandInfo.URI(value="http://x/y")])
    effects = agent.run_task(msgspec.structs.replace(agent.task(), command=command))
    assert agent.updates(effects) == []
    (spec,) = agent.launches(effects)
    assert [uri.value for uri in spec.uris] == ["http://x/y"]
    effects = agent.handle(
        ContainerLaunchFailed(container_id=spec.container_id, reason="failed to fetch http://x/y")
    )
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.source is Source.SOURCE_AGENT
    assert update.status.reason is Reason.REASON_CONTAINER_LAUNCH_FAILED
    assert "http://x/y" in update.status.message
    assert agent.acknowledge(effects) == ["TASK_FAILED"]
    assert agent.model.frameworks == {}
