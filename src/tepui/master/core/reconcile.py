"""What the master knows of tasks and operations, told when a framework asks.

Much is told in slices, and the next one when the framework has read most of the last. What waits
is kept under the framework, as names only: each is answered with what is known by then.
"""

from __future__ import annotations

from tepui.master.core.context import Context
from tepui.master.core.effects import ContinueReconciliation
from tepui.master.core.model import Framework, Reconciliation
from tepui.master.core.operation_updates import reconcile_known_operation, reconcile_operation
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

SLICE_MAX = 200
"""Answers of one slice."""
ASKED_MAX = 100_000
"""With more names waiting than this, another call gets 503."""


def on_reconcile(ctx: Context, framework: Framework, call: Call.Reconcile) -> int:
    """Answer for the tasks named, or for all that are tracked if none is.

    Returns:
        The status of the answer to the call.
    """
    ctx.state.counters.task_reconciliations += 1
    waiting = framework.reconciliation
    if len(waiting.asked) > ASKED_MAX:
        return 503
    if call.tasks:
        waiting.asked.extend(call.tasks)
    else:
        # Those that wait already come first, or the last would never have their turn.
        names = dict.fromkeys(waiting.tasks)
        waiting.tasks.extend(each for each in framework.tasks if each not in names)
    _go_on(ctx, framework)
    return 202


def on_reconcile_operations(
    ctx: Context, framework: Framework, call: Call.ReconcileOperations
) -> int:
    """Answer for the operations named, or for all that have an id if none is.

    Returns:
        The status of the answer to the call.
    """
    ctx.state.counters.operation_reconciliations += 1
    waiting = framework.reconciliation
    if len(waiting.asked) > ASKED_MAX:
        return 503
    if call.operations:
        waiting.asked.extend(call.operations)
    else:
        uuids = dict.fromkeys(waiting.operations)
        waiting.operations.extend(each for each in framework.operations if each not in uuids)
    _go_on(ctx, framework)
    return 202


def on_reconcile_slice(ctx: Context, connection: int) -> None:
    """The framework has read most of what it was told: tell more."""
    framework = ctx.state.connections.get(connection)
    if framework is not None:
        framework.reconciliation.is_under_way = False
        _go_on(ctx, framework)


def _go_on(ctx: Context, framework: Framework) -> None:
    """Answer for as many as one slice may have, and come back for the others."""
    waiting = framework.reconciliation
    if waiting.is_under_way or framework.connection is None:
        return
    _answer(ctx, framework, waiting)
    if waiting.tasks or waiting.operations or waiting.asked:
        waiting.is_under_way = True
        ctx.out.append(ContinueReconciliation(connection=framework.connection))


def _answer(ctx: Context, framework: Framework, waiting: Reconciliation) -> None:
    for _ in range(SLICE_MAX):
        if waiting.asked:
            named = waiting.asked.popleft()
            if isinstance(named, Call.Reconcile.Task):
                reconcile_task(ctx, framework, named.task_id, named.agent_id)
            else:
                reconcile_operation(ctx, framework, named)
        elif waiting.tasks:
            task_id = waiting.tasks.popleft()
            # Of one that has ended meanwhile, the framework heard by itself.
            if task_id in framework.tasks:
                _tell_known(ctx, framework, task_id)
        elif waiting.operations:
            reconcile_known_operation(ctx, framework, waiting.operations.popleft())
        else:
            return


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
