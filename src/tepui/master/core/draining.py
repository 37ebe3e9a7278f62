"""Agents that operators take out of use: deactivated for now, or drained of their tasks.

Where an agent stands is in the registry before anybody acts on it, so that it survives a
failover, and a drain that an operator was told of goes on under the next leader. A drained
agent stays out of use until it is reactivated, or is gone for good if the drain said so.
"""

from __future__ import annotations

from tepui.link.messages import DrainAgent, ReactivateAgent
from tepui.master.core import registry
from tepui.master.core.context import Context
from tepui.master.core.effects import Respond
from tepui.master.core.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentReactivationRequested,
)
from tepui.master.core.gone import give_up
from tepui.master.core.model import (
    Agent,
    AgentState,
    KnownAgent,
    RecoveredAgent,
    State,
    UnreachableAgent,
)
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.pending import PendingStanding
from tepui.master.core.registry import AgentRecord, AgentStanding
from tepui.master.validation.draining import (
    validate_deactivation,
    validate_drain,
    validate_reactivation,
)
from tepui.master.validation.problem import Problem
from tepui.messages import DrainInfo, DrainState


def on_drain_requested(ctx: Context, event: AgentDrainRequested) -> None:
    """Write down that an agent is to lose its tasks; whoever asked hears when that is stored."""
    known = ctx.state.find_agent(event.agent_id)
    found = validate_drain(
        event.agent_id,
        known,
        capabilities=known.capabilities if isinstance(known, Agent) else None,
        is_in_maintenance=_is_in_maintenance(ctx.state, known),
        obstacle=registry.transition_of(ctx.state, event.agent_id),
    )
    if found is not None or known is None:
        _refuse(ctx, event.request_id, found)
        return
    drain = DrainInfo(state=DrainState.DRAINING, config=event.config)
    _store(ctx, known, is_deactivated=True, drain=drain, request_id=event.request_id)


def on_deactivation_requested(ctx: Context, event: AgentDeactivationRequested) -> None:
    """Write down that nothing of an agent is to be offered; its tasks go on."""
    known = ctx.state.find_agent(event.agent_id)
    found = validate_deactivation(
        event.agent_id, known, obstacle=registry.transition_of(ctx.state, event.agent_id)
    )
    if found is not None or known is None:
        _refuse(ctx, event.request_id, found)
        return
    _store(ctx, known, is_deactivated=True, drain=known.drain, request_id=event.request_id)


def on_reactivation_requested(ctx: Context, event: AgentReactivationRequested) -> None:
    """Write down that an agent is in use again."""
    known = ctx.state.find_agent(event.agent_id)
    found = validate_reactivation(
        event.agent_id, known, obstacle=registry.transition_of(ctx.state, event.agent_id)
    )
    if found is not None or known is None:
        _refuse(ctx, event.request_id, found)
        return
    _store(ctx, known, is_deactivated=False, drain=None, request_id=event.request_id)


def on_standing_stored(ctx: Context, pending: PendingStanding) -> None:
    """The registry holds it: act on it, and tell whoever asked."""
    known = ctx.state.find_agent(pending.agent_id)
    if known is not None:
        known.is_deactivated = pending.is_deactivated
        known.drain = pending.drain
        if isinstance(known, RecoveredAgent):
            known.fragments.clear()
        elif isinstance(known, Agent):
            _put_in_force(ctx, known, pending)
    ctx.log(
        "info",
        "agent_standing_changed",
        agent_id=pending.agent_id,
        deactivated=pending.is_deactivated,
        drain="" if pending.drain is None else pending.drain.state.value,
    )
    if pending.request_id is not None:
        ctx.out.append(Respond(request_id=pending.request_id, status=200))


def welcome_back(ctx: Context, agent: Agent) -> None:
    """Tell an agent that has connected of the drain that an operator wants of it."""
    if agent.drain is None:
        return
    if agent.drain.state is DrainState.DRAINING:
        ctx.state.draining[agent.agent_id] = None
        agent.drain_start_time = agent.drain_start_time or ctx.now.wall
    # A drained one, too, takes no launch that is still on its way.
    ctx.tell_agent(agent, DrainAgent(config=agent.drain.config))


def check_drained(ctx: Context) -> None:
    """See which draining agents have nothing left to do: called after every event.

    Looks only at those that something happened to: see `State.draining`.
    """
    if registry.is_full(ctx.state):
        return
    for agent_id in list(ctx.state.draining):
        agent = ctx.state.agents.get(agent_id)
        if agent is None or agent.drain is None or not may_be_drained(agent):
            del ctx.state.draining[agent_id]
            continue
        if registry.transition_of(ctx.state, agent_id) is not None:
            continue
        del ctx.state.draining[agent_id]
        if agent.drain.config.mark_gone:
            give_up(ctx, agent, request_id=None)
        else:
            drained = DrainInfo(state=DrainState.DRAINED, config=agent.drain.config)
            _store(ctx, agent, is_deactivated=True, drain=drained, request_id=None)


def may_be_drained(agent: Agent) -> bool:
    """Tell whether an agent is to be drained, and is here, and has nothing left to do."""
    if agent.drain is None or agent.drain.state is not DrainState.DRAINING:
        return False
    # Once it is back, or has lost another task or operation, it is looked at again.
    return agent.state is AgentState.REGISTERED and not agent.tasks and not agent.operations


def _put_in_force(ctx: Context, agent: Agent, pending: PendingStanding) -> None:
    agent.touch()
    if not pending.is_deactivated:
        agent.drain_start_time = None
        ctx.state.draining.pop(agent.agent_id, None)
        ctx.tell_agent(agent, ReactivateAgent())
        if agent.state is AgentState.REGISTERED:
            agent.is_active = True
            ctx.allocator.activate_agent(agent.agent_id)
        return
    if agent.is_active:
        agent.is_active = False
        ctx.allocator.deactivate_agent(agent.agent_id)
    rescind_offers_of(ctx, agent)
    if pending.drain is not None and pending.drain.state is DrainState.DRAINING:
        agent.drain_start_time = ctx.now.wall
        welcome_back(ctx, agent)


def _store(
    ctx: Context,
    known: KnownAgent,
    *,
    is_deactivated: bool,
    drain: DrainInfo | None,
    request_id: int | None,
) -> None:
    standing, since = AgentStanding.ADMITTED, 0.0
    if isinstance(known, UnreachableAgent):
        standing, since = AgentStanding.UNREACHABLE, known.since
    record = AgentRecord(
        info=known.info,
        standing=standing,
        since=since,
        is_deactivated=is_deactivated,
        drain=drain,
    )
    pending = PendingStanding(
        agent_id=known.agent_id,
        is_deactivated=is_deactivated,
        drain=drain,
        request_id=request_id,
    )
    registry.put(ctx, known.agent_id, record, pending)


def _is_in_maintenance(state: State, known: KnownAgent | None) -> bool:
    if not isinstance(known, Agent):
        return False
    return known.unavailability is not None


def _refuse(ctx: Context, request_id: int, found: Problem | None) -> None:
    assert found is not None
    ctx.out.append(Respond(request_id=request_id, status=found.status, text=found.message))
