"""Inverse offers: frameworks are asked to leave agents before these become unavailable.

At most one is outstanding for each framework and agent. It ends with the framework's answer,
which operators are shown; it is taken back when the agent or its maintenance changes, and
ends without a word when the framework is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from tepui.allocator import InverseAllocation
from tepui.master.core.context import Context
from tepui.master.core.events import TimerKind
from tepui.master.core.model import Agent, AgentState, Framework, InverseOffer
from tepui.master.validation.maintenance import validate_inverse_offer_ids
from tepui.messages import InverseOffer as InverseOfferMessage
from tepui.messages import OfferID, TimeInfo, scheduler
from tepui.messages.allocator import InverseOfferStatus

Call = scheduler.Call
Event = scheduler.Event
Status = InverseOfferStatus.Status

_NANOSECONDS = 1_000_000_000
_REFUSE_SECONDS = 5.0


def make_inverse_offers(ctx: Context, wanted: Sequence[InverseAllocation]) -> None:
    """Ask whom the allocator wants to be asked: one event for each framework, in its order."""
    made: dict[str, list[InverseOfferMessage]] = {}
    for each in wanted:
        framework = ctx.state.frameworks.get(each.framework_id)
        agent = ctx.state.agents.get(each.agent_id)
        if (
            framework is None
            or agent is None
            or not framework.is_active
            or not agent.is_active
            or agent.state is not AgentState.REGISTERED
            or agent.unavailability != each.unavailability
        ):
            # One of them went away or changed since; the next periodic pass looks again.
            _settle(ctx, each.framework_id, each.agent_id, 0.0)
            continue
        inverse_offer = _make(ctx, framework, agent, each)
        made.setdefault(framework.framework_id, []).append(inverse_offer.message)
    for framework_id, messages in made.items():
        event = Event(
            type=Event.Type.INVERSE_OFFERS,
            inverse_offers=Event.InverseOffers(inverse_offers=messages),
        )
        ctx.tell_framework(ctx.state.frameworks[framework_id], event)


def on_inverse_offers_answered(ctx: Context, framework: Framework, call: Call) -> None:
    """Note which agents a framework leaves or not; what is wrong with the call is only logged.

    Who declines is asked again when the filter of the call is over, and so is who accepts.
    """
    if call.type is Call.Type.DECLINE_INVERSE_OFFERS:
        if call.decline_inverse_offers is not None:
            _answer(ctx, framework, call.decline_inverse_offers, Status.DECLINE)
        return
    accept = call.accept_inverse_offers
    if accept is None:
        return
    found = validate_inverse_offer_ids(
        accept.inverse_offer_ids, ctx.state.inverse_offers, framework.framework_id
    )
    if found is not None:
        ctx.log(
            "warning",
            "inverse_offers_invalid",
            framework_id=framework.framework_id,
            rule=found.rule,
            message=found.message,
        )
    _answer(ctx, framework, accept, Status.ACCEPT)


def on_inverse_offer_timed_out(ctx: Context, offer_id: str) -> None:
    """An inverse offer was not answered within ``offer_timeout``."""
    inverse_offer = ctx.state.inverse_offers.get(offer_id)
    if inverse_offer is not None:
        _rescind(ctx, inverse_offer)


def rescind_inverse_offers_of(ctx: Context, agent: Agent) -> None:
    """Take back whatever frameworks are asked about an agent."""
    for inverse_offer in list(agent.inverse_offers.values()):
        _rescind(ctx, inverse_offer)


def discard_inverse_offers_of(ctx: Context, framework: Framework) -> None:
    """End without a word whatever a framework is asked: it is not there to hear of it."""
    for inverse_offer in list(framework.inverse_offers.values()):
        _unlink(ctx, inverse_offer)
        _settle(ctx, inverse_offer.framework_id, inverse_offer.agent_id)


def forget_answers_of(ctx: Context, framework: Framework) -> None:
    """Forget what a framework that is over has answered."""
    if not ctx.state.machines:
        return  # nobody was ever asked about the agents that there are now
    for agent in ctx.state.agents.values():
        agent.inverse_statuses.pop(framework.framework_id, None)


def _make(
    ctx: Context, framework: Framework, agent: Agent, wanted: InverseAllocation
) -> InverseOffer:
    state = ctx.state
    offer_id = f"{state.master_id}-O{state.offers_made}"
    state.offers_made += 1
    inverse_offer = InverseOffer(
        offer_id=offer_id,
        framework_id=framework.framework_id,
        agent_id=agent.agent_id,
        message=InverseOfferMessage(
            id=OfferID(value=offer_id),
            url=agent.url,
            framework_id=framework.id_message,
            agent_id=agent.id_message,
            unavailability=wanted.unavailability,
        ),
    )
    state.inverse_offers[offer_id] = inverse_offer
    framework.inverse_offers[offer_id] = inverse_offer
    framework.touch()
    agent.inverse_offers[offer_id] = inverse_offer
    if ctx.config.offer_timeout is not None:
        ctx.start_timer(TimerKind.INVERSE_OFFER, offer_id, ctx.config.offer_timeout)
    return inverse_offer


def _answer(
    ctx: Context,
    framework: Framework,
    answer: Call.AcceptInverseOffers | Call.DeclineInverseOffers,
    status: Status,
) -> None:
    refuse_seconds = _REFUSE_SECONDS if answer.filters is None else answer.filters.refuse_seconds
    for offer_id in answer.inverse_offer_ids:
        inverse_offer = ctx.state.inverse_offers.get(offer_id.value)
        # Mesos lets any framework answer; ours is the only one that may speak for itself.
        if inverse_offer is None or inverse_offer.framework_id != framework.framework_id:
            continue
        agent = ctx.state.agents[inverse_offer.agent_id]
        agent.inverse_statuses[framework.framework_id] = InverseOfferStatus(
            status=status,
            framework_id=framework.id_message,
            timestamp=TimeInfo(nanoseconds=int(ctx.now.wall * _NANOSECONDS)),
        )
        _unlink(ctx, inverse_offer)
        _settle(ctx, framework.framework_id, agent.agent_id, refuse_seconds)


def _rescind(ctx: Context, inverse_offer: InverseOffer) -> None:
    framework = ctx.state.frameworks[inverse_offer.framework_id]
    _unlink(ctx, inverse_offer)
    _settle(ctx, inverse_offer.framework_id, inverse_offer.agent_id)
    ctx.tell_framework(
        framework,
        Event(
            type=Event.Type.RESCIND_INVERSE_OFFER,
            rescind_inverse_offer=Event.RescindInverseOffer(
                inverse_offer_id=OfferID(value=inverse_offer.offer_id)
            ),
        ),
    )


def _unlink(ctx: Context, inverse_offer: InverseOffer) -> None:
    """Take an inverse offer out of the books."""
    offer_id = inverse_offer.offer_id
    del ctx.state.inverse_offers[offer_id]
    framework = ctx.state.frameworks[inverse_offer.framework_id]
    del framework.inverse_offers[offer_id]
    framework.touch()
    del ctx.state.agents[inverse_offer.agent_id].inverse_offers[offer_id]
    if ctx.config.offer_timeout is not None:
        ctx.cancel_timer(TimerKind.INVERSE_OFFER, offer_id)


def _settle(
    ctx: Context, framework_id: str, agent_id: str, refuse_seconds: float | None = None
) -> None:
    """Tell the allocator that an inverse offer is not outstanding any more."""
    ctx.allocator.answer_inverse_offer(
        framework_id, agent_id, refuse_seconds=refuse_seconds, now=ctx.now
    )
