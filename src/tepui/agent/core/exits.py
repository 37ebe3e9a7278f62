"""What the beginning and the end of a container mean for the tasks in it."""

from __future__ import annotations

from tepui.agent.core import kills, statuses, timers
from tepui.agent.core.effects import (
    AcknowledgeExit,
    CancelTimer,
    Connect,
    DestroyContainer,
    StartTimer,
)
from tepui.agent.core.endings import settle, terminate
from tepui.agent.core.model import (
    AgentState,
    AgentTask,
    Container,
    ContainerState,
    Executor,
    ExecutorState,
    Framework,
    Kill,
)
from tepui.agent.core.specs import seconds_of
from tepui.agent.core.statuses import Reason, from_agent, from_built_in
from tepui.agent.core.step import Step
from tepui.agent.core.updates import update
from tepui.containers.protocol import Exited
from tepui.messages import TaskState


def container_launched(step: Step, container_id: str, pid: int) -> None:
    """Note that a container's process runs."""
    found = step.model.owner_of(container_id)
    if found is None:
        step.log("unknown_container_launched", level="warning", container_id=container_id)
        return
    framework, executor, container = found
    container.state = ContainerState.RUNNING
    container.pid = pid
    if not executor.is_built_in and not executor.has_subscribed:
        seconds = step.model.config.executor_registration_timeout_seconds
        timer = timers.ExecutorRegistration(container_id)
        step.out.append(StartTimer(timer=timer, seconds=seconds))
    elif executor.is_built_in:
        assert container.task_id is not None
        task = executor.launched_tasks[container.task_id]
        if task.kill is None:
            say_running(step, framework, executor, task)
        else:
            # The launch won against the kill that gave it up.
            step.out.append(DestroyContainer(container_id=container_id))
    if container.exited is not None:
        container_exited(step, container.exited)


def say_running(step: Step, framework: Framework, executor: Executor, task: AgentTask) -> None:
    """Tell that a task which the agent runs itself is running, and watch its time."""
    container = executor.containers[task.container_id]
    if not task.statuses:
        starting = from_built_in(step, executor, container, task, TaskState.TASK_STARTING)
        update(step, framework, executor, task, starting)
    if task.running_at is None:
        running = from_built_in(step, executor, container, task, TaskState.TASK_RUNNING)
        update(step, framework, executor, task, running)
    limit = task.info.max_completion_time
    if limit is not None and task.running_at is not None:
        passed = step.now.wall - task.running_at
        seconds = max(0.0, seconds_of(limit, 0.0) - passed)
        timer = timers.MaxCompletion(task.container_id)
        step.out.append(StartTimer(timer=timer, seconds=seconds))


def container_launch_failed(step: Step, container_id: str, reason: str) -> None:
    """Fail the tasks of a container that did not start."""
    found = step.model.owner_of(container_id)
    if found is None:
        return
    step.log("container_launch_failed", level="warning", container_id=container_id, reason=reason)
    step.model.count("container_launch_errors")
    never_launched(step, *found, reason)


def never_launched(
    step: Step, framework: Framework, executor: Executor, container: Container, reason: str
) -> None:
    """End what a container was for that does not run and will not."""
    _remove(step, executor, container)
    failed = Kill(
        state=TaskState.TASK_FAILED, reason=Reason.REASON_CONTAINER_LAUNCH_FAILED, message=reason
    )
    if executor.is_built_in:
        assert container.task_id is not None
        task = executor.launched_tasks[container.task_id]
        kill = task.kill if task.kill is not None and task.kill.reason is not None else failed
        _say_over(step, framework, executor, container, task, kill)
        _built_in_ended(step, framework, executor, task, None)
    else:
        _custom_ended(step, framework, executor, container, executor.termination or failed, None)


