"""Calls about what there is: agents, frameworks, executors and tasks."""

from __future__ import annotations

from tepui.codec.assembly import Assembler, Parts
from tepui.master.call_context import CallContext
from tepui.master.core import views_v1
from tepui.messages.master import Call


def get_state(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_STATE."""
    del call
    return views_v1.get_state(context.state, assembler)


def get_agents(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_AGENTS."""
    del call
    return views_v1.get_agents(context.state, assembler)


def get_frameworks(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_FRAMEWORKS."""
    del call
    return views_v1.get_frameworks(context.state, assembler)


def get_executors(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_EXECUTORS."""
    del call
    return views_v1.get_executors(context.state, assembler)


def get_tasks(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_TASKS."""
    del call
    return views_v1.get_tasks(context.state, assembler)
