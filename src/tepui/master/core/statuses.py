"""Task statuses that the master makes itself: without uuid, so that nobody acknowledges them."""

from __future__ import annotations

from tepui.master.core.model import Framework, Task
from tepui.messages import (
    AgentID,
    ExecutorID,
    TaskID,
    TaskState,
    TaskStatus,
    TimeInfo,
    scheduler,
)

Reason = TaskStatus.Reason

_UPDATE = scheduler.Event.Type.UPDATE
_NANOSECONDS = 1_000_000_000


def aware_or_lost(framework: Framework, state: TaskState) -> TaskState:
    """Return ``state``, or what frameworks that know nothing of partitions hear instead."""
    return state if framework.is_partition_aware else TaskState.TASK_LOST


def master_status(
    task_id: TaskID,
    state: TaskState,
    reason: TaskStatus.Reason,
    message: str,
    wall: float,
    *,
    agent_id: AgentID | None = None,
    executor_id: ExecutorID | None = None,
    unreachable_since: float | None = None,
) -> TaskStatus:
    """Return a status from the master about a task that it may not know."""
    since: TimeInfo | None = None
    if unreachable_since is not None:
        since = TimeInfo(nanoseconds=int(unreachable_since * _NANOSECONDS))
    return TaskStatus(
        task_id=task_id,
        state=state,
        message=message,
        source=TaskStatus.Source.SOURCE_MASTER,
        reason=reason,
        agent_id=agent_id,
        executor_id=executor_id,
        timestamp=wall,
        unreachable_time=since,
    )


def known_status(
    task: Task, state: TaskState, reason: TaskStatus.Reason, message: str, wall: float
) -> TaskStatus:
    """Return a status about a known task, with what its last status said of its health."""
    last = task.statuses[-1] if task.statuses else None
    return TaskStatus(
        task_id=task.template.task_id,
        state=state,
        message=message,
        source=TaskStatus.Source.SOURCE_MASTER,
        reason=reason,
        agent_id=task.template.agent_id,
        executor_id=task.template.executor_id,
        timestamp=wall,
        healthy=None if last is None else last.healthy,
        check_status=None if last is None else last.check_status,
        container_status=None if last is None else last.container_status,
    )


def update_event(status: TaskStatus) -> scheduler.Event:
    """Return the event that carries ``status``."""
    return scheduler.Event(type=_UPDATE, update=scheduler.Event.Update(status=status))
