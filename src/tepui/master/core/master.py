"""The master's core: one event at a time goes in, effects come out, in order.

Nothing here waits. What has to wait for the registry is a `PendingWrite` that `Persisted`
takes up again; what has to wait for time is a timer.
"""

from __future__ import annotations

from typing import assert_never

from tepui.allocator import Allocator
from tepui.base.collections import Ring
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.link.messages import (
    ChannelClosed,
    ExecutorExited,
    ExecutorMessage,
    Pong,
    Register,
    Reregister,
    ReregisterPart,
    Unregister,
    UpdateAgent,
    UpdateOperation,
    UpdateStatus,
)
from tepui.master.core import registry
from tepui.master.core.admission import (
    on_admitted,
    on_channel_closed_while_pending,
    on_readmitted,
    on_register,
    on_reregister,
    on_reregister_part,
)
from tepui.master.core.agents import (
    disconnect,
    on_executor_exited,
    on_forgotten,
    on_registry_gc_due,
    on_removed,
    remove_agent,
    spare,
)
from tepui.master.core.allocation import (
    on_allocate_slice,
    on_allocation_interval,
    on_allocator_recovery_timed_out,
    on_filters_expired,
    schedule,
    wait_for_agents,
)
from tepui.master.core.calls import on_scheduler_called, on_task_kill_requested
from tepui.master.core.config import MasterConfig, master_info
from tepui.master.core.context import Context
from tepui.master.core.draining import (
    check_drained,
    on_deactivation_requested,
    on_drain_requested,
    on_reactivation_requested,
    on_standing_stored,
)
from tepui.master.core.effects import AnyEffect, CloseChannel, Respond, StepDown
from tepui.master.core.events import (
    AgentChannelClosed,
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentMessageReceived,
    AgentReactivationRequested,
    AllocateSlice,
    AnyEvent,
    FrameworkTeardownRequested,
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
    OperationRequested,
    OperatorDisconnected,
    OperatorRequest,
    OperatorSubscribed,
    Persisted,
    PersistFailed,
    QuotaRemovalRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
    ReconcileSlice,
    RegistryRecovered,
    SchedulerCalled,
    SchedulerDisconnected,
    StoredRequest,
    TaskKillRequested,
    Timer,
    TimerFired,
    TimerKind,
    WeightsUpdateRequested,
    WhitelistChanged,
)
from tepui.master.core.frameworks import on_teardown_requested
from tepui.master.core.gone import on_gone_requested, on_gone_stored
from tepui.master.core.inverse_offers import on_inverse_offer_timed_out
from tepui.master.core.maintenance import (
    on_machines_down_requested,
    on_machines_up_requested,
    on_maintenance_stored,
    on_schedule_update_requested,
    recover_machines,
)
from tepui.master.core.model import Agent, AgentState, Framework, State
from tepui.master.core.offers import on_offer_timed_out
from tepui.master.core.operation_updates import on_update_operation
from tepui.master.core.operator_events import (
    on_operator_disconnected,
    on_operator_heartbeat_due,
    on_operator_subscribed,
)
from tepui.master.core.operator_operations import on_operation_requested
from tepui.master.core.pending import (
    PendingAdmission,
    PendingForgetting,
    PendingGone,
    PendingMaintenance,
    PendingQuotas,
    PendingReadmission,
    PendingRemoval,
    PendingStanding,
    PendingUnreachable,
    PendingWeights,
)
from tepui.master.core.quota import (
    on_quota_removal_requested,
    on_quota_setting_requested,
    on_quota_update_requested,
    on_quotas_stored,
    recover_quotas,
)
from tepui.master.core.reconcile import on_reconcile_slice
from tepui.master.core.subscription import (
    on_failover_timed_out,
    on_heartbeat_due,
    on_scheduler_disconnected,
)
from tepui.master.core.totals import on_update_agent
from tepui.master.core.unreachable import (
    on_marked_unreachable,
    on_ping_due,
    on_recovery_timed_out,
    on_removal_due,
    on_reregistration_timed_out,
)
from tepui.master.core.updates import on_update_status
from tepui.master.core.weights import (
    on_weights_stored,
    on_weights_update_requested,
    recover_weights,
)
from tepui.messages import ExecutorID, scheduler

Event = scheduler.Event


