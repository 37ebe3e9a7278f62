"""One container, one end, and updates in their order."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import AcknowledgeStatus, Registered, UpdateStatus
from tepui.master.core.events import AgentMessageReceived
from tepui.messages import AgentID, FrameworkID, TaskID, TaskState, TaskStatus, scheduler
from tepui.sim.laws import LawBroken
from tepui.sim.laws.tasks import OneContainer, OneEnd, TrueEnd
from tepui.sim.laws.updates import HeardUpdates, OrderedUpdates
from tepui.sim.observations import (
    CallSent,
    CheckpointLost,
    ContainerEnded,
    ContainerStarted,
    UpdateHeard,
)

Reason = TaskStatus.Reason
Call = scheduler.Call


def status(state: str, uuid: bytes | None = None, reason: Reason | None = None) -> TaskStatus:
    return TaskStatus(
        task_id=TaskID(value="t1"),
        state=TaskState[f"TASK_{state}"],
        agent_id=AgentID(value="S1"),
        uuid=uuid,
        reason=reason,
    )


def heard(*args: Any) -> UpdateHeard:
    return UpdateHeard(at=3.0, node="framework-0", framework_id="F", status=status(*args))


def started(node: str) -> ContainerStarted:
    return ContainerStarted(at=3.0, node=node, container_id=node, framework_id="F", task_id="t1")


@pytest.fixture
def received(stepped):
    """Return what makes a master receive an agent's update."""

    def receive(state: str, uuid: bytes) -> Any:
        message = UpdateStatus(
            framework_id="F", status=status(state, uuid), latest_state=TaskState.TASK_RUNNING
        )
        return stepped("master", AgentMessageReceived(channel=1, message=message))

    return receive


def acknowledged(uuid: bytes) -> CallSent:
    acknowledge = Call.Acknowledge(
        agent_id=AgentID(value="S1"), task_id=TaskID(value="t1"), uuid=uuid
    )
    call = Call(
        type=Call.Type.ACKNOWLEDGE,
        framework_id=FrameworkID(value="F"),
        acknowledge=acknowledge,
    )
    return CallSent(at=3.0, node="framework-0", number=1, call=call)


def test_an_end_may_be_heard_twice_but_not_another(watched) -> None:
    watched(OneEnd, heard("RUNNING"), heard("FINISHED"), heard("FINISHED"))
    with pytest.raises(LawBroken, match="heard TASK_FAILED of task t1 after TASK_FINISHED"):
        watched(OneEnd, heard("FINISHED"), heard("FAILED"))


def test_a_refused_task_may_be_refused_again_for_another_reason(watched) -> None:
    watched(OneEnd, heard("ERROR"), heard("DROPPED"))
    with pytest.raises(LawBroken, match="heard TASK_RUNNING of task t1 after TASK_ERROR"):
        watched(OneEnd, heard("ERROR"), heard("RUNNING"))


def test_what_was_out_of_sight_may_come_back(watched) -> None:
    watched(OneEnd, heard("UNREACHABLE"), heard("RUNNING"), heard("FINISHED"))
    watched(OneEnd, heard("LOST"), heard("RUNNING"), heard("FINISHED"))


def test_what_an_operator_gave_up_does_not(watched) -> None:
    with pytest.raises(LawBroken, match="heard TASK_RUNNING of task t1 after TASK_GONE_BY_OP"):
        watched(OneEnd, heard("GONE_BY_OPERATOR"), heard("RUNNING"))


def test_an_answer_may_be_older_than_what_was_heard(watched) -> None:
    watched(OneEnd, heard("FINISHED"), heard("GONE", None, Reason.REASON_RECONCILIATION))


def test_who_has_lost_power_may_tell_of_an_end_again(watched, stepped) -> None:
    registered = Registered(agent_id="S1", ping_timeout_seconds=1.0)
    mine = stepped("agent", AgentMessageReceived(channel=1, message=registered))
    lost = CheckpointLost(at=4.0, node="agent-0", transactions=2)
    watched(OneEnd, mine, heard("FINISHED"), lost, heard("FAILED"))
    none = CheckpointLost(at=4.0, node="agent-0", transactions=0)
    with pytest.raises(LawBroken):
        watched(OneEnd, mine, heard("FINISHED"), none, heard("FAILED"))


def test_a_task_is_started_once(watched) -> None:
    with pytest.raises(LawBroken, match="started task t1, which agent-0 had started"):
        watched(OneContainer, started("agent-0"), started("agent-1"))


def test_a_task_that_was_dropped_is_not_started(watched) -> None:
    with pytest.raises(LawBroken, match="after its framework heard TASK_DROPPED"):
        watched(OneContainer, heard("DROPPED"), started("agent-0"))


def ended(code: int | None) -> ContainerEnded:
    return ContainerEnded(
        at=2.0,
        node="agent-0",
        container_id="c",
        framework_id="F",
        task_id="t1",
        status=code,
        reason="it was done",
    )


def test_the_end_that_is_heard_is_the_end_that_was(watched) -> None:
    watched(TrueEnd, ended(0), heard("FINISHED"))
    watched(TrueEnd, ended(256), heard("FAILED"))
    watched(TrueEnd, ended(None), heard("FAILED"))
    with pytest.raises(LawBroken, match="heard that task t1 failed, which ended well"):
        watched(TrueEnd, ended(0), heard("FAILED"))
    with pytest.raises(LawBroken, match="heard that task t1 finished, which ended with 256"):
        watched(TrueEnd, ended(256), heard("FINISHED"))
    with pytest.raises(LawBroken, match="finished, which runs or never ran"):
        watched(TrueEnd, heard("FINISHED"))


def test_updates_come_one_after_the_other(watched, received) -> None:
    watched(
        OrderedUpdates,
        *[received("STARTING", b"1"), heard("STARTING", b"1"), acknowledged(b"1")],
        *[received("RUNNING", b"2"), heard("RUNNING", b"2"), heard("STARTING", b"1")],
    )


def test_an_update_that_overtakes_another_breaks_the_law(watched, received) -> None:
    first, second = received("STARTING", b"1"), received("RUNNING", b"2")
    with pytest.raises(LawBroken, match="before the update ahead of it was acknowledged"):
        watched(OrderedUpdates, first, second)
    with pytest.raises(LawBroken, match="before what its agent told earlier"):
        watched(OrderedUpdates, first, acknowledged(b"1"), second, heard("RUNNING", b"2"))


def test_an_update_that_no_agent_told_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="heard of task t1 what no agent told"):
        watched(OrderedUpdates, heard("RUNNING", b"1"))


def test_an_acknowledgement_that_nobody_made_breaks_the_law(watched, stepped, received) -> None:
    forged = AcknowledgeStatus(framework_id="F", task_id="t1", uuid=b"1")
    step = stepped("agent", AgentMessageReceived(channel=1, message=forged))
    with pytest.raises(LawBroken, match="that its framework never made"):
        watched(OrderedUpdates, received("RUNNING", b"1"), step)


@pytest.mark.slow
def test_an_update_that_nobody_came_to_hear_breaks_the_law(running) -> None:
    run = running(HeardUpdates)
    run.until(20.0)
    run.watching.conclude(run.world)
    model = next(each.core.model for each in run.world.agents if each.core.model.frameworks)
    [task, *_] = next(iter(model.frameworks.values())).tasks.values()
    task.stream.pending.append(status("RUNNING", b"9"))
    with pytest.raises(LawBroken, match="still has 1 updates of task"):
        run.watching.conclude(run.world)
