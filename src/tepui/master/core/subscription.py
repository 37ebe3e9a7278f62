"""SUBSCRIBE and what follows: failover, heartbeats, disconnection, time-out, updates."""

from __future__ import annotations

from msgspec.structs import replace

from tepui.link.messages import UpdateFramework
from tepui.master.core.context import Context
from tepui.master.core.effects import (
    CloseScheduler,
    OpenStream,
    Respond,
    SendToScheduler,
)
from tepui.master.core.events import SchedulerCalled, TimerKind
from tepui.master.core.frameworks import (
    close_stream,
    describe,
    forget_stream,
    make_framework,
    options_of,
    remove_framework,
    suppress_only,
)
from tepui.master.core.inverse_offers import discard_inverse_offers_of
from tepui.master.core.model import Framework, FrameworkState
from tepui.master.core.offers import discard_offer, rescind_offer
from tepui.master.core.operations import adopt_operations
from tepui.master.core.operator_events import framework_added, framework_updated
from tepui.master.core.tasks import agents_of
from tepui.master.validation.frameworks import (
    FrameworkRules,
    validate_framework_info,
    validate_framework_update,
    validate_resubscription,
)
from tepui.master.validation.problem import Problem
from tepui.messages import FrameworkInfo, scheduler

Call = scheduler.Call
Event = scheduler.Event

_HEARTBEAT = Event(type=Event.Type.HEARTBEAT)


def on_subscribe(ctx: Context, event: SchedulerCalled) -> None:
    """Answer with a stream in any case; a refusal is an ERROR on it."""
    subscribe = event.call.subscribe
    assert subscribe is not None
    info = subscribe.framework_info
    if info.principal is None and event.principal is not None:
        info = replace(info, principal=event.principal)
    framework_id = "" if info.id is None else info.id.value
    known = ctx.state.frameworks.get(framework_id) if framework_id else None
    stream_id = ctx.rng.uuid()
    ctx.out.append(
        OpenStream(request_id=event.request_id, connection=event.connection, stream_id=stream_id)
    )
    found = _validate(ctx, info, subscribe.suppressed_roles, subscribe.offer_constraints)
    if found is None and known is not None and known.state is not FrameworkState.RECOVERED:
        found = validate_resubscription(known.info, info)
    if found is not None:
        _refuse(ctx, event.connection, found)
        return
    if known is None:
        framework = _welcome(ctx, info, subscribe)
    else:
        framework = known
        _welcome_back(ctx, framework, info, subscribe)
    framework.connection = event.connection
    framework.stream_id = stream_id
    framework.state = FrameworkState.CONNECTED
    framework.is_active = True
    framework.touch()
    ctx.state.connections[event.connection] = framework
    _greet(ctx, framework)
    if known is None:
        framework_added(ctx, framework)
    if framework_id:
        # Also of one that comes with an id we do not know: for Mesos it is back, after a while.
        framework_updated(ctx, framework)


def on_update_framework(ctx: Context, framework: Framework, event: SchedulerCalled) -> None:
    """Change what a framework says about itself; answered by 200 or 400."""
    update = event.call.update_framework
    assert update is not None
    info = update.framework_info
    if info.principal is None and event.principal is not None:
        info = replace(info, principal=event.principal)
    found = _validate(ctx, info, update.suppressed_roles, update.offer_constraints)
    found = found or validate_framework_update(framework.info, info)
    if found is not None:
        ctx.out.append(
            Respond(request_id=event.request_id, status=found.status, text=found.message)
        )
        return
    if _change(ctx, framework, info, update.suppressed_roles, update.offer_constraints):
        framework_updated(ctx, framework)
    ctx.allocator.update_framework(framework.framework_id, options_of(framework))
    ctx.out.append(Respond(request_id=event.request_id, status=200))


def on_heartbeat_due(ctx: Context, framework_id: str) -> None:
    """Show the scheduler that the stream lives."""
    framework = ctx.state.frameworks.get(framework_id)
    if framework is not None and framework.is_connected:
        ctx.tell_framework(framework, _HEARTBEAT)
        ctx.start_timer(TimerKind.HEARTBEAT, framework_id, ctx.config.heartbeat_interval)


def on_scheduler_disconnected(ctx: Context, connection: int, reason: str) -> None:
    """A stream is gone: no more offers, and the failover timer runs."""
    framework = ctx.state.connections.get(connection)
    if framework is None:
        return  # an older stream, whose framework has moved on
    forget_stream(ctx, framework)
    framework.state = FrameworkState.DISCONNECTED
    framework.is_active = False
    framework.unregistered_time = ctx.now.wall
    ctx.allocator.deactivate_framework(framework.framework_id)
    for offer in list(framework.offers.values()):
        discard_offer(ctx, offer)
    discard_inverse_offers_of(ctx, framework)
    timeout = max(0.0, framework.info.failover_timeout)
    ctx.start_timer(TimerKind.FAILOVER, framework.framework_id, timeout)
    ctx.log(
        "info",
        "framework_disconnected",
        framework_id=framework.framework_id,
        reason=reason,
        failover_timeout=timeout,
    )


