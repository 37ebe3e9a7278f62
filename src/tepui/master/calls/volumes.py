"""Calls that make persistent volumes of reserved disk, change their size and destroy them."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.base.errors import Rejected
from tepui.codec.assembly import Assembler
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.validation.operations import check_agent_given
from tepui.messages import AgentID, Offer
from tepui.messages.master import Call

Operation = Offer.Operation


def create_volumes(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do CREATE_VOLUMES."""
    del assembler
    assert call.create_volumes is not None
    wanted = call.create_volumes
    operation = Operation(
        type=Operation.Type.CREATE, create=Operation.Create(volumes=wanted.volumes)
    )
    return context.operate(wanted.agent_id.value, operation)


def destroy_volumes(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do DESTROY_VOLUMES."""
    del assembler
    assert call.destroy_volumes is not None
    wanted = call.destroy_volumes
    operation = Operation(
        type=Operation.Type.DESTROY, destroy=Operation.Destroy(volumes=wanted.volumes)
    )
    return context.operate(wanted.agent_id.value, operation)


def grow_volume(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do GROW_VOLUME; the answer does not wait for the agent."""
    del assembler
    assert call.grow_volume is not None
    wanted = call.grow_volume
    operation = Operation(
        type=Operation.Type.GROW_VOLUME,
        grow_volume=Operation.GrowVolume(volume=wanted.volume, addition=wanted.addition),
    )
    return context.operate(_require_agent("grow_volume", wanted.agent_id), operation)


def shrink_volume(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do SHRINK_VOLUME; the answer does not wait for the agent."""
    del assembler
    assert call.shrink_volume is not None
    wanted = call.shrink_volume
    operation = Operation(
        type=Operation.Type.SHRINK_VOLUME,
        shrink_volume=Operation.ShrinkVolume(volume=wanted.volume, subtract=wanted.subtract),
    )
    return context.operate(_require_agent("shrink_volume", wanted.agent_id), operation)


def _require_agent(field: str, agent_id: AgentID | None) -> str:
    found = check_agent_given(field, agent_id)
    if found is not None:
        raise Rejected(found.message, found.status)
    assert agent_id is not None
    return agent_id.value
