"""Operations from the order to the agent until nobody has to hear of them any more.

Reserving, creating and undoing them are counted on at once: whoever starts such an operation has
changed the books before. Growing and shrinking a volume hold what they take until the agent
says how it went. What the agent says is repeated until it is acknowledged: by the framework
where the operation has an id, by the master itself otherwise.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from tepui.link.messages import AcknowledgeOperation, ApplyOperation
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.model import (
    EMPTY,
    TERMINAL_OPERATION_STATES,
    Agent,
    Framework,
    Operation,
    State,
)
from tepui.master.core.tasks import convert_used, release, use
from tepui.master.validation.completion import allocate
from tepui.messages import Offer, OperationState, OperationStatus, Resource, scheduler
from tepui.resources import ReservationFormat, Resources
from tepui.resources.conversions import convert_all
from tepui.resources.operations import SPECULATIVE, conversions, refined, without_allocation

Event = scheduler.Event

OPERATIONS_MAX = 10_000
"""Of one framework: more are refused until some are acknowledged."""
AGENT_OPERATIONS_MAX = 1_000
"""On one agent, which takes no more either."""
OPERATIONS_BYTES_MAX = 64 * 1024 * 1024
"""What those of one framework may take before more are refused."""
AGENT_OPERATIONS_BYTES_MAX = 8 * 1024 * 1024
"""The same on one agent; it tells of all of them at once when it comes back."""
STATUSES_MAX = 10
"""An operation has one or two; an agent that tells more makes the oldest be forgotten."""


# -- the beginning --


def has_room(agent: Agent, framework: Framework | None = None) -> bool:
    """Tell whether one more operation may be started on the agent, for the framework."""
    if (
        len(agent.operations) >= AGENT_OPERATIONS_MAX
        or agent.operations_bytes >= AGENT_OPERATIONS_BYTES_MAX
    ):
        return False
    return framework is None or (
        len(framework.operations) < OPERATIONS_MAX
        and framework.operations_bytes < OPERATIONS_BYTES_MAX
    )


def start_operation(
    ctx: Context,
    agent: Agent,
    operation: Offer.Operation,
    *,
    framework: Framework | None = None,
    role: str | None = None,
    held: Resources = EMPTY,
) -> Operation:
    """Have an agent do an operation, and remember it until its end is acknowledged.

    What is counted on at once is in the books already, the agent's total and the allocator's;
    `has_room` was asked.

    Args:
        ctx: Where the order goes.
        agent: Who is to do it.
        operation: It has passed validation.
        framework: Whose it is; an operator's if there is none.
        role: The role of the framework that its resources are allocated to.
        held: What the framework uses from now on until the end is known. The allocator is told
            by the caller.
    """
    started = Operation(
        uuid=ctx.rng.uuid_bytes(),
        framework_id=None if framework is None else framework.framework_id,
        agent_id=agent.agent_id,
        info=refined(operation),
        role=role,
        held=held,
        status=OperationStatus(
            operation_id=operation.id,
            state=OperationState.OPERATION_PENDING,
            agent_id=agent.id_message,
        ),
    )
    link_operation(ctx, agent, framework, started)
    if framework is not None and held:
        use(framework, agent, held)
    ctx.tell_agent(
        agent,
        ApplyOperation(
            uuid=started.uuid,
            operation=without_allocation(started.info),
            framework_id=started.framework_id,
        ),
    )
    return started


def link_operation(
    ctx: Context, agent: Agent, framework: Framework | None, operation: Operation
) -> None:
    """Put an operation under its agent and its framework."""
    operation.size = len(msgspec.msgpack.encode(operation.info))
    ctx.state.operations[operation.uuid] = operation
    agent.operations[operation.uuid] = operation
    agent.operations_bytes += operation.size
    if framework is not None:
        _give(framework, operation)
    count(ctx.state.counters.operations, kind_of(operation.info))


def convert_total(agent: Agent, consumed: Resources, converted: Resources) -> None:
    """Let the agent have ``converted`` instead of ``consumed``, whoever they are allocated to."""
    agent.total = agent.total - consumed.unallocated() + converted.unallocated()
    agent.touch()


# -- the end --


def note_status(ctx: Context, operation: Operation, status: OperationStatus) -> None:
    """Take in what an agent says of an operation; the same once more changes nothing.

    What it held is to be seen to before, by `settle` or otherwise.
    """
    was_terminal = operation.is_terminal
    status = replace(
        status,
        operation_id=operation.info.id,
        agent_id=operation.status.agent_id,
        # Mesos tells what came of an operation only where nobody could know it before.
        converted_resources=(
            [] if operation.info.type in SPECULATIVE else status.converted_resources
        ),
    )
    if operation.status.uuid is None or operation.status.uuid != status.uuid:
        operation.statuses.append(status)
        del operation.statuses[:-STATUSES_MAX]
    operation.status = status
    if operation.is_terminal and not was_terminal:
        count_end(ctx, operation.info, status.state)


def settle(ctx: Context, operation: Operation, *, is_done: bool) -> None:
    """Free what an operation held, turned into its result if it is done."""
    held, operation.held = operation.held, EMPTY
    if not held:
        return
    agent = ctx.state.agents[operation.agent_id]
    converted = _converted(operation) if is_done else held
    if operation.is_orphan:
        agent.total += converted.unallocated()
        agent.touch()
        ctx.allocator.update_agent(agent.agent_id, total=agent.total)
        return
    framework = ctx.state.frameworks[operation.framework_id or ""]
    if is_done:
        ctx.allocator.convert(
            framework.framework_id, agent.agent_id, held=held, converted=converted, is_used=True
        )
        convert_total(agent, held, converted)
        convert_used(framework, agent, held, converted)
    release(ctx, framework, agent, converted)


def remove_operation(ctx: Context, operation: Operation) -> None:
    """Forget an operation, which holds nothing."""
    state = ctx.state
    state.operations.pop(operation.uuid, None)
    agent = state.agents.get(operation.agent_id)
    if agent is not None and agent.operations.pop(operation.uuid, None) is not None:
        agent.operations_bytes -= operation.size
        if agent.drain is not None:
            state.draining[agent.agent_id] = None
    framework = state.frameworks.get(operation.framework_id or "")
    if framework is None:
        return
    if framework.operations.pop(operation.uuid, None) is not None:
        framework.operations_bytes -= operation.size
    if operation.info.id is not None:
        name = operation.info.id.value
        if framework.operation_uuids.get(name) == operation.uuid:
            del framework.operation_uuids[name]


def acknowledge(ctx: Context, agent: Agent, operation: Operation) -> None:
    """Have the agent stop repeating the newest status, and forget what is over."""
    uuid = operation.status.uuid
    if uuid is not None:
        ctx.tell_agent(agent, AcknowledgeOperation(uuid=operation.uuid, status_uuid=uuid.value))
    if operation.is_terminal:
        remove_operation(ctx, operation)


def give_up_operation(
    ctx: Context, operation: Operation, state: OperationState, message: str
) -> None:
    """Forget an operation of which the agent will say no more; its framework hears ``state``.

    What is over was told as it ended, or is asked for; then nothing is told here.
    """
    settle(ctx, operation, is_done=False)
    if not operation.is_terminal:
        status = replace(operation.status, state=state, message=message, uuid=None)
        tell_status(ctx, operation, status)
        if state in TERMINAL_OPERATION_STATES:
            count_end(ctx, operation.info, state)
    remove_operation(ctx, operation)


def lose_operations(ctx: Context, agent: Agent, state: OperationState, message: str) -> None:
    """Forget the operations of an agent that is unreachable, gone or removed.

    To be called before the allocator forgets the agent. It may come back and tell of them.

    Args:
        ctx: Where frameworks are told.
        agent: It is being taken out of the books.
        state: What frameworks hear: OPERATION_UNREACHABLE, OPERATION_GONE_BY_OPERATOR or, if
            it left by itself, OPERATION_UNKNOWN.
        message: Why.
    """
    for operation in list(agent.operations.values()):
        give_up_operation(ctx, operation, state, message)


def orphan_operations(ctx: Context, framework: Framework) -> None:
    """Let the master see to the operations of a framework that is over.

    What those hold that are not done yet may not be offered, and is nobody's either: it leaves
    the agent's total until its end is known.
    """
    for operation in list(framework.operations.values()):
        agent = ctx.state.agents[operation.agent_id]
        if operation.is_terminal:
            acknowledge(ctx, agent, operation)
            continue
        if held := operation.held:
            release(ctx, framework, agent, held)
            agent.total -= held.unallocated()
            agent.touch()
            ctx.allocator.update_agent(agent.agent_id, total=agent.total)
        operation.is_orphan = True
    framework.operations.clear()
    framework.operation_uuids.clear()
    framework.operations_bytes = 0


def adopt_operations(state: State, framework: Framework) -> None:
    """Give a framework that was not known before the operations that agents told of."""
    for operation in state.operations.values():
        if operation.framework_id == framework.framework_id and not operation.is_orphan:
            _give(framework, operation)


# -- words and numbers --


def tell_status(ctx: Context, operation: Operation, status: OperationStatus) -> None:
    """Tell the framework that wants to hear of an operation, if there is one."""
    framework = ctx.state.frameworks.get(operation.framework_id or "")
    if framework is None or operation.info.id is None:
        return
    if status.converted_resources:
        resources = _shown_resources(framework, operation, status.converted_resources)
        status = replace(status, converted_resources=resources)
    ctx.tell_framework(framework, status_event(status))


def _shown_resources(
    framework: Framework, operation: Operation, resources: list[Resource]
) -> list[Resource]:
    """Return resources as the framework's capabilities let it read them, as offers have them."""
    if operation.role is not None and framework.is_multi_role:
        resources = allocate(resources, operation.role)
    if framework.has_reservation_refinement:
        return resources
    try:
        return convert_all(resources, ReservationFormat.PRE_REFINEMENT)
    except ValueError:
        return resources  # it could read refined reservations when it asked


