"""Tasks that the master hands over: under which executor they go, or why they do not."""

from __future__ import annotations

from collections.abc import Iterable

from tepui.agent.core import paths, specs, volumes
from tepui.agent.core.effects import LaunchContainer, LinkVolumes, SendToExecutor, UnscheduleGc
from tepui.agent.core.endings import settle_framework
from tepui.agent.core.exits import container_launch_failed
from tepui.agent.core.model import (
    AgentState,
    AgentTask,
    Container,
    ContainerState,
    Executor,
    ExecutorKind,
    ExecutorState,
    Framework,
    FrameworkState,
    Owner,
    UpdateStream,
)
from tepui.agent.core.room import wait_for_room
from tepui.agent.core.statuses import Reason, from_agent, from_built_in, lost_state
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_executor, store_framework, store_stream, store_task
from tepui.agent.core.updates import refuse, update
from tepui.agent.core.volumes import VolumeError
from tepui.base.collections import Ring
from tepui.containers.protocol import LaunchSpec, VolumeLink
from tepui.link.messages import RunTask, RunTaskGroup
from tepui.messages import (
    DurationInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Resource,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
    Value,
)
from tepui.messages.executor import Event

# What Mesos books for the process of its command executor. Ours needs none, but those who
# add up an agent's executors rely on the sum.
COMMAND_EXECUTOR_OVERHEAD = (("cpus", 0.1), ("mem", 32.0))
COMMAND_SHOWN_MAX = 15
# What Mesos' command executor has beyond the task's own grace period to see it end.
COMMAND_GRACE_MARGIN_SECONDS = 2


def run_task(step: Step, message: RunTask) -> None:
    """Take on one task, under its own executor or as a command."""
    framework = _framework_for(step, message.framework)
    if framework is None:
        return
    task = message.task
    if _is_refused(step, framework, [task], task.executor):
        pass
    elif task.executor is None:
        _run_command(step, framework, task)
    else:
        kind = ExecutorKind.CUSTOM
        _run_under(step, framework, task.executor, kind, [task], [], message.launch_executor)
    settle_framework(step, framework)


def run_task_group(step: Step, message: RunTaskGroup) -> None:
    """Take on the tasks of one group together."""
    framework = _framework_for(step, message.framework)
    if framework is None:
        return
    info = message.executor
    kind = ExecutorKind.CUSTOM
    if info.type is ExecutorInfo.Type.DEFAULT:
        kind = ExecutorKind.DEFAULT
    tasks = message.task_group.tasks
    group = [task.task_id.value for task in tasks]
    if not _is_refused(step, framework, tasks, info):
        _run_under(step, framework, info, kind, tasks, group, message.launch_executor)
    settle_framework(step, framework)


def _framework_for(step: Step, info: FrameworkInfo) -> Framework | None:
    """Return the framework, known or new; ``None`` if it may not start anything here."""
    model = step.model
    assert info.id is not None
    framework_id = info.id.value
    framework = model.frameworks.get(framework_id)
    if model.state is AgentState.TERMINATING or (
        framework is not None and framework.state is FrameworkState.TERMINATING
    ):
        # The master has closed its books on these tasks already.
        step.log("launch_ignored", framework_id=framework_id, reason="it is being shut down")
        return None
    if framework is None:
        framework = Framework(
            info=info,
            framework_id=framework_id,
            completed_executors=Ring(model.config.completed_executors_per_framework_max),
        )
        returning = model.completed_frameworks.pop(framework_id)
        if returning is not None:
            framework.completed_executors = returning.completed_executors
        directory = paths.framework_directory(
            model.config.work_dir, model.agent_id or "", framework_id
        )
        step.out.append(UnscheduleGc(path=directory))
        model.frameworks[framework_id] = framework
    return framework


def _is_refused(
    step: Step, framework: Framework, tasks: list[TaskInfo], executor: ExecutorInfo | None
) -> bool:
    """Refuse ``tasks`` if the agent is drained, or lacks what they count on; tell whether it is."""
    model = step.model
    if model.drain is not None:
        reason, problem = Reason.REASON_AGENT_DRAINING, "the agent is being drained of its tasks"
    else:
        wanted = [resource for task in tasks for resource in task.resources]
        wanted += executor.resources if executor is not None else []
        unknown = volumes.unknown_resources(model, wanted)
        if unknown is None:
            return False
        reason, problem = Reason.REASON_RESOURCES_UNKNOWN, unknown
    for task in tasks:
        if task.task_id.value not in framework.tasks:
            _refuse(step, framework, task.task_id.value, reason, problem)
    return True


