"""Calls that reserve what nobody uses of an agent, and undo that."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.codec.assembly import Assembler
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.messages import Offer
from tepui.messages.master import Call

Operation = Offer.Operation


def reserve_resources(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do RESERVE_RESOURCES; with a source, from its reservations to those of the resources."""
    del assembler
    assert call.reserve_resources is not None
    wanted = call.reserve_resources
    operation = Operation(
        type=Operation.Type.RESERVE,
        reserve=Operation.Reserve(source=wanted.source, resources=wanted.resources),
    )
    return context.operate(wanted.agent_id.value, operation)


def unreserve_resources(
    call: Call, context: CallContext, assembler: Assembler
) -> Awaitable[Answer]:
    """Do UNRESERVE_RESOURCES."""
    del assembler
    assert call.unreserve_resources is not None
    wanted = call.unreserve_resources
    operation = Operation(
        type=Operation.Type.UNRESERVE,
        unreserve=Operation.Unreserve(resources=wanted.resources),
    )
    return context.operate(wanted.agent_id.value, operation)
