"""Taking agents out of use, and what of that a master would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.cli.errors import CommandFailed
from tepui.cli.finding import Away
from tepui.cli.plans.draining import deactivation, draining, giving_up, reactivation
from tepui.cli.plans.maintenance import Facts, facts_of, machine_of
from tepui.cli.times import NANOSECONDS
from tepui.messages import DrainConfig, DrainInfo, DrainState, TimeInfo, Unavailability
from tepui.messages.maintenance import ClusterStatus, Schedule, Window
from tepui.messages.master import Response
from tepui.messages.well_known import Duration

NOBODY = Away()
TASKS = {"m-S0": 2}


def facts(*agents: Any, schedule: Schedule | None = None) -> Facts:
    found = Response.GetAgents(agents=list(agents))
    return facts_of(found, schedule or Schedule(), ClusterStatus(), TASKS)


def test_draining_says_how_long_tasks_have(agent: Any) -> None:
    grace = 1_500_000_000
    change = draining(facts(agent(0)), NOBODY, "S0", grace=grace, must_go=False, tasks=TASKS)
    assert change.call.drain_agent is not None
    assert change.call.drain_agent.max_grace_period == Duration(seconds=1, nanos=500_000_000)
    assert (change.intent, change.refusal, change.question) == (
        "drain agent m-S0 of 2 tasks, each within 1s",
        None,
        None,
    )


def test_draining_for_good_asks_first(agent: Any) -> None:
    change = draining(facts(agent(0)), NOBODY, "S0", grace=None, must_go=True, tasks={})
    assert change.call.drain_agent is not None
    assert change.call.drain_agent.mark_gone
    assert change.question == "Once drained, agent m-S0 can never come back: go on?"


def test_an_agent_under_maintenance_is_not_drained_too(agent: Any) -> None:
    drained = agent(0)
    window = Window(
        machine_ids=[machine_of(drained)],
        unavailability=Unavailability(start=TimeInfo(nanoseconds=NANOSECONDS)),
    )
    known = facts(drained, schedule=Schedule(windows=[window]))
    change = draining(known, NOBODY, "S0", grace=None, must_go=False, tasks={})
    assert "of the maintenance schedule" in (change.refusal or "")


def test_an_agent_that_is_away_is_drained_when_it_is_back() -> None:
    away = Away(unreachable=["m-S7"])
    change = draining(facts(), away, "m-S7", grace=None, must_go=False, tasks={})
    assert change.refusal is None
    unknown = draining(facts(), NOBODY, "m-S7", grace=None, must_go=False, tasks={})
    assert "is no agent that we know" in (unknown.refusal or "")


def test_an_agent_is_put_in_use_again_once_it_is_drained(agent: Any) -> None:
    def drained(state: DrainState) -> Response.GetAgents:
        info = DrainInfo(state=state, config=DrainConfig(mark_gone=False))
        return Response.GetAgents(agents=[agent(0, deactivated=True, drain=info)])

    assert reactivation(drained(DrainState.DRAINED), NOBODY, "S0").refusal is None
    refusal = reactivation(drained(DrainState.DRAINING), NOBODY, "S0").refusal
    assert "still has tasks to be drained of" in (refusal or "")
    active = Response.GetAgents(agents=[agent(0)])
    assert "is no deactivated agent" in (reactivation(active, NOBODY, "S0").refusal or "")


def test_an_agent_that_nobody_knows_is_not_deactivated(agent: Any) -> None:
    known = Response.GetAgents(agents=[agent(0)])
    assert deactivation(known, NOBODY, "S0").refusal is None
    assert "is no agent" in (deactivation(known, NOBODY, "m-S7").refusal or "")
    with pytest.raises(CommandFailed, match="no agent is called 'nope'"):
        deactivation(known, NOBODY, "nope")


def test_an_agent_is_given_up_whether_it_is_there_or_away(agent: Any) -> None:
    known = Response.GetAgents(agents=[agent(0)])
    change = giving_up(known, NOBODY, "S0", tasks=TASKS)
    assert change.refusal is None
    assert change.question == (
        "Agent m-S0 can never come back, and its tasks (2 that we know of) are lost: go on?"
    )
    for away in (Away(unreachable=["m-S7"]), Away(gone=["m-S7"])):
        assert giving_up(known, away, "m-S7", tasks={}).refusal is None
    assert "is no agent" in (giving_up(known, NOBODY, "m-S7", tasks={}).refusal or "")
