"""Agents that operators vouch for never to come back: their tasks are over, whatever they did."""

from __future__ import annotations

from tepui.link.messages import Shutdown
from tepui.master.core import registry
from tepui.master.core.agents import spare, take_out, tell_of_loss
from tepui.master.core.context import Context
from tepui.master.core.counters import count
from tepui.master.core.effects import Respond
from tepui.master.core.events import AgentGoneRequested
from tepui.master.core.model import (
    TERMINAL_STATES,
    Agent,
    AgentState,
    Framework,
    KnownAgent,
    Task,
)
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.operator_events import agent_removed, task_updated
from tepui.master.core.pending import PendingGone
from tepui.master.core.registry import AgentRecord, AgentStanding
from tepui.master.core.statuses import Reason, aware_or_lost, known_status, update_event
from tepui.master.core.tasks import end_task
from tepui.master.validation.draining import validate_gone
from tepui.messages import OperationState, TaskState, TaskStatus

_MESSAGE = "An operator gave the agent up: it never comes back"


def on_gone_requested(ctx: Context, event: AgentGoneRequested) -> None:
    """Write down that an agent never comes back; whoever asked hears when that is stored."""
    state = ctx.state
    agent_id = event.agent_id
    known = state.find_agent(agent_id)
    is_gone = agent_id in state.gone_agents
    found = validate_gone(
        agent_id,
        is_known=known is not None,
        is_gone=is_gone,
        obstacle=registry.transition_of(state, agent_id),
    )
    if found is not None or known is None:
        status, text = (200, "") if found is None else (found.status, found.message)
        ctx.out.append(Respond(request_id=event.request_id, status=status, text=text))
        return
    give_up(ctx, known, request_id=event.request_id)


def give_up(ctx: Context, known: KnownAgent, *, request_id: int | None) -> None:
    """Have the registry hold that an agent is gone; nobody hears of it before."""
    if isinstance(known, Agent):
        known.state = AgentState.REMOVING
        known.is_active = False
        known.touch()
        ctx.allocator.deactivate_agent(known.agent_id)
        rescind_offers_of(ctx, known)
    since = ctx.now.wall
    record = AgentRecord(info=known.info, standing=AgentStanding.GONE, since=since)
    pending = PendingGone(agent_id=known.agent_id, since=since, request_id=request_id)
    registry.put(ctx, known.agent_id, record, pending)


def on_gone_stored(ctx: Context, pending: PendingGone) -> None:
    """The registry holds it: the tasks of the agent are over, and it may not return."""
    state = ctx.state
    agent_id = pending.agent_id
    state.gone_agents[agent_id] = pending.since
    spare(ctx, agent_id)
    state.recovered_agents.pop(agent_id, None)
    state.unreachable_agents.pop(agent_id, None)
    agent = state.agents.get(agent_id)
    state.counters.agent_removals += 1
    if agent is not None:
        ctx.tell_agent(agent, Shutdown(message=_MESSAGE))

        def gone(framework: Framework, task: Task) -> None:
            end_task(
                ctx,
                framework,
                agent,
                task,
                aware_or_lost(framework, TaskState.TASK_GONE_BY_OPERATOR),
                reason=_reason_for(framework),
                message=_MESSAGE,
                is_agent_gone=True,
            )

        state_gone = OperationState.OPERATION_GONE_BY_OPERATOR
        take_out(ctx, agent, gone, "an operator gave it up", operations=state_gone)
    _end_unreachable_tasks(ctx, agent_id)
    agent_removed(ctx, agent_id)
    ctx.log("warning", "agent_marked_gone", agent_id=agent_id)
    tell_of_loss(ctx, agent_id)
    if pending.request_id is not None:
        ctx.out.append(Respond(request_id=pending.request_id, status=200))


def _end_unreachable_tasks(ctx: Context, agent_id: str) -> None:
    """What was out of sight is over: its frameworks stop waiting for it."""
    for framework in ctx.state.frameworks.values():
        lost = [task for task in framework.unreachable_tasks.values() if task.agent_id == agent_id]
        for task in lost:
            framework.unreachable_tasks.pop(task.task_id)
            state = task.state
            if state not in TERMINAL_STATES:
                state = aware_or_lost(framework, TaskState.TASK_GONE_BY_OPERATOR)
            # How it ended was never acknowledged, and nobody else is there to say it.
            status = known_status(task, state, _reason_for(framework), _MESSAGE, ctx.now.wall)
            task_updated(ctx, task, status, state)
            count(ctx.state.counters.task_states, state._name_)
            task.state = state
            task.statuses.append(status)
            task.touch()
            framework.completed_tasks.append(task)
            framework.touch()
            ctx.tell_framework(framework, update_event(status))


def _reason_for(framework: Framework) -> TaskStatus.Reason:
    if framework.is_partition_aware:
        return Reason.REASON_AGENT_REMOVED_BY_OPERATOR
    return Reason.REASON_AGENT_REMOVED
