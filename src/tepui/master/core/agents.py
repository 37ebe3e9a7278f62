"""Registered agents: connected, silent, disconnected, unreachable, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tepui.master.core import registry
from tepui.master.core.context import Context
from tepui.master.core.effects import CloseChannel
from tepui.master.core.events import TimerKind
from tepui.master.core.model import (
    Agent,
    AgentState,
    Framework,
    Task,
)
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.operations import lose_operations
from tepui.master.core.operator_events import agent_removed
from tepui.master.core.pending import PendingForgetting, PendingRemoval
from tepui.master.core.statuses import Reason
from tepui.master.core.tasks import (
    end_task,
    executors_on,
    remove_executor,
    tasks_on,
)
from tepui.messages import AgentID, ExecutorID, OperationState, TaskState, scheduler

Event = scheduler.Event


def watch(ctx: Context, agent: Agent) -> None:
    """Begin to ping an agent that has connected."""
    agent.pings_missed = 0
    spare(ctx, agent.agent_id)
    ctx.cancel_timer(TimerKind.REREGISTRATION, agent.agent_id)
    ctx.start_timer(TimerKind.PING, agent.agent_id, ctx.config.agent_ping_timeout)


def spare(ctx: Context, agent_id: str) -> None:
    """Keep an agent that was to be given up: it has shown itself, or something else took it."""
    if agent_id in ctx.state.removals:
        del ctx.state.removals[agent_id]
        ctx.state.counters.agents_unreachable_cancelled += 1


def await_return(ctx: Context, agent: Agent) -> None:
    """Give an agent without a channel its time to come back."""
    agent.channel = None
    agent.state = AgentState.DISCONNECTED
    agent.is_active = False
    agent.touch()
    ctx.allocator.deactivate_agent(agent.agent_id)
    ctx.cancel_timer(TimerKind.PING, agent.agent_id)
    ctx.start_timer(TimerKind.REREGISTRATION, agent.agent_id, ctx.config.agent_reregister_timeout)


def disconnect(ctx: Context, agent: Agent, reason: str) -> None:
    """The agent's channel is gone; tasks that were not checkpointed are lost with it."""
    if agent.channel is not None:
        ctx.state.channels.pop(agent.channel, None)
    if agent.state is not AgentState.REGISTERED:
        agent.channel = None
        return  # what was decided about it goes its way
    ctx.log("info", "agent_disconnected", agent_id=agent.agent_id, reason=reason)
    await_return(ctx, agent)
    rescind_offers_of(ctx, agent)
    for framework_id in list(dict.fromkeys([*agent.tasks, *agent.executors])):
        framework = ctx.state.frameworks[framework_id]
        if framework.info.checkpoint:
            continue
        for task in tasks_on(framework, agent):
            end_task(
                ctx,
                framework,
                agent,
                task,
                TaskState.TASK_LOST,
                reason=Reason.REASON_AGENT_DISCONNECTED,
                message="The agent disconnected, and the framework does not checkpoint",
            )
        _drop_executors(ctx, framework, agent)


def remove_agent(ctx: Context, agent: Agent, reason: str) -> None:
    """Take an agent out of the registry because it left or was replaced."""
    if agent.state is AgentState.REMOVING:
        return
    agent.state = AgentState.REMOVING
    agent.is_active = False
    agent.touch()
    ctx.state.pids.pop(agent.pid, None)
    ctx.allocator.deactivate_agent(agent.agent_id)
    rescind_offers_of(ctx, agent)
    registry.delete(ctx, (agent.agent_id,), PendingRemoval(agent_id=agent.agent_id, reason=reason))


def on_removed(ctx: Context, pending: PendingRemoval) -> None:
    """The registry has forgotten an agent: its tasks are lost."""
    state = ctx.state
    state.unreachable_agents.pop(pending.agent_id, None)
    agent = state.agents.get(pending.agent_id)
    if agent is None:
        return

    def lost(framework: Framework, task: Task) -> None:
        end_task(
            ctx,
            framework,
            agent,
            task,
            TaskState.TASK_LOST,
            reason=Reason.REASON_AGENT_REMOVED,
            message=f"The agent was removed: {pending.reason}",
            is_agent_gone=True,
        )

    state.counters.agent_removals += 1
    take_out(ctx, agent, lost, pending.reason, operations=OperationState.OPERATION_UNKNOWN)
    state.removed_agents.put(agent.agent_id, ctx.now.wall)
    agent_removed(ctx, agent.agent_id)
    ctx.log("info", "agent_removed", agent_id=agent.agent_id, reason=pending.reason)
    tell_of_loss(ctx, agent.agent_id)