class Master:
    """A leading master without a world around it.

    Args:
        config: What the operator chose.
        allocator: Empty, and from now on the master's own.
        rng: Its chance: the master's id and stream ids come from it.
        now: When it starts.

    Attributes:
        state: What it knows; for others to read.
    """

    def __init__(self, config: MasterConfig, allocator: Allocator, rng: Rng, now: Instant) -> None:
        master_id = rng.uuid()
        self.state = State(
            master_id=master_id,
            master_info=master_info(config, master_id),
            config=config,
            completed_frameworks=Ring[str, Framework](config.max_completed_frameworks),
            removed_agents=Ring[str, float](config.max_removed_agents),
            started_time=now.wall,
        )
        self.allocator = allocator
        self._ctx = Context(self.state, allocator, rng, now)

    def handle(self, event: AnyEvent, now: Instant) -> list[AnyEffect]:
        """Take in what happened and return what is to be done, in order."""
        ctx = self._ctx
        ctx.now = now
        out: list[AnyEffect] = []
        ctx.out = out
        match event:
            case SchedulerCalled():
                on_scheduler_called(ctx, event)
            case AgentMessageReceived():
                _on_agent_message(ctx, event)
            case AllocateSlice():
                on_allocate_slice(ctx)
            case TimerFired(timer=timer):
                _on_timer(ctx, timer)
            case Persisted(token=token):
                _on_persisted(ctx, token)
            case PersistFailed(reason=reason):
                out.append(StepDown(reason=f"the registry could not be written: {reason}"))
            case (
                SchedulerDisconnected()
                | ReconcileSlice()
                | OperatorSubscribed()
                | OperatorDisconnected()
            ):
                _on_stream_event(ctx, event)
            case AgentChannelClosed(channel=channel, reason=reason):
                _on_channel_closed(ctx, channel, reason)
            case WhitelistChanged(hostnames=hostnames):
                ctx.allocator.update_whitelist(hostnames)
            case RegistryRecovered():
                _on_registry_recovered(ctx, event)
            case _:
                if not _is_held_back(ctx, event):
                    _on_operator_request(ctx, event)
        if self.state.draining:
            check_drained(ctx)
        schedule(ctx)
        return out


def _on_stream_event(
    ctx: Context,
    event: SchedulerDisconnected | ReconcileSlice | OperatorSubscribed | OperatorDisconnected,
) -> None:
    match event:
        case SchedulerDisconnected(connection=connection, reason=reason):
            on_scheduler_disconnected(ctx, connection, reason)
        case ReconcileSlice(connection=connection):
            on_reconcile_slice(ctx, connection)
        case OperatorSubscribed():
            on_operator_subscribed(ctx, event)
        case OperatorDisconnected():
            on_operator_disconnected(ctx, event)
        case _:
            assert_never(event)


def _is_held_back(ctx: Context, event: OperatorRequest) -> bool:
    """Refuse what would have to be stored while too much is; tell whether that is so."""
    if not isinstance(event, StoredRequest) or not registry.is_full(ctx.state):
        return False
    text = f"{registry.WAITING_MAX} writes wait for the registry already: try again later"
    ctx.out.append(Respond(request_id=event.request_id, status=503, text=text))
    return True


def _on_operator_request(ctx: Context, event: OperatorRequest) -> None:
    """Every operator's request and who decides on it, a line each."""
    match event:
        case TaskKillRequested():
            on_task_kill_requested(ctx, event)
        case FrameworkTeardownRequested():
            on_teardown_requested(ctx, event)
        case WeightsUpdateRequested():
            on_weights_update_requested(ctx, event)
        case QuotaSettingRequested():
            on_quota_setting_requested(ctx, event)
        case QuotaUpdateRequested():
            on_quota_update_requested(ctx, event)
        case QuotaRemovalRequested():
            on_quota_removal_requested(ctx, event)
        case AgentDrainRequested():
            on_drain_requested(ctx, event)
        case AgentDeactivationRequested():
            on_deactivation_requested(ctx, event)
        case AgentReactivationRequested():
            on_reactivation_requested(ctx, event)
        case AgentGoneRequested():
            on_gone_requested(ctx, event)
        case MaintenanceScheduleUpdateRequested():
            on_schedule_update_requested(ctx, event)
        case MachinesDownRequested():
            on_machines_down_requested(ctx, event)
        case MachinesUpRequested():
            on_machines_up_requested(ctx, event)
        case OperationRequested():
            on_operation_requested(ctx, event)
        case _:
            assert_never(event)


def _on_registry_recovered(ctx: Context, event: RegistryRecovered) -> None:
    state = ctx.state
    registry.load(state, event.records)
    recover_weights(ctx, registry.load_weights(event.records))
    recover_quotas(ctx, event.records)
    recover_machines(ctx, registry.load_machines(event.records))
    wait_for_agents(ctx)
    state.is_recovered = True
    state.elected_time = ctx.now.wall
    config = ctx.config
    if state.recovered_agents:
        ctx.start_timer(TimerKind.RECOVERY, "", config.agent_reregister_timeout)
    ctx.start_timer(TimerKind.ALLOCATION, "", config.allocator.allocation_interval)
    ctx.start_timer(TimerKind.REGISTRY_GC, "", config.registry_gc_interval)
    ctx.log(
        "info",
        "registry_recovered",
        agents=len(state.recovered_agents),
        unreachable=len(state.unreachable_agents),
        gone=len(state.gone_agents),
    )


