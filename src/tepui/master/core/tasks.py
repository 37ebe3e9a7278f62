"""Tasks and executors from launch to oblivion, and the resources that they hold meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from tepui.base.collections import OrderedSet
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.model import (
    EMPTY,
    TERMINAL_STATES,
    Agent,
    Executor,
    Framework,
    State,
    Task,
)
from tepui.master.core.operator_events import task_updated
from tepui.master.core.statuses import known_status, update_event
from tepui.messages import (
    AgentID,
    ExecutorInfo,
    FrameworkID,
    TaskInfo,
    TaskState,
    TaskStatus,
    TimeInfo,
)
from tepui.messages import Task as TaskMessage
from tepui.resources import Resources

STATUSES_MAX = 50
"""An executor may go back and forth between states for ever; this many are remembered."""

_UNREACHABLE = TaskState.TASK_UNREACHABLE


def describe_task(info: TaskInfo, framework_id: FrameworkID, agent_id: AgentID) -> TaskMessage:
    """Return the ``Task`` that operators see of a task that is being launched."""
    executor = info.executor
    user = None
    if info.command is not None and info.command.user is not None:
        user = info.command.user
    elif executor is not None and executor.command is not None:
        user = executor.command.user
    return TaskMessage(
        name=info.name,
        task_id=info.task_id,
        framework_id=framework_id,
        executor_id=None if executor is None else executor.executor_id,
        agent_id=agent_id,
        state=TaskState.TASK_STAGING,
        resources=info.resources,
        labels=info.labels,
        discovery=info.discovery,
        container=info.container,
        health_check=info.health_check,
        kill_policy=info.kill_policy,
        user=user,
        limits=info.limits,
    )


def make_task(template: TaskMessage, resources: Resources) -> Task:
    """Return a task with the state that ``template`` has."""
    return Task(
        task_id=template.task_id.value,
        framework_id=template.framework_id.value,
        agent_id=template.agent_id.value,
        executor_id=None if template.executor_id is None else template.executor_id.value,
        template=template,
        resources=resources,
        state=template.state,
    )


def add_task(framework: Framework, agent: Agent, task: Task) -> None:
    """Put a task under its framework and agent, and count what it uses unless it is over."""
    framework.tasks[task.task_id] = task
    agent.tasks.setdefault(framework.framework_id, {})[task.task_id] = task
    if task.is_terminal:
        task.is_recovered = True
    else:
        use(framework, agent, task.resources)


def add_executor(framework: Framework, agent: Agent, info: ExecutorInfo) -> Executor:
    """Put an executor under its framework and agent, and count what it uses."""
    executor = Executor(
        executor_id=info.executor_id.value,
        framework_id=framework.framework_id,
        agent_id=agent.agent_id,
        info=info,
        resources=Resources.from_messages(info.resources),
    )
    framework.executors.setdefault(agent.agent_id, {})[executor.executor_id] = executor
    agent.executors.setdefault(framework.framework_id, {})[executor.executor_id] = executor
    use(framework, agent, executor.resources)
    return executor


def use(framework: Framework, agent: Agent, resources: Resources) -> None:
    """Count ``resources`` as used."""
    framework_id = framework.framework_id
    used = agent.used.get(framework_id, EMPTY) + resources
    if used:
        agent.used[framework_id] = framework.used_on[agent.agent_id] = used
    framework.touch()
    agent.touch()


def release(ctx: Context, framework: Framework, agent: Agent, resources: Resources) -> None:
    """Count ``resources`` as used no more, and give them to the allocator."""
    framework_id = framework.framework_id
    left = agent.used.get(framework_id, EMPTY) - resources
    if left:
        agent.used[framework_id] = framework.used_on[agent.agent_id] = left
    else:
        agent.used.pop(framework_id, None)
        framework.used_on.pop(agent.agent_id, None)
    framework.touch()
    agent.touch()
    if agent.is_short:
        agent.is_short = not agent.total.contains(taken(agent.used.values()))
    ctx.allocator.release(framework_id, agent.agent_id, resources)


def convert_used(
    framework: Framework, agent: Agent, consumed: Resources, converted: Resources
) -> None:
    """Let a framework use ``converted`` instead of ``consumed``; nothing becomes free by it."""
    used = agent.used[framework.framework_id] - consumed + converted
    agent.used[framework.framework_id] = framework.used_on[agent.agent_id] = used
    framework.touch()
    agent.touch()


def taken(parts: Iterable[Resources]) -> Resources:
    """Return what ``parts`` take of an agent's total, in which what is shared is there once."""
    total = EMPTY
    for part in parts:
        total += part
    total = total.unallocated()
    if total.is_plain:
        return total
    return Resources({key: 1 if key.shared else amount for key, amount in total.entries()})


