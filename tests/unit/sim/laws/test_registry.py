"""What is told is held against what the registry has been given before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.link.messages import Registered
from tepui.master.core.effects import Respond, SendToAgent, SendToScheduler
from tepui.master.core.events import (
    AgentDrainRequested,
    AgentGoneRequested,
    AllocateSlice,
    QuotaUpdateRequested,
)
from tepui.master.core.registry import AgentRecord, AgentStanding, QuotaRecord
from tepui.messages import (
    AgentID,
    AgentInfo,
    DrainConfig,
    TaskID,
    TaskState,
    TaskStatus,
    Value,
    scheduler,
)
from tepui.messages.quota import QuotaConfig
from tepui.sim.laws import LawBroken
from tepui.sim.laws.registry import DurableBeforeVisible, DurableRegistry
from tepui.sim.observations import RegistryOpened, RegistryWritten

REGISTERED = SendToAgent(channel=1, message=Registered(agent_id="S1", ping_timeout_seconds=1.0))


def written(**puts: Any) -> RegistryWritten:
    encoded = {key: msgspec.msgpack.encode(value) for key, value in puts.items()}
    return RegistryWritten(at=1.0, node="master-0", life=1, epoch=1, puts=encoded, deletes=())


def standing(value: AgentStanding, **fields: Any) -> RegistryWritten:
    record = AgentRecord(info=AgentInfo(hostname="host"), standing=value, **fields)
    return written(**{"agents/S1": record})


ADMITTED = standing(AgentStanding.ADMITTED)
UNREACHABLE = standing(AgentStanding.UNREACHABLE)
GONE = standing(AgentStanding.GONE)


def told(state: TaskState) -> SendToScheduler:
    status = TaskStatus(
        task_id=TaskID(value="t1"),
        state=state,
        agent_id=AgentID(value="S1"),
        source=TaskStatus.Source.SOURCE_MASTER,
        reason=TaskStatus.Reason.REASON_AGENT_REMOVED,
    )
    kind = scheduler.Event.Type.UPDATE
    update = scheduler.Event.Update(status=status)
    return SendToScheduler(connection=1, event=scheduler.Event(type=kind, update=update))


def test_a_record_that_the_next_leader_does_not_read_breaks_the_law(watched) -> None:
    opened = RegistryOpened(at=2.0, node="master-1", life=1, epoch=2, records={})
    with pytest.raises(LawBroken, match="reads another agents/S1 than was written last"):
        watched(DurableRegistry, ADMITTED, opened)


def test_an_agent_hears_of_its_admission_after_the_registry(watched, stepped) -> None:
    told_early = stepped("master", AllocateSlice(), REGISTERED)
    watched(DurableBeforeVisible, ADMITTED, told_early)
    with pytest.raises(LawBroken, match=r"says Registered to agent S1, of which .* nothing"):
        watched(DurableBeforeVisible, told_early)


@pytest.mark.parametrize("state", [TaskState.TASK_UNREACHABLE, TaskState.TASK_LOST])
def test_frameworks_hear_that_an_agent_is_lost_after_the_registry(watched, stepped, state) -> None:
    step = stepped("master", AllocateSlice(), told(state))
    watched(DurableBeforeVisible, ADMITTED, UNREACHABLE, step)
    with pytest.raises(LawBroken, match="of agent S1, which the registry holds as admitted"):
        watched(DurableBeforeVisible, ADMITTED, step)


def test_a_gone_agent_stays_gone(watched) -> None:
    with pytest.raises(LawBroken, match="makes agents/S1 admitted, which was gone for good"):
        watched(DurableBeforeVisible, ADMITTED, GONE, ADMITTED)


LIMIT = QuotaConfig(role="red", limits={"cpus": Value.Scalar(value=2.0)})
QUOTA = written(**{"quotas/red": QuotaRecord(limits={"cpus": 2000})})
DRAINED = standing(AgentStanding.ADMITTED, is_deactivated=True)


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        (QuotaUpdateRequested(request_id=7, configs=(LIMIT,)), [QUOTA]),
        (AgentGoneRequested(request_id=7, agent_id="S1"), [GONE]),
        (AgentDrainRequested(request_id=7, agent_id="S1", config=DrainConfig()), [DRAINED]),
    ],
)
def test_an_operator_hears_yes_after_the_registry(watched, stepped, event, stored) -> None:
    asked = stepped("master", event)
    answered = stepped("master", AllocateSlice(), Respond(request_id=7, status=200))
    watched(DurableBeforeVisible, ADMITTED, asked, *stored, answered)
    with pytest.raises(LawBroken, match=f"says yes to {type(event).__name__}"):
        watched(DurableBeforeVisible, ADMITTED, asked, answered)
