"""The scheduler's calls: who may make them, and which part of the core they go to."""

from __future__ import annotations

from tepui.link.messages import FrameworkMessage, KillTask, ShutdownExecutor
from tepui.master.core.acceptance import on_accept, on_decline
from tepui.master.core.allocation import watch_filters
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.effects import Respond
from tepui.master.core.events import SchedulerCalled, TaskKillRequested
from tepui.master.core.frameworks import remove_framework
from tepui.master.core.inverse_offers import on_inverse_offers_answered
from tepui.master.core.model import Framework, FrameworkState
from tepui.master.core.operation_updates import on_acknowledge_operation
from tepui.master.core.reconcile import on_reconcile, on_reconcile_operations, reconcile_task
from tepui.master.core.subscription import on_subscribe, on_update_framework
from tepui.master.core.updates import on_acknowledge
from tepui.master.validation.calls import (
    Session,
    check_stream_on_subscribe,
    validate_session,
)
from tepui.master.validation.frameworks import validate_roles_subscribed
from tepui.master.validation.problem import Problem
from tepui.messages import TaskID, scheduler

Call = scheduler.Call
Type = Call.Type


def on_scheduler_called(ctx: Context, event: SchedulerCalled) -> None:
    """Answer a call. What happens because of it comes on the framework's stream."""
    call = event.call
    if call.type is Type.SUBSCRIBE:
        found = check_stream_on_subscribe(event.stream_id)
        if found is not None:
            _respond(ctx, event, found)
            return
        on_subscribe(ctx, event)
        _count_subscribe(ctx, event)
        return
    framework = _framework_of(ctx, call)
    found = _check_session(framework, event)
    if found is not None or framework is None:
        _respond(ctx, event, found)
        return
    assert call.type is not None
    count(framework.counters.calls, call.type._name_)
    if call.type is Type.UPDATE_FRAMEWORK:
        on_update_framework(ctx, framework, event)
        return
    status = 202
    if call.acknowledge is not None and call.type is Type.ACKNOWLEDGE:
        on_acknowledge(ctx, framework, call.acknowledge)
    elif call.accept is not None and call.type is Type.ACCEPT:
        on_accept(ctx, framework, call.accept)
    else:
        status = _dispatch(ctx, framework, call)
    ctx.out.append(Respond(request_id=event.request_id, status=status))


def _framework_of(ctx: Context, call: Call) -> Framework | None:
    if call.framework_id is None:
        return None
    framework = ctx.state.frameworks.get(call.framework_id.value)
    if framework is None or framework.state is FrameworkState.RECOVERED:
        return None
    return framework


def _check_session(framework: Framework | None, event: SchedulerCalled) -> Problem | None:
    if (
        framework is not None
        and framework.stream_id is not None
        and framework.stream_id == event.stream_id
        and (event.principal is None or event.principal == framework.principal)
    ):
        return None  # the ordinary case, without a Session made for it
    session = None
    if framework is not None:
        session = Session(principal=framework.principal, stream_id=framework.stream_id)
    return validate_session(
        event.call, session, principal=event.principal, stream_id=event.stream_id
    )


def _respond(ctx: Context, event: SchedulerCalled, found: Problem | None) -> None:
    status, text = (
        (400, "framework_id is missing")
        if found is None
        else (
            found.status,
            found.message,
        )
    )
    ctx.out.append(Respond(request_id=event.request_id, status=status, text=text))


def _count_subscribe(ctx: Context, event: SchedulerCalled) -> None:
    framework = ctx.state.connections.get(event.connection)
    if framework is not None:
        count(framework.counters.calls, Type.SUBSCRIBE._name_)


