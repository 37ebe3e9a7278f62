"""How a restarted agent takes its tasks up again from what was stored and what still runs.

Executors of frameworks without checkpoints left no record: their containers belong to nobody
here and are destroyed, as Mesos does.
"""

from __future__ import annotations

from collections import deque

from tepui.agent.core import effects, operations, paths, timers
from tepui.agent.core.effects import (
    AcknowledgeExit,
    DestroyContainer,
    SignalContainer,
    StartTimer,
)
from tepui.agent.core.endings import settle, settle_framework
from tepui.agent.core.exits import container_exited, say_running
from tepui.agent.core.kills import grace_seconds_of, kill_built_in
from tepui.agent.core.launches import link_all_queued
from tepui.agent.core.lending import lent
from tepui.agent.core.model import (
    AgentState,
    AgentTask,
    Container,
    ContainerState,
    Drain,
    Executor,
    ExecutorKind,
    ExecutorState,
    Framework,
    Kill,
    Model,
    Owner,
    UpdateStream,
)
from tepui.agent.core.predecessor import StartRefused, take_over
from tepui.agent.core.records import (
    Checkpointed,
    ExecutorRecord,
    StreamRecord,
    TaskRecord,
)
from tepui.agent.core.room import wait_for_room
from tepui.agent.core.shutdowns import shut_down_agent, shut_down_framework
from tepui.agent.core.statuses import SIGTERM
from tepui.agent.core.step import Step
from tepui.agent.core.volumes import has_volumes
from tepui.base.collections import Ring
from tepui.containers import protocol
from tepui.containers.protocol import Exited
from tepui.messages import TaskState

ORPHANS_SECONDS_MAX = 5.0
"""How long an agent waits for containers that nobody knows to be gone before it registers."""


def recover(
    step: Step, checkpointed: Checkpointed, containers: list[protocol.Recovered], boot_id: str = ""
) -> None:
    """Rebuild the model, deal with what ended meanwhile, and go looking for the master.

    An agent that only cleans up ends what it has found, and then itself.
    """
    model = step.model
    try:
        taken = take_over(step, checkpointed, boot_id)
        problem = operations.recover(step, taken.sound)
        if problem is not None and not model.config.is_cleaning_up:
            raise StartRefused(problem)
    except StartRefused as refused:
        _refuse_to_start(step, str(refused))
        return
    checkpointed = taken.sound
    if checkpointed.drain is not None:
        stored = checkpointed.drain
        model.drain = Drain(config=stored.config, started_at=stored.started_at)
    terminating = _rebuild(model, checkpointed)
    found = {container.container_id: container for container in containers}
    for framework in list(model.frameworks.values()):
        for executor in list(framework.executors.values()):
            _resume(step, framework, executor, found)
        settle_framework(step, framework)
    for container in found.values():
        _remove_orphan(step, container)
    for framework_id, task_ids in taken.lost_tasks.items():
        _end_what_is_left(step, framework_id, task_ids)
    for framework_id in terminating:
        if framework_id in model.frameworks:
            shut_down_framework(step, model.frameworks[framework_id])
    _wait_again(step)
    # Until it is estimated anew, what is in use is all that is lent.
    model.oversubscribed = lent(model)
    model.state = AgentState.DISCONNECTED
    step.log(
        "agent_recovered",
        agent_id=model.agent_id,
        tasks=sum(1 for executor in model.executors() for _ in executor.tasks()),
        orphans=len(found),
        errors=len(taken.problems),
    )
    if model.config.is_cleaning_up:
        shut_down_agent(step, "it was started with --recover=cleanup", unregister=False)
    elif model.orphans:
        # What they use is not to be offered before they are gone, unless they resist.
        step.out.append(StartTimer(timer=timers.Connect(), seconds=ORPHANS_SECONDS_MAX))
    else:
        step.out.append(effects.Connect())


def _wait_again(step: Step) -> None:
    """Keep tasks from executors while there are others that were ending before the restart."""
    for executor in step.model.executors() if step.model.ending else ():
        if executor.queued_tasks and executor.state is not ExecutorState.TERMINATING:
            wait_for_room(step, executor, list(executor.queued_tasks.values()), [])


