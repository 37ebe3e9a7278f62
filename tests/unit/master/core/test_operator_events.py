"""What operators who subscribed hear, and when."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import Unregister
from tepui.master.core.effects import SendToOperators
from tepui.master.core.events import OperatorDisconnected, TimerKind


@pytest.fixture
def agent(cluster: Any) -> Any:
    return cluster.agent().register()


@pytest.fixture
def scheduler(cluster: Any, agent: Any) -> Any:
    del agent
    return cluster.scheduler("red", checkpoint=True).subscribe()


def taken(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was heard so far, without heartbeats, and forget it."""
    events = [each for each in heard if each["type"] != "HEARTBEAT"]
    heard.clear()
    return events


def kinds(heard: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in taken(heard)]


def test_a_stream_begins_with_all_there_is_and_a_heartbeat(cluster) -> None:
    heard = cluster.listen()
    assert [each["type"] for each in heard] == ["SUBSCRIBED", "HEARTBEAT"]
    cluster.pass_time(31.0)
    assert [each["type"] for each in heard] == ["SUBSCRIBED", *["HEARTBEAT"] * 3]


def test_a_task_is_told_of_from_its_launch_to_its_end(cluster, agent, scheduler) -> None:
    heard = cluster.listen()
    taken(heard)
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    [added] = taken(heard)
    assert added["task_added"]["task"]["task_id"] == {"value": "t1"}
    assert added["task_added"]["task"]["state"] == "TASK_STAGING"
    for state in ("TASK_RUNNING", "TASK_RUNNING", "TASK_FINISHED", "TASK_FINISHED"):
        agent.update(scheduler.framework_id, "t1", state)
    updates = [each["task_updated"] for each in taken(heard)]
    assert [each["state"] for each in updates] == ["TASK_RUNNING", "TASK_FINISHED"]
    assert {each["framework_id"]["value"] for each in updates} == {scheduler.framework_id}


def test_news_of_a_check_is_told_though_the_state_stays(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    heard = cluster.listen()
    taken(heard)
    reason = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING", reason=reason, healthy=False)
    [updated] = taken(heard)
    assert updated["task_updated"]["status"]["healthy"] is False


def test_a_framework_is_told_of_when_it_comes_changes_returns_and_goes(cluster, agent) -> None:
    heard = cluster.listen()
    taken(heard)
    scheduler = cluster.scheduler("red", failover_timeout=100.0).subscribe()
    [added] = taken(heard)
    framework = added["framework_added"]["framework"]
    assert framework["framework_info"]["id"] == {"value": scheduler.framework_id}
    assert (framework["active"], framework["connected"]) == (True, True)
    assert framework["unregistered_time"] == {"nanoseconds": 0}
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, "roles": ["red", "blue"]}
    scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info})
    scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info})
    assert kinds(heard) == ["FRAMEWORK_UPDATED"]
    scheduler.disconnect()
    assert kinds(heard) == []
    scheduler.subscribe()
    assert kinds(heard) == ["FRAMEWORK_UPDATED"]
    scheduler.call("TEARDOWN")
    [removed] = taken(heard)
    gone = removed["framework_removed"]["framework_info"]
    assert gone["id"] == {"value": scheduler.framework_id}


def test_the_tasks_of_a_framework_end_before_it_does(cluster, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    heard = cluster.listen()
    taken(heard)
    scheduler.call("TEARDOWN")
    [updated, removed] = taken(heard)
    assert updated["task_updated"]["state"] == "TASK_KILLED"
    assert removed["type"] == "FRAMEWORK_REMOVED"


def test_an_agent_is_told_of_when_it_is_admitted_and_when_it_leaves(cluster) -> None:
    heard = cluster.listen()
    taken(heard)
    agent = cluster.agent().register()
    [added] = taken(heard)
    assert added["agent_added"]["agent"]["agent_info"]["id"] == {"value": agent.agent_id}
    assert added["agent_added"]["agent"]["active"] is True
    agent.say(Unregister())
    [removed] = taken(heard)
    assert removed == {
        "type": "AGENT_REMOVED",
        "agent_removed": {"agent_id": {"value": agent.agent_id}},
    }


def test_an_unreachable_agent_was_not_removed_and_is_added_when_it_returns(
    cluster, agent, scheduler
) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    heard = cluster.listen()
    taken(heard)
    told = cluster.framework_state_of(scheduler)
    agent.disconnect()
    cluster.pass_time(601.0)
    [updated] = taken(heard)
    assert updated["task_updated"]["state"] == "TASK_UNREACHABLE"
    agent.reregister(told)
    assert sorted(kinds(heard)) == ["AGENT_ADDED", "TASK_ADDED"]


def test_a_new_master_tells_what_agents_tell_it(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    told = cluster.framework_state_of(scheduler)
    successor = cluster.fail_over()
    heard = successor.listen()
    taken(heard)
    back = successor.agent()
    back.info = agent.info
    back.reregister(told)
    events = taken(heard)
    assert [each["type"] for each in events] == ["FRAMEWORK_ADDED", "TASK_ADDED", "AGENT_ADDED"]
    assert events[0]["framework_added"]["framework"]["recovered"] is True


def test_a_state_that_an_agent_brings_along_is_told(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    told = cluster.framework_state_of(scheduler)
    agent.update(scheduler.framework_id, "t1", "TASK_STARTING")
    heard = cluster.listen()
    taken(heard)
    status = cluster.status("t1", "TASK_RUNNING", agent_id=agent.agent_id, uuid=None)
    told.executors[0].tasks[0].statuses.append(status)
    agent.reregister(told)
    [updated] = taken(heard)
    assert updated["task_updated"]["state"] == "TASK_RUNNING"


def test_beyond_the_limit_the_oldest_stream_gives_way(make_cluster) -> None:
    cluster = make_cluster(max_operator_event_stream_subscribers=2)
    streams = [cluster.listen() for _ in range(3)]
    oldest, *others = cluster.operators
    assert cluster.closed_operators == [oldest]
    assert list(cluster.state.operators) == others
    cluster.agent().register()
    assert [kinds(each)[-1] for each in streams] == ["SUBSCRIBED", "AGENT_ADDED", "AGENT_ADDED"]
    running = [timer.key for timer in cluster.timers if timer.kind is TimerKind.OPERATOR_HEARTBEAT]
    assert running == [str(each) for each in others]


def test_who_left_is_told_nothing_more(cluster) -> None:
    heard = cluster.listen()
    [connection] = cluster.operators
    taken(heard)
    cluster.handle(OperatorDisconnected(connection=connection, reason="gone"))
    cluster.handle(OperatorDisconnected(connection=connection, reason="gone again"))
    cluster.agent().register()
    cluster.pass_time(60.0)
    assert heard == []


def test_while_nobody_listens_nothing_is_said(cluster, agent, scheduler) -> None:
    said: list[Any] = []
    handle = cluster.core.handle

    def listen(event: Any, now: Any) -> Any:
        effects = handle(event, now)
        said.extend(each for each in effects if isinstance(each, SendToOperators))
        return effects

    cluster.core.handle = listen
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    scheduler.call("TEARDOWN")
    assert said == []
