"""Custom executors: their subscriptions, their calls, and what they are told."""

from __future__ import annotations

from tepui.agent.core import timers
from tepui.agent.core.effects import (
    CancelTimer,
    CloseStream,
    OpenStream,
    Respond,
    SendToExecutor,
    StartTimer,
)
from tepui.agent.core.kills import destroy
from tepui.agent.core.launches import hand_over_queued
from tepui.agent.core.model import (
    TERMINAL_STATES,
    AgentState,
    Executor,
    ExecutorState,
    Framework,
    Kill,
    Owner,
)
from tepui.agent.core.statuses import (
    Reason,
    container_id_of,
    from_agent,
    from_executor,
    lost_state,
)
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_executor
from tepui.agent.core.updates import PENDING_MAX, update
from tepui.link.messages import ExecutorMessage
from tepui.messages import TaskID, TaskState, TaskStatus
from tepui.messages.executor import Call, Event


def executor_called(step: Step, request_id: str, call: Call) -> None:
    """Carry out a call, or say why not."""
    refusal = _problem_with(step, call)
    if refusal is not None:
        status, body = refusal
        step.out.append(Respond(request_id=request_id, status=status, body=body))
        return
    if call.type is Call.Type.HEARTBEAT:
        step.out.append(Respond(request_id=request_id, status=202))
        return
    framework = step.model.frameworks[call.framework_id.value]
    executor = framework.executors[call.executor_id.value]
    if call.type is Call.Type.SUBSCRIBE:
        assert call.subscribe is not None
        _subscribe(step, framework, executor, request_id, call.subscribe)
        return
    if call.type is Call.Type.UPDATE:
        assert call.update is not None
        _update(step, framework, executor, call.update.status)
    else:
        assert call.message is not None
        step.send(
            ExecutorMessage(
                framework_id=framework.framework_id,
                executor_id=executor.executor_id,
                data=call.message.data,
            )
        )
    step.out.append(Respond(request_id=request_id, status=202))


def _problem_with(step: Step, call: Call) -> tuple[int, str] | None:
    """Return the status and the words with which a call is refused, if it is."""
    model = step.model
    if model.state is AgentState.RECOVERING:
        return 503, "the agent has not finished its recovery"
    if call.type is Call.Type.HEARTBEAT:
        return None
    framework = model.frameworks.get(call.framework_id.value)
    if framework is None:
        return 400, f"framework {call.framework_id.value!r} has nothing on this agent"
    executor = framework.executors.get(call.executor_id.value)
    if executor is None:
        return 400, f"executor {call.executor_id.value!r} does not run on this agent"
    if call.type is Call.Type.MESSAGE:
        return _refuse_unsubscribed(executor)
    if executor.is_built_in:
        return 403, f"executor {call.executor_id.value!r} is run by the agent itself"
    if call.type is Call.Type.SUBSCRIBE:
        return None
    assert call.update is not None
    return _refuse_unsubscribed(executor) or _problem_with_update(executor, call)


def _refuse_unsubscribed(executor: Executor) -> tuple[int, str] | None:
    if executor.state is ExecutorState.REGISTERING:
        return 403, f"executor {executor.executor_id!r} is not subscribed"
    return None


def _problem_with_update(executor: Executor, call: Call) -> tuple[int, str] | None:
    assert call.update is not None
    status = call.update.status
    if status.uuid is None or len(status.uuid) != 16:
        return 400, "update.status.uuid has to be the 16 bytes of a UUID"
    if status.executor_id is not None and status.executor_id != call.executor_id:
        return 400, (
            f"update.status.executor_id {status.executor_id.value!r} is not the "
            f"caller's {call.executor_id.value!r}"
        )
    if status.source is not TaskStatus.Source.SOURCE_EXECUTOR:
        return 400, "update.status.source has to be SOURCE_EXECUTOR"
    if status.state is TaskState.TASK_STAGING:
        return 400, "update.status.state may not be TASK_STAGING"
    task = executor.task(status.task_id.value)
    if task is not None and len(task.stream.pending) >= PENDING_MAX:
        return 503, f"{PENDING_MAX} statuses of task {task.task_id!r} wait for acknowledgement"
    return None


def _subscribe(
    step: Step,
    framework: Framework,
    executor: Executor,
    request_id: str,
    subscribe: Call.Subscribe,
) -> None:
    model = step.model
    if executor.connection is not None:
        del model.connections[executor.connection]
        step.out.append(CloseStream(connection=executor.connection))
    if not model.connections:
        seconds = model.config.executor_heartbeat_seconds
        step.out.append(StartTimer(timer=timers.ExecutorHeartbeat(), seconds=seconds))
    executor.connection = request_id
    model.connections[request_id] = Owner(framework.framework_id, executor.executor_id)
    step.out.append(OpenStream(request_id=request_id))
    step.out.append(SendToExecutor(connection=request_id, event=_subscribed(step, executor)))
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        shutdown = Event(type=Event.Type.SHUTDOWN)
        step.out.append(SendToExecutor(connection=request_id, event=shutdown))
        return
    is_first = not executor.has_subscribed
    executor.state = ExecutorState.RUNNING
    executor.has_subscribed = True
    if is_first:
        timer = timers.ExecutorRegistration(executor.container_id)
        step.out.append(CancelTimer(timer=timer))
        store_executor(step, executor)
    else:
        _catch_up(step, framework, executor, subscribe)
    hand_over_queued(step, executor)