def on_registry_gc_due(ctx: Context) -> None:
    """Forget unreachable and gone agents that are too old or too many of their kind."""
    state = ctx.state
    ctx.start_timer(TimerKind.REGISTRY_GC, "", ctx.config.registry_gc_interval)
    unreachable = {each.agent_id: each.since for each in state.unreachable_agents.values()}
    forgotten = tuple(
        agent_id
        for agent_id in (*_too_old(ctx, unreachable), *_too_old(ctx, state.gone_agents))
        if registry.transition_of(state, agent_id) is None
    )
    if forgotten:
        registry.delete(ctx, forgotten, PendingForgetting(agent_ids=forgotten))


def _too_old(ctx: Context, since: Mapping[str, float]) -> Iterator[str]:
    oldest = sorted(since.items(), key=lambda each: each[1])
    excess = len(oldest) - ctx.config.registry_max_agent_count
    for index, (agent_id, at) in enumerate(oldest):
        if index < excess or ctx.now.wall - at > ctx.config.registry_max_agent_age:
            yield agent_id


def on_forgotten(ctx: Context, pending: PendingForgetting) -> None:
    """The registry has forgotten unreachable and gone agents."""
    for agent_id in pending.agent_ids:
        ctx.state.gone_agents.pop(agent_id, None)
        if agent_id not in ctx.state.reregistering:
            ctx.state.unreachable_agents.pop(agent_id, None)


def on_executor_exited(
    ctx: Context, agent: Agent, framework_id: str, executor_id: str, status: int
) -> None:
    """An executor has ended: its resources return, and its framework hears of it."""
    ctx.state.counters.executor_exits += 1
    framework = ctx.state.frameworks.get(framework_id)
    if framework is None:
        return
    executor = agent.executors.get(framework_id, {}).get(executor_id)
    if executor is None:
        return
    remove_executor(ctx, framework, agent, executor)
    failure = Event.Failure(
        agent_id=agent.id_message, executor_id=ExecutorID(value=executor_id), status=status
    )
    ctx.tell_framework(framework, Event(type=Event.Type.FAILURE, failure=failure))


def take_out(
    ctx: Context,
    agent: Agent,
    end: Callable[[Framework, Task], None],
    reason: str,
    *,
    operations: OperationState,
) -> None:
    """Take a registered agent out of the books, each of its tasks ended by ``end``.

    Args:
        ctx: Where frameworks are told.
        agent: It.
        end: What ends one task.
        reason: Why, for whoever is at the other end.
        operations: What becomes of its operations.
    """
    state = ctx.state
    agent_id = agent.agent_id
    rescind_offers_of(ctx, agent)
    for framework_id in list(dict.fromkeys([*agent.tasks, *agent.executors])):
        framework = state.frameworks[framework_id]
        for task in tasks_on(framework, agent):
            end(framework, task)
        _drop_executors(ctx, framework, agent)
    lose_operations(ctx, agent, operations, f"The agent is out of reach: {reason}")
    ctx.allocator.remove_agent(agent_id)
    spare(ctx, agent_id)
    ctx.cancel_timer(TimerKind.PING, agent_id)
    ctx.cancel_timer(TimerKind.REREGISTRATION, agent_id)
    if state.pids.get(agent.pid) == agent_id:
        del state.pids[agent.pid]
    if agent.channel is not None:
        state.channels.pop(agent.channel, None)
        ctx.out.append(CloseChannel(channel=agent.channel, reason=reason))
        agent.channel = None
    del state.agents[agent_id]


def _drop_executors(ctx: Context, framework: Framework, agent: Agent) -> None:
    for executor in executors_on(framework, agent):
        remove_executor(ctx, framework, agent, executor)


def tell_of_loss(ctx: Context, agent_id: str) -> None:
    """Tell every framework that an agent is not there any more."""
    failure = Event.Failure(agent_id=AgentID(value=agent_id))
    event = Event(type=Event.Type.FAILURE, failure=failure)
    for framework in ctx.state.frameworks.values():
        ctx.tell_framework(framework, event)
