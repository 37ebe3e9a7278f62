"""Frameworks: how they are described to the allocator, recovered, and removed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from tepui.allocator import FrameworkCapabilities, FrameworkOptions, Minimum
from tepui.base.collections import OrderedSet, Ring
from tepui.link.messages import ShutdownFramework
from tepui.master.core.context import Context
from tepui.master.core.effects import CloseScheduler, Respond
from tepui.master.core.events import FrameworkTeardownRequested, TimerKind
from tepui.master.core.inverse_offers import discard_inverse_offers_of, forget_answers_of
from tepui.master.core.model import Framework, FrameworkState, Reconciliation, Task
from tepui.master.core.offers import discard_offer
from tepui.master.core.operations import adopt_operations, orphan_operations
from tepui.master.core.operator_events import framework_added, framework_removed
from tepui.master.core.statuses import Reason, known_status
from tepui.master.core.tasks import (
    agents_of,
    executors_on,
    remove_executor,
    remove_task,
    tasks_on,
    update_task,
)
from tepui.messages import FrameworkID, FrameworkInfo, TaskState, scheduler
from tepui.resources import Quantities

Capability = FrameworkInfo.Capability.Type
Event = scheduler.Event


def make_framework(
    ctx: Context, framework_id: str, info: FrameworkInfo, state: FrameworkState
) -> Framework:
    """Return a framework that nobody knows yet."""
    id_message = FrameworkID(value=framework_id)
    framework = Framework(
        framework_id=framework_id,
        id_message=id_message,
        info=replace(info, id=id_message),
        state=state,
        roles=(),
        completed_tasks=deque(maxlen=ctx.config.max_completed_tasks_per_framework),
        unreachable_tasks=Ring[str, Task](ctx.config.max_unreachable_tasks_per_framework),
        registered_time=ctx.now.wall,
    )
    describe(framework, info)
    return framework


def describe(framework: Framework, info: FrameworkInfo) -> None:
    """Take over what ``info`` says."""
    capabilities = [each.type for each in info.capabilities]
    framework.info = replace(info, id=framework.id_message)
    framework.principal = info.principal
    framework.is_partition_aware = Capability.PARTITION_AWARE in capabilities
    framework.is_multi_role = Capability.MULTI_ROLE in capabilities
    framework.has_reservation_refinement = Capability.RESERVATION_REFINEMENT in capabilities
    framework.roles = tuple(info.roles) if framework.is_multi_role else (info.role or "*",)
    framework.touch()


def suppress_only(framework: Framework, roles: Sequence[str]) -> None:
    """Have exactly ``roles`` suppressed."""
    framework.suppressed_roles = OrderedSet(roles)
    framework.touch()


def options_of(framework: Framework) -> FrameworkOptions:
    """Return what the allocator has to know of a framework."""
    capabilities = [each.type for each in framework.info.capabilities]
    minimum: dict[str, Minimum] = {}
    for role, filters in framework.info.offer_filters.items():
        wanted = filters.min_allocatable_resources
        if wanted is not None:
            minimum[role] = tuple(
                Quantities.from_floats({name: each.value for name, each in one.quantities.items()})
                for one in wanted.quantities
            )
    return FrameworkOptions(
        roles=framework.roles,
        suppressed_roles=tuple(framework.suppressed_roles),
        capabilities=FrameworkCapabilities(
            revocable_resources=Capability.REVOCABLE_RESOURCES in capabilities,
            gpu_resources=Capability.GPU_RESOURCES in capabilities,
            shared_resources=Capability.SHARED_RESOURCES in capabilities,
            multi_role=framework.is_multi_role,
            reservation_refinement=framework.has_reservation_refinement,
            region_aware=Capability.REGION_AWARE in capabilities,
        ),
        minimum=minimum,
        constraints=framework.offer_constraints,
    )


def recover_framework(ctx: Context, info: FrameworkInfo) -> Framework:
    """Remember a framework of which an agent tells, and which has not subscribed yet."""
    assert info.id is not None
    framework = make_framework(ctx, info.id.value, info, FrameworkState.RECOVERED)
    ctx.state.frameworks[framework.framework_id] = framework
    adopt_operations(ctx.state, framework)
    ctx.allocator.add_framework(framework.framework_id, options_of(framework), is_active=False)
    framework_added(ctx, framework)
    return framework


def close_stream(ctx: Context, framework: Framework, message: str | None) -> None:
    """End a framework's stream, with an ERROR if there is something to say."""
    connection = framework.connection
    if connection is None:
        return
    if message is not None:
        error = Event(type=Event.Type.ERROR, error=Event.Error(message=message))
        ctx.tell_framework(framework, error)
    ctx.out.append(CloseScheduler(connection=connection))
    forget_stream(ctx, framework)


def forget_stream(ctx: Context, framework: Framework) -> None:
    """Note that a framework's stream is no more."""
    if framework.connection is not None:
        ctx.state.connections.pop(framework.connection, None)
    framework.connection = None
    framework.stream_id = None
    framework.reconciliation = Reconciliation()
    framework.touch()
    ctx.cancel_timer(TimerKind.HEARTBEAT, framework.framework_id)


def remove_framework(ctx: Context, framework: Framework, message: str) -> None:
    """End a framework for good: its tasks are killed, its id is never used again."""
    state = ctx.state
    framework_id = framework.framework_id
    close_stream(ctx, framework, message)
    ctx.cancel_timer(TimerKind.FAILOVER, framework_id)
    framework.is_active = False
    ctx.allocator.deactivate_framework(framework_id)
    for offer in list(framework.offers.values()):
        discard_offer(ctx, offer)
    discard_inverse_offers_of(ctx, framework)
    forget_answers_of(ctx, framework)
    orphan_operations(ctx, framework)
    for agent in agents_of(state, framework):
        ctx.tell_agent(agent, ShutdownFramework(framework_id=framework_id))
        for task in tasks_on(framework, agent):
            if not task.is_terminal:
                killed = known_status(
                    task,
                    TaskState.TASK_KILLED,
                    Reason.REASON_FRAMEWORK_REMOVED,
                    message,
                    ctx.now.wall,
                )
                update_task(ctx, framework, agent, task, killed, TaskState.TASK_KILLED)
            remove_task(ctx, framework, agent, task)
        for executor in executors_on(framework, agent):
            remove_executor(ctx, framework, agent, executor)
    for task in framework.unreachable_tasks.values():
        framework.completed_tasks.append(task)
    framework.unreachable_tasks = Ring[str, Task](ctx.config.max_unreachable_tasks_per_framework)
    ctx.allocator.remove_framework(framework_id)
    framework.state = FrameworkState.COMPLETED
    framework.unregistered_time = ctx.now.wall
    framework.touch()
    del state.frameworks[framework_id]
    state.completed_frameworks.put(framework_id, framework)
    framework_removed(ctx, framework)
    ctx.log("info", "framework_removed", framework_id=framework_id, reason=message)


def on_teardown_requested(ctx: Context, event: FrameworkTeardownRequested) -> None:
    """End a framework on an operator's word."""
    framework = ctx.state.frameworks.get(event.framework_id)
    if framework is None:
        text = f"framework_id {event.framework_id!r} names no framework that has not ended"
        ctx.out.append(Respond(request_id=event.request_id, status=400, text=text))
        return
    remove_framework(ctx, framework, "An operator tore the framework down")
    ctx.out.append(Respond(request_id=event.request_id, status=200))
