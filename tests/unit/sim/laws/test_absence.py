"""Frameworks are away for as long as they said, and their tasks go on meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import ShutdownFramework
from tepui.master.core import effects, events
from tepui.messages import FrameworkID, FrameworkInfo, scheduler
from tepui.sim.laws import LawBroken
from tepui.sim.laws.absence import FailoverTimeout
from tepui.sim.observations import CoreStepped, FrameworkStopped

Call = scheduler.Call
Event = scheduler.Event
F = FrameworkID(value="F")


def step(at: float, event: Any, *out: Any) -> CoreStepped:
    return CoreStepped(
        at=at,
        node="master-0",
        life=1,
        core="master",
        event=event,
        effects=list(out),
        monotonic=at,
        wall=at,
    )


def subscribed(at: float, connection: int, timeout: float = 20.0) -> CoreStepped:
    info = FrameworkInfo(user="nobody", name="f", id=F, failover_timeout=timeout)
    call = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
    event = Event(type=Event.Type.SUBSCRIBED, subscribed=Event.Subscribed(framework_id=F))
    return step(
        at,
        events.SchedulerCalled(request_id=1, call=call, connection=connection),
        effects.SendToScheduler(connection=connection, event=event),
    )


def left(at: float, connection: int) -> CoreStepped:
    return step(at, events.SchedulerDisconnected(connection=connection, reason=""))


def stopped(at: float) -> FrameworkStopped:
    return FrameworkStopped(
        at=at, node="framework-0", framework_id="F", status=None, message="over"
    )


def shut_down(at: float) -> CoreStepped:
    message = ShutdownFramework(framework_id="F")
    return step(at, "", effects.SendToAgent(channel=1, message=message))


def test_who_comes_in_time_is_taken_back(watched) -> None:
    watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), subscribed(20.0, 2))
    with pytest.raises(LawBroken, match="takes F back after 98 s without it"):
        watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), subscribed(100.0, 2))


def test_an_older_stream_may_end_at_any_time(watched) -> None:
    watched(
        FailoverTimeout, subscribed(1.0, 1), subscribed(2.0, 2), left(3.0, 1), subscribed(90.0, 3)
    )


def test_nobody_is_ended_too_early(watched) -> None:
    watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), stopped(30.0))
    with pytest.raises(LawBroken, match=r"was ended .* although it was not away for too long"):
        watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), stopped(10.0))
    with pytest.raises(LawBroken, match="was ended"):
        watched(FailoverTimeout, subscribed(1.0, 1), stopped(50.0))


def test_tasks_go_on_until_their_framework_is_over(watched) -> None:
    torn_down = events.FrameworkTeardownRequested(request_id=1, framework_id="F")
    watched(FailoverTimeout, subscribed(1.0, 1), step(2.0, torn_down), shut_down(2.0))
    watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), shut_down(23.0))
    with pytest.raises(LawBroken, match="has an agent end what it runs for F, which is not over"):
        watched(FailoverTimeout, subscribed(1.0, 1), left(2.0, 1), shut_down(10.0))
