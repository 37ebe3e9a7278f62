"""What agents say of operations, and what frameworks ask about them and acknowledge."""

from __future__ import annotations

from msgspec.structs import replace

from tepui.link.messages import AcknowledgeOperation, UpdateOperation
from tepui.master.core.context import Context
from tepui.master.core.model import Agent, Framework, Operation
from tepui.master.core.operations import (
    acknowledge,
    note_status,
    settle,
    status_event,
    tell_status,
)
from tepui.messages import AgentID, OperationState, OperationStatus, scheduler

Call = scheduler.Call

ADOPTION_SECONDS = 600.0
"""A framework that nobody knows has this long after its agent came; then the master
acknowledges in its place."""


def on_update_operation(ctx: Context, agent: Agent, message: UpdateOperation) -> None:
    """Take in how an operation went; what nobody else will acknowledge, the master does."""
    counters = ctx.state.counters
    counters.operation_updates += 1
    operation = agent.operations.get(message.uuid)
    if operation is None:
        counters.operation_updates_invalid += 1
        _dismiss(ctx, agent, message)
        return
    counters.operation_updates_valid += 1
    was_terminal = operation.is_terminal
    note_status(ctx, operation, message.status)
    if operation.is_terminal and not was_terminal:
        settle(ctx, operation, is_done=operation.state is OperationState.OPERATION_FINISHED)
    if _is_masters_own(ctx, agent, operation):
        acknowledge(ctx, agent, operation)
    else:
        tell_status(ctx, operation, operation.status)


def on_acknowledge_operation(
    ctx: Context, framework: Framework, call: Call.AcknowledgeOperationStatus
) -> None:
    """Pass an acknowledgement on; that of a terminal status ends the operation."""
    counters = ctx.state.counters
    counters.operation_acknowledgements += 1
    agent = None if call.agent_id is None else ctx.state.agents.get(call.agent_id.value)
    operation = _operation_with(framework, call.operation_id.value, call.uuid)
    if (
        agent is None
        or not agent.is_connected
        or "AGENT_OPERATION_FEEDBACK" not in agent.capabilities
        or operation is None
        or operation.agent_id != agent.agent_id
    ):
        counters.operation_acknowledgements_invalid += 1
        return
    counters.operation_acknowledgements_valid += 1
    acknowledge(ctx, agent, operation)


def reconcile_known_operation(ctx: Context, framework: Framework, uuid: bytes) -> None:
    """Tell of an operation, if it is not over yet and has an id."""
    known = framework.operations.get(uuid)
    if known is not None:
        tell_status(ctx, known, replace(known.status, uuid=None))


def reconcile_operation(
    ctx: Context, framework: Framework, asked: Call.ReconcileOperations.Operation
) -> None:
    """Answer for one operation, known or not."""
    uuid = framework.operation_uuids.get(asked.operation_id.value)
    if uuid is not None:
        operation = framework.operations[uuid]
        tell_status(ctx, operation, replace(operation.status, uuid=None))
        return
    answer, message = _unknown_state(ctx, asked.agent_id)
    status = OperationStatus(
        operation_id=asked.operation_id,
        state=answer,
        message=message,
        agent_id=asked.agent_id,
        resource_provider_id=asked.resource_provider_id,
    )
    ctx.tell_framework(framework, status_event(status))


def _dismiss(ctx: Context, agent: Agent, message: UpdateOperation) -> None:
    """Let an agent forget what nobody waits for: it was given up, or is not ours."""
    uuid = message.status.uuid
    if uuid is None:
        return
    framework = ctx.state.frameworks.get(message.framework_id or "")
    if framework is not None and message.status.operation_id is not None:
        # It was told that the operation was dropped. Nobody can acknowledge it any more.
        ctx.tell_framework(framework, status_event(replace(message.status, uuid=None)))
    ctx.tell_agent(agent, AcknowledgeOperation(uuid=message.uuid, status_uuid=uuid.value))


def _is_masters_own(ctx: Context, agent: Agent, operation: Operation) -> bool:
    """Tell whether no framework will acknowledge an operation."""
    framework_id = operation.framework_id
    if framework_id is None or operation.info.id is None or operation.is_orphan:
        return True
    if framework_id in ctx.state.frameworks:
        return False
    if framework_id in ctx.state.completed_frameworks:
        return True
    came = agent.registered_time if agent.reregistered_time is None else agent.reregistered_time
    return ctx.now.wall - came > ADOPTION_SECONDS


def _operation_with(framework: Framework, name: str, status_uuid: bytes) -> Operation | None:
    """Return the operation of that id whose newest status has that uuid."""
    newest = framework.operations.get(framework.operation_uuids.get(name, b""))
    if newest is None or _has_status(newest, status_uuid):
        return newest
    for operation in framework.operations.values():
        # Nothing keeps frameworks from using an id twice.
        info = operation.info
        if info.id is not None and info.id.value == name and _has_status(operation, status_uuid):
            return operation
    return None


def _has_status(operation: Operation, status_uuid: bytes) -> bool:
    uuid = operation.status.uuid
    return uuid is not None and uuid.value == status_uuid


def _unknown_state(ctx: Context, agent_id: AgentID | None) -> tuple[OperationState, str]:
    state = ctx.state
    if agent_id is not None:
        if agent_id.value in state.recovered_agents:
            return OperationState.OPERATION_RECOVERING, "The agent is not back yet"
        if agent_id.value in state.unreachable_agents:
            return OperationState.OPERATION_UNREACHABLE, "The agent is unreachable"
        if agent_id.value in state.gone_agents:
            return OperationState.OPERATION_GONE_BY_OPERATOR, "The agent was marked gone"
    return OperationState.OPERATION_UNKNOWN, "Nothing is known of the operation"
