"""How tasks are ended."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    DestroyContainer,
    SignalContainer,
)
from tepui.agent.core.events import ContainerLaunchFailed
from tepui.link.messages import (
    KillTask,
)
from tepui.messages import (
    DurationInfo,
    KillPolicy,
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def grace(seconds: float) -> KillPolicy:
    return KillPolicy(grace_period=DurationInfo(nanoseconds=round(seconds * 1e9)))


def test_a_kill_asks_first_and_forces_after_the_grace_period(agent: Any) -> None:
    container_id = agent.running()
    kill = KillTask(framework_id="f1", task_id="t1")
    assert agent.hear(kill) == [SignalContainer(container_id=container_id, signal=15)]
    assert agent.advance(2.9) == []
    assert agent.advance(0.2) == [DestroyContainer(container_id=container_id)]
    (update,) = agent.told(agent.exited(container_id, SIGKILLED))
    assert update.status.state.value == "TASK_KILLED"
    assert update.status.source is Source.SOURCE_EXECUTOR
    assert update.status.reason is None


def test_a_kill_policy_says_how_long_to_wait(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(60)))
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.advance(59) == []
    assert agent.advance(2) == [DestroyContainer(container_id=container_id)]


def test_a_second_kill_with_less_grace_is_heeded(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(60)))
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    agent.advance(1)
    assert agent.hear(KillTask(framework_id="f1", task_id="t1", kill_policy=grace(2))) == []
    assert agent.advance(2.1) == [DestroyContainer(container_id=container_id)]


def test_a_second_kill_with_more_grace_is_not(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    agent.hear(KillTask(framework_id="f1", task_id="t1", kill_policy=grace(60)))
    assert agent.advance(3.1) == [DestroyContainer(container_id=container_id)]


def test_a_kill_without_grace_forces_at_once(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(0)))
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert effects[-1] == DestroyContainer(container_id=container_id)


def test_killing_is_told_to_frameworks_that_know_the_state(agent: Any) -> None:
    by = agent.framework("f1", "TASK_KILLING_STATE")
    container_id = agent.running(agent.task(), by=by)
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.updates(effects) == ["t1 TASK_KILLING"]
    agent.exited(container_id, SIGTERMED)
    assert agent.acknowledge(effects) == ["TASK_KILLING", "TASK_KILLED"]


def test_a_killed_task_that_ends_well_has_finished(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.updates(agent.exited(container_id)) == ["t1 TASK_FINISHED"]


def test_a_kill_during_the_launch_gives_it_up(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    killed = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert killed == [DestroyContainer(container_id=spec.container_id)]
    agent.handle(ContainerLaunchFailed(container_id=spec.container_id, reason="given up"))
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_KILLED"]
    (framework,) = agent.model.completed_frameworks.values()
    (executor,) = framework.completed_executors.values()
    status = executor.completed_tasks.get("t1").statuses[-1]
    assert status.reason is Reason.REASON_TASK_KILLED_DURING_LAUNCH
    assert status.source is Source.SOURCE_AGENT


def test_a_launch_that_wins_against_its_kill_is_ended(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    launched = agent.launched(spec.container_id)
    assert launched == [DestroyContainer(container_id=spec.container_id)]
    agent.exited(spec.container_id, SIGKILLED)
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_KILLED"]


def test_the_kill_of_a_task_that_is_not_here_is_answered(agent: Any) -> None:
    agent.running(by=agent.framework("f1", "PARTITION_AWARE"))
    effects = agent.hear(KillTask(framework_id="f1", task_id="other"))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_DROPPED"
    assert update.status.reason is Reason.REASON_EXECUTOR_TERMINATED
    assert agent.acknowledge(effects) == ["TASK_DROPPED"]
    assert agent.model.refusals == {}


def test_the_kill_of_a_task_whose_end_was_acknowledged_comes_too_late(agent: Any) -> None:
    agent.running(agent.task("t2"))
    container_id = agent.running(agent.task("t1"))
    assert agent.acknowledge(agent.exited(container_id)) == ["TASK_FINISHED"]
    assert agent.told(agent.hear(KillTask(framework_id="f1", task_id="t1"))) == []


def test_a_task_past_its_max_completion_time_fails(agent: Any) -> None:
    limit = DurationInfo(nanoseconds=10 * 10**9)
    container_id = agent.running(agent.task(max_completion_time=limit))
    assert agent.advance(9) == []
    assert agent.advance(2) == [SignalContainer(container_id=container_id, signal=15)]
    (update,) = agent.told(agent.exited(container_id, SIGTERMED))
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason is Reason.REASON_MAX_COMPLETION_TIME_REACHED
    assert update.status.source is Source.SOURCE_EXECUTOR
