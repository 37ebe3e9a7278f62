"""Agents whose state is too large for one message."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link import parts
from tepui.link.messages import Reregister, Reregistered, ReregisterPart
from tepui.master.core import admission

COMMON = {"version": "1.11.0", "pid": ""}


@pytest.fixture
def story(make_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, list[Any]]:
    """Return a new master, an agent of the one before, and what that agent says in parts."""
    cluster = make_cluster()
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t2", "t3", resources="cpus:1;mem:64")
    message = Reregister(
        agent_info=agent.info,
        version="1.11.0",
        pid=agent.pid,
        frameworks=[cluster.framework_state_of(scheduler)],
    )
    monkeypatch.setattr(parts, "PART_BYTES_TARGET", 100)
    pieces = list(parts.cut(message))
    successor = cluster.fail_over()
    agent.cluster = successor
    return successor, agent.connect(), pieces


def tasks_of(cluster: Any) -> list[str]:
    return [task for each in cluster.state.frameworks.values() for task in each.tasks]


def test_nothing_is_seen_of_an_agent_before_it_has_said_all(story: Any) -> None:
    cluster, agent, pieces = story
    assert len(pieces) == 4
    for piece in pieces[:-1]:
        agent.say(piece)
        assert not cluster.state.frameworks
        assert not cluster.state.agents
    agent.say(pieces[-1])
    assert tasks_of(cluster) == ["t1", "t2", "t3"]
    assert len(agent.take(Reregistered)) == 1
    assert not cluster.state.parts


def test_an_agent_that_begins_anew_is_heard_from_the_beginning(story: Any) -> None:
    cluster, agent, pieces = story
    for piece in [*pieces[:2], *pieces]:
        agent.say(piece)
    assert tasks_of(cluster) == ["t1", "t2", "t3"]
    for piece in pieces:
        agent.say(piece)
    assert tasks_of(cluster) == ["t1", "t2", "t3"]


def test_parts_are_forgotten_with_their_channel(story: Any) -> None:
    cluster, agent, pieces = story
    agent.say(pieces[0])
    agent.disconnect()
    assert not cluster.state.parts
    agent.connect()
    agent.say(pieces[-1])
    assert cluster.closed_channels == [agent.channel]
    assert not cluster.state.agents


@pytest.mark.parametrize("kept", [[0, 2], [1], [0, 1, 3], [0, 0, 3]])
def test_parts_of_which_some_are_missing_are_refused(story: Any, kept: list[int]) -> None:
    cluster, agent, pieces = story
    for index in kept:
        agent.say(pieces[index])
    assert cluster.closed_channels == [agent.channel]
    assert not cluster.state.parts
    assert not cluster.state.agents


def test_one_agent_says_only_so_many_parts(story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, agent, pieces = story
    monkeypatch.setattr(admission, "PARTS_MAX", 2)
    for piece in pieces[:3]:
        agent.say(piece)
    assert cluster.closed_channels == [agent.channel]
    assert not cluster.state.parts


def test_all_agents_together_say_only_so_many_parts(
    story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, agent, _ = story
    monkeypatch.setattr(admission, "PARTS_WAITING_MAX", 2)
    for _ in range(3):
        agent.connect()
        agent.say(ReregisterPart(index=0, frameworks=[]))
    assert cluster.closed_channels == [agent.channel]
    assert len(cluster.state.parts) == 2


def test_a_registered_agent_that_breaks_off_has_to_come_again(story: Any) -> None:
    cluster, agent, pieces = story
    for piece in pieces:
        agent.say(piece)
    agent.say(pieces[1])
    assert cluster.state.agents[agent.agent_id].channel is None
    assert cluster.closed_channels == [agent.channel]
    agent.connect()
    for piece in pieces:
        agent.say(piece)
    assert cluster.state.agents[agent.agent_id].is_connected