def _refuse_to_start(step: Step, reason: str) -> None:
    step.model.exit_reason = reason
    step.model.has_exited = True
    # What is stored stays as it is, for whoever can do better with it.
    step.puts.clear()
    step.deletes.clear()
    step.out[:] = [each for each in step.out if isinstance(each, effects.Log)]
    step.out.append(effects.Exit(reason=reason, is_failure=True))


def _end_what_is_left(step: Step, framework_id: str, task_ids: list[str]) -> None:
    """End what lost tasks have left beside their containers; the master asks for the tasks."""
    framework = step.model.frameworks.get(framework_id)
    if framework is None:
        return
    # A custom executor may still run one: it is told to end it when it subscribes.
    framework.lost_tasks = dict.fromkeys(task_ids)
    for task_id in task_ids:
        step.log("task_lost", level="warning", framework_id=framework_id, task_id=task_id)
    for task in list(framework.tasks.values()):
        executor = framework.executors[task.executor_id]
        is_left_over = any(each in framework.lost_tasks for each in task.group)
        if is_left_over and executor.is_built_in and task.task_id in executor.launched_tasks:
            message = "the record of a task of the same group cannot be read"
            kill = Kill(state=TaskState.TASK_KILLED, message=message)
            grace = grace_seconds_of(step, task, None)
            kill_built_in(step, framework, executor, task, kill, grace)


def _rebuild(model: Model, checkpointed: Checkpointed) -> list[str]:
    """Fill the model from records; return the frameworks that were being shut down."""
    terminating = []
    for framework_record in checkpointed.frameworks:
        assert framework_record.info.id is not None
        framework_id = framework_record.info.id.value
        model.frameworks[framework_id] = Framework(
            info=framework_record.info,
            framework_id=framework_id,
            completed_executors=Ring(model.config.completed_executors_per_framework_max),
            is_checkpoint_known=True,
        )
        if framework_record.is_terminating:
            terminating.append(framework_id)
    for executor_record in checkpointed.executors:
        framework = model.frameworks[executor_record.framework_id]
        executor = _executor(model, executor_record)
        framework.executors[executor.executor_id] = executor
    streams = {(record.framework_id, record.task_id): record for record in checkpointed.streams}
    for task_record in checkpointed.tasks:
        framework = model.frameworks[task_record.framework_id]
        executor = framework.executors[task_record.executor_id]
        stream = streams[task_record.framework_id, task_record.info.task_id.value]
        task = _task(executor, task_record, stream)
        framework.tasks[task.task_id] = task
        if task.is_terminal:
            executor.terminated_tasks[task.task_id] = task
        elif task.is_queued:
            executor.queued_tasks[task.task_id] = task
        else:
            executor.launched_tasks[task.task_id] = task
    return terminating


def _executor(model: Model, record: ExecutorRecord) -> Executor:
    kind = ExecutorKind(record.kind)
    is_custom = kind is ExecutorKind.CUSTOM
    return Executor(
        info=record.info,
        kind=kind,
        framework_id=record.framework_id,
        container_id=record.container_id,
        directory=record.directory,
        is_checkpointed=True,
        state=ExecutorState.REGISTERING if is_custom else ExecutorState.RUNNING,
        has_subscribed=record.has_subscribed,
        completed_tasks=Ring(model.config.completed_tasks_per_executor_max),
    )


def _task(executor: Executor, record: TaskRecord, stream: StreamRecord) -> AgentTask:
    return AgentTask(
        info=record.info,
        executor_id=record.executor_id,
        container_id=record.container_id,
        stream=UpdateStream(
            framework_id=record.framework_id,
            task_id=stream.task_id,
            latest_state=stream.state,
            pending=deque(stream.pending),
            seen=dict.fromkeys(stream.seen),
        ),
        group=record.group,
        statuses=list(stream.statuses),
        status_update_state=stream.status_update_state,
        status_update_uuid=stream.status_update_uuid,
        kill=stream.kill,
        is_queued=stream.is_queued,
        awaits_volumes=stream.is_queued and has_volumes(record.info.resources),
        is_command=executor.is_command,
        running_at=stream.running_at,
    )