def _subscribed(step: Step, executor: Executor) -> Event:
    framework = step.model.frameworks[executor.framework_id]
    subscribed = Event.Subscribed(
        executor_info=executor.info,
        framework_info=framework.info,
        agent_info=step.model.info,
        container_id=container_id_of(executor.container_id),
    )
    return Event(type=Event.Type.SUBSCRIBED, subscribed=subscribed)


def _catch_up(
    step: Step, framework: Framework, executor: Executor, subscribe: Call.Subscribe
) -> None:
    """Settle what got lost between the agent and an executor that has come back."""
    for sent in subscribe.unacknowledged_updates:
        if sent.status.uuid is not None and sent.status.state is not TaskState.TASK_STAGING:
            _update(step, framework, executor, sent.status)
    known = {task.task_id.value for task in subscribe.unacknowledged_tasks}
    for task in list(executor.launched_tasks.values()):
        if not task.statuses and task.task_id not in known:
            status = from_agent(
                step,
                task.task_id,
                lost_state(framework, TaskState.TASK_DROPPED),
                Reason.REASON_AGENT_RESTARTED,
                "the executor was not given the task before the agent went away",
                executor,
                executor.containers.get(executor.container_id),
            )
            update(step, framework, executor, task, status)
        elif task.kill is not None:
            assert executor.connection is not None
            kill = Event.Kill(task_id=task.info.task_id, kill_policy=task.info.kill_policy)
            event = Event(type=Event.Type.KILL, kill=kill)
            step.out.append(SendToExecutor(connection=executor.connection, event=event))
    for task_id in framework.lost_tasks:
        if task_id in framework.tasks:
            continue  # the framework has used the id again
        assert executor.connection is not None
        kill = Event.Kill(task_id=TaskID(value=task_id))
        event = Event(type=Event.Type.KILL, kill=kill)
        step.out.append(SendToExecutor(connection=executor.connection, event=event))


def _update(step: Step, framework: Framework, executor: Executor, status: TaskStatus) -> None:
    """Take on a status, once, and let the executor forget it."""
    assert status.uuid is not None
    task = executor.task(status.task_id.value)
    if task is None:
        step.log(
            "update_of_unknown_task_ignored",
            level="warning",
            task_id=status.task_id.value,
            executor_id=executor.executor_id,
        )
    elif status.uuid not in task.stream.seen and task.state not in TERMINAL_STATES:
        update(step, framework, executor, task, from_executor(step.model, executor, status))
    if executor.connection is not None:
        acknowledged = Event.Acknowledged(task_id=status.task_id, uuid=status.uuid)
        event = Event(type=Event.Type.ACKNOWLEDGED, acknowledged=acknowledged)
        step.out.append(SendToExecutor(connection=executor.connection, event=event))


def executor_disconnected(step: Step, connection: str) -> None:
    """Note that an executor's stream is gone; it may subscribe again, or end."""
    owner = step.model.connections.pop(connection, None)
    if owner is None:
        return
    executor = step.model.executor(owner.framework_id, owner.executor_id)
    if executor is not None and executor.connection == connection:
        executor.connection = None


def send_message(step: Step, framework_id: str, executor_id: str, data: bytes) -> None:
    """Give an executor what its framework sent it; lost when it is not there."""
    executor = step.model.executor(framework_id, executor_id)
    if executor is None or executor.connection is None:
        step.log("framework_message_dropped", executor_id=executor_id)
        return
    event = Event(type=Event.Type.MESSAGE, message=Event.Message(data=data))
    step.out.append(SendToExecutor(connection=executor.connection, event=event))


def heartbeat(step: Step) -> None:
    """Tell every subscribed executor that the agent is there."""
    connections = step.model.connections
    for connection in connections:
        event = Event(type=Event.Type.HEARTBEAT)
        step.out.append(SendToExecutor(connection=connection, event=event))
    if connections:
        seconds = step.model.config.executor_heartbeat_seconds
        step.out.append(StartTimer(timer=timers.ExecutorHeartbeat(), seconds=seconds))


def registration_timed_out(step: Step, container_id: str) -> None:
    """Give up on an executor that has never subscribed."""
    found = step.model.owner_of(container_id)
    if found is None or found[1].has_subscribed:
        return
    _, executor, _ = found
    seconds = step.model.config.executor_registration_timeout_seconds
    termination = Kill(
        state=TaskState.TASK_FAILED,
        reason=Reason.REASON_EXECUTOR_REGISTRATION_TIMEOUT,
        message=f"the executor did not subscribe within {seconds:g} seconds",
    )
    destroy(step, executor, termination)


def reregistration_timed_out(step: Step) -> None:
    """Give up on executors that ran before the agent restarted and have not come back."""
    for framework in step.model.frameworks.values():
        for executor in framework.executors.values():
            is_missing = executor.state is ExecutorState.REGISTERING and executor.has_subscribed
            if executor.is_built_in or not is_missing:
                continue
            termination = Kill(
                state=lost_state(framework, TaskState.TASK_GONE),
                reason=Reason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                message="the executor did not subscribe again after the agent restarted",
            )
            destroy(step, executor, termination)
