"""ACCEPT and DECLINE: what becomes of offers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tepui.link.messages import RunTask, RunTaskGroup
from tepui.master.core.accepted_offers import AcceptedOffers
from tepui.master.core.accepted_operations import run_operation
from tepui.master.core.allocation import watch_filters
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.model import EMPTY, AgentState, Framework
from tepui.master.core.offers import discard_offer, unlink_offer
from tepui.master.core.operations import count_refused, status_event
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
from tepui.master.validation.tasks import validate_task
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
from tepui.resources.operations import refined, with_allocation

Call = scheduler.Call
Operation = OfferMessage.Operation

_LAUNCH = Operation.Type.LAUNCH
_LAUNCH_GROUP = Operation.Type.LAUNCH_GROUP
_REFUSE_SECONDS = 5.0


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
    accepted = AcceptedOffers(ctx, framework, agent, offers)
    if agent.state is AgentState.REGISTERED:
        for operation in call.operations:
            _run(accepted, operation)
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
    accepted.close(refuse_seconds)


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


def _run(accepted: AcceptedOffers, operation: Operation) -> None:
    """Do one operation of an ACCEPT."""
    kind = operation.type
    if kind is None or kind is Operation.Type.UNKNOWN:
        return
    is_launch = kind in (_LAUNCH, _LAUNCH_GROUP)
    if not is_launch:
        operation = with_allocation(refined(operation), accepted.role)
    if operation.id is not None or kind is not _LAUNCH:
        found = validate_operation(operation, accepted.agent.capabilities)
        if found is not None:
            _refuse(accepted, operation, found.message)
            return
    if kind is _LAUNCH and operation.launch is not None:
        for info in operation.launch.task_infos:
            _launch(accepted, info)
    elif kind is _LAUNCH_GROUP and operation.launch_group is not None:
        _launch_group(accepted, operation.launch_group)
    elif not is_launch:
        found = run_operation(accepted, operation)
        if found is not None:
            _refuse(accepted, operation, found.message)
            return
        _count_done(accepted, kind)


def _launch(accepted: AcceptedOffers, info: TaskInfo) -> None:
    framework = accepted.framework
    info = _refined(complete_task(info, framework.id_message, accepted.role))
    copies = accepted.copies_for(_resources_of(info)) if accepted.shared else EMPTY
    found = validate_task(info, accepted.launches, accepted.left + copies)
    if found is not None:
        _reject_task(accepted, info, Reason.REASON_TASK_INVALID, found)
        return
    _count_done(accepted, _LAUNCH)
    accepted.add(copies)
    launch_executor = None
    if info.executor is not None:
        launch_executor = _start_executor(accepted, info.executor)
    _start_task(accepted, info)
    accepted.ctx.tell_agent(
        accepted.agent,
        RunTask(framework=framework.info, task=info, launch_executor=launch_executor),
    )


def _launch_group(accepted: AcceptedOffers, group: Operation.LaunchGroup) -> None:
    framework = accepted.framework
    group = complete_group(group, accepted.role)
    group = replace(
        group,
        executor=_refined_executor(group.executor),
        task_group=TaskGroupInfo(tasks=[_refined(info) for info in group.task_group.tasks]),
    )
    copies = accepted.copies_for(
        [*group.executor.resources]
        + [each for info in group.task_group.tasks for each in info.resources]
    )
    found = validate_task_group(group, accepted.launches, accepted.left + copies)
    if found is not None:
        for info in group.task_group.tasks:
            _reject_task(accepted, info, Reason.REASON_TASK_GROUP_INVALID, found)
        return
    _count_done(accepted, _LAUNCH_GROUP)
    accepted.add(copies)
    launch_executor = _start_executor(accepted, group.executor)
    for info in group.task_group.tasks:
        _start_task(accepted, info)
    accepted.ctx.tell_agent(
        accepted.agent,
        RunTaskGroup(
            framework=framework.info,
            executor=group.executor,
            task_group=group.task_group,
            launch_executor=launch_executor,
        ),
    )


def _count_done(accepted: AcceptedOffers, kind: Operation.Type) -> None:
    """Count as Mesos does: a LAUNCH by its tasks, and only what was not refused."""
    count(accepted.framework.counters.operations, kind._name_)


def _resources_of(info: TaskInfo) -> list[Resource]:
    return info.resources if info.executor is None else [*info.resources, *info.executor.resources]


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


def _start_executor(accepted: AcceptedOffers, info: ExecutorInfo) -> bool:
    """Note an executor unless it is there; tell whether the agent has to start it."""
    launches = accepted.launches
    if info.executor_id.value in launches.executors:
        return False
    executor = add_executor(accepted.framework, accepted.agent, info)
    accepted.take(executor.resources)
    launches.executors = {**launches.executors, info.executor_id.value: info}
    return True


def _start_task(accepted: AcceptedOffers, info: TaskInfo) -> None:
    framework = accepted.framework
    agent = accepted.agent
    template = describe_task(info, framework.id_message, agent.id_message)
    task = make_task(template, Resources.from_messages(info.resources))
    add_task(framework, agent, task)
    task_added(accepted.ctx, task)
    accepted.take(task.resources)


def _reject_task(
    accepted: AcceptedOffers, info: TaskInfo, reason: TaskStatus.Reason, found: Problem
) -> None:
    ctx = accepted.ctx
    ctx.tell_framework(
        accepted.framework,
        update_event(_launch_status(ctx, info, TaskState.TASK_ERROR, reason, found.message)),
    )
    _count_rejected(ctx, accepted.framework, TaskState.TASK_ERROR, reason)


def _refuse(accepted: AcceptedOffers, operation: Operation, message: str) -> None:
    """Answer for an operation that is not done: by its tasks, or by its id if it has one."""
    reason = (
        Reason.REASON_TASK_INVALID
        if operation.type is _LAUNCH
        else Reason.REASON_TASK_GROUP_INVALID
    )
    for info in _tasks_of(operation):
        status = _launch_status(accepted.ctx, info, TaskState.TASK_ERROR, reason, message)
        accepted.ctx.tell_framework(accepted.framework, update_event(status))
        _count_rejected(accepted.ctx, accepted.framework, TaskState.TASK_ERROR, reason)
    if operation.type not in (_LAUNCH, _LAUNCH_GROUP):
        _refuse_operation(accepted.ctx, accepted.framework, operation, message)


def _drop_all(
    ctx: Context,
    framework: Framework,
    operations: Sequence[Operation],
    reason: TaskStatus.Reason,
    message: str,
) -> None:
    """Answer for operations whose offers are no good.

    A call that comes twice finds its offers used the second time: what the first one launched
    is not dropped.
    """
    state = aware_or_lost(framework, TaskState.TASK_DROPPED)
    completed = {task.task_id for task in framework.completed_tasks}
    for operation in operations:
        for info in _tasks_of(operation):
            task_id = info.task_id.value
            if task_id in framework.tasks or task_id in framework.unreachable_tasks:
                continue
            if task_id in completed:
                continue
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
    ctx.tell_framework(framework, status_event(status))


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
