"""An executor and its agent, which may restart at any moment."""

from __future__ import annotations

from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import (
    AgentID,
    AgentInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    executor,
)
from tepui.sdk.core.executor import (
    Deliver,
    Disconnected,
    ExecutorState,
    Identity,
    Opened,
    Read,
    Received,
    Refuse,
    Refused,
    Shutdown,
    Started,
    State,
    Stop,
    Subscribe,
    Wait,
    Waited,
)

T0 = Instant(100.0, 1_000.0)
T, E, F = TaskID(value="t"), ExecutorID(value="e"), FrameworkID(value="f")
Event = executor.Event
TASK = TaskInfo(name="t", task_id=T, agent_id=AgentID(value="a"))
LAUNCH = Event(type=Event.Type.LAUNCH, launch=Event.Launch(task=TASK))
SUBSCRIBED = Event(
    type=Event.Type.SUBSCRIBED,
    subscribed=Event.Subscribed(
        executor_info=ExecutorInfo(executor_id=E),
        framework_info=FrameworkInfo(user="u", name="n"),
        agent_info=AgentInfo(hostname="h"),
    ),
)
RUNNING = TaskStatus(task_id=T, state=TaskState.TASK_RUNNING)


def state(*, checkpoint: bool = True) -> ExecutorState:
    identity = Identity(
        framework_id=F,
        executor_id=E,
        checkpoint=checkpoint,
        recovery_timeout_seconds=60.0,
        backoff_max_seconds=2.0,
    )
    it = ExecutorState(identity, Rng(1))
    it.handle(Started(), T0)
    it.handle(Opened(), T0)
    it.handle(Received(event=SUBSCRIBED), T0)
    return it


def subscribe_of(effects: list[object]) -> executor.Call.Subscribe:
    assert isinstance(effects[0], Subscribe)
    assert effects[0].call.subscribe is not None
    return effects[0].call.subscribe


def test_the_first_subscription_has_nothing_to_tell() -> None:
    it = ExecutorState(
        Identity(
            framework_id=F,
            executor_id=E,
            checkpoint=False,
            recovery_timeout_seconds=1,
            backoff_max_seconds=1,
        ),
        Rng(1),
    )
    effects = it.handle(Started(), T0)
    assert subscribe_of([*effects]) == executor.Call.Subscribe()
    assert it.handle(Opened(), T0) == [Read()]


def test_an_update_is_completed_and_remembered_until_acknowledged() -> None:
    it = state()
    call = it.update(RUNNING, T0)
    assert call.update is not None
    status = call.update.status
    assert status.uuid is not None
    assert len(status.uuid) == 16
    assert (status.timestamp, status.executor_id) == (1_000.0, E)
    assert status.source is TaskStatus.Source.SOURCE_EXECUTOR
    assert it.unacknowledged_updates == [call.update]
    acknowledged = Event.Acknowledged(task_id=T, uuid=status.uuid)
    event = Event(type=Event.Type.ACKNOWLEDGED, acknowledged=acknowledged)
    assert it.handle(Received(event=event), T0) == [Deliver(event=acknowledged), Read()]
    assert it.unacknowledged_updates == []


def test_a_returning_agent_is_told_tasks_and_updates_that_it_may_not_know() -> None:
    it = state()
    it.handle(Received(event=LAUNCH), T0)
    call = it.update(RUNNING, T0)
    effects = it.handle(Disconnected(reason="closed"), T0)
    assert isinstance(effects[0], Wait)
    again = subscribe_of([*it.handle(Waited(), T0.later(1))])
    assert again.unacknowledged_tasks == [TASK]
    assert again.unacknowledged_updates == [call.update]


def test_one_acknowledged_update_proves_that_the_agent_knows_the_task() -> None:
    it = state()
    it.handle(Received(event=LAUNCH), T0)
    call = it.update(RUNNING, T0)
    assert call.update is not None
    uuid = call.update.status.uuid or b""
    event = Event(acknowledged=Event.Acknowledged(task_id=T, uuid=uuid))
    it.handle(Received(event=event), T0)
    assert it.unacknowledged_tasks == []


def test_without_checkpointing_the_agents_end_is_the_executors() -> None:
    effects = state(checkpoint=False).handle(Disconnected(reason="closed"), T0)
    assert effects == [Deliver(event=Shutdown(reason="the agent is gone: closed")), Stop()]


def test_with_checkpointing_the_agent_may_take_its_recovery_time() -> None:
    it = state()
    it.handle(Disconnected(reason="closed"), T0)
    it.handle(Waited(), T0.later(59))
    assert isinstance(it.handle(Disconnected(reason="refused"), T0.later(59))[0], Wait)
    it.handle(Waited(), T0.later(61))
    effects = it.handle(Disconnected(reason="refused"), T0.later(61))
    assert effects[-1] == Stop()
    assert it.state is State.STOPPED


def test_a_recovering_agent_is_waited_for_and_a_refusing_one_is_not() -> None:
    it = state()
    it.handle(Disconnected(reason="closed"), T0)
    assert isinstance(it.handle(Refused(status=503, message="recovering"), T0)[0], Wait)
    assert it.handle(Refused(status=400, message="unknown framework"), T0) == [
        Refuse(status=400, message="unknown framework")
    ]


def test_shutdown_and_error_end_the_executor() -> None:
    for event in (
        Event(type=Event.Type.SHUTDOWN),
        Event(type=Event.Type.ERROR, error=Event.Error(message="bad")),
    ):
        effects = state().handle(Received(event=event), T0)
        assert isinstance(effects[0], Deliver)
        assert isinstance(effects[0].event, Shutdown)
        assert effects[-1] == Stop()