def _resume(
    step: Step,
    framework: Framework,
    executor: Executor,
    found: dict[str, protocol.Recovered],
) -> None:
    """Match one executor's containers with those that were found, which it takes out."""
    ended: list[Exited] = []
    for container_id, sandbox, task in _expected(executor):
        known = found.pop(container_id, None)
        container = Container(
            container_id=container_id,
            sandbox=sandbox,
            task_id=task.task_id if task is not None else None,
            state=ContainerState.RUNNING,
            pid=known.pid if known is not None else None,
        )
        executor.containers[container_id] = container
        step.model.containers[container_id] = Owner(executor.framework_id, executor.executor_id)
        if known is None:
            ended.append(Exited(container_id=container_id, status=None, at=step.now.wall))
            continue
        if known.exited is not None:
            ended.append(known.exited)
        if task is not None:
            _resume_task(step, framework, executor, container, task, known.exited is None)
        elif known.exited is None:
            _await_executor(step, executor)
            link_all_queued(step, container_id)
    for exited in ended:
        container_exited(step, exited)
    if executor.is_built_in and not executor.containers:
        executor.state = ExecutorState.TERMINATED
        settle(step, framework, executor)


def _expected(executor: Executor) -> list[tuple[str, str, AgentTask | None]]:
    """Return the containers that should be there, with their sandboxes and tasks."""
    if not executor.is_built_in:
        return [(executor.container_id, executor.directory, None)]
    return [
        (
            task.container_id,
            executor.directory
            if task.container_id == executor.container_id
            else paths.nested_directory(executor.directory, task.container_id),
            task,
        )
        for task in executor.launched_tasks.values()
    ]


def _resume_task(
    step: Step,
    framework: Framework,
    executor: Executor,
    container: Container,
    task: AgentTask,
    is_alive: bool,
) -> None:
    """Say what the agent had no time to say, and go on with a kill that was under way."""
    if task.kill is None:
        say_running(step, framework, executor, task)
    elif is_alive:
        step.out.append(SignalContainer(container_id=container.container_id, signal=SIGTERM))
        seconds = grace_seconds_of(step, task, None)
        timer = timers.KillEscalation(container.container_id)
        step.out.append(StartTimer(timer=timer, seconds=seconds))


def _await_executor(step: Step, executor: Executor) -> None:
    config = step.model.config
    timer: timers.AnyTimer
    if executor.has_subscribed:
        timer = timers.ExecutorReregistration()
        seconds = config.executor_reregistration_timeout_seconds
    else:
        timer = timers.ExecutorRegistration(executor.container_id)
        seconds = config.executor_registration_timeout_seconds
    step.out.append(StartTimer(timer=timer, seconds=seconds))


def supervisor_replaced(step: Step, containers: list[protocol.Recovered]) -> None:
    """End every container that ran: what is known of it says how, if anything does.

    If it was only the connection that broke, containers go on that run still.
    """
    model = step.model
    found = {container.container_id: container for container in containers}
    for container_id in list(model.containers):
        owner = model.owner_of(container_id)
        # What is being launched will be told to have failed.
        if owner is None or owner[2].state is not ContainerState.RUNNING:
            continue
        known = found.pop(container_id, None)
        if known is not None and known.exited is None:
            continue
        exited = known.exited if known is not None else None
        if exited is None:
            exited = Exited(container_id=container_id, status=None, at=step.now.wall)
        container_exited(step, exited)
    # Ends that were taken before, and the supervisor did not hear of that any more; and what
    # nobody was told to be running.
    for container in found.values():
        _remove_orphan(step, container)


def _remove_orphan(step: Step, container: protocol.Recovered) -> None:
    if container.exited is None:
        step.log("orphan_destroyed", container_id=container.container_id)
        step.model.orphans[container.container_id] = None
        step.out.append(DestroyContainer(container_id=container.container_id))
    else:
        step.out.append(AcknowledgeExit(container_id=container.container_id))
