"""Calls that are neither subscriptions nor about offers, and who may make them."""

from __future__ import annotations

import pytest

from tepui.link.messages import (
    ExecutorMessage,
    FrameworkMessage,
    KillTask,
    ShutdownExecutor,
    ShutdownFramework,
)
from tepui.master.core.events import FrameworkTeardownRequested


@pytest.fixture
def agent(cluster):
    return cluster.agent().register()


@pytest.fixture
def scheduler(cluster, agent):
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    scheduler.take()
    return scheduler


def test_a_call_needs_a_known_framework_its_stream_and_the_right_stream(cluster, scheduler) -> None:
    stranger = {"type": "REVIVE", "framework_id": {"value": "nobody"}}
    mine = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    assert cluster.call(stranger, stream_id=scheduler.stream_id) == 400
    assert cluster.call(mine) == 400
    assert cluster.call(mine, stream_id="11111111-2222-3333-4444-555555555555") == 400
    assert cluster.call(mine, stream_id=scheduler.stream_id) == 202


def test_a_subscription_may_not_carry_a_stream_id(cluster) -> None:
    info = {"user": "root", "name": "x"}
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
    assert cluster.call(call, stream_id="anything", connection=5) == 400
    assert not cluster.state.frameworks


def test_a_call_of_no_known_type_is_not_implemented(cluster, scheduler) -> None:
    call = {"type": "UNKNOWN", "framework_id": {"value": scheduler.framework_id}}
    assert cluster.call(call, stream_id=scheduler.stream_id) == 501


def test_teardown_ends_the_stream_the_tasks_and_the_framework(cluster, agent, scheduler) -> None:
    assert scheduler.call("TEARDOWN") == 202
    assert [each["type"] for each in scheduler.take()] == ["ERROR"]
    assert scheduler.is_closed
    assert [each.framework_id for each in agent.take(ShutdownFramework)] == [scheduler.framework_id]
    assert scheduler.call("REVIVE") == 400
    [cluster_agent] = cluster.state.agents.values()
    assert not cluster_agent.used
    agent.update(scheduler.framework_id, "t1", "TASK_KILLED")
    assert cluster.state.counters.status_updates_invalid == 1


def test_a_kill_goes_to_the_tasks_agent_with_its_policy(agent, scheduler) -> None:
    policy = {"grace_period": {"nanoseconds": 5}}
    scheduler.call("KILL", {"task_id": {"value": "t1"}, "kill_policy": policy})
    [kill] = agent.take(KillTask)
    assert (kill.task_id, kill.kill_policy.grace_period.nanoseconds) == ("t1", 5)


def test_a_kill_that_names_another_agent_is_ignored(agent, scheduler) -> None:
    body = {"task_id": {"value": "t1"}, "agent_id": {"value": "other"}}
    assert scheduler.call("KILL", body) == 202
    assert agent.take(KillTask) == []


def test_a_kill_of_an_unknown_task_is_answered_as_a_reconciliation(scheduler) -> None:
    scheduler.call("KILL", {"task_id": {"value": "none"}})
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_UNKNOWN", "REASON_RECONCILIATION")
    assert "agent_id" not in status


def test_a_kill_is_repeated_when_a_lost_agent_returns(cluster, agent) -> None:
    scheduler = cluster.scheduler("red", checkpoint=True).subscribe()
    cluster.pass_time(10.0)
    [offer] = scheduler.offers()
    scheduler.launch(offer, "k1")
    agent.disconnect()
    scheduler.call("KILL", {"task_id": {"value": "k1"}})
    assert agent.take(KillTask) == []
    agent.reregister(cluster.framework_state_of(scheduler))
    assert [each.task_id for each in agent.take(KillTask)] == ["k1"]


def test_shutdown_goes_to_the_agent_and_an_unknown_agent_is_passed_over(agent, scheduler) -> None:
    body = {"executor_id": {"value": "e1"}, "agent_id": {"value": agent.agent_id}}
    assert scheduler.call("SHUTDOWN", body) == 202
    assert [each.executor_id for each in agent.take(ShutdownExecutor)] == ["e1"]
    assert scheduler.call("SHUTDOWN", {**body, "agent_id": {"value": "none"}}) == 202


def test_messages_go_both_ways(cluster, agent, scheduler) -> None:

    body = {
        "executor_id": {"value": "e1"},
        "agent_id": {"value": agent.agent_id},
        "data": "cGluZw==",
    }
    assert scheduler.call("MESSAGE", body) == 202
    assert [each.data for each in agent.take(FrameworkMessage)] == [b"ping"]
    assert scheduler.call("MESSAGE", {**body, "agent_id": {"value": "none"}}) == 202
    assert cluster.state.counters.framework_messages_invalid == 1
    agent.say(ExecutorMessage(framework_id=scheduler.framework_id, executor_id="e1", data=b"pong"))
    [event] = scheduler.take("MESSAGE")
    assert event["message"] == {
        "agent_id": {"value": agent.agent_id},
        "executor_id": {"value": "e1"},
        "data": "cG9uZw==",
    }


def test_suppress_and_revive_of_a_foreign_role_are_ignored_as_a_whole(cluster, scheduler) -> None:
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert scheduler.call("SUPPRESS", {"roles": ["red", "not-mine"]}) == 202
    assert "red" not in framework.suppressed_roles
    assert scheduler.call("SUPPRESS", {"roles": ["red"]}) == 202
    assert "red" in framework.suppressed_roles
    assert scheduler.call("REVIVE", {"roles": ["not-mine"]}) == 202
    assert "red" in framework.suppressed_roles
    assert scheduler.call("REVIVE", {"roles": ["red"]}) == 202
    assert "red" not in framework.suppressed_roles


def test_calls_about_what_does_not_exist_yet_are_accepted(agent, scheduler) -> None:
    request = {"requests": [{"agent_id": {"value": agent.agent_id}}]}
    assert scheduler.call("REQUEST", request) == 202
    inverse = {"inverse_offer_ids": [{"value": "o"}]}
    assert scheduler.call("ACCEPT_INVERSE_OFFERS", inverse) == 202
    assert scheduler.call("DECLINE_INVERSE_OFFERS", inverse) == 202
    acknowledgement = {
        "agent_id": {"value": agent.agent_id},
        "uuid": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "operation_id": {"value": "op"},
    }
    assert scheduler.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledgement) == 202
    assert scheduler.take() == []


def test_an_operator_tears_a_framework_down(cluster, agent, scheduler) -> None:
    def teardown(framework_id: str) -> int:
        return cluster.ask(
            lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
        ).status

    assert teardown(scheduler.framework_id) == 200
    assert [each["type"] for each in scheduler.take()] == ["ERROR"]
    assert scheduler.is_closed
    assert [each.framework_id for each in agent.take(ShutdownFramework)] == [scheduler.framework_id]
    assert teardown(scheduler.framework_id) == 400
    assert teardown("nobody") == 400