def container_exited(step: Step, exited: Exited) -> None:
    """Note that nothing of a container runs any more."""
    found = step.model.owner_of(exited.container_id)
    if found is None:
        step.out.append(AcknowledgeExit(container_id=exited.container_id))
        _orphan_ended(step, exited.container_id)
        return
    framework, executor, container = found
    if container.state is ContainerState.LAUNCHING:
        container.exited = exited
        return
    _remove(step, executor, container)
    status = exited.status
    if not executor.is_built_in:
        gone = executor.termination or Kill(
            state=TaskState.TASK_FAILED,
            reason=Reason.REASON_EXECUTOR_TERMINATED,
            message=statuses.describe_exit("the executor", status),
        )
        _custom_ended(step, framework, executor, container, gone, status)
        return
    assert container.task_id is not None
    task = executor.launched_tasks[container.task_id]
    _cancel_timers(step, task)
    outcome = statuses.outcome(status, task.kill)
    if outcome.is_from_agent:
        assert outcome.reason is not None
        last = Kill(state=outcome.state, reason=outcome.reason, message=outcome.message)
        _say_over(step, framework, executor, container, task, last)
    else:
        last_status = from_built_in(
            step,
            executor,
            container,
            task,
            outcome.state,
            message=outcome.message,
            reason=outcome.reason,
        )
        update(step, framework, executor, task, last_status)
    _built_in_ended(step, framework, executor, task, status)


def _orphan_ended(step: Step, container_id: str) -> None:
    """Look for the master when the last container is gone that nobody wants."""
    model = step.model
    if container_id not in model.orphans:
        return
    del model.orphans[container_id]
    if not model.orphans and model.state is AgentState.DISCONNECTED and model.master is None:
        step.out.append(CancelTimer(timer=timers.Connect()))
        step.out.append(Connect())


def _remove(step: Step, executor: Executor, container: Container) -> None:
    del executor.containers[container.container_id]
    del step.model.containers[container.container_id]
    container.state = ContainerState.EXITED
    step.looks_for_room = True
    step.out.append(AcknowledgeExit(container_id=container.container_id))


def _cancel_timers(step: Step, task: AgentTask) -> None:
    if task.kill is not None:
        step.out.append(CancelTimer(timer=timers.KillEscalation(task.container_id)))
    if task.info.max_completion_time is not None:
        step.out.append(CancelTimer(timer=timers.MaxCompletion(task.container_id)))


def _say_over(
    step: Step,
    framework: Framework,
    executor: Executor,
    container: Container,
    task: AgentTask,
    last: Kill,
) -> None:
    assert last.reason is not None
    status = from_agent(step, task.task_id, last.state, last.reason, last.message or "", executor)
    update(step, framework, executor, task, status)


def _built_in_ended(
    step: Step, framework: Framework, executor: Executor, task: AgentTask, status: int | None
) -> None:
    """End what depends on the task that has ended: its group, and its executor after the last."""
    if task.state is not TaskState.TASK_FINISHED:
        _kill_group(step, framework, executor, task)
    if executor.containers:
        return
    terminate(step, framework, executor, status if executor.is_command else 0)
    settle(step, framework, executor)


def _kill_group(step: Step, framework: Framework, executor: Executor, task: AgentTask) -> None:
    for task_id in task.group:
        other = executor.launched_tasks.get(task_id)
        if other is None or other.kill is not None:
            continue
        kill = Kill(
            state=TaskState.TASK_KILLED,
            message=f"task {task.task_id!r} of the same group ended as {task.state.value}",
        )
        grace = kills.grace_seconds_of(step, other, None)
        kills.kill_built_in(step, framework, executor, other, kill, grace)


def _custom_ended(
    step: Step,
    framework: Framework,
    executor: Executor,
    container: Container,
    gone: Kill,
    status: int | None,
) -> None:
    if not executor.has_subscribed:
        timer = timers.ExecutorRegistration(executor.container_id)
        step.out.append(CancelTimer(timer=timer))
    if executor.state is ExecutorState.TERMINATING:
        step.out.append(CancelTimer(timer=timers.ExecutorShutdown(executor.container_id)))
    for task in list(executor.live_tasks()):
        _say_over(step, framework, executor, container, task, gone)
    terminate(step, framework, executor, status)
    settle(step, framework, executor)