def _run_command(step: Step, framework: Framework, info: TaskInfo) -> None:
    task_id = info.task_id.value
    if task_id in framework.tasks:
        # An answer would end the task that has the id already.
        step.log("duplicate_task_ignored", level="warning", task_id=task_id)
        return
    if task_id in framework.executors:
        message = f"executor {task_id!r} runs here, whose id a command task would take"
        _refuse(step, framework, task_id, Reason.REASON_TASK_INVALID, message)
        return
    executor_info = _command_executor(framework, info)
    executor = _new_executor(step, framework, executor_info, ExecutorKind.COMMAND)
    _launch_built_in(step, framework, executor, [info], [])


def _run_under(
    step: Step,
    framework: Framework,
    info: ExecutorInfo,
    kind: ExecutorKind,
    tasks: list[TaskInfo],
    group: list[str],
    launch_executor: bool | None,
) -> None:
    executor = framework.executors.get(info.executor_id.value)
    problem = _problem_with(executor, kind, launch_executor)
    if problem is not None:
        for task in tasks:
            task_id = task.task_id.value
            _refuse(step, framework, task_id, Reason.REASON_EXECUTOR_TERMINATED, problem)
        return
    tasks = [task for task in tasks if task.task_id.value not in framework.tasks]
    if not tasks:
        step.log("duplicate_task_ignored", level="warning", executor_id=info.executor_id.value)
        return
    if executor is None:
        executor = _new_executor(step, framework, info, kind)
    if executor.kind is ExecutorKind.DEFAULT:
        _launch_built_in(step, framework, executor, tasks, group)
        return
    queued = _queue(step, framework, executor, tasks, group)
    if not executor.containers and executor.state is ExecutorState.REGISTERING:
        _launch_custom(step, framework, executor, queued)
    elif step.model.ending:
        wait_for_room(step, executor, queued, [])
    else:
        pass_on(step, framework, executor, queued)


def pass_on(
    step: Step, framework: Framework, executor: Executor, queued: Iterable[AgentTask]
) -> None:
    """Give tasks to a custom executor as far as it is there."""
    container = executor.containers.get(executor.container_id)
    if container is not None and container.state is ContainerState.RUNNING:
        link_queued(step, framework, executor, queued)
    if executor.connection is not None:
        hand_over_queued(step, executor)


def _problem_with(
    executor: Executor | None, kind: ExecutorKind, launch_executor: bool | None
) -> str | None:
    """Say why the executor is not as the master thought it was, when it planned the launch."""
    if executor is None:
        if launch_executor is False:
            return "the executor that the task was meant for is not here any more"
    elif executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return "the executor that the task was meant for is ending"
    elif executor.kind is not kind:
        return "an executor of another kind runs here under the id of the one meant for the task"
    elif launch_executor is True:
        return "an executor was to be started for the task, but one with its id runs here"
    return None


def _refuse(step: Step, framework: Framework, task_id: str, reason: Reason, message: str) -> None:
    state = lost_state(framework, TaskState.TASK_DROPPED)
    refuse(step, framework.framework_id, task_id, state, reason, message)


def _new_executor(
    step: Step, framework: Framework, info: ExecutorInfo, kind: ExecutorKind
) -> Executor:
    model = step.model
    container_id = step.rng.uuid()
    executor = Executor(
        info=info,
        kind=kind,
        framework_id=framework.framework_id,
        container_id=container_id,
        directory=paths.run_directory(
            model.config.work_dir,
            model.agent_id or "",
            framework.framework_id,
            info.executor_id.value,
            container_id,
        ),
        is_checkpointed=framework.info.checkpoint,
        completed_tasks=Ring(model.config.completed_tasks_per_executor_max),
    )
    framework.executors[executor.executor_id] = executor
    if not framework.is_checkpoint_known:
        store_framework(step, framework)
    store_executor(step, executor)
    return executor


