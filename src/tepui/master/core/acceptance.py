"""ACCEPT and DECLINE: what becomes of offers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tepui.link.messages import RunTask, RunTaskGroup
from tepui.master.core.allocation import watch_filters
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.model import EMPTY, Agent, AgentState, Framework, Offer
from tepui.master.core.offers import discard_offer, unlink_offer
from tepui.master.core.operations import count_refused
from tepui.master.core.operator_events import task_added
from tepui.master.core.statuses import (
    Reason,
    aware_or_lost,
    master_status,
    update_event,
)
from tepui.master.core.tasks import add_executor, add_task, describe_task, make_task
from tepui.master.validation.completion import complete_group, complete_task
from tepui.master.validation.groups import validate_task_group
from tepui.master.validation.offers import validate_offer_ids, validate_operation
from tepui.master.validation.problem import Problem
from tepui.master.validation.tasks import LaunchContext, validate_task
from tepui.messages import (
    ExecutorInfo,
    OperationState,
    OperationStatus,
    Resource,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
    TaskStatus,
    scheduler,
)
from tepui.messages import Offer as OfferMessage
from tepui.resources import ReservationFormat, Resources
from tepui.resources.conversions import convert

Call = scheduler.Call
Event = scheduler.Event
Operation = OfferMessage.Operation

_LAUNCH = Operation.Type.LAUNCH
_LAUNCH_GROUP = Operation.Type.LAUNCH_GROUP
_REFUSE_SECONDS = 5.0


class _Acceptance:
    """One ACCEPT under way: who accepts what, and how much of it is left."""

    __slots__ = ("agent", "ctx", "framework", "launches", "left", "role", "used")

    def __init__(
        self, ctx: Context, framework: Framework, agent: Agent, offers: Sequence[Offer]
    ) -> None:
        self.ctx = ctx
        self.framework = framework
        self.agent = agent
        self.role = offers[0].role
        self.left = offers[0].resources
        for offer in offers[1:]:
            self.left += offer.resources
        self.used = EMPTY
        executors = agent.executors.get(framework.framework_id)
        self.launches = LaunchContext(
            framework_id=framework.framework_id,
            agent_id=agent.agent_id,
            agent_capabilities=agent.capabilities,
            task_ids=framework.tasks,
            unreachable_task_ids=framework.unreachable_tasks,
            executors={key: each.info for key, each in executors.items()} if executors else {},
        )

    def take(self, resources: Resources) -> None:
        """Move ``resources`` from what is left to what is used."""
        self.left -= resources
        self.used += resources


def on_accept(ctx: Context, framework: Framework, call: Call.Accept) -> None:
    """Use offers for operations; what is left returns with the filters of the call."""
    state = ctx.state
    state.counters.accepts += 1
    found = validate_offer_ids(call.offer_ids, state.offers, framework.framework_id)
    offers = [
        offer
        for each in dict.fromkeys(each.value for each in call.offer_ids)
        if (offer := state.offers.get(each)) is not None
        and offer.framework_id == framework.framework_id
    ]
    if found is not None:
        for offer in offers:
            discard_offer(ctx, offer)
        _drop_all(ctx, framework, call.operations, Reason.REASON_INVALID_OFFERS, found.message)
        return
    framework.counters.offers_accepted += len(offers)
    agent = state.agents[offers[0].agent_id]
    for offer in offers:
        unlink_offer(ctx, offer)
    acceptance = _Acceptance(ctx, framework, agent, offers)
    if agent.state is AgentState.REGISTERED:
        for operation in call.operations:
            _run(acceptance, operation)
    else:
        # Its offers were rescinded when it went; this is for safety.
        _drop_all(
            ctx,
            framework,
            call.operations,
            Reason.REASON_AGENT_DISCONNECTED,
            "The agent is disconnected",
        )
    refuse_seconds = _REFUSE_SECONDS if call.filters is None else call.filters.refuse_seconds
    if acceptance.used:
        ctx.allocator.mark_allocated(framework.framework_id, agent.agent_id, acceptance.used)
    if acceptance.left:
        # Who uses a part and refuses the rest for no time may have it at once, by its share:
        # unlike one that declines all, it cannot go round in circles.
        is_free = refuse_seconds == 0 and bool(acceptance.used)
        ctx.allocator.recover(
            framework.framework_id,
            agent.agent_id,
            acceptance.left,
            refuse_seconds=None if is_free else refuse_seconds,
            now=ctx.now,
        )
        watch_filters(ctx)


def on_decline(ctx: Context, framework: Framework, call: Call.Decline) -> None:
    """Return offers with filters; unknown ones are passed over."""
    state = ctx.state
    state.counters.declines += 1
    refuse_seconds = _REFUSE_SECONDS if call.filters is None else call.filters.refuse_seconds
    for offer_id in call.offer_ids:
        offer = state.offers.get(offer_id.value)
        if offer is not None and offer.framework_id == framework.framework_id:
            framework.counters.offers_declined += 1
            discard_offer(ctx, offer, refuse_seconds)
    watch_filters(ctx)


def _run(acceptance: _Acceptance, operation: Operation) -> None:
    """Do one operation of an ACCEPT."""
    kind = operation.type
    if kind is None or kind is Operation.Type.UNKNOWN:
        return
    framework = acceptance.framework
    count(framework.counters.operations, kind._name_)
    if operation.id is not None or kind is not _LAUNCH:
        found = validate_operation(operation, acceptance.agent.capabilities)
        if found is not None:
            _refuse(acceptance, operation, found.message)
            return
    if kind is _LAUNCH and operation.launch is not None:
        for info in operation.launch.task_infos:
            _launch(acceptance, info)
    elif kind is _LAUNCH_GROUP and operation.launch_group is not None:
        _launch_group(acceptance, operation.launch_group)
    else:
        _refuse(acceptance, operation, f"{kind.value} is not supported by this master")


def _launch(acceptance: _Acceptance, info: TaskInfo) -> None:
    framework = acceptance.framework
    info = _refined(complete_task(info, framework.id_message, acceptance.role))
    found = validate_task(info, acceptance.launches, acceptance.left)
    if found is not None:
        _reject_task(acceptance, info, Reason.REASON_TASK_INVALID, found)
        return
    launch_executor = None
    if info.executor is not None:
        launch_executor = _start_executor(acceptance, info.executor)
    _start_task(acceptance, info)
    acceptance.ctx.tell_agent(
        acceptance.agent,
        RunTask(framework=framework.info, task=info, launch_executor=launch_executor),
    )


def _launch_group(acceptance: _Acceptance, group: Operation.LaunchGroup) -> None:
    framework = acceptance.framework
    group = complete_group(group, acceptance.role)
    group = replace(
        group,
        executor=_refined_executor(group.executor),
        task_group=TaskGroupInfo(tasks=[_refined(info) for info in group.task_group.tasks]),
    )
    found = validate_task_group(group, acceptance.launches, acceptance.left)
    if found is not None:
        for info in group.task_group.tasks:
            _reject_task(acceptance, info, Reason.REASON_TASK_GROUP_INVALID, found)
        return
    launch_executor = _start_executor(acceptance, group.executor)
    for info in group.task_group.tasks:
        _start_task(acceptance, info)
    acceptance.ctx.tell_agent(
        acceptance.agent,
        RunTaskGroup(
            framework=framework.info,
            executor=group.executor,
            task_group=group.task_group,
            launch_executor=launch_executor,
        ),
    )


def _refined(info: TaskInfo) -> TaskInfo:
    """Return a task whose resources are in the format that agents and operators are shown."""
    if info.executor is not None:
        executor = _refined_executor(info.executor)
        if executor is not info.executor:
            info = replace(info, executor=executor)
    if any(map(_is_unrefined, info.resources)):
        return replace(info, resources=_refined_resources(info.resources))
    return info


def _refined_executor(executor: ExecutorInfo) -> ExecutorInfo:
    if any(map(_is_unrefined, executor.resources)):
        return replace(executor, resources=_refined_resources(executor.resources))
    return executor


def _refined_resources(resources: list[Resource]) -> list[Resource]:
    return [
        convert(each, ReservationFormat.POST_REFINEMENT) if _is_unrefined(each) else each
        for each in resources
    ]


def _is_unrefined(resource: Resource) -> bool:
    # What mixes both formats stays as it is: validation says what is wrong with it.
    return (
        resource.role is not None or resource.reservation is not None
    ) and not resource.reservations


def _start_executor(acceptance: _Acceptance, info: ExecutorInfo) -> bool:
    """Note an executor unless it is there; tell whether the agent has to start it."""
    launches = acceptance.launches
    if info.executor_id.value in launches.executors:
        return False
    executor = add_executor(acceptance.framework, acceptance.agent, info)
    acceptance.take(executor.resources)
    launches.executors = {**launches.executors, info.executor_id.value: info}
    return True


def _start_task(acceptance: _Acceptance, info: TaskInfo) -> None:
    framework = acceptance.framework
    agent = acceptance.agent
    template = describe_task(info, framework.id_message, agent.id_message)
    task = make_task(template, Resources.from_messages(info.resources))
    add_task(framework, agent, task)
    task_added(acceptance.ctx, task)
    acceptance.take(task.resources)


def _reject_task(
    acceptance: _Acceptance, info: TaskInfo, reason: TaskStatus.Reason, found: Problem
) -> None:
    ctx = acceptance.ctx
    ctx.tell_framework(
        acceptance.framework,
        update_event(_launch_status(ctx, info, TaskState.TASK_ERROR, reason, found.message)),
    )
    _count_rejected(ctx, acceptance.framework, TaskState.TASK_ERROR, reason)


def _refuse(acceptance: _Acceptance, operation: Operation, message: str) -> None:
    """Answer for an operation that is not done: by its tasks, or by its id if it has one."""
    reason = (
        Reason.REASON_TASK_INVALID
        if operation.type is _LAUNCH
        else Reason.REASON_TASK_GROUP_INVALID
    )
    for info in _tasks_of(operation):
        status = _launch_status(acceptance.ctx, info, TaskState.TASK_ERROR, reason, message)
        acceptance.ctx.tell_framework(acceptance.framework, update_event(status))
        _count_rejected(acceptance.ctx, acceptance.framework, TaskState.TASK_ERROR, reason)
    if operation.type not in (_LAUNCH, _LAUNCH_GROUP):
        _refuse_operation(acceptance.ctx, acceptance.framework, operation, message)


def _drop_all(
    ctx: Context,
    framework: Framework,
    operations: Sequence[Operation],
    reason: TaskStatus.Reason,
    message: str,
) -> None:
    """Answer for operations whose offers are no good."""
    state = aware_or_lost(framework, TaskState.TASK_DROPPED)
    for operation in operations:
        for info in _tasks_of(operation):
            status = _launch_status(ctx, info, state, reason, message)
            ctx.tell_framework(framework, update_event(status))
            _count_rejected(ctx, framework, state, reason)
        if operation.type not in (_LAUNCH, _LAUNCH_GROUP, None, Operation.Type.UNKNOWN):
            _refuse_operation(ctx, framework, operation, message)


def _refuse_operation(
    ctx: Context, framework: Framework, operation: Operation, message: str
) -> None:
    count_refused(ctx, operation)
    if operation.id is None:
        return  # Mesos gives no feedback then either
    status = OperationStatus(
        operation_id=operation.id, state=OperationState.OPERATION_ERROR, message=message
    )
    ctx.tell_framework(
        framework,
        Event(
            type=Event.Type.UPDATE_OPERATION_STATUS,
            update_operation_status=Event.UpdateOperationStatus(status=status),
        ),
    )


def _tasks_of(operation: Operation) -> list[TaskInfo]:
    if operation.type is _LAUNCH and operation.launch is not None:
        return operation.launch.task_infos
    if operation.type is _LAUNCH_GROUP and operation.launch_group is not None:
        return operation.launch_group.task_group.tasks
    return []


def _launch_status(
    ctx: Context,
    info: TaskInfo,
    state: TaskState,
    reason: TaskStatus.Reason,
    message: str,
) -> TaskStatus:
    return master_status(
        info.task_id,
        state,
        reason,
        message,
        ctx.now.wall,
        agent_id=info.agent_id,
    )


def _count_rejected(
    ctx: Context, framework: Framework, state: TaskState, reason: TaskStatus.Reason
) -> None:
    counters = ctx.state.counters
    count(counters.task_states, state._name_)
    count(framework.counters.terminal_tasks, state._name_)
    key = (state._name_, TaskStatus.Source.SOURCE_MASTER._name_, reason._name_)
    counters.updates_by_reason[key] = counters.updates_by_reason.get(key, 0) + 1
