"""What of the model is stored, and when it is forgotten."""

from __future__ import annotations

from tepui.agent.core import records
from tepui.agent.core.model import AgentTask, Executor, Framework, FrameworkState
from tepui.agent.core.records import ExecutorRecord, FrameworkRecord, StreamRecord, TaskRecord
from tepui.agent.core.step import Step


def store_framework(step: Step, framework: Framework) -> None:
    """Store a framework's description, if it asked for checkpoints."""
    if not framework.info.checkpoint:
        return
    framework.is_checkpoint_known = True
    step.put(
        records.framework_key(framework.framework_id),
        FrameworkRecord(
            info=framework.info,
            is_terminating=framework.state is FrameworkState.TERMINATING,
        ),
    )


def forget_framework(step: Step, framework: Framework) -> None:
    """Remove what `store_framework` stored."""
    if framework.is_checkpoint_known:
        framework.is_checkpoint_known = False
        step.delete(records.framework_key(framework.framework_id))


def store_executor(step: Step, executor: Executor) -> None:
    """Store a run of an executor, if its framework asked for checkpoints."""
    if not executor.is_checkpointed:
        return
    step.put(
        records.executor_key(executor.framework_id, executor.executor_id),
        ExecutorRecord(
            framework_id=executor.framework_id,
            info=executor.info,
            kind=executor.kind.value,
            container_id=executor.container_id,
            directory=executor.directory,
            has_subscribed=executor.has_subscribed,
        ),
    )


def forget_executor(step: Step, executor: Executor) -> None:
    """Remove what `store_executor` stored."""
    if executor.is_checkpointed:
        step.delete(records.executor_key(executor.framework_id, executor.executor_id))


def store_task(step: Step, executor: Executor, task: AgentTask) -> None:
    """Store what a task is; once, when it is taken on."""
    if not executor.is_checkpointed:
        return
    step.put(
        records.task_key(task.framework_id, task.task_id),
        TaskRecord(
            framework_id=task.framework_id,
            executor_id=task.executor_id,
            info=task.info,
            container_id=task.container_id,
            group=task.group,
        ),
    )
    store_stream(step, executor, task)


def store_stream(step: Step, executor: Executor, task: AgentTask) -> None:
    """Store how far a task and its statuses have got."""
    if not executor.is_checkpointed:
        return
    stream = task.stream
    step.put(
        records.stream_key(task.framework_id, task.task_id),
        StreamRecord(
            framework_id=task.framework_id,
            executor_id=task.executor_id,
            task_id=task.task_id,
            state=stream.latest_state,
            statuses=list(task.statuses),
            pending=list(stream.pending),
            seen=list(stream.seen),
            status_update_state=task.status_update_state,
            status_update_uuid=task.status_update_uuid,
            is_queued=task.is_queued,
            kill=task.kill,
            running_at=task.running_at,
        ),
    )


def forget_task(step: Step, executor: Executor, task: AgentTask) -> None:
    """Remove what `store_task` and `store_stream` stored."""
    if executor.is_checkpointed:
        step.delete(records.task_key(task.framework_id, task.task_id))
        step.delete(records.stream_key(task.framework_id, task.task_id))
