"""What a returning agent tells of: frameworks, executors, tasks, operations, and what it has."""

from __future__ import annotations

from msgspec.structs import replace

from tepui.base.collections import OrderedSet
from tepui.link.messages import ExecutorState, FrameworkState, OperationReport, Reregister
from tepui.master.core.context import Context
from tepui.master.core.frameworks import recover_framework
from tepui.master.core.model import (
    EMPTY,
    TERMINAL_OPERATION_STATES,
    TERMINAL_STATES,
    Agent,
    Framework,
    Operation,
    Task,
)
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.operations import (
    AGENT_OPERATIONS_MAX,
    give_up_operation,
    link_operation,
    note_status,
    settle,
)
from tepui.master.core.operator_events import task_added, task_updated
from tepui.master.core.statuses import Reason, known_status, update_event
from tepui.master.core.tasks import (
    add_executor,
    add_task,
    executors_on,
    make_task,
    recover_task,
    remove_executor,
    remove_task,
    tasks_on,
)
from tepui.master.core.totals import describe_agent, enter_allocator, set_total
from tepui.master.validation.completion import allocate
from tepui.messages import OperationState, OperationStatus, Resource
from tepui.messages import Task as TaskMessage
from tepui.resources import Resources
from tepui.resources.operations import refined

_COSTS_MAX = 8
"""To look through more than these would take longer than to read them anew."""


class _Costs:
    """What the tasks of one agent cost: most cost the same, which is read and held once."""

    def __init__(self) -> None:
        self._known: list[tuple[list[Resource], str, list[Resource], Resources]] = []

    def of(self, told: list[Resource], role: str) -> tuple[list[Resource], Resources]:
        """Return the resources of a task as allocated to its role, as messages and to reckon."""
        for known in self._known:
            if known[0] == told and known[1] == role:
                return known[2], known[3]
        allocated = allocate(told, role)
        resources = Resources.from_messages(allocated)
        if len(self._known) < _COSTS_MAX:
            self._known.append((told, role, allocated, resources))
        return allocated, resources


def take_in(
    ctx: Context, agent: Agent, message: Reregister, *, is_new: bool, is_repeated: bool
) -> list[Task]:
    """Make the books say what the agent says; return the tasks that were not in them.

    Args:
        ctx: Where those whom it concerns are told.
        agent: Who is back.
        message: All that it has.
        is_new: Whether the allocator does not know it.
        is_repeated: Whether it was admitted on this channel already: it has asked once more
            before it heard that. What it was told to do since is on its way.
    """
    had = agent.total
    returned: list[Task] = []
    costs = _Costs()
    is_more_used = False
    for reported in message.frameworks:
        framework = _framework_of(ctx, reported)
        if framework is None:
            continue
        for executor in reported.executors:
            is_more_used |= _take_in_executor(framework, agent, executor)
            for template in executor.tasks:
                if is_repeated and template.task_id.value not in framework.tasks:
                    # It was told of the first time, and was acknowledged since: it is over.
                    continue
                task = _take_in_task(ctx, framework, agent, template, costs)
                if task is not None:
                    returned.append(task)
    own = agent.total - agent.oversubscribed
    if not is_repeated:
        _take_in_operations(ctx, agent, message.operations)
        own = _own_total(agent, message)
    set_total(agent, own, Resources.from_messages(message.oversubscribed).unallocated())
    if is_new:
        _remember_completed(ctx, agent, message)
        enter_allocator(ctx, agent)
    elif returned or is_more_used:
        # What came back is in nobody's books yet; nothing may be on offer while it is entered.
        rescind_offers_of(ctx, agent)
        ctx.allocator.remove_agent(agent.agent_id)
        enter_allocator(ctx, agent)
    else:
        if agent.total != had:
            rescind_offers_of(ctx, agent)
        ctx.allocator.update_agent(
            agent.agent_id, total=agent.total, description=describe_agent(agent)
        )
    return returned