def _command_executor(framework: Framework, task: TaskInfo) -> ExecutorInfo:
    """Return the executor that stands for a command task in the agent's accounts."""
    task_id = task.task_id.value
    command = task.command
    shown = ""
    if command is not None:
        is_shell = command.shell is None or command.shell
        text = (command.value or "") if is_shell else " ".join(command.arguments)
        cut = text if len(text) <= COMMAND_SHOWN_MAX else text[: COMMAND_SHOWN_MAX - 3] + "..."
        shown = f": sh -c '{cut}'" if is_shell else f": {cut}"
    allocation = next((r.allocation_info for r in task.resources if r.allocation_info), None)
    return ExecutorInfo(
        executor_id=ExecutorID(value=task_id),
        framework_id=FrameworkID(value=framework.framework_id),
        command=command,
        resources=[
            Resource(
                name=name,
                type=Value.Type.SCALAR,
                scalar=Value.Scalar(value=amount),
                allocation_info=allocation,
            )
            for name, amount in COMMAND_EXECUTOR_OVERHEAD
        ],
        name=f"Command executor of task {task_id}{shown}",
        source=task_id,
        discovery=task.discovery,
        shutdown_grace_period=_command_grace(task),
        labels=task.labels,
    )


def _command_grace(task: TaskInfo) -> DurationInfo | None:
    grace = None if task.kill_policy is None else task.kill_policy.grace_period
    if grace is None:
        return None
    return DurationInfo(nanoseconds=grace.nanoseconds + COMMAND_GRACE_MARGIN_SECONDS * 10**9)


def _launch_built_in(
    step: Step,
    framework: Framework,
    executor: Executor,
    infos: list[TaskInfo],
    group: list[str],
) -> None:
    """Start the processes of tasks whose executor the agent plays, or fail them together."""
    executor.state = ExecutorState.RUNNING
    launches: list[tuple[AgentTask, Container, LaunchSpec | None]] = []
    problem = ""
    spec: LaunchSpec | None
    for info in infos:
        task, container = _take_on(step, framework, executor, info, group)
        try:
            spec = specs.task_spec(
                step.model, framework, executor, task, container.container_id, container.sandbox
            )
        except specs.Unsupported as error:
            problem = str(error)
            launches.append((task, container, None))
        else:
            launches.append((task, container, spec))
    if problem:
        # Those that cannot be launched first: what their failure means for the others follows.
        for task, container, _ in sorted(launches, key=lambda launch: launch[2] is not None):
            store_task(step, executor, task)
            container_launch_failed(step, container.container_id, problem)
        return
    ready = [(task, spec) for task, _, spec in launches if spec is not None]
    if step.model.ending:
        wait_for_room(step, executor, [task for task, _ in ready], [spec for _, spec in ready])
    for task, spec in ready:
        if not task.awaits_room:
            launch(step, framework, executor, spec)
        store_task(step, executor, task)


def launch(step: Step, framework: Framework, executor: Executor, spec: LaunchSpec) -> None:
    """Have a container started, and say so of the task that it is for."""
    container = executor.containers[spec.container_id]
    name = executor.executor_id
    if container.task_id is not None:
        name = container.task_id
        if not spec.uris:
            # With something to fetch, Mesos' executor would not be there to say this before it is.
            task = executor.launched_tasks[name]
            status = from_built_in(step, executor, container, task, TaskState.TASK_STARTING)
            update(step, framework, executor, task, status)
    _warn_of_writers(step, name, spec.volumes)
    step.out.append(LaunchContainer(spec=spec))


def _take_on(
    step: Step, framework: Framework, executor: Executor, info: TaskInfo, group: list[str]
) -> tuple[AgentTask, Container]:
    container_id, sandbox = executor.container_id, executor.directory
    if not executor.is_command:
        container_id = f"{container_id}.{step.rng.uuid()}"
        sandbox = paths.nested_directory(sandbox, container_id)
    task = _new_task(framework, executor, info, container_id, group)
    executor.launched_tasks[task.task_id] = task
    step.model.count("tasks_launched")
    return task, _new_container(step, executor, container_id, sandbox, task.task_id)


def _launch_custom(
    step: Step, framework: Framework, executor: Executor, tasks: list[AgentTask]
) -> None:
    container_id = executor.container_id
    _new_container(step, executor, container_id, executor.directory, None)
    try:
        spec = specs.executor_spec(step.model, framework, executor)
    except specs.Unsupported as error:
        container_launch_failed(step, container_id, str(error))
        return
    if step.model.ending:
        wait_for_room(step, executor, tasks, [spec])
    else:
        launch(step, framework, executor, spec)


def _warn_of_writers(step: Step, name: str, links: list[VolumeLink]) -> None:
    for link in links:
        if link.is_read_only:
            step.log(
                "volume_not_read_only",
                level="warning",
                container=name,
                volume=link.place.path,
                reason="a link in the sandbox cannot keep anybody from writing",
            )