def update_task(
    ctx: Context,
    framework: Framework,
    agent: Agent,
    task: Task,
    status: TaskStatus,
    latest: TaskState,
) -> None:
    """Take in a status; the state of a task that is over stays.

    Args:
        latest: The newest state that the sender knows, which may be ahead of ``status``.
    """
    task.touch()
    if status.uuid is not None:
        task.status_update_state = status.state
        task.status_update_uuid = status.uuid
    kept = status if status.data is None else replace(status, data=None)
    if task.statuses and task.statuses[-1].state is status.state:
        task.statuses[-1] = kept
    else:
        task.statuses.append(kept)
        if len(task.statuses) > STATUSES_MAX:
            del task.statuses[0]
    is_over = task.state in TERMINAL_STATES
    if ctx.state.operators:
        task_updated(ctx, task, status, task.state if is_over else latest)
    if is_over or task.state is latest:
        return
    task.state = latest
    if latest in TERMINAL_STATES:
        _count_terminal(ctx, framework, status, latest)
        agent.pending_kills.pop((framework.framework_id, task.task_id), None)
    elif latest is not _UNREACHABLE:
        return
    recover_task(ctx, framework, agent, task)


def recover_task(ctx: Context, framework: Framework, agent: Agent, task: Task) -> None:
    """Give back what a task uses, once."""
    if task.is_recovered:
        return
    task.is_recovered = True
    release(ctx, framework, agent, task.resources)


def end_task(
    ctx: Context,
    framework: Framework,
    agent: Agent,
    task: Task,
    state: TaskState,
    *,
    reason: TaskStatus.Reason,
    message: str,
    unreachable_since: float | None = None,
    is_agent_gone: bool = False,
) -> None:
    """Decide that a task is over or out of sight; tell the framework, and remember it as such.

    Args:
        is_agent_gone: Whether the agent never says again how a task ended that is over already.
    """
    if task.state not in TERMINAL_STATES:
        status = known_status(task, state, reason, message, ctx.now.wall)
        if unreachable_since is not None:
            status = replace(
                status, unreachable_time=TimeInfo(nanoseconds=int(unreachable_since * 1e9))
            )
        update_task(ctx, framework, agent, task, status, state)
        ctx.tell_framework(framework, update_event(status))
    elif is_agent_gone:
        # How it ended was never acknowledged, and nobody else is there to say it.
        status = known_status(task, task.state, reason, message, ctx.now.wall)
        ctx.tell_framework(framework, update_event(status))
    remove_task(ctx, framework, agent, task, is_unreachable=unreachable_since is not None)


def remove_task(
    ctx: Context,
    framework: Framework,
    agent: Agent,
    task: Task,
    *,
    is_unreachable: bool = False,
) -> None:
    """Move a task from those tracked to those remembered."""
    recover_task(ctx, framework, agent, task)
    framework_id = framework.framework_id
    framework.tasks.pop(task.task_id, None)
    tasks = agent.tasks.get(framework_id)
    if tasks is not None:
        tasks.pop(task.task_id, None)
        if not tasks:
            del agent.tasks[framework_id]
    if agent.drain is not None:
        ctx.state.draining[agent.agent_id] = None
    agent.pending_kills.pop((framework_id, task.task_id), None)
    if is_unreachable:
        framework.unreachable_tasks.put(task.task_id, task)
    else:
        framework.completed_tasks.append(task)
    task.touch()
    framework.touch()
    agent.touch()


def remove_executor(ctx: Context, framework: Framework, agent: Agent, executor: Executor) -> None:
    """Forget an executor and give back what it used."""
    for owner, key in (
        (framework.executors, agent.agent_id),
        (agent.executors, framework.framework_id),
    ):
        executors = owner.get(key)
        if executors is not None:
            executors.pop(executor.executor_id, None)
            if not executors:
                del owner[key]
    release(ctx, framework, agent, executor.resources)


def agents_of(state: State, framework: Framework) -> list[Agent]:
    """Return the registered agents on which the framework has tasks or executors."""
    agent_ids = OrderedSet(task.agent_id for task in framework.tasks.values())
    for agent_id in framework.executors:
        agent_ids.add(agent_id)
    return [state.agents[agent_id] for agent_id in agent_ids]


def executors_on(framework: Framework, agent: Agent) -> list[Executor]:
    """Return the framework's executors on ``agent``."""
    return list(agent.executors.get(framework.framework_id, {}).values())


def tasks_on(framework: Framework, agent: Agent) -> list[Task]:
    """Return the framework's tasks on ``agent``."""
    return list(agent.tasks.get(framework.framework_id, {}).values())


def _count_terminal(
    ctx: Context, framework: Framework, status: TaskStatus, state: TaskState
) -> None:
    name = state._name_
    counters = ctx.state.counters
    count(counters.task_states, name)
    count(framework.counters.terminal_tasks, name)
    if status.source is None or status.reason is None:
        return
    key = (name, status.source._name_, status.reason._name_)
    counters.updates_by_reason[key] = counters.updates_by_reason.get(key, 0) + 1