def _framework_of(ctx: Context, reported: FrameworkState) -> Framework | None:
    info = reported.framework_info
    if info.id is None or info.id.value in ctx.state.completed_frameworks:
        return None
    return ctx.state.frameworks.get(info.id.value) or recover_framework(ctx, info)


def _take_in_executor(framework: Framework, agent: Agent, reported: ExecutorState) -> bool:
    """Add an executor that the master does not know; tell whether it did."""
    executor_id = reported.executor_info.executor_id.value
    known = agent.executors.get(framework.framework_id, {})
    if reported.built_in or executor_id in known:
        return False
    info = reported.executor_info
    if info.resources:
        info = replace(info, resources=allocate(info.resources, _fallback_role(framework)))
    add_executor(framework, agent, info)
    return True


def _fallback_role(framework: Framework) -> str:
    # A framework may have given up every role, and still have tasks.
    return framework.roles[0] if framework.roles else "*"


def _take_in_task(
    ctx: Context, framework: Framework, agent: Agent, template: TaskMessage, costs: _Costs
) -> Task | None:
    """Bring one task up to date, or add it; an added one is returned."""
    known = framework.tasks.get(template.task_id.value)
    if known is not None and known.agent_id == agent.agent_id:
        known.touch()
        if template.statuses:
            is_over = known.is_terminal
            task_updated(
                ctx, known, template.statuses[-1], known.state if is_over else template.state
            )
        known.statuses = list(template.statuses)
        known.status_update_state = template.status_update_state
        known.status_update_uuid = template.status_update_uuid
        if not known.is_terminal:
            known.state = template.state
            if template.state in TERMINAL_STATES:
                recover_task(ctx, framework, agent, known)
        return None
    if known is not None:
        return None  # the framework has used the id again elsewhere since
    told, resources = costs.of(template.resources, _fallback_role(framework))
    task = _as_told(framework, agent, template, told, resources)
    _unremember(framework, agent, task.task_id)
    add_task(framework, agent, task)
    task_added(ctx, task)
    return task


def _take_in_operations(ctx: Context, agent: Agent, reports: list[OperationReport]) -> None:
    """Bring operations up to date, and add those that the master does not know.

    What is counted on stands in the total that the agent tells; what an operation held and is
    over returns to it as it is. The agent repeats each status that is not acknowledged.
    """
    reported = {each.uuid: each for each in reports}
    for operation in list(agent.operations.values()):
        report = reported.pop(operation.uuid, None)
        if report is None:
            _drop(ctx, operation)
            continue
        if report.status.state in TERMINAL_OPERATION_STATES:
            _let_go(ctx, operation)
        note_status(ctx, operation, report.status)
    for report in reported.values():
        if len(agent.operations) >= AGENT_OPERATIONS_MAX:
            ctx.log("warning", "operation_ignored", agent_id=agent.agent_id, reason="too many")
            continue
        framework = ctx.state.frameworks.get(report.framework_id or "")
        operation = Operation(
            uuid=report.uuid,
            framework_id=report.framework_id,
            agent_id=agent.agent_id,
            info=refined(report.operation),
            status=OperationStatus(
                operation_id=report.operation.id,
                state=OperationState.OPERATION_PENDING,
                agent_id=agent.id_message,
            ),
        )
        link_operation(ctx, agent, framework, operation)
        note_status(ctx, operation, report.status)


def _drop(ctx: Context, operation: Operation) -> None:
    """Forget an operation that the agent has never heard of, or has been acknowledged."""
    _let_go(ctx, operation)
    give_up_operation(
        ctx, operation, OperationState.OPERATION_DROPPED, "The agent was not told of the operation"
    )


def _let_go(ctx: Context, operation: Operation) -> None:
    """Have an operation hold nothing; that of an orphan is in the total that comes."""
    if operation.is_orphan:
        operation.held = EMPTY
    settle(ctx, operation, is_done=False)


