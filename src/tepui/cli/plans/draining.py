"""Taking agents out of use: drained, deactivated, given up, and back again."""

from __future__ import annotations

import msgspec

from tepui.cli.changing import Change
from tepui.cli.finding import Away
from tepui.cli.naming import find_agent_id, id_of
from tepui.cli.plans.holdings import capabilities_of
from tepui.cli.plans.maintenance import Facts, machine_of
from tepui.cli.times import NANOSECONDS, format_span
from tepui.master.validation.draining import (
    validate_deactivation,
    validate_drain,
    validate_gone,
    validate_reactivation,
)
from tepui.master.validation.maintenance import machine_key
from tepui.master.validation.problem import Problem
from tepui.messages import AgentID, DrainInfo
from tepui.messages.master import Call, Response
from tepui.messages.well_known import Duration


class _Known(msgspec.Struct, kw_only=True):
    """What a master tells of a registered agent, as its rules ask for it."""

    is_deactivated: bool
    drain: DrainInfo | None


def draining(
    facts: Facts,
    away: Away,
    name: str,
    *,
    grace: int | None,
    must_go: bool,
    tasks: dict[str, int],
) -> Change:
    """Return the change that empties an agent.

    Args:
        facts: Agents and their machines.
        away: Those that are not there.
        name: Of the agent.
        grace: The longest that a task is given, in nanoseconds.
        must_go: Whether the agent is given up for good afterwards.
        tasks: How many each agent has.
    """
    agent_id = find_agent_id(facts.agents, name)
    agent = _registered(facts.agents, agent_id)
    is_scheduled = agent is not None and machine_key(machine_of(agent)) in facts.scheduled
    refusal = None
    if agent is not None or not _is_known(facts.agents, away, agent_id):
        known = None if agent is None else _known(agent)
        found = validate_drain(
            agent_id.value,
            known,
            capabilities=None if agent is None else capabilities_of(agent),
            is_in_maintenance=is_scheduled,
            obstacle=None,
        )
        refusal = _message(found)
    period = None
    if grace is not None:
        seconds, nanos = divmod(grace, NANOSECONDS)
        period = Duration(seconds=seconds, nanos=nanos)
    drain = Call.DrainAgent(agent_id=agent_id, max_grace_period=period, mark_gone=must_go)
    count = tasks.get(agent_id.value, 0)
    within = "" if grace is None else f", each within {format_span(grace)}"
    intent = f"drain agent {agent_id.value} of {count} task{'' if count == 1 else 's'}{within}"
    return Change(
        call=Call(type=Call.Type.DRAIN_AGENT, drain_agent=drain),
        intent=f"{intent}, and give it up for good" if must_go else intent,
        refusal=refusal,
        question=(
            f"Once drained, agent {agent_id.value} can never come back: go on?" if must_go else None
        ),
    )


def deactivation(agents: Response.GetAgents, away: Away, name: str) -> Change:
    """Return the change after which nothing of an agent is offered."""
    agent_id = find_agent_id(agents, name)
    found: Problem | None = None
    if not _is_known(agents, away, agent_id):
        found = validate_deactivation(agent_id.value, None, obstacle=None)
    return Change(
        call=Call(
            type=Call.Type.DEACTIVATE_AGENT,
            deactivate_agent=Call.DeactivateAgent(agent_id=agent_id),
        ),
        intent=f"offer nothing of agent {agent_id.value} any more",
        refusal=_message(found),
    )


def reactivation(agents: Response.GetAgents, away: Away, name: str) -> Change:
    """Return the change that puts an agent in use again."""
    agent_id = find_agent_id(agents, name)
    agent = _registered(agents, agent_id)
    found: Problem | None = None
    # What became of one that is away, only the master knows.
    if agent is not None or not _is_known(agents, away, agent_id):
        known = None if agent is None else _known(agent)
        found = validate_reactivation(agent_id.value, known, obstacle=None)
    return Change(
        call=Call(
            type=Call.Type.REACTIVATE_AGENT,
            reactivate_agent=Call.ReactivateAgent(agent_id=agent_id),
        ),
        intent=f"offer agent {agent_id.value} again",
        refusal=_message(found),
    )


def giving_up(
    agents: Response.GetAgents, away: Away, name: str, *, tasks: dict[str, int]
) -> Change:
    """Return the change that gives an agent up for good."""
    agent_id = find_agent_id(agents, name)
    found = validate_gone(
        agent_id.value,
        is_known=_is_known(agents, away, agent_id),
        is_gone=agent_id.value in away.gone,
        obstacle=None,
    )
    return Change(
        call=Call(
            type=Call.Type.MARK_AGENT_GONE,
            mark_agent_gone=Call.MarkAgentGone(agent_id=agent_id),
        ),
        intent=f"give agent {agent_id.value} up for good",
        refusal=_message(found),
        question=(
            f"Agent {agent_id.value} can never come back, and its tasks"
            f" ({tasks.get(agent_id.value, 0)} that we know of) are lost: go on?"
        ),
    )


def _is_known(agents: Response.GetAgents, away: Away, agent_id: AgentID) -> bool:
    known = [
        *(id_of(agent.agent_info) for agent in agents.agents),
        *(id_of(info) for info in agents.recovered_agents),
        *away.unreachable,
    ]
    return agent_id.value in known


def _registered(agents: Response.GetAgents, agent_id: AgentID) -> Response.GetAgents.Agent | None:
    for agent in agents.agents:
        if id_of(agent.agent_info) == agent_id.value:
            return agent
    return None


def _known(agent: Response.GetAgents.Agent) -> _Known:
    return _Known(
        is_deactivated=bool(agent.deactivated),
        drain=agent.drain_info,
    )


def _message(found: Problem | None) -> str | None:
    return None if found is None else found.message
