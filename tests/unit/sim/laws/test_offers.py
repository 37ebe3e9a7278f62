"""Offers name what may be offered, and whoever has one hears when it is void."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import Registered, RunTask
from tepui.master.core import effects, events
from tepui.messages import (
    AgentID,
    CommandInfo,
    Filters,
    FrameworkID,
    FrameworkInfo,
    Offer,
    OfferID,
    Resource,
    TaskID,
    TaskInfo,
    scheduler,
)
from tepui.resources import parse_resources
from tepui.sim.laws import LawBroken
from tepui.sim.laws.offers import FitOffers

Call = scheduler.Call
Event = scheduler.Event
F = FrameworkID(value="F")
INFO = FrameworkInfo(user="nobody", name="f", roles=["red"], id=F)


def offered(name: str, resources: str = "cpus:2") -> effects.SendToScheduler:
    offer = Offer(
        id=OfferID(value=name),
        framework_id=F,
        agent_id=AgentID(value="S1"),
        hostname="a",
        resources=parse_resources(resources).to_messages(),
        allocation_info=Resource.AllocationInfo(role="red"),
    )
    event = Event(type=Event.Type.OFFERS, offers=Event.Offers(offers=[offer]))
    return effects.SendToScheduler(connection=1, event=event)


def called(kind: str, **parts: Any) -> events.SchedulerCalled:
    call = Call(type=Call.Type[kind], framework_id=F, **parts)
    return events.SchedulerCalled(request_id=1, call=call, connection=1)


def declined(name: str, seconds: float) -> events.SchedulerCalled:
    filters = Filters(refuse_seconds=seconds)
    return called("DECLINE", decline=Call.Decline(offer_ids=[OfferID(value=name)], filters=filters))


def accepted(name: str) -> events.SchedulerCalled:
    return called("ACCEPT", accept=Call.Accept(offer_ids=[OfferID(value=name)], operations=[]))


@pytest.fixture
def told(watched, stepped):
    """Return what shows steps of a master, each an event and what came of it, to the law."""

    def tell(*steps: tuple[Any, ...]) -> None:
        subscribe = Call.Subscribe(framework_info=INFO)
        subscribed = Event.Subscribed(framework_id=F)
        greeting = Event(type=Event.Type.SUBSCRIBED, subscribed=subscribed)
        admitted = Registered(agent_id="S1", ping_timeout_seconds=75.0)
        watched(
            FitOffers,
            stepped("master", "an agent came", effects.SendToAgent(channel=7, message=admitted)),
            stepped(
                "master",
                called("SUBSCRIBE", subscribe=subscribe),
                effects.SendToScheduler(connection=1, event=greeting),
            ),
            *(stepped("master", *step) for step in steps),
        )

    return tell


TAKEN = effects.Respond(request_id=1, status=202)


def test_what_is_declined_is_not_offered_again_for_a_while(told) -> None:
    told(("", offered("O1")), (declined("O1", 5.0), TAKEN), ("", offered("O2", "cpus:3")))
    told(("", offered("O1")), (declined("O1", 0.0), TAKEN), ("", offered("O2")))
    with pytest.raises(LawBroken, match="offers F what it has declined of agent S1"):
        told(("", offered("O1")), (declined("O1", 5.0), TAKEN), ("", offered("O2")))


def test_who_wants_offers_again_has_declined_nothing(told) -> None:
    told(
        ("", offered("O1")),
        (declined("O1", 5.0), TAKEN),
        (called("REVIVE"), TAKEN),
        ("", offered("O2")),
    )


def test_a_call_that_was_refused_declines_nothing(told) -> None:
    refused = effects.Respond(request_id=1, status=403)
    told(("", offered("O1")), (declined("O1", 5.0), refused), ("", offered("O2")))


def test_a_suppressed_role_is_offered_nothing(told) -> None:
    with pytest.raises(LawBroken, match="offers F agent S1 for red, which it has suppressed"):
        told((called("SUPPRESS"), TAKEN), ("", offered("O1")))
    told((called("SUPPRESS"), TAKEN), (called("REVIVE"), TAKEN), ("", offered("O1")))


def test_an_agent_that_left_is_not_offered(told) -> None:
    left = events.AgentChannelClosed(channel=7, reason="")
    with pytest.raises(LawBroken, match="offers F agent S1, which is not here"):
        told((left,), ("", offered("O1")))


def test_whoever_has_an_offer_of_an_agent_that_left_is_told(told) -> None:
    left = events.AgentChannelClosed(channel=7, reason="")
    rescind = Event.Rescind(offer_id=OfferID(value="O1"))
    void = effects.SendToScheduler(
        connection=1, event=Event(type=Event.Type.RESCIND, rescind=rescind)
    )
    told(("", offered("O1")), (left, void), ("",))
    with pytest.raises(LawBroken, match="agent S1 left, and F is not told that offer O1 is void"):
        told(("", offered("O1")), (left,), ("",))


def test_no_offer_is_used_twice(told) -> None:
    task = TaskInfo(
        name="t",
        task_id=TaskID(value="t"),
        agent_id=AgentID(value="S1"),
        command=CommandInfo(value="true"),
    )
    run = effects.SendToAgent(channel=7, message=RunTask(framework=INFO, task=task))
    told(("", offered("O1")), (accepted("O1"), run, TAKEN), (accepted("O1"), TAKEN))
    with pytest.raises(LawBroken, match="does RunTask with an offer that does not count"):
        told(("", offered("O1")), (accepted("O1"), run, TAKEN), (accepted("O1"), run, TAKEN))
