"""Statuses on their way to the framework: in order per task, one in flight, until acknowledged.

A status is stored before it is sent (all effects wait for the turn's commit), and sent again
with growing patience until the framework has acknowledged it through the master.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tepui.agent.core import timers, volumes
from tepui.agent.core.effects import StartTimer, UnlinkVolumes
from tepui.agent.core.model import (
    TERMINAL_STATES,
    AgentState,
    AgentTask,
    Executor,
    Framework,
    FrameworkState,
    Model,
    UpdateStream,
)
from tepui.agent.core.statuses import Reason, from_agent, told_while_draining
from tepui.agent.core.step import Step
from tepui.agent.core.storing import forget_task, store_stream
from tepui.link.messages import UpdateStatus
from tepui.messages import TaskState, TaskStatus

PENDING_MAX = 1000
"""A task with this many unacknowledged statuses takes no more from its executor."""
SEEN_MAX = 1000
STATUSES_MAX = 100


def update(
    step: Step, framework: Framework, executor: Executor, task: AgentTask, status: TaskStatus
) -> None:
    """Take on a status of a task that is not terminal yet: note it, store it, send it in turn."""
    if step.model.drain is not None:
        status = told_while_draining(step.model, framework, status)
    assert status.uuid is not None
    _note(step.model, task, status)
    stream = task.stream
    stream.latest_state = status.state
    stream.seen[status.uuid] = None
    if len(stream.seen) > SEEN_MAX:
        del stream.seen[next(iter(stream.seen))]
    if status.state in TERMINAL_STATES:
        executor.launched_tasks.pop(task.task_id, None)
        executor.queued_tasks.pop(task.task_id, None)
        executor.terminated_tasks[task.task_id] = task
        task.is_queued = False
        task.awaits_room = False
        released = volumes.released_links(step.model, executor, task)
        if released:
            step.out.append(UnlinkVolumes(sandbox=executor.directory, volumes=released))
    if framework.state is FrameworkState.TERMINATING:
        # Nobody will acknowledge: the master has closed its books on this framework.
        if status.state in TERMINAL_STATES:
            complete(step, framework, executor, task)
        return
    if status.timestamp is None:
        # Schedulers are told when the agent heard it; what is shown of the task stays as sent.
        status = msgspec.structs.replace(status, timestamp=step.now.wall)
    stream.pending.append(status)
    if len(stream.pending) == 1:
        _send_first(step, stream, task)
    store_stream(step, executor, task)


def _note(model: Model, task: AgentTask, status: TaskStatus) -> None:
    """Keep the status for those who ask; one per state in a row, without its data."""
    model.count(f"valid_status_updates/{status.state.value}")
    kept = msgspec.structs.replace(status, data=None) if status.data is not None else status
    if task.statuses and task.statuses[-1].state is status.state:
        task.statuses[-1] = kept
    else:
        task.statuses.append(kept)
        del task.statuses[:-STATUSES_MAX]
    if status.state is TaskState.TASK_RUNNING and task.running_at is None:
        task.running_at = status.timestamp


def refuse(
    step: Step, framework_id: str, task_id: str, state: TaskState, reason: Reason, message: str
) -> None:
    """Tell the framework that a task, which no executor here has, is over."""
    model = step.model
    if (framework_id, task_id) in model.refusals:
        return
    stream = UpdateStream(framework_id=framework_id, task_id=task_id, latest_state=state)
    stream.pending.append(from_agent(step, task_id, state, reason, message))
    model.refusals[framework_id, task_id] = stream
    model.count(f"valid_status_updates/{state.value}")
    step.log("task_refused", framework_id=framework_id, task_id=task_id, reason=message)
    _send_first(step, stream, None)


def acknowledge(
    step: Step, framework: Framework, executor: Executor, task: AgentTask, uuid: bytes
) -> bool:
    """Let go of the status in flight and send the next.

    Returns:
        Whether that was the task's last: the task is completed now.
    """
    stream = task.stream
    if not _pop_acknowledged(step, stream, uuid):
        return False
    if not stream.pending and task.is_terminal:
        complete(step, framework, executor, task)
        return True
    if stream.pending:
        _send_first(step, stream, task)
    store_stream(step, executor, task)
    return False


def acknowledge_refusal(step: Step, stream: UpdateStream, uuid: bytes) -> None:
    """Let go of a refusal that the framework has heard."""
    if _pop_acknowledged(step, stream, uuid):
        del step.model.refusals[stream.framework_id, stream.task_id]


def _pop_acknowledged(step: Step, stream: UpdateStream, uuid: bytes) -> bool:
    if not stream.pending or stream.pending[0].uuid != uuid:
        # The answer to a copy that was sent again.
        step.log("acknowledgement_ignored", level="debug", task_id=stream.task_id)
        return False
    stream.pending.popleft()
    stream.retry_at = None
    stream.retry_seconds = 0.0
    return True


def complete(step: Step, framework: Framework, executor: Executor, task: AgentTask) -> None:
    """Move a terminal task to the past."""
    task.stream.pending.clear()
    task.stream.retry_at = None
    executor.terminated_tasks.pop(task.task_id, None)
    del framework.tasks[task.task_id]
    executor.completed_tasks.put(task.task_id, task)
    forget_task(step, executor, task)


def resend_all(step: Step) -> None:
    """Send what is unacknowledged to a master that has admitted this agent again."""
    for stream, task in _streams(step.model):
        if stream.pending:
            stream.retry_seconds = 0.0
            _send_first(step, stream, task)


def resend_of(step: Step, framework_id: str) -> None:
    """Send what is unacknowledged of one framework, which may have been away."""
    for stream, task in _streams(step.model):
        if stream.pending and stream.framework_id == framework_id:
            stream.retry_seconds = 0.0
            _send_first(step, stream, task)


def pause(model: Model) -> None:
    """Keep what is unacknowledged until there is a master again."""
    for stream, _ in _streams(model):
        stream.retry_at = None


def retry_due(step: Step) -> None:
    """Send again what has waited long enough, and look again when the next one has."""
    model, now = step.model, step.now.monotonic
    model.is_retrying = False
    next_at: float | None = None
    for stream, task in _streams(model):
        if stream.retry_at is None:
            continue
        if stream.retry_at <= now:
            _send_first(step, stream, task)
        if next_at is None or stream.retry_at < next_at:
            next_at = stream.retry_at
    if next_at is not None:
        model.is_retrying = True
        step.out.append(StartTimer(timer=timers.UpdateRetry(), seconds=next_at - now))


def _streams(model: Model) -> Iterator[tuple[UpdateStream, AgentTask | None]]:
    for executor in model.executors():
        for task in executor.tasks():
            yield task.stream, task
    for refusal in model.refusals.values():
        yield refusal, None


def _send_first(step: Step, stream: UpdateStream, task: AgentTask | None) -> None:
    """Send the oldest unacknowledged status, now or when there is a master."""
    model = step.model
    if model.state is not AgentState.RUNNING:
        return
    status = stream.pending[0]
    if task is not None:
        task.status_update_state = status.state
        task.status_update_uuid = status.uuid
    config = model.config
    stream.retry_seconds = min(
        max(stream.retry_seconds * 2, config.update_retry_min_seconds),
        config.update_retry_max_seconds,
    )
    stream.retry_at = step.now.monotonic + stream.retry_seconds
    step.send(
        UpdateStatus(
            framework_id=stream.framework_id, status=status, latest_state=stream.latest_state
        )
    )
    if not model.is_retrying:
        model.is_retrying = True
        timer = StartTimer(timer=timers.UpdateRetry(), seconds=stream.retry_seconds)
        step.out.append(timer)
