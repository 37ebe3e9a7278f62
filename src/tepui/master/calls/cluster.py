"""Calls about the cluster as a whole: the master, roles and what is set for them."""

from __future__ import annotations

from tepui.codec.assembly import Assembler, Parts
from tepui.master.call_context import CallContext
from tepui.master.core.views import operation_message
from tepui.master.core.views_roles import get_roles as roles_answer
from tepui.messages.master import Call, Response

Type = Response.Type


def get_master(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_MASTER."""
    del call
    state = context.state
    answer = Response(
        type=Type.GET_MASTER,
        get_master=Response.GetMaster(
            master_info=state.master_info,
            start_time=state.started_time,
            elected_time=state.elected_time,
        ),
    )
    return [assembler.encode(answer)]


def get_roles(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_ROLES."""
    del call
    return [assembler.encode(roles_answer(context.state, context.allocator.roles()))]


def get_operations(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_OPERATIONS: those that are not over, or not acknowledged."""
    del call
    operations = [operation_message(each) for each in context.state.operations.values()]
    answer = Response(
        type=Type.GET_OPERATIONS, get_operations=Response.GetOperations(operations=operations)
    )
    return [assembler.encode(answer)]