def _new_container(
    step: Step, executor: Executor, container_id: str, sandbox: str, task_id: str | None
) -> Container:
    container = Container(container_id=container_id, sandbox=sandbox, task_id=task_id)
    executor.containers[container_id] = container
    step.model.containers[container_id] = Owner(executor.framework_id, executor.executor_id)
    return container


def _new_task(
    framework: Framework, executor: Executor, info: TaskInfo, container_id: str, group: list[str]
) -> AgentTask:
    stream = UpdateStream(framework_id=executor.framework_id, task_id=info.task_id.value)
    task = AgentTask(
        info=info,
        executor_id=executor.executor_id,
        container_id=container_id,
        stream=stream,
        group=group,
        is_command=executor.is_command,
    )
    framework.tasks[task.task_id] = task
    return task


def _queue(
    step: Step, framework: Framework, executor: Executor, tasks: list[TaskInfo], group: list[str]
) -> list[AgentTask]:
    queued = []
    for info in tasks:
        task = _new_task(framework, executor, info, executor.container_id, group)
        task.is_queued = True
        task.awaits_volumes = volumes.has_volumes(info.resources)
        queued.append(task)
        executor.queued_tasks[task.task_id] = task
        store_task(step, executor, task)
        step.model.count("tasks_launched")
    return queued


def link_queued(
    step: Step, framework: Framework, executor: Executor, tasks: Iterable[AgentTask]
) -> None:
    """Show the volumes of queued tasks to their executor, which runs."""
    for task in list(tasks):
        if task.awaits_room or not task.awaits_volumes:
            continue
        try:
            links = volumes.task_links(step.model, task)
        except VolumeError as error:
            _fail_queued(step, framework, executor, task, str(error))
            continue
        _warn_of_writers(step, task.task_id, links)
        step.out.append(
            LinkVolumes(
                container_id=executor.container_id,
                task_id=task.task_id,
                sandbox=executor.directory,
                volumes=links,
                user=specs.executor_user(step.model, framework, executor),
            )
        )


def link_all_queued(step: Step, container_id: str) -> None:
    """Show the volumes of all queued tasks to their executor, whose container runs from now on."""
    found = step.model.owner_of(container_id)
    if found is not None and not found[1].is_built_in:
        framework, executor, _ = found
        link_queued(step, framework, executor, executor.queued_tasks.values())


def volumes_linked(step: Step, container_id: str, task_id: str, problem: str | None) -> None:
    """Go on with a queued task whose volumes are there, or fail it."""
    found = step.model.owner_of(container_id)
    if found is None:
        return
    framework, executor, _ = found
    task = executor.queued_tasks.get(task_id)
    if task is None or not task.awaits_volumes:
        return
    if problem is not None:
        _fail_queued(step, framework, executor, task, problem)
        return
    task.awaits_volumes = False
    if executor.connection is not None:
        hand_over_queued(step, executor)


def _fail_queued(
    step: Step, framework: Framework, executor: Executor, task: AgentTask, problem: str
) -> None:
    """End a task that the executor has not heard of, and those of its group."""
    for task_id in task.group or [task.task_id]:
        member = executor.queued_tasks.get(task_id)
        if member is not None:
            status = from_agent(
                step,
                task_id,
                lost_state(framework, TaskState.TASK_GONE),
                Reason.REASON_CONTAINER_UPDATE_FAILED,
                problem,
                executor,
            )
            update(step, framework, executor, member, status)


def hand_over_queued(step: Step, executor: Executor) -> None:
    """Give a subscribed executor the tasks that waited for it, groups as groups."""
    assert executor.connection is not None
    for task in list(executor.queued_tasks.values()):
        members = [
            executor.queued_tasks[task_id]
            for task_id in task.group or [task.task_id]
            if task_id in executor.queued_tasks
        ]
        # Of a group that went with its first task, none is left.
        if not members or any(each.awaits_volumes or each.awaits_room for each in members):
            continue
        for member in members:
            member.is_queued = False
            executor.launched_tasks[member.task_id] = executor.queued_tasks.pop(member.task_id)
            store_stream(step, executor, member)
        infos = [member.info for member in members]
        if task.group:
            group = Event.LaunchGroup(task_group=TaskGroupInfo(tasks=infos))
            event = Event(type=Event.Type.LAUNCH_GROUP, launch_group=group)
        else:
            event = Event(type=Event.Type.LAUNCH, launch=Event.Launch(task=infos[0]))
        step.out.append(SendToExecutor(connection=executor.connection, event=event))