def _on_agent_message(ctx: Context, event: AgentMessageReceived) -> None:
    message = event.message
    if isinstance(message, Register):
        on_register(ctx, event, message)
        return
    if isinstance(message, Reregister):
        on_reregister(ctx, event, message)
        return
    if isinstance(message, ReregisterPart):
        on_reregister_part(ctx, event.channel, message)
        return
    if isinstance(message, ChannelClosed):
        _on_channel_closed(ctx, event.channel, message.reason)
        return
    agent = ctx.state.channels.get(event.channel)
    if agent is None:
        # Not registered, or registered no more: it has to register first.
        ctx.state.counters.messages_dropped += 1
        ctx.out.append(CloseChannel(channel=event.channel, reason="the agent is not registered"))
        return
    agent.pings_missed = 0  # whatever it says is a sign of life
    if agent.state is AgentState.REGISTERED and ctx.state.removals:
        spare(ctx, agent.agent_id)
    match message:
        case UpdateStatus():
            on_update_status(ctx, agent, message)
        case Pong():
            pass
        case ExecutorMessage():
            _on_executor_message(ctx, agent, message)
        case ExecutorExited(framework_id=framework_id, executor_id=executor_id, status=status):
            on_executor_exited(ctx, agent, framework_id, executor_id, status)
        case UpdateOperation():
            on_update_operation(ctx, agent, message)
        case UpdateAgent():
            on_update_agent(ctx, agent, message)
        case Unregister():
            ctx.state.counters.agent_unregister_messages += 1
            if registry.is_full(ctx.state):
                # It leaves in any case: once it has been away for long, it is unreachable.
                disconnect(ctx, agent, "it unregistered while the registry was busy")
                return
            ctx.state.counters.agent_removals_unregistered += 1
            remove_agent(ctx, agent, "it unregistered")
        case _:
            assert_never(message)


def _on_executor_message(ctx: Context, agent: Agent, message: ExecutorMessage) -> None:
    counters = ctx.state.counters
    counters.executor_messages += 1
    framework = ctx.state.frameworks.get(message.framework_id)
    if framework is None or not framework.is_connected:
        counters.executor_messages_invalid += 1
        return
    counters.executor_messages_valid += 1
    payload = Event.Message(
        agent_id=agent.id_message,
        executor_id=ExecutorID(value=message.executor_id),
        data=message.data,
    )
    ctx.tell_framework(framework, Event(type=Event.Type.MESSAGE, message=payload))


def _on_channel_closed(ctx: Context, channel: int, reason: str) -> None:
    agent = ctx.state.channels.get(channel)
    if agent is not None:
        disconnect(ctx, agent, reason)
    ctx.state.parts.pop(channel, None)
    on_channel_closed_while_pending(ctx, channel)


def _on_persisted(ctx: Context, token: int) -> None:
    pending = registry.take_up(ctx.state, token)
    match pending:
        case PendingAdmission():
            on_admitted(ctx, pending)
        case PendingReadmission():
            on_readmitted(ctx, pending)
        case PendingUnreachable():
            on_marked_unreachable(ctx, pending)
        case PendingRemoval():
            on_removed(ctx, pending)
        case PendingForgetting():
            on_forgotten(ctx, pending)
        case PendingWeights():
            on_weights_stored(ctx, pending)
        case PendingQuotas():
            on_quotas_stored(ctx, pending)
        case PendingStanding():
            on_standing_stored(ctx, pending)
        case PendingGone():
            on_gone_stored(ctx, pending)
        case PendingMaintenance():
            on_maintenance_stored(ctx, pending)
        case _:
            assert_never(pending)


def _on_timer(ctx: Context, timer: Timer) -> None:
    match timer.kind:
        case TimerKind.HEARTBEAT:
            on_heartbeat_due(ctx, timer.key)
        case TimerKind.PING:
            on_ping_due(ctx, timer.key)
        case TimerKind.ALLOCATION:
            on_allocation_interval(ctx)
        case TimerKind.ALLOCATOR_RECOVERY:
            on_allocator_recovery_timed_out(ctx)
        case TimerKind.FILTERS:
            on_filters_expired(ctx)
        case TimerKind.OFFER:
            on_offer_timed_out(ctx, timer.key)
        case TimerKind.INVERSE_OFFER:
            on_inverse_offer_timed_out(ctx, timer.key)
        case TimerKind.FAILOVER:
            on_failover_timed_out(ctx, timer.key)
        case TimerKind.REREGISTRATION:
            on_reregistration_timed_out(ctx, timer.key)
        case TimerKind.RECOVERY:
            on_recovery_timed_out(ctx)
        case TimerKind.REMOVAL:
            on_removal_due(ctx)
        case TimerKind.REGISTRY_GC:
            on_registry_gc_due(ctx)
        case TimerKind.OPERATOR_HEARTBEAT:
            on_operator_heartbeat_due(ctx, timer.key)
        case _:
            assert_never(timer.kind)
