"""What the master knows of tasks, told when a framework asks."""

from __future__ import annotations

from tepui.master.core.context import Context
from tepui.master.core.model import Framework
from tepui.master.core.statuses import (
    Reason,
    aware_or_lost,
    known_status,
    master_status,
    update_event,
)
from tepui.messages import (
    AgentID,
    TaskID,
    TaskState,
    scheduler,
)

Call = scheduler.Call


def on_reconcile(ctx: Context, framework: Framework, call: Call.Reconcile) -> None:
    """Answer for the tasks named, or for all that are tracked if none is."""
    ctx.state.counters.task_reconciliations += 1
    if call.tasks:
        for each in call.tasks:
            reconcile_task(ctx, framework, each.task_id, each.agent_id)
        return
    for task_id in list(framework.tasks):
        _tell_known(ctx, framework, task_id)


def reconcile_task(
    ctx: Context, framework: Framework, task_id: TaskID, agent_id: AgentID | None
) -> None:
    """Answer for one task, known or not; no answer while its agent may still come back."""
    state = ctx.state
    if task_id.value in framework.tasks:
        _tell_known(ctx, framework, task_id.value)
        return
    unreachable = framework.unreachable_tasks.get(task_id.value)
    if agent_id is None and unreachable is not None:
        agent_id = unreachable.template.agent_id
    since: float | None = None
    if agent_id is None:
        if state.recovered_agents:
            return  # one of those may have it
        answer, message = TaskState.TASK_UNKNOWN, "Nothing is known of the task"
    elif agent_id.value in state.recovered_agents or agent_id.value in state.reregistering:
        return
    elif agent_id.value in state.agents:
        answer, message = TaskState.TASK_GONE, "The agent does not have the task"
    elif agent_id.value in state.unreachable_agents:
        answer, message = TaskState.TASK_UNREACHABLE, "The agent is unreachable"
        since = state.unreachable_agents[agent_id.value].since
    elif agent_id.value in state.gone_agents:
        answer, message = TaskState.TASK_GONE_BY_OPERATOR, "The agent was marked gone"
    else:
        answer, message = TaskState.TASK_UNKNOWN, "Neither task nor agent is known"
    status = master_status(
        task_id,
        aware_or_lost(framework, answer),
        Reason.REASON_RECONCILIATION,
        message,
        ctx.now.wall,
        agent_id=agent_id,
        unreachable_since=since,
    )
    ctx.tell_framework(framework, update_event(status))


def _tell_known(ctx: Context, framework: Framework, task_id: str) -> None:
    task = framework.tasks[task_id]
    state = task.state if task.status_update_state is None else task.status_update_state
    status = known_status(
        task, state, Reason.REASON_RECONCILIATION, "The latest state of the task", ctx.now.wall
    )
    ctx.tell_framework(framework, update_event(status))
