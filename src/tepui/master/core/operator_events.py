"""What operators who subscribed hear: an event for each change that a look at the state shows.

While nobody listens a change costs one look at an empty dictionary.
"""

from __future__ import annotations

from tepui.master.core.context import Context
from tepui.master.core.effects import CloseOperator, OpenOperatorStream, SendToOperators
from tepui.master.core.events import OperatorDisconnected, OperatorSubscribed, TimerKind
from tepui.master.core.model import Agent, Framework, FrameworkState, Task
from tepui.master.core.views import agent_message, task_message, time_message
from tepui.messages import AgentID, TaskState, TaskStatus
from tepui.messages.master import Event, Response

Type = Event.Type
Reason = TaskStatus.Reason

_HEARTBEAT = Event(type=Type.HEARTBEAT)

# Told though the state stays: the news is in the status.
_CHECKED = (
    Reason.REASON_TASK_CHECK_STATUS_UPDATED,
    Reason.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED,
)


def on_operator_subscribed(ctx: Context, event: OperatorSubscribed) -> None:
    """Show all there is and a first heartbeat; beyond the limit the oldest stream gives way."""
    operators = ctx.state.operators
    connection = event.connection
    operators[connection] = None
    ctx.out.append(OpenOperatorStream(connection=connection))
    on_operator_heartbeat_due(ctx, str(connection))
    while len(operators) > ctx.config.max_operator_event_stream_subscribers:
        oldest = next(iter(operators))
        _forget(ctx, oldest)
        ctx.out.append(CloseOperator(connection=oldest))
        ctx.log("warning", "operator_dropped", connection=oldest, reason="too many subscribers")


def on_operator_disconnected(ctx: Context, event: OperatorDisconnected) -> None:
    """A stream is gone."""
    if event.connection in ctx.state.operators:
        _forget(ctx, event.connection)
        ctx.log("info", "operator_disconnected", connection=event.connection, reason=event.reason)


def on_operator_heartbeat_due(ctx: Context, key: str) -> None:
    """Show one operator that the stream lives."""
    connection = int(key)
    if connection in ctx.state.operators:
        ctx.out.append(SendToOperators(connections=(connection,), event=_HEARTBEAT))
        ctx.start_timer(TimerKind.OPERATOR_HEARTBEAT, key, ctx.config.heartbeat_interval)


def task_added(ctx: Context, task: Task) -> None:
    """A task was launched, or an agent has come with it."""
    if ctx.state.operators:
        added = Event.TaskAdded(task=task_message(task))
        _tell(ctx, Event(type=Type.TASK_ADDED, task_added=added))


def task_updated(ctx: Context, task: Task, status: TaskStatus, state: TaskState) -> None:
    """A status was told that puts a task into ``state``, which is still to be noted."""
    if not ctx.state.operators or (state is task.state and status.reason not in _CHECKED):
        return
    updated = Event.TaskUpdated(framework_id=task.template.framework_id, status=status, state=state)
    _tell(ctx, Event(type=Type.TASK_UPDATED, task_updated=updated))


def framework_added(ctx: Context, framework: Framework) -> None:
    """A framework has subscribed for the first time, or an agent has told of it."""
    if ctx.state.operators:
        added = Event.FrameworkAdded(framework=_framework_message(framework))
        _tell(ctx, Event(type=Type.FRAMEWORK_ADDED, framework_added=added))


def framework_updated(ctx: Context, framework: Framework) -> None:
    """A framework is back, or says something else about itself."""
    if ctx.state.operators:
        updated = Event.FrameworkUpdated(framework=_framework_message(framework))
        _tell(ctx, Event(type=Type.FRAMEWORK_UPDATED, framework_updated=updated))


def framework_removed(ctx: Context, framework: Framework) -> None:
    """A framework is over."""
    if ctx.state.operators:
        removed = Event.FrameworkRemoved(framework_info=framework.info)
        _tell(ctx, Event(type=Type.FRAMEWORK_REMOVED, framework_removed=removed))


def agent_added(ctx: Context, agent: Agent) -> None:
    """An agent was admitted, or is back after it was out of sight."""
    if ctx.state.operators:
        added = Event.AgentAdded(agent=agent_message(agent))
        _tell(ctx, Event(type=Type.AGENT_ADDED, agent_added=added))


def agent_removed(ctx: Context, agent_id: str) -> None:
    """An agent left or was replaced; one that is only unreachable was not removed."""
    if ctx.state.operators:
        removed = Event.AgentRemoved(agent_id=AgentID(value=agent_id))
        _tell(ctx, Event(type=Type.AGENT_REMOVED, agent_removed=removed))


def _tell(ctx: Context, event: Event) -> None:
    ctx.out.append(SendToOperators(connections=tuple(ctx.state.operators), event=event))


def _forget(ctx: Context, connection: int) -> None:
    del ctx.state.operators[connection]
    ctx.cancel_timer(TimerKind.OPERATOR_HEARTBEAT, str(connection))


def _framework_message(framework: Framework) -> Response.GetFrameworks.Framework:
    """Return what Mesos' events tell of a framework: less than GET_FRAMEWORKS, all times set."""
    reregistered = framework.reregistered_time
    return Response.GetFrameworks.Framework(
        framework_info=framework.info,
        active=framework.is_active,
        connected=framework.is_connected,
        recovered=framework.state is FrameworkState.RECOVERED,
        registered_time=time_message(framework.registered_time),
        reregistered_time=time_message(
            framework.registered_time if reregistered is None else reregistered
        ),
        unregistered_time=time_message(framework.unregistered_time or 0.0),
    )
