"""Operations that operators ask for: made room for by taking offers back, then done at once.

The answer says that the books have changed and that the agent was told. What the agent makes
durable it does by itself; if it cannot, it says so, and the books follow it.
"""

from __future__ import annotations

from tepui.master.core.allocation import watch_filters
from tepui.master.core.context import Context
from tepui.master.core.effects import Respond
from tepui.master.core.events import OperationRequested
from tepui.master.core.model import Agent, AgentState
from tepui.master.core.offers import rescind_offer
from tepui.master.core.operations import has_room, start_operation
from tepui.master.validation.operations import AgentFacts, validate_operator_operation
from tepui.messages import Offer
from tepui.resources import Resources, describe_resources
from tepui.resources.operations import SPECULATIVE, OperationError, apply, conversions, net

_REFUSE_SECONDS = 5.0
"""Who loses an offer is not offered the same again at once: the operator comes first."""

_ACCEPTED = 202
_BAD_REQUEST = 400
_CONFLICT = 409


def on_operation_requested(ctx: Context, event: OperationRequested) -> None:
    """Do an operation on what nobody uses of an agent."""
    agent = ctx.state.agents.get(event.agent_id)
    if agent is None:
        _answer(ctx, event, _BAD_REQUEST, f"agent_id {event.agent_id!r} is no registered agent's")
        return
    operation = event.operation
    facts = AgentFacts(capabilities=agent.capabilities, total=agent.total, used=agent.used.values())
    found = validate_operator_operation(operation, agent=facts, principal=event.principal)
    if found is not None:
        _answer(ctx, event, found.status, f"Agent {event.agent_id}: {found.message}")
        return
    if agent.state is not AgentState.REGISTERED or not agent.is_connected:
        _answer(ctx, event, _CONFLICT, f"Agent {event.agent_id} is not connected")
        return
    if not has_room(agent):
        _answer(ctx, event, _CONFLICT, f"Agent {event.agent_id} has too many operations to do")
        return
    try:
        total = apply(agent.total, operation)
        needed, converted = net(conversions(operation))
    except OperationError as error:
        _answer(ctx, event, _CONFLICT, f"Agent {event.agent_id}: {error}")
        return
    if not needed:
        _answer(ctx, event, _ACCEPTED)  # as Mesos does; the agent need not hear of nothing
        return
    missing = needed - _free_or_offered(ctx, agent)
    if missing:
        what = describe_resources(missing)
        _answer(ctx, event, _CONFLICT, f"Agent {event.agent_id}: {what} is needed, and in use")
        return
    _make_available(ctx, agent, needed)
    if operation.type in SPECULATIVE:
        ctx.allocator.convert_available(agent.agent_id, held=needed, converted=converted)
        agent.total = total
        agent.touch()
        start_operation(ctx, agent, operation)
    else:
        _start_held(ctx, agent, operation, needed)
    assert operation.type is not None
    ctx.log("info", "operation_requested", agent_id=agent.agent_id, type=operation.type.name)
    _answer(ctx, event, _ACCEPTED)


def _free_or_offered(ctx: Context, agent: Agent) -> Resources:
    return ctx.allocator.available(agent.agent_id) + agent.offered.unallocated()


def _make_available(ctx: Context, agent: Agent, needed: Resources) -> None:
    """Take back offers, and no more than have to be, until nobody holds what is needed."""
    for offer in list(agent.offers.values()):
        missing = needed - ctx.allocator.available(agent.agent_id)
        if not missing:
            break
        if missing - offer.resources.unallocated() != missing:
            rescind_offer(ctx, offer, refuse_seconds=_REFUSE_SECONDS)
    watch_filters(ctx)


def _start_held(ctx: Context, agent: Agent, operation: Offer.Operation, held: Resources) -> None:
    """Begin what is not counted on before it is done: until then, nobody has what it takes."""
    agent.total -= held
    agent.touch()
    ctx.allocator.update_agent(agent.agent_id, total=agent.total)
    started = start_operation(ctx, agent, operation, held=held)
    # No framework gives it back: what becomes of it returns to the agent's total.
    started.is_orphan = True


def _answer(ctx: Context, event: OperationRequested, status: int, text: str = "") -> None:
    ctx.out.append(Respond(request_id=event.request_id, status=status, text=text))