def status_event(status: OperationStatus) -> Event:
    """Return the event that carries ``status``."""
    return Event(
        type=Event.Type.UPDATE_OPERATION_STATUS,
        update_operation_status=Event.UpdateOperationStatus(status=status),
    )


def kind_of(operation: Offer.Operation) -> str:
    """Return the name of an operation's type."""
    return "UNKNOWN" if operation.type is None else operation.type.name


def count_end(ctx: Context, operation: Offer.Operation, state: OperationState) -> None:
    """Count an operation that came to a terminal state."""
    key = (kind_of(operation), state.name)
    counts = ctx.state.counters.operation_states
    counts[key] = counts.get(key, 0) + 1


def count_refused(ctx: Context, operation: Offer.Operation) -> None:
    """Count an operation that no agent was told of."""
    count(ctx.state.counters.operations, kind_of(operation))
    count_end(ctx, operation, OperationState.OPERATION_ERROR)


def _give(framework: Framework, operation: Operation) -> None:
    framework.operations[operation.uuid] = operation
    framework.operations_bytes += operation.size
    if operation.info.id is not None:
        framework.operation_uuids[operation.info.id.value] = operation.uuid


def _converted(operation: Operation) -> Resources:
    """Return what comes of what an operation holds: growing and shrinking are one step each."""
    [(_, converted)] = conversions(operation.info)
    return converted
