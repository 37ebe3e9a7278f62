"""Agents that do not answer, or do not come back: when they become unreachable, and how many.

Whoever is given up waits for its turn in `State.removals`: with ``--agent_removal_rate_limit`` one
agent has its turn at a time, so that a fault of the network does not empty the cluster before
somebody looks. An agent that shows itself meanwhile is taken off the list.
"""

from __future__ import annotations

from itertools import islice

from tepui.link.messages import Ping
from tepui.master.core import registry
from tepui.master.core.agents import take_out, tell_of_loss
from tepui.master.core.context import Context
from tepui.master.core.effects import StepDown
from tepui.master.core.events import TimerKind
from tepui.master.core.model import (
    Agent,
    AgentState,
    Framework,
    RecoveredAgent,
    Task,
    UnreachableAgent,
)
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.pending import PendingUnreachable
from tepui.master.core.registry import AgentRecord, AgentStanding
from tepui.master.core.statuses import Reason, aware_or_lost
from tepui.master.core.tasks import end_task
from tepui.messages import OperationState, TaskState

REMOVALS_PER_TURN_MAX = 500
"""Without a limit, as many agents are given up before others have their turn."""

_HELD_BACK_SECONDS = 1.0
_EARLY_SECONDS = 0.001


def on_ping_due(ctx: Context, agent_id: str) -> None:
    """Ping again, and give up an agent that has not answered for long enough."""
    agent = ctx.state.agents.get(agent_id)
    if agent is None or agent.state is not AgentState.REGISTERED:
        return
    if agent.pings_missed >= ctx.config.max_agent_ping_timeouts:
        _schedule(ctx, agent_id)
        if agent_id not in ctx.state.removals:
            return  # it had its turn at once
    else:
        agent.pings_missed += 1
    ctx.tell_agent(agent, Ping())
    ctx.start_timer(TimerKind.PING, agent_id, ctx.config.agent_ping_timeout)


def on_reregistration_timed_out(ctx: Context, agent_id: str) -> None:
    """A disconnected agent has not come back in time."""
    agent = ctx.state.agents.get(agent_id)
    # The timer may have fired while a re-registration was on its way.
    if agent is not None and agent.state is AgentState.DISCONNECTED:
        _schedule(ctx, agent_id)


def on_recovery_timed_out(ctx: Context) -> None:
    """Give up the agents of the registry that never came back to this master."""
    state = ctx.state
    missing = [
        each
        for each in state.recovered_agents
        if each not in state.reregistering and not registry.is_being_given_up(state, each)
    ]
    known = len(state.recovered_agents) + len(state.agents)
    share = len(missing) / known if known else 0.0
    if share > ctx.config.recovery_agent_removal_limit:
        ctx.out.append(
            StepDown(
                reason=f"{len(missing)} of {known} agents did not come back: more than"
                f" recovery_agent_removal_limit {ctx.config.recovery_agent_removal_limit:.0%}"
            )
        )
        return
    state.counters.agents_unreachable_scheduled += len(missing)
    state.removals.update(dict.fromkeys(missing))
    _take_turns(ctx)


def on_removal_due(ctx: Context) -> None:
    """The next of those that are given up has its turn."""
    _take_turns(ctx)


def on_marked_unreachable(ctx: Context, pending: PendingUnreachable) -> None:
    """The registry holds it: frameworks may hear that an agent is unreachable."""
    state = ctx.state
    agent_id = pending.agent_id
    state.counters.agents_unreachable_completed += 1
    state.counters.agent_removals += 1
    state.counters.agent_removals_unhealthy += 1
    recovered = state.recovered_agents.pop(agent_id, None)
    agent = state.agents.get(agent_id)
    if recovered is not None:
        state.counters.agent_recovery_removals += 1
        known: Agent | RecoveredAgent = recovered
    else:
        assert agent is not None
        known = agent

        def out_of_sight(framework: Framework, task: Task) -> None:
            end_task(
                ctx,
                framework,
                agent,
                task,
                aware_or_lost(framework, TaskState.TASK_UNREACHABLE),
                reason=Reason.REASON_AGENT_REMOVED,
                message="The agent does not answer",
                unreachable_since=pending.since,
            )

        unreachable = OperationState.OPERATION_UNREACHABLE
        take_out(ctx, agent, out_of_sight, "it does not answer", operations=unreachable)
    state.unreachable_agents[agent_id] = UnreachableAgent(
        agent_id=agent_id,
        info=known.info,
        since=pending.since,
        is_deactivated=known.is_deactivated,
        drain=known.drain,
    )
    ctx.log("warning", "agent_marked_unreachable", agent_id=agent_id, was=pending.was)
    tell_of_loss(ctx, agent_id)


def _schedule(ctx: Context, agent_id: str) -> None:
    """Put an agent on the list of those that are given up; it may have its turn at once."""
    removals = ctx.state.removals
    if agent_id in removals:
        return
    ctx.state.counters.agents_unreachable_scheduled += 1
    is_first = not removals
    removals[agent_id] = None
    if is_first:
        _take_turns(ctx)  # else the timer of those before it runs


def _take_turns(ctx: Context) -> None:
    """Give up as many agents as may be just now; the timer runs for the others."""
    state = ctx.state
    interval = ctx.config.agent_removal_interval
    seconds = 0.0
    # Not one by one from the front, which a dictionary would look for each time.
    for agent_id in list(islice(state.removals, REMOVALS_PER_TURN_MAX)):
        if state.removal_due is not None:
            seconds = state.removal_due - ctx.now.monotonic
            if seconds > _EARLY_SECONDS:
                break
        if registry.is_full(state):
            seconds = _HELD_BACK_SECONDS
            break
        del state.removals[agent_id]
        known = _still_missing(ctx, agent_id)
        if known is None:
            state.counters.agents_unreachable_cancelled += 1
            continue
        _mark(ctx, known)
        if interval is not None:
            state.removal_due = ctx.now.monotonic + interval
    if state.removals:
        ctx.start_timer(TimerKind.REMOVAL, "", max(0.0, seconds))


def _still_missing(ctx: Context, agent_id: str) -> Agent | RecoveredAgent | None:
    """Return an agent unless something else is decided about it, or it is about to be back."""
    state = ctx.state
    if agent_id in state.reregistering or registry.is_being_given_up(state, agent_id):
        return None
    agent = state.agents.get(agent_id)
    if agent is None:
        return state.recovered_agents.get(agent_id)
    is_silent = agent.pings_missed >= ctx.config.max_agent_ping_timeouts
    if agent.state is AgentState.DISCONNECTED or (
        agent.state is AgentState.REGISTERED and is_silent
    ):
        return agent
    return None


def _mark(ctx: Context, known: Agent | RecoveredAgent) -> None:
    """Write down that an agent is unreachable; nobody hears of it before that is stored."""
    was = "recovered"
    if isinstance(known, Agent):
        was = "registered"
        known.state = AgentState.MARKING_UNREACHABLE
        known.is_active = False
        known.touch()
        ctx.allocator.deactivate_agent(known.agent_id)
        rescind_offers_of(ctx, known)
    since = ctx.now.wall
    is_deactivated, drain = registry.standing_of(ctx.state, known.agent_id, known)
    record = AgentRecord(
        info=known.info,
        standing=AgentStanding.UNREACHABLE,
        since=since,
        is_deactivated=is_deactivated,
        drain=drain,
    )
    pending = PendingUnreachable(agent_id=known.agent_id, since=since, was=was)
    registry.put(ctx, known.agent_id, record, pending)