def on_failover_timed_out(ctx: Context, framework_id: str) -> None:
    """Nobody subscribed for the framework in time."""
    framework = ctx.state.frameworks.get(framework_id)
    # The timer may have fired while a subscription was on its way.
    if framework is not None and framework.state is FrameworkState.DISCONNECTED:
        remove_framework(ctx, framework, "The framework did not return within its failover_timeout")


def _validate(
    ctx: Context,
    info: FrameworkInfo,
    suppressed: list[str],
    constraints: scheduler.OfferConstraints | None,
) -> Problem | None:
    rules = FrameworkRules(
        roles=ctx.config.roles,
        root_submissions=ctx.config.root_submissions,
        pattern_limits=ctx.config.allocator.pattern_limits,
    )
    framework_id = "" if info.id is None else info.id.value
    return validate_framework_info(
        info,
        rules,
        suppressed_roles=suppressed,
        offer_constraints=constraints,
        is_completed=framework_id in ctx.state.completed_frameworks,
    )


def _refuse(ctx: Context, connection: int, found: Problem) -> None:
    error = Event(type=Event.Type.ERROR, error=Event.Error(message=found.message))
    ctx.out.append(SendToScheduler(connection=connection, event=error))
    ctx.out.append(CloseScheduler(connection=connection))
    ctx.log("warning", "subscription_refused", rule=found.rule, message=found.message)


def _welcome(ctx: Context, info: FrameworkInfo, subscribe: Call.Subscribe) -> Framework:
    state = ctx.state
    state.counters.framework_registrations += 1
    framework_id = "" if info.id is None else info.id.value
    if not framework_id:
        framework_id = f"{state.master_id}-{state.frameworks_made:04d}"
        state.frameworks_made += 1
    framework = make_framework(ctx, framework_id, info, FrameworkState.CONNECTED)
    suppress_only(framework, subscribe.suppressed_roles)
    framework.offer_constraints = subscribe.offer_constraints
    state.frameworks[framework_id] = framework
    adopt_operations(state, framework)
    ctx.allocator.add_framework(framework_id, options_of(framework), is_active=True)
    ctx.log("info", "framework_registered", framework_id=framework_id, name=info.name)
    return framework


def _welcome_back(
    ctx: Context, framework: Framework, info: FrameworkInfo, subscribe: Call.Subscribe
) -> None:
    framework_id = framework.framework_id
    ctx.state.counters.framework_reregistrations += 1
    was_active = framework.is_active
    if framework.state is not FrameworkState.RECOVERED:
        # These never change; the framework's new idea of them is passed over.
        info = replace(info, user=framework.info.user, checkpoint=framework.info.checkpoint)
    close_stream(ctx, framework, "Framework failed over")
    ctx.cancel_timer(TimerKind.FAILOVER, framework_id)
    for offer in list(framework.offers.values()):
        discard_offer(ctx, offer)
    discard_inverse_offers_of(ctx, framework)
    if not _change(ctx, framework, info, subscribe.suppressed_roles, subscribe.offer_constraints):
        # Agents hear of the return in any case: it is when they send again what waits.
        _tell_agents(ctx, framework)
    framework.reregistered_time = ctx.now.wall
    framework.unregistered_time = None
    ctx.allocator.update_framework(framework_id, options_of(framework))
    if not was_active:
        ctx.allocator.activate_framework(framework_id)
    ctx.log("info", "framework_reregistered", framework_id=framework_id)


def _change(
    ctx: Context,
    framework: Framework,
    info: FrameworkInfo,
    suppressed: list[str],
    constraints: scheduler.OfferConstraints | None,
) -> bool:
    """Take over a new description; whom it concerns hears of it.

    Returns:
        Whether it is another than before, so that the agents were told.
    """
    old = framework.info
    describe(framework, info)
    suppress_only(framework, suppressed)
    framework.offer_constraints = constraints
    for offer in list(framework.offers.values()):
        if offer.role not in framework.roles:
            rescind_offer(ctx, offer)
    if framework.info == old:
        return False
    _tell_agents(ctx, framework)
    return True


def _tell_agents(ctx: Context, framework: Framework) -> None:
    for agent in agents_of(ctx.state, framework):
        ctx.tell_agent(agent, UpdateFramework(framework=framework.info))


def _greet(ctx: Context, framework: Framework) -> None:
    subscribed = Event.Subscribed(
        framework_id=framework.id_message,
        heartbeat_interval_seconds=ctx.config.heartbeat_interval,
        master_info=ctx.state.master_info,
    )
    ctx.tell_framework(framework, Event(type=Event.Type.SUBSCRIBED, subscribed=subscribed))
    on_heartbeat_due(ctx, framework.framework_id)
