"""How tasks are ended: SIGTERM, a grace period, and then the whole process tree by force."""

from __future__ import annotations

import msgspec

from tepui.agent.core import timers
from tepui.agent.core.effects import DestroyContainer, SendToExecutor, SignalContainer, StartTimer
from tepui.agent.core.model import (
    AgentTask,
    Container,
    ContainerState,
    Executor,
    ExecutorState,
    Framework,
    FrameworkState,
    Kill,
)
from tepui.agent.core.specs import seconds_of, shutdown_grace_seconds
from tepui.agent.core.statuses import SIGTERM, Reason, from_agent, from_built_in
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_stream
from tepui.agent.core.updates import update
from tepui.messages import FrameworkInfo, KillPolicy, TaskState
from tepui.messages.executor import Event

KILLING_STATE = FrameworkInfo.Capability.Type.TASK_KILLING_STATE


def kill_built_in(
    step: Step,
    framework: Framework,
    executor: Executor,
    task: AgentTask,
    kill: Kill,
    grace_seconds: float,
) -> None:
    """End a task that the agent runs itself; an earlier kill is only ever made more urgent."""
    container = executor.containers[task.container_id]
    escalate_at = step.now.monotonic + grace_seconds
    if task.kill is not None:
        if escalate_at < task.kill.escalate_at:
            task.kill = msgspec.structs.replace(task.kill, escalate_at=escalate_at)
            _escalate_in(step, task.container_id, grace_seconds)
        return
    task.kill = msgspec.structs.replace(kill, escalate_at=escalate_at)
    if container.state in (ContainerState.WAITING, ContainerState.LAUNCHING):
        # No process has been told to anyone: give the launch up instead of waiting for one.
        if kill.state is TaskState.TASK_KILLED:
            during_launch = Reason.REASON_TASK_KILLED_DURING_LAUNCH
            task.kill = msgspec.structs.replace(
                task.kill, reason=during_launch, message="killed before its command had started"
            )
        end_at_once(step, container)
    else:
        if framework.has_capability(KILLING_STATE) and framework.state is FrameworkState.RUNNING:
            status = from_built_in(step, executor, container, task, TaskState.TASK_KILLING)
            update(step, framework, executor, task, status)
        step.out.append(SignalContainer(container_id=task.container_id, signal=SIGTERM))
        _escalate_in(step, task.container_id, grace_seconds)
    store_stream(step, executor, task)


def end_at_once(step: Step, container: Container) -> None:
    """End a container at once, if it was launched at all."""
    if container.state is ContainerState.WAITING:
        step.looks_for_room = True
    else:
        step.out.append(DestroyContainer(container_id=container.container_id))


def _escalate_in(step: Step, container_id: str, seconds: float) -> None:
    if seconds <= 0:
        step.out.append(DestroyContainer(container_id=container_id))
    else:
        timer = timers.KillEscalation(container_id)
        step.out.append(StartTimer(timer=timer, seconds=seconds))


def grace_seconds_of(step: Step, task: AgentTask, policy: KillPolicy | None) -> float:
    """Return how long a task may take to end: as the kill says, or the task, or by default."""
    for chosen in (policy, task.info.kill_policy):
        if chosen is not None and chosen.grace_period is not None:
            return max(0.0, seconds_of(chosen.grace_period, 0.0))
    return step.model.config.kill_grace_period_seconds


def kill_custom(
    step: Step,
    framework: Framework,
    executor: Executor,
    task: AgentTask,
    policy: KillPolicy | None,
) -> None:
    """Ask a custom executor to end a task, or drop a task that it has not been given yet."""
    if task.is_queued:
        _drop_queued(step, framework, executor, task)
        return
    # Remembered, so that an executor that is away is told when it subscribes again.
    task.kill = Kill(state=TaskState.TASK_KILLED)
    if executor.connection is not None:
        kill = Event.Kill(task_id=task.info.task_id, kill_policy=policy)
        event = Event(type=Event.Type.KILL, kill=kill)
        step.out.append(SendToExecutor(connection=executor.connection, event=event))
    store_stream(step, executor, task)


def _drop_queued(step: Step, framework: Framework, executor: Executor, task: AgentTask) -> None:
    for task_id in task.group or [task.task_id]:
        member = executor.queued_tasks.get(task_id)
        if member is None:
            continue
        status = from_agent(
            step,
            task_id,
            TaskState.TASK_KILLED,
            Reason.REASON_TASK_KILLED_DURING_LAUNCH,
            "killed before its executor could take it",
            executor,
            executor.containers.get(executor.container_id),
        )
        update(step, framework, executor, member, status)
    if not executor.launched_tasks and not executor.queued_tasks and not executor.has_subscribed:
        # It was started for these tasks alone.
        shut_down(step, framework, executor)


def shut_down(step: Step, framework: Framework, executor: Executor) -> None:
    """End an executor: built-in ones kill their tasks, custom ones are asked to, then destroyed."""
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return
    begin_ending(step, executor)
    grace = shutdown_grace_seconds(step.model, executor.info)
    if executor.is_built_in:
        for task in list(executor.launched_tasks.values()):
            seconds = min(grace, grace_seconds_of(step, task, None))
            kill = Kill(state=TaskState.TASK_KILLED)
            kill_built_in(step, framework, executor, task, kill, seconds)
    elif executor.connection is None:
        message = "the executor was ended while it was not subscribed"
        reason = Reason.REASON_EXECUTOR_TERMINATED
        destroy(step, executor, Kill(state=TaskState.TASK_FAILED, reason=reason, message=message))
    else:
        event = Event(type=Event.Type.SHUTDOWN)
        step.out.append(SendToExecutor(connection=executor.connection, event=event))
        timer = timers.ExecutorShutdown(executor.container_id)
        step.out.append(StartTimer(timer=timer, seconds=grace))


def destroy(step: Step, executor: Executor, termination: Kill) -> None:
    """End a custom executor at once; its live tasks are told ``termination`` when it is gone."""
    begin_ending(step, executor)
    executor.termination = termination
    container = executor.containers.get(executor.container_id)
    if container is not None:
        end_at_once(step, container)


def begin_ending(step: Step, executor: Executor) -> None:
    """Note that an executor was told to end; until it has, others have no room in its place."""
    executor.state = ExecutorState.TERMINATING
    step.model.ending[executor.container_id] = None
