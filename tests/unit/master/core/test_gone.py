"""Agents that operators give up for good."""

from __future__ import annotations

from typing import Any

from tepui.link.messages import Shutdown
from tepui.master.core.events import AgentDrainRequested, AgentGoneRequested
from tepui.messages import DrainConfig


def give_up(cluster: Any, agent_id: str) -> int | None:
    answer = cluster.ask(lambda number: AgentGoneRequested(request_id=number, agent_id=agent_id))
    return None if answer is None else answer.status


def running(cluster: Any, *names: str, **fields: Any) -> Any:
    scheduler = cluster.scheduler("red", **fields).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, *names)
    scheduler.take()
    return scheduler


def test_tasks_are_gone_once_the_registry_holds_it_and_not_before(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1")
    cluster.is_storing = False
    assert give_up(cluster, agent.agent_id) is None
    assert scheduler.statuses() == []
    assert agent.take(Shutdown) == []
    cluster.store()
    [answer] = cluster.answers
    assert answer.status == 200
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_GONE_BY_OPERATOR"
    assert status["reason"] == "REASON_AGENT_REMOVED_BY_OPERATOR"
    assert len(agent.take(Shutdown)) == 1
    assert len(scheduler.take("FAILURE")) == 1
    assert cluster.closed_channels == [agent.channel]


def test_frameworks_that_know_no_partitions_hear_that_tasks_are_lost(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1", capabilities=[])
    give_up(cluster, agent.agent_id)
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")


def test_what_is_gone_never_returns(cluster: Any) -> None:
    agent = cluster.agent().register()
    give_up(cluster, agent.agent_id)
    agent.inbox.clear()
    agent.reregister()
    assert len(agent.take(Shutdown)) == 1
    assert not cluster.state.agents
    successor = cluster.fail_over()
    assert list(successor.state.gone_agents) == [agent.agent_id]


def test_what_is_gone_may_be_given_up_again(cluster: Any) -> None:
    agent = cluster.agent().register()
    assert give_up(cluster, agent.agent_id) == 200
    assert give_up(cluster, agent.agent_id) == 200


def test_nobody_gives_up_an_agent_that_is_not_there(cluster: Any) -> None:
    assert give_up(cluster, "nope") == 404


def test_tasks_out_of_sight_are_over_when_their_agent_is_given_up(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1")
    agent.answers_pings = False
    cluster.pass_time(95.0)
    assert [each["state"] for each in scheduler.statuses()] == ["TASK_UNREACHABLE"]
    assert give_up(cluster, agent.agent_id) == 200
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_GONE_BY_OPERATOR"
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.unreachable_tasks.values()) == []
    assert [each.task_id for each in framework.completed_tasks] == ["t1"]
    assert not cluster.state.unreachable_agents


def test_what_had_ended_before_its_agent_was_out_of_sight_ended_as_it_did(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1", failover_timeout=10_000.0)
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    scheduler.take()
    agent.answers_pings = False
    cluster.pass_time(95.0)
    assert agent.agent_id in cluster.state.unreachable_agents
    scheduler.take()
    give_up(cluster, agent.agent_id)
    [status] = scheduler.statuses()
    assert (status["state"], status.get("uuid")) == ("TASK_FINISHED", None)
    [task] = cluster.state.frameworks[scheduler.framework_id].completed_tasks
    assert task.state.name == "TASK_FINISHED"


def test_an_agent_that_has_not_returned_after_a_failover_can_be_given_up(cluster: Any) -> None:
    agent = cluster.agent().register()
    successor = cluster.fail_over()
    assert give_up(successor, agent.agent_id) == 200
    assert not successor.state.recovered_agents
    successor.pass_time(700.0)
    assert not successor.state.unreachable_agents


def test_while_something_else_is_stored_an_agent_cannot_be_given_up(cluster: Any) -> None:
    agent = cluster.agent().register()
    cluster.is_storing = False
    cluster.ask(
        lambda number: AgentDrainRequested(
            request_id=number, agent_id=agent.agent_id, config=DrainConfig()
        )
    )
    assert give_up(cluster, agent.agent_id) == 503


def test_an_agent_that_returns_while_it_is_given_up_waits_for_the_verdict(cluster: Any) -> None:
    agent = cluster.agent().register()
    successor = cluster.fail_over()
    successor.is_storing = False
    give_up(successor, agent.agent_id)
    again = successor.agent()
    again.info, again.agent_id = agent.info, agent.agent_id
    again.reregister()
    assert not successor.state.agents
    successor.store()
    again.reregister(connect=False)
    assert len(again.take(Shutdown)) == 1


def test_gone_agents_are_forgotten_when_they_are_old(make_cluster: Any) -> None:
    cluster = make_cluster(registry_max_agent_age=10_000.0)
    agent = cluster.agent().register()
    give_up(cluster, agent.agent_id)
    cluster.pass_time(9_000.0)
    assert list(cluster.state.gone_agents) == [agent.agent_id]
    cluster.pass_time(2_000.0)
    assert not cluster.state.gone_agents
    assert not cluster.records


def test_operators_hear_that_the_agent_is_removed(cluster: Any) -> None:
    agent = cluster.agent().register()
    heard = cluster.listen()
    heard.clear()
    give_up(cluster, agent.agent_id)
    assert [each["type"] for each in heard] == ["AGENT_REMOVED"]