def _dispatch(ctx: Context, framework: Framework, call: Call) -> int:
    """Handle a call whose payload is there; return the status of the answer."""
    assert call.type is not None
    match call.type:
        case Type.ACCEPT | Type.ACKNOWLEDGE | Type.SUBSCRIBE | Type.UPDATE_FRAMEWORK:
            return 202  # handled before, or without payload
        case Type.TEARDOWN:
            ctx.state.counters.framework_teardowns += 1
            remove_framework(ctx, framework, "The framework has been removed")
        case Type.DECLINE if call.decline is not None:
            on_decline(ctx, framework, call.decline)
        case Type.REVIVE:
            _on_revive(ctx, framework, [] if call.revive is None else call.revive.roles)
        case Type.SUPPRESS:
            _on_suppress(ctx, framework, [] if call.suppress is None else call.suppress.roles)
        case Type.KILL if call.kill is not None:
            _on_kill(ctx, framework, call.kill)
        case Type.SHUTDOWN if call.shutdown is not None:
            _on_shutdown(ctx, framework, call.shutdown)
        case Type.RECONCILE if call.reconcile is not None:
            return on_reconcile(ctx, framework, call.reconcile)
        case Type.MESSAGE if call.message is not None:
            _on_message(ctx, framework, call.message)
        case Type.REQUEST:
            # Mesos' allocator takes note of requests and does nothing with them.
            ctx.state.counters.requests += 1
        case Type.RECONCILE_OPERATIONS if call.reconcile_operations is not None:
            return on_reconcile_operations(ctx, framework, call.reconcile_operations)
        case Type.ACKNOWLEDGE_OPERATION_STATUS if call.acknowledge_operation_status is not None:
            on_acknowledge_operation(ctx, framework, call.acknowledge_operation_status)
        case Type.ACCEPT_INVERSE_OFFERS | Type.DECLINE_INVERSE_OFFERS:
            on_inverse_offers_answered(ctx, framework, call)
            watch_filters(ctx)
        case Type.UNKNOWN:
            return 501
        case _:
            pass
    return 202


def _on_revive(ctx: Context, framework: Framework, roles: list[str]) -> None:
    ctx.state.counters.revives += 1
    found = validate_roles_subscribed("revive.role", roles, framework.info)
    if found is not None:
        _log_ignored(ctx, framework, found)
        return
    for role in roles or framework.roles:
        framework.suppressed_roles.discard(role)
    framework.touch()
    ctx.allocator.revive(framework.framework_id, roles)


def _on_suppress(ctx: Context, framework: Framework, roles: list[str]) -> None:
    ctx.state.counters.suppressions += 1
    found = validate_roles_subscribed("suppress.role", roles, framework.info)
    if found is not None:
        _log_ignored(ctx, framework, found)
        return
    for role in roles or framework.roles:
        framework.suppressed_roles.add(role)
    framework.touch()
    ctx.allocator.suppress(framework.framework_id, roles)


def _on_kill(ctx: Context, framework: Framework, call: Call.Kill) -> None:
    ctx.state.counters.kills += 1
    task_id = call.task_id.value
    task = framework.tasks.get(task_id)
    if task is None:
        reconcile_task(ctx, framework, call.task_id, call.agent_id)
        return
    if call.agent_id is not None and call.agent_id.value != task.agent_id:
        return
    agent = ctx.state.agents[task.agent_id]
    if not task.is_terminal:
        # Kept until the task is over: the agent may be away without our knowing it.
        agent.pending_kills[framework.framework_id, task_id] = call.kill_policy
    ctx.tell_agent(
        agent,
        KillTask(
            framework_id=framework.framework_id, task_id=task_id, kill_policy=call.kill_policy
        ),
    )


def on_task_kill_requested(ctx: Context, event: TaskKillRequested) -> None:
    """Kill a task on an operator's word; its framework hears of it by the task's updates."""
    framework = ctx.state.frameworks.get(event.framework_id)
    task = None if framework is None else framework.tasks.get(event.task_id)
    if framework is None or task is None or task.is_terminal:
        what = (
            f"framework_id {event.framework_id!r} names no framework"
            if framework is None
            else f"task_id {event.task_id!r} names no task that has not ended"
        )
        ctx.out.append(Respond(request_id=event.request_id, status=404, text=what))
        return
    _on_kill(ctx, framework, Call.Kill(task_id=TaskID(value=event.task_id)))
    ctx.out.append(Respond(request_id=event.request_id, status=202))


def _on_shutdown(ctx: Context, framework: Framework, call: Call.Shutdown) -> None:
    agent = ctx.state.agents.get(call.agent_id.value)
    if agent is not None:
        ctx.tell_agent(
            agent,
            ShutdownExecutor(
                framework_id=framework.framework_id, executor_id=call.executor_id.value
            ),
        )


def _on_message(ctx: Context, framework: Framework, call: Call.Message) -> None:
    counters = ctx.state.counters
    counters.framework_messages += 1
    agent = ctx.state.agents.get(call.agent_id.value)
    if agent is None or not agent.is_connected:
        counters.framework_messages_invalid += 1
        return
    counters.framework_messages_valid += 1
    ctx.tell_agent(
        agent,
        FrameworkMessage(
            framework_id=framework.framework_id,
            executor_id=call.executor_id.value,
            data=call.data,
        ),
    )


def _log_ignored(ctx: Context, framework: Framework, found: Problem) -> None:
    ctx.log(
        "warning",
        "call_ignored",
        framework_id=framework.framework_id,
        rule=found.rule,
        message=found.message,
    )
