"""What agents have, as it changes while they are registered."""

from __future__ import annotations

from tepui.allocator import AgentCapabilities, AgentDescription
from tepui.link.messages import UpdateAgent
from tepui.master.core.context import Context
from tepui.master.core.model import EMPTY, Agent
from tepui.master.core.offers import rescind_offer
from tepui.master.core.tasks import taken
from tepui.master.validation.problem import Problem, problem
from tepui.master.validation.resources import validate_resources
from tepui.messages import Resource
from tepui.resources import Resources
from tepui.resources.operations import OperationError, apply, without_allocation


def describe_agent(agent: Agent) -> AgentDescription:
    """Return what the allocator has to know of an agent."""
    return AgentDescription(
        hostname=agent.info.hostname,
        attributes=agent.info.attributes,
        domain=agent.info.domain,
        capabilities=AgentCapabilities(
            multi_role="MULTI_ROLE" in agent.capabilities,
            hierarchical_role="HIERARCHICAL_ROLE" in agent.capabilities,
        ),
    )


def enter_allocator(ctx: Context, agent: Agent) -> None:
    """Have the allocator take in an agent with all that is used on it."""
    ctx.allocator.add_agent(
        agent.agent_id, describe_agent(agent), total=agent.total, used=dict(agent.used)
    )
    if agent.unavailability is not None:
        ctx.allocator.update_unavailability(agent.agent_id, agent.unavailability)


def on_update_agent(ctx: Context, agent: Agent, message: UpdateAgent) -> None:
    """Take over what an agent has, where it is not what the master counted on.

    What is offered of it is taken back first: all of it, or what is oversubscribed if the rest
    stays.
    """
    ctx.state.counters.agent_updates += 1
    found = validate_totals(message.total, message.oversubscribed)
    if found is not None:
        ctx.log(
            "warning",
            "agent_update_ignored",
            agent_id=agent.agent_id,
            rule=found.rule,
            message=found.message,
        )
        return
    own = agent.total - agent.oversubscribed
    if message.total is not None:
        own = _with_pending(agent, Resources.from_messages(message.total).unallocated())
    oversubscribed = agent.oversubscribed
    if message.oversubscribed is not None:
        oversubscribed = Resources.from_messages(message.oversubscribed).unallocated()
    total = own + oversubscribed
    if total == agent.total:
        agent.oversubscribed = oversubscribed
        return
    for offer in list(agent.offers.values()):
        if message.total is not None or offer.resources.revocable():
            rescind_offer(ctx, offer)
    set_total(agent, own, oversubscribed)
    ctx.allocator.update_agent(agent.agent_id, total=agent.total)


def set_total(agent: Agent, own: Resources, oversubscribed: Resources = EMPTY) -> None:
    """Note what an agent has; the allocator is told by the caller."""
    agent.total = own + oversubscribed
    agent.oversubscribed = oversubscribed
    agent.is_short = not agent.total.contains(taken(agent.used.values()))
    agent.touch()


def validate_totals(
    total: list[Resource] | None, oversubscribed: list[Resource] | None
) -> Problem | None:
    """Check what an agent says that it has."""
    found = validate_resources(total or []) or validate_resources(oversubscribed or [])
    if found is not None:
        return found
    for each in oversubscribed or []:
        if each.revocable is None:
            return problem("agent.oversubscribed", "oversubscribed", each.name, "is not revocable")
    return None


def _with_pending(agent: Agent, total: Resources) -> Resources:
    """Return ``total`` with what the agent had not heard of, or not done, when it said so.

    It answers for operations in their order: those that it has not answered for are not in what
    it says.
    """
    for operation in agent.operations.values():
        if operation.is_terminal:
            continue
        if operation.held:
            if operation.is_orphan:
                total -= operation.held.unallocated()
            continue
        try:
            total = apply(total, without_allocation(operation.info))
        except OperationError:
            continue  # the agent will find out, too
    return total
