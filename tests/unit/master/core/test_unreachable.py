"""Agents that are given up in turn, and those that show themselves before it is their turn."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import Pong
from tepui.master.core import unreachable
from tepui.master.core.effects import Persist
from tepui.master.core.events import AgentGoneRequested

LIMIT = 600.0


@pytest.fixture
def limited(make_cluster: Any) -> Any:
    """Return a cluster in which one agent may become unreachable in ten minutes."""
    return make_cluster(agent_removal_interval=LIMIT)


def agents_of(cluster: Any, count: int) -> list[Any]:
    return [cluster.agent(port=5051 + index).register() for index in range(count)]


def unreachable_of(cluster: Any) -> list[str]:
    return list(cluster.state.unreachable_agents)


def counts(cluster: Any) -> tuple[int, int, int]:
    counters = cluster.state.counters
    return (
        counters.agents_unreachable_scheduled,
        counters.agents_unreachable_completed,
        counters.agents_unreachable_cancelled,
    )


def fall_silent(agents: list[Any]) -> None:
    for agent in agents:
        agent.answers_pings = False


def test_silent_agents_are_given_up_one_at_a_time(limited: Any) -> None:
    agents = agents_of(limited, 3)
    ids = [each.agent_id for each in agents]
    fall_silent(agents)
    limited.pass_time(95.0)
    assert unreachable_of(limited) == ids[:1]
    assert counts(limited) == (3, 1, 0)
    limited.pass_time(LIMIT)
    assert unreachable_of(limited) == ids[:2]
    limited.pass_time(LIMIT)
    assert unreachable_of(limited) == ids
    assert counts(limited) == (3, 3, 0)
    assert limited.state.counters.agent_removals_unhealthy == 3


def test_a_silent_agent_is_pinged_while_it_waits_and_is_spared_when_it_answers(
    limited: Any,
) -> None:
    first, second = agents_of(limited, 2)
    fall_silent([first, second])
    limited.pass_time(100.0)
    assert unreachable_of(limited) == [first.agent_id]
    second.answers_pings = True
    limited.pass_time(LIMIT * 2)
    assert unreachable_of(limited) == [first.agent_id]
    assert list(limited.state.agents) == [second.agent_id]
    assert counts(limited) == (2, 1, 1)


def test_any_word_spares_an_agent(limited: Any) -> None:
    first, second = agents_of(limited, 2)
    fall_silent([first, second])
    limited.pass_time(100.0)
    second.say(Pong())
    assert not limited.state.removals
    assert counts(limited) == (2, 1, 1)


def test_what_a_waiting_agent_has_is_offered_still(limited: Any) -> None:
    first, second = agents_of(limited, 2)
    fall_silent([first, second])
    limited.pass_time(100.0)
    scheduler = limited.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    assert offer["agent_id"] == {"value": second.agent_id}


def test_disconnected_agents_are_given_up_one_at_a_time_and_spared_when_they_return(
    limited: Any,
) -> None:
    agents = agents_of(limited, 3)
    for each in agents:
        each.disconnect()
    limited.pass_time(601.0)
    assert unreachable_of(limited) == [agents[0].agent_id]
    agents[1].reregister()
    assert counts(limited) == (3, 1, 1)
    limited.pass_time(LIMIT)
    assert unreachable_of(limited) == [agents[0].agent_id, agents[2].agent_id]
    assert list(limited.state.agents) == [agents[1].agent_id]


def test_agents_that_do_not_return_after_a_failover_are_given_up_one_at_a_time(
    limited: Any,
) -> None:
    agents = agents_of(limited, 4)
    successor = limited.fail_over()
    successor.pass_time(601.0)
    assert unreachable_of(successor) == [agents[0].agent_id]
    assert list(successor.state.recovered_agents) == [each.agent_id for each in agents[1:]]
    agents[1].cluster = successor
    agents[1].reregister()
    successor.ask(lambda number: AgentGoneRequested(request_id=number, agent_id=agents[2].agent_id))
    assert counts(successor) == (4, 1, 2)
    successor.pass_time(LIMIT)
    assert unreachable_of(successor) == [agents[0].agent_id, agents[3].agent_id]
    assert successor.state.counters.agent_recovery_removals == 2
    assert counts(successor) == (4, 2, 2)


def test_an_agent_whose_return_is_being_stored_is_not_given_up(limited: Any) -> None:
    agents = agents_of(limited, 2)
    for each in agents:
        each.disconnect()
    limited.pass_time(601.0)
    waiting = agents[1]
    limited.is_storing = False
    waiting.info = type(waiting.info)(
        hostname=waiting.info.hostname,
        port=waiting.info.port,
        resources=[],
        id=waiting.info.id,
    )
    waiting.reregister()
    limited.pass_time(LIMIT)
    assert unreachable_of(limited) == [agents[0].agent_id]
    limited.is_storing = True
    limited.store()
    assert list(limited.state.agents) == [waiting.agent_id]
    assert counts(limited) == (2, 1, 1)


def test_without_a_limit_all_are_given_up_in_turns_of_the_loop(
    make_cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = make_cluster()
    agents_of(cluster, 5)
    monkeypatch.setattr(unreachable, "REMOVALS_PER_TURN_MAX", 2)
    successor = cluster.fail_over()
    handled: list[int] = []
    handle = successor.handle

    def count(event: Any) -> Any:
        effects = handle(event)
        handled.append(sum(isinstance(each, Persist) for each in effects))
        return effects

    successor.handle = count
    successor.pass_time(601.0)
    assert len(unreachable_of(successor)) == 5
    assert max(handled) == 2