def _own_total(agent: Agent, message: Reregister) -> Resources:
    """Return what the agent has itself, without what orphaned operations hold of it."""
    own = Resources.from_messages(message.total or message.agent_info.resources).unallocated()
    for operation in agent.operations.values():
        if operation.is_orphan:
            own -= operation.held.unallocated()
    return own


def _remember_completed(ctx: Context, agent: Agent, message: Reregister) -> None:
    """Show what had ended on an agent before this master knew it."""
    for reported in message.completed_frameworks:
        info = reported.framework_info
        framework = None if info.id is None else ctx.state.frameworks.get(info.id.value)
        if framework is None:
            continue
        known = OrderedSet(
            each.task_id for each in framework.completed_tasks if each.agent_id == agent.agent_id
        )
        for executor in reported.executors:
            for template in executor.tasks:
                if template.task_id.value not in known:
                    told = template.resources
                    task = _as_told(framework, agent, template, told, Resources.from_messages(told))
                    task.is_recovered = True
                    framework.completed_tasks.append(task)
        framework.touch()


def _as_told(
    framework: Framework,
    agent: Agent,
    template: TaskMessage,
    told: list[Resource],
    resources: Resources,
) -> Task:
    task = make_task(
        replace(
            template,
            # Whose it is, the message says by where it stands.
            framework_id=framework.id_message,
            agent_id=agent.id_message,
            resources=told,
            statuses=[],
            status_update_state=None,
            status_update_uuid=None,
        ),
        resources,
    )
    task.statuses = list(template.statuses)
    task.status_update_state = template.status_update_state
    task.status_update_uuid = template.status_update_uuid
    return task


def _unremember(framework: Framework, agent: Agent, task_id: str) -> None:
    """A task that was thought to be over is not."""
    framework.unreachable_tasks.pop(task_id)
    for completed in framework.completed_tasks:
        if completed.task_id == task_id and completed.agent_id == agent.agent_id:
            framework.completed_tasks.remove(completed)
            return


def forget_missing(
    ctx: Context, agent: Agent, message: Reregister, *, is_repeated: bool
) -> list[Task]:
    """Drop what the agent has no more; return the tasks for which it has to answer.

    Args:
        ctx: Where those whom it concerns are told.
        agent: Who is back.
        message: All that it has.
        is_repeated: As in `take_in`: an executor that is missing may be on its way to the agent.
    """
    executors: dict[tuple[str, str], None] = {}
    tasks: dict[tuple[str, str], None] = {}
    for reported in message.frameworks:
        info = reported.framework_info
        framework_id = "" if info.id is None else info.id.value
        for executor in reported.executors:
            if not executor.built_in:
                executors[framework_id, executor.executor_info.executor_id.value] = None
            for task in executor.tasks:
                tasks[framework_id, task.task_id.value] = None
    missing: list[Task] = []
    for framework_id in list(dict.fromkeys([*agent.tasks, *agent.executors])):
        framework = ctx.state.frameworks[framework_id]
        for known in tasks_on(framework, agent):
            if (framework_id, known.task_id) in tasks:
                continue
            if known.is_terminal:
                # The agent will not repeat the update that would be acknowledged.
                remove_task(ctx, framework, agent, known)
            else:
                missing.append(known)
        if is_repeated:
            continue
        for each in executors_on(framework, agent):
            if (framework_id, each.executor_id) not in executors:
                remove_executor(ctx, framework, agent, each)
    return missing


def tell_of_return(ctx: Context, returned: list[Task]) -> None:
    """Tell frameworks of tasks that they may have been told to be lost."""
    for task in returned:
        framework = ctx.state.frameworks[task.framework_id]
        if not task.is_terminal:
            status = known_status(
                task,
                task.state,
                Reason.REASON_AGENT_REREGISTERED,
                "The agent of the task is back",
                ctx.now.wall,
            )
            ctx.tell_framework(framework, update_event(status))
