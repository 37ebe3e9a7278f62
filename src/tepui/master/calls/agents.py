"""Calls that take agents out of use, and put them back."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.base.errors import Rejected
from tepui.codec.assembly import Assembler
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.core.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentReactivationRequested,
)
from tepui.messages import DrainConfig, DurationInfo
from tepui.messages.master import Call

_NANOSECONDS = 1_000_000_000
_SECONDS_MAX = 2**63 // _NANOSECONDS - 1


def drain_agent(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do DRAIN_AGENT; the tasks end after the answer."""
    del assembler
    assert call.drain_agent is not None
    wanted = call.drain_agent
    grace: DurationInfo | None = None
    if wanted.max_grace_period is not None:
        seconds, nanos = wanted.max_grace_period.seconds or 0, wanted.max_grace_period.nanos or 0
        if seconds < 0 or nanos < 0 or seconds > _SECONDS_MAX or nanos >= _NANOSECONDS:
            raise Rejected(
                f"drain_agent.max_grace_period of {seconds} seconds and {nanos} nanos is no"
                " length of time that can be waited"
            )
        grace = DurationInfo(nanoseconds=seconds * _NANOSECONDS + nanos)
    config = DrainConfig(max_grace_period=grace, mark_gone=bool(wanted.mark_gone))
    return context.driver.ask(
        lambda number: AgentDrainRequested(
            request_id=number, agent_id=wanted.agent_id.value, config=config
        )
    )


def deactivate_agent(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do DEACTIVATE_AGENT."""
    del assembler
    assert call.deactivate_agent is not None
    agent_id = call.deactivate_agent.agent_id.value
    return context.driver.ask(
        lambda number: AgentDeactivationRequested(request_id=number, agent_id=agent_id)
    )


def reactivate_agent(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do REACTIVATE_AGENT."""
    del assembler
    assert call.reactivate_agent is not None
    agent_id = call.reactivate_agent.agent_id.value
    return context.driver.ask(
        lambda number: AgentReactivationRequested(request_id=number, agent_id=agent_id)
    )


def mark_agent_gone(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do MARK_AGENT_GONE; one that is gone already may be marked again."""
    del assembler
    assert call.mark_agent_gone is not None
    agent_id = call.mark_agent_gone.agent_id.value
    return context.driver.ask(
        lambda number: AgentGoneRequested(request_id=number, agent_id=agent_id)
    )
