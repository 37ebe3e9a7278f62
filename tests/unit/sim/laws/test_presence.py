"""Silent agents are given up, and leaders go by what the registry holds; and by newest streams."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.master.core import effects, events
from tepui.master.core.model import AgentState, RecoveredAgent
from tepui.messages import AgentInfo, FrameworkID, FrameworkInfo, scheduler
from tepui.sim.faults import Fault, FaultKind
from tepui.sim.laws import LawBroken
from tepui.sim.laws.presence import KnownRegistry, SilentAgents
from tepui.sim.laws.streams import OneStream

Call = scheduler.Call
Event = scheduler.Event
F = FrameworkID(value="F")


@pytest.fixture
def scenario(scenario):
    timeouts = {
        "agent_ping_timeout": 2.0,
        "max_agent_ping_timeouts": 2,
        "agent_reregister_timeout": 10.0,
    }
    cluster = msgspec.structs.replace(scenario.cluster, master=timeouts)
    return scenario.with_parts(cluster=cluster)


@pytest.mark.slow
def test_an_agent_that_says_nothing_is_not_there(running) -> None:
    run = running(SilentAgents)
    run.until(10.0)
    [(agent_id, _), *_] = run.state.agents.items()
    # It stands still, with its connection open, and nobody asks whether it is there.
    for machine in run.world.machines:
        machine.process.pause(100.0)
    run.world.leading._timers.cancel(events.Timer(events.TimerKind.PING, agent_id))
    with pytest.raises(LawBroken, match="of which nothing was heard for"):
        run.until(60.0)


@pytest.mark.slow
def test_an_agent_that_comes_back_between_two_looks_has_been_there(running) -> None:
    run = running(SilentAgents)
    process = run.world.machines[0].process
    seen = []
    for second in (13.0, 18.0, 23.0, 28.0, 33.0, 38.0, 43.0, 48.0):
        run.until(second)
        crash = Fault(at=second, kind=FaultKind.AGENT_CRASH, target="agent-0", seconds=4.0)
        agent_id = process.core.model.agent_id
        run.world.apply(crash)
        run.until(second + 2.0)
        seen.append(run.state.agents[agent_id].state)
    run.until(60.0)
    assert seen == [AgentState.DISCONNECTED] * 8


@pytest.mark.slow
def test_nobody_is_waited_for_for_ever(running) -> None:
    run = running(SilentAgents)
    run.until(10.0)
    lost = RecoveredAgent(agent_id="S9", info=AgentInfo(hostname="a"))
    run.state.recovered_agents["S9"] = lost
    with pytest.raises(LawBroken, match="still waits for S9 to come back"):
        run.until(60.0)


@pytest.mark.slow
def test_a_leader_goes_by_the_registry(running) -> None:
    run = running(KnownRegistry)
    run.until(10.0)
    agent = next(iter(run.state.agents.values()))
    agent.is_deactivated = True
    with pytest.raises(LawBroken, match="does not go by what an operator has decided about"):
        run.law.look(run.world)
    agent.is_deactivated = False
    run.law.look(run.world)
    del run.state.agents[agent.agent_id]
    with pytest.raises(LawBroken, match=r"knows nothing of .*-S[0-9], which is admitted"):
        run.law.look(run.world)


def test_calls_count_only_with_the_newest_stream(watched, stepped) -> None:
    def called(kind: Call.Type, stream: str | None, **parts: Any) -> events.SchedulerCalled:
        call = Call(type=kind, framework_id=F, **parts)
        return events.SchedulerCalled(request_id=1, call=call, stream_id=stream)

    def subscribed(connection: int, stream: str) -> Any:
        info = FrameworkInfo(user="nobody", name="f", id=F)
        greeting = Event(type=Event.Type.SUBSCRIBED, subscribed=Event.Subscribed(framework_id=F))
        return stepped(
            "master",
            called(Call.Type.SUBSCRIBE, None, subscribe=Call.Subscribe(framework_info=info)),
            effects.OpenStream(request_id=1, connection=connection, stream_id=stream),
            effects.SendToScheduler(connection=connection, event=greeting),
        )

    taken = effects.Respond(request_id=1, status=202)
    refused = effects.Respond(request_id=1, status=400)
    newest = stepped("master", called(Call.Type.REVIVE, "two"), taken)
    older = stepped("master", called(Call.Type.REVIVE, "one"), refused)
    watched(OneStream, subscribed(1, "one"), subscribed(2, "two"), newest, older)
    wrong = stepped("master", called(Call.Type.REVIVE, "one"), taken)
    with pytest.raises(LawBroken, match="takes REVIVE of F that names an older stream"):
        watched(OneStream, subscribed(1, "one"), subscribed(2, "two"), wrong)
