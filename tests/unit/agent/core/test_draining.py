"""An agent that is drained of its tasks."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import DestroyContainer, SignalContainer
from tepui.link.messages import DrainAgent, ReactivateAgent
from tepui.messages import DrainConfig, DurationInfo, KillPolicy, TaskStatus

Reason = TaskStatus.Reason
SIGTERMED = 15


def drain(agent: Any, grace: float | None = None, *, mark_gone: bool = False) -> list[Any]:
    period = None if grace is None else DurationInfo(nanoseconds=round(grace * 1e9))
    config = DrainConfig(max_grace_period=period, mark_gone=mark_gone)
    return agent.hear(DrainAgent(config=config))


def test_tasks_are_ended_and_told_why(agent: Any) -> None:
    container_id = agent.running()
    assert drain(agent) == [SignalContainer(container_id=container_id, signal=15)]
    (update,) = agent.told(agent.exited(container_id, SIGTERMED))
    assert update.status.state.value == "TASK_KILLED"
    assert update.status.reason is Reason.REASON_AGENT_DRAINING


def test_the_drain_may_leave_less_time_than_the_task_wants(agent: Any) -> None:
    policy = KillPolicy(grace_period=DurationInfo(nanoseconds=60 * 10**9))
    container_id = agent.running(agent.task(kill_policy=policy))
    drain(agent, 5.0)
    assert agent.advance(4.9) == []
    assert agent.advance(0.2) == [DestroyContainer(container_id=container_id)]


def test_the_drain_never_leaves_more_time_than_the_task_has(agent: Any) -> None:
    container_id = agent.running()
    drain(agent, 60.0)
    assert agent.advance(3.1) == [DestroyContainer(container_id=container_id)]


def test_who_knows_of_partitions_hears_that_the_task_is_gone_with_its_agent(agent: Any) -> None:
    container_id = agent.running(by=agent.framework("f1", "PARTITION_AWARE"))
    drain(agent, mark_gone=True)
    (update,) = agent.told(agent.exited(container_id, SIGTERMED))
    assert update.status.state.value == "TASK_GONE_BY_OPERATOR"
    assert update.status.reason is Reason.REASON_AGENT_DRAINING
    assert update.latest_state.value == "TASK_GONE_BY_OPERATOR"


def test_who_knows_nothing_of_partitions_hears_of_the_kill(agent: Any) -> None:
    container_id = agent.running()
    drain(agent, mark_gone=True)
    (update,) = agent.told(agent.exited(container_id, SIGTERMED))
    assert update.status.state.value == "TASK_KILLED"


def test_a_task_that_ends_well_meanwhile_has_ended_well(agent: Any) -> None:
    container_id = agent.running()
    drain(agent)
    (update,) = agent.told(agent.exited(container_id, 0))
    assert update.status.state.value == "TASK_FINISHED"
    assert update.status.reason is None


def test_no_task_is_started_while_the_agent_drains(agent: Any) -> None:
    drain(agent)
    (update,) = agent.told(agent.run_task(agent.task("late")))
    assert update.status.state.value == "TASK_LOST"
    assert update.status.reason is Reason.REASON_AGENT_DRAINING
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    assert agent.updates(effects) == ["a TASK_LOST", "b TASK_LOST"]
    assert agent.launches(effects) == []
    aware = agent.framework("f2", "PARTITION_AWARE")
    effects = agent.run_task(agent.task("t2"), by=aware)
    assert agent.updates(effects) == ["t2 TASK_DROPPED"]


def test_tasks_are_started_again_after_the_drain(agent: Any) -> None:
    drain(agent)
    agent.hear(ReactivateAgent())
    assert len(agent.launches(agent.run_task(agent.task()))) == 1
    assert "drain" not in agent.stored


def test_a_drain_that_is_told_twice_kills_once(agent: Any) -> None:
    agent.running()
    drain(agent)
    assert drain(agent) == []


def test_a_task_that_ends_while_no_agent_runs_is_told_why_all_the_same(agent: Any) -> None:
    container_id = agent.running()
    drain(agent)
    agent.restart([])
    assert agent.model.drain is not None
    del container_id
    # The master has not said yet whether it still wants the drain.
    assert agent.model.drain.config == DrainConfig()


def test_the_master_decides_whether_the_drain_goes_on_after_a_restart(agent: Any) -> None:
    drain(agent)
    agent.restart([])
    agent.reregistered()
    assert agent.model.drain is None
    assert len(agent.launches(agent.run_task(agent.task()))) == 1
    drain(agent)
    assert agent.model.drain is not None


def test_custom_executors_are_asked_to_end_their_tasks(agent: Any) -> None:
    info = agent.task(command=None, executor=agent.executor())
    (spec,) = agent.launches(agent.run_task(info))
    agent.launched(spec.container_id)
    agent.subscribe()
    (event,) = agent.events(drain(agent, 2.0))
    assert event.type.value == "KILL"
    assert event.kill.kill_policy.grace_period.nanoseconds == 2 * 10**9
    assert agent.events(drain(agent, 2.0)) == []
