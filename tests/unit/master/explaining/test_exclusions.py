"""``/allocator/offer_constraints_debug`` of a master whose core is in conversation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tepui.base.errors import Rejected, Unavailable
from tepui.base.patterns import PatternLimits
from tepui.http.messages import Headers, Request, Response
from tepui.master.explaining import exclusions
from tepui.master.explaining.exclusions import Exclusions
from tepui.master.explaining.turns import WAITING_MAX

PATH = "/allocator/offer_constraints_debug"


def hosts(pattern: str, role: str = "red") -> dict[str, Any]:
    """Return constraints that want agents whose host name matches."""
    constraint = {
        "selector": {"pseudoattribute_type": "HOSTNAME"},
        "predicate": {"text_matches": {"regex": pattern}},
    }
    groups = [{"attribute_constraints": [constraint]}]
    return {"role_constraints": {role: {"groups": groups}}}


def ask(answering: Exclusions, query: str = "") -> Any:
    answer = asyncio.run(answering.answer(request(query)))
    assert isinstance(answer, Response)
    return json.loads(answer.body)["frameworks"]


def request(query: str = "") -> Request:
    return Request("GET", PATH + query, Headers.of({}), b"")


def test_it_names_the_agents_that_a_framework_does_not_want(
    cluster: Any, make_operator: Any
) -> None:
    cluster.agent(port=5051).register()
    unwanted = cluster.agent(port=5052).register()
    picky = cluster.scheduler("red", "blue", capabilities=["MULTI_ROLE"])
    picky.subscribe(offer_constraints=hosts(".*1"), suppressed_roles=["blue"])
    content = cluster.scheduler("red").subscribe()
    answer = make_operator(cluster).json(PATH)
    assert answer == {
        "frameworks": {
            picky.framework_id: {
                "suppressed_roles": ["blue"],
                "excluded_by_attribute_constraints": {"red": [unwanted.agent_id], "blue": []},
            },
            content.framework_id: {
                "suppressed_roles": [],
                "excluded_by_attribute_constraints": {"red": []},
            },
        }
    }


def test_any_method_will_do_and_one_framework_may_be_asked_about(
    cluster: Any, make_operator: Any
) -> None:
    first = cluster.scheduler("red").subscribe()
    cluster.scheduler("blue").subscribe()
    target = f"{PATH}?framework_id={first.framework_id}"
    answer = make_operator(cluster).ask("POST", target)
    assert json.loads(answer.body)["frameworks"].keys() == {first.framework_id}
    assert make_operator(cluster).json(f"{PATH}?framework_id=nobody") == {"frameworks": {}}


def test_an_answer_names_only_so_many_agents(cluster: Any) -> None:
    for port in range(5051, 5054):
        cluster.agent(port=port).register()
    cluster.scheduler("red").subscribe(offer_constraints=hosts("none"))
    state = cluster.state
    assert len(ask(Exclusions(state, PatternLimits(), excluded_max=3))) == 1
    with pytest.raises(Rejected, match="More than 2 agents"):
        ask(Exclusions(state, PatternLimits(), excluded_max=2))


def test_others_have_their_turn_and_agents_may_go_meanwhile(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusions, "CONSTRAINTS_PER_TURN", 1)
    agents = [cluster.agent(port=port).register() for port in range(5051, 5055)]
    picky = cluster.scheduler("red").subscribe(offer_constraints=hosts("none"))
    answering = Exclusions(cluster.state, PatternLimits())

    async def ask_while_an_agent_goes() -> Any:
        asked = asyncio.ensure_future(answering.answer(request()))
        await asyncio.sleep(0)
        assert not asked.done()
        del cluster.state.agents[agents[3].agent_id]
        return await asked

    answer = asyncio.run(ask_while_an_agent_goes())
    said = json.loads(answer.body)["frameworks"][picky.framework_id]
    left = [agent.agent_id for agent in agents[:3]]
    assert said["excluded_by_attribute_constraints"] == {"red": left}


def test_only_so_many_questions_wait(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusions, "CONSTRAINTS_PER_TURN", 1)
    cluster.agent().register()
    cluster.scheduler("red").subscribe(offer_constraints=hosts("none"))
    answering = Exclusions(cluster.state, PatternLimits())

    async def ask_often() -> list[object]:
        questions = [answering.answer(request()) for _ in range(WAITING_MAX + 3)]
        return await asyncio.gather(*questions, return_exceptions=True)

    answers = asyncio.run(ask_often())
    # One is worked on, and as many wait as may.
    refused = [each for each in answers if isinstance(each, Unavailable)]
    assert len(refused) == 2
