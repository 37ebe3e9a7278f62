"""Agents that operators drain, deactivate, reactivate or give up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tepui.master.validation.problem import Problem, problem
from tepui.messages import DrainInfo, DrainState


class Standing(Protocol):
    """What operators decided about an agent so far."""

    is_deactivated: bool
    drain: DrainInfo | None


def validate_drain(
    agent_id: str,
    known: Standing | None,
    *,
    capabilities: Sequence[str] | None,
    is_in_maintenance: bool,
    obstacle: str | None,
) -> Problem | None:
    """Check a DRAIN_AGENT by the rules ``operator.drain.*``.

    Args:
        known: The agent, unless nobody knows it.
        capabilities: What it can do; None while it is away, and nobody can tell.
        is_in_maintenance: Whether its machine is in the maintenance schedule.
        obstacle: What the registry is being told of the agent already.
    """
    field = "drain_agent.agent_id"
    if known is None:
        return problem("operator.drain.unknown", field, agent_id, "is no agent that we know")
    if is_in_maintenance:
        return problem(
            "operator.drain.maintenance",
            field,
            agent_id,
            "is on a machine of the maintenance schedule, which empties it already",
        )
    if capabilities is not None and "AGENT_DRAINING" not in capabilities:
        return problem("operator.drain.capability", field, agent_id, "lacks AGENT_DRAINING")
    return _in_the_way("operator.drain.marking_gone", field, agent_id, obstacle)


def validate_deactivation(
    agent_id: str, known: Standing | None, *, obstacle: str | None
) -> Problem | None:
    """Check a DEACTIVATE_AGENT by the rules ``operator.deactivate.*``."""
    field = "deactivate_agent.agent_id"
    if known is None:
        return problem("operator.deactivate.unknown", field, agent_id, "is no agent that we know")
    return _in_the_way("operator.deactivate.in_progress", field, agent_id, obstacle)


def validate_reactivation(
    agent_id: str, known: Standing | None, *, obstacle: str | None
) -> Problem | None:
    """Check a REACTIVATE_AGENT by the rules ``operator.reactivate.*``."""
    field = "reactivate_agent.agent_id"
    if known is None or not known.is_deactivated:
        return problem(
            "operator.reactivate.not_deactivated", field, agent_id, "is no deactivated agent"
        )
    if known.drain is not None and known.drain.state is DrainState.DRAINING:
        return problem(
            "operator.reactivate.draining", field, agent_id, "still has tasks to be drained of"
        )
    return _in_the_way("operator.reactivate.removed", field, agent_id, obstacle)


def validate_gone(
    agent_id: str, *, is_known: bool, is_gone: bool, obstacle: str | None
) -> Problem | None:
    """Check a MARK_AGENT_GONE by the rules ``operator.gone.*``; one that is gone may go again."""
    field = "mark_agent_gone.agent_id"
    if is_gone:
        return None
    if not is_known:
        return problem(
            "operator.gone.unknown", field, agent_id, "is no agent that we know", status=404
        )
    if obstacle is not None:
        return problem(
            "operator.gone.in_progress",
            field,
            agent_id,
            f"cannot be given up now: {obstacle}; try again",
            status=503,
        )
    return None


def _in_the_way(rule: str, field: str, agent_id: str, obstacle: str | None) -> Problem | None:
    if obstacle is None:
        return None
    return problem(rule, field, agent_id, f"cannot be changed now: {obstacle}", status=409)
