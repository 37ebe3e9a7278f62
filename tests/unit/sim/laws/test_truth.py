"""What is told of tasks is so."""

from __future__ import annotations

import pytest

from tepui.messages import TaskID, TaskState, TaskStatus
from tepui.resources import parse_resources
from tepui.sim.laws import LawBroken
from tepui.sim.laws.truth import NeverRan, NoEarlyEnd, TrueAnswers, TrueTotals
from tepui.sim.observations import (
    CheckpointLost,
    ContainerEnded,
    ContainerStarted,
    UpdateHeard,
)

STARTED = ContainerStarted(at=1.0, node="agent-0", container_id="c", framework_id="F", task_id="t")


def ended(status: int | None) -> ContainerEnded:
    return ContainerEnded(
        at=2.0,
        node="agent-0",
        container_id="c",
        framework_id="F",
        task_id="t",
        status=status,
        reason="",
    )


def heard(state: str) -> UpdateHeard:
    status = TaskStatus(task_id=TaskID(value="t"), state=TaskState[f"TASK_{state}"])
    return UpdateHeard(at=3.0, node="framework-0", framework_id="F", status=status)


def test_nothing_is_over_that_runs(watched) -> None:
    watched(NoEarlyEnd, STARTED, heard("RUNNING"), ended(None), heard("KILLED"))
    with pytest.raises(LawBroken, match="heard TASK_KILLED of task t, which runs on agent-0"):
        watched(NoEarlyEnd, STARTED, heard("KILLED"))


def test_nobody_says_of_what_has_run_that_it_did_not(watched) -> None:
    watched(NeverRan, heard("DROPPED"))
    lost = CheckpointLost(at=2.0, node="agent-0", transactions=1)
    watched(NeverRan, STARTED, lost, ended(None), heard("DROPPED"))
    with pytest.raises(LawBroken, match="heard TASK_DROPPED of task t, which has run on agent-0"):
        watched(NeverRan, STARTED, ended(0), heard("DROPPED"))


@pytest.mark.slow
def test_a_master_that_forgot_a_task_is_found_when_somebody_asks(running) -> None:
    run = running(TrueAnswers)
    run.until(10.0)
    # As if the leader had never heard of what runs.
    for framework in run.state.frameworks.values():
        framework.tasks = {}
    run.world.frameworks[0].scheduler._reconcile("")
    with pytest.raises(LawBroken, match=r"answers TASK_GONE for task framework-0-[0-9]+, which"):
        run.until(12.0)


@pytest.mark.slow
def test_resources_that_were_counted_twice_are_found(running) -> None:
    run = running(TrueTotals)
    run.until(10.0)
    model = run.world.agents[0].core.model
    model.total = model.total + parse_resources("cpus:1")
    with pytest.raises(LawBroken, match="agent-0: takes its resources for"):
        run.law.look(run.world)
