"""Outstanding offers: made from allocations, ended by answers, rescinded by events."""

from __future__ import annotations

from collections.abc import Sequence

from tepui.allocator import Allocation
from tepui.master.core.context import Context
from tepui.master.core.events import TimerKind
from tepui.master.core.inverse_offers import rescind_inverse_offers_of
from tepui.master.core.model import Agent, AgentState, Framework, Offer
from tepui.messages import Offer as OfferMessage
from tepui.messages import OfferID, Resource, scheduler
from tepui.resources import ReservationFormat

Event = scheduler.Event


def make_offers(ctx: Context, allocations: Sequence[Allocation]) -> None:
    """Offer what the allocator decided: one event for each framework, in its order."""
    made: dict[str, list[OfferMessage]] = {}
    for allocation in allocations:
        framework = ctx.state.frameworks.get(allocation.framework_id)
        agent = ctx.state.agents.get(allocation.agent_id)
        if (
            framework is None
            or agent is None
            or not framework.is_active
            or agent.state is not AgentState.REGISTERED
        ):
            _return(ctx, allocation)
            continue
        offer = _make_offer(ctx, framework, agent, allocation)
        made.setdefault(framework.framework_id, []).append(offer.message)
    for framework_id, messages in made.items():
        framework = ctx.state.frameworks[framework_id]
        framework.counters.offers_sent += len(messages)
        event = Event(type=Event.Type.OFFERS, offers=Event.Offers(offers=messages))
        ctx.tell_framework(framework, event)


def unlink_offer(ctx: Context, offer: Offer) -> None:
    """Take an offer out of the books; its resources stay with the framework for now."""
    del ctx.state.offers[offer.offer_id]
    framework = ctx.state.frameworks[offer.framework_id]
    del framework.offers[offer.offer_id]
    framework.touch()
    agent = ctx.state.agents[offer.agent_id]
    del agent.offers[offer.offer_id]
    agent.touch()
    if ctx.config.offer_timeout is not None:
        ctx.cancel_timer(TimerKind.OFFER, offer.offer_id)


def discard_offer(ctx: Context, offer: Offer, refuse_seconds: float | None = None) -> None:
    """End an offer without a word and return its resources."""
    unlink_offer(ctx, offer)
    ctx.allocator.recover(
        offer.framework_id,
        offer.agent_id,
        offer.resources,
        refuse_seconds=refuse_seconds,
        now=ctx.now,
    )


def rescind_offer(ctx: Context, offer: Offer, *, refuse_seconds: float | None = None) -> None:
    """Take an offer back: its framework is told."""
    framework = ctx.state.frameworks[offer.framework_id]
    discard_offer(ctx, offer, refuse_seconds)
    framework.counters.offers_rescinded += 1
    ctx.tell_framework(
        framework,
        Event(
            type=Event.Type.RESCIND, rescind=Event.Rescind(offer_id=OfferID(value=offer.offer_id))
        ),
    )


def rescind_offers_of(ctx: Context, agent: Agent) -> None:
    """Take back all that is offered of an agent, and whatever frameworks are asked about it."""
    for offer in list(agent.offers.values()):
        rescind_offer(ctx, offer)
    rescind_inverse_offers_of(ctx, agent)


def on_offer_timed_out(ctx: Context, offer_id: str) -> None:
    """An offer was not answered within ``offer_timeout``."""
    offer = ctx.state.offers.get(offer_id)
    if offer is not None:
        rescind_offer(ctx, offer)


def _make_offer(ctx: Context, framework: Framework, agent: Agent, allocation: Allocation) -> Offer:
    state = ctx.state
    offer_id = f"{state.master_id}-O{state.offers_made}"
    state.offers_made += 1
    resources = allocation.resources
    executors = agent.executors.get(framework.framework_id)
    message = OfferMessage(
        id=OfferID(value=offer_id),
        framework_id=framework.id_message,
        agent_id=agent.id_message,
        hostname=agent.info.hostname,
        url=agent.url,
        domain=agent.info.domain,
        resources=_shown_resources(framework, allocation),
        attributes=agent.info.attributes,
        unavailability=agent.unavailability,
        executor_ids=[each.info.executor_id for each in executors.values()] if executors else [],
        allocation_info=(
            Resource.AllocationInfo(role=allocation.role) if framework.is_multi_role else None
        ),
    )
    offer = Offer(
        offer_id=offer_id,
        framework_id=framework.framework_id,
        agent_id=agent.agent_id,
        role=allocation.role,
        resources=resources,
        message=message,
    )
    state.offers[offer_id] = offer
    framework.offers[offer_id] = offer
    framework.touch()
    agent.offers[offer_id] = offer
    agent.touch()
    if ctx.config.offer_timeout is not None:
        ctx.start_timer(TimerKind.OFFER, offer_id, ctx.config.offer_timeout)
    return offer


def _shown_resources(framework: Framework, allocation: Allocation) -> list[Resource]:
    """Return the resources as the framework's capabilities let it read them."""
    resources = allocation.resources
    if not framework.is_multi_role:
        resources = resources.unallocated()
    if framework.has_reservation_refinement:
        return resources.to_messages()
    return resources.to_messages(format=ReservationFormat.PRE_REFINEMENT)


def _return(ctx: Context, allocation: Allocation) -> None:
    # The framework or the agent went away between the allocator's slice and this turn.
    ctx.allocator.recover(
        allocation.framework_id,
        allocation.agent_id,
        allocation.resources,
        refuse_seconds=None,
        now=ctx.now,
    )
