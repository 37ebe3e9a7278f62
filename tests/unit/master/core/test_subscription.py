"""How frameworks come, go, and come back."""

from __future__ import annotations

import pytest

from tepui.link.messages import ShutdownFramework
from tepui.master.core.model import FrameworkState


def types(events) -> list[str]:
    return [each["type"] for each in events]


def test_a_new_framework_gets_an_id_and_a_heartbeat_at_once(cluster) -> None:
    scheduler = cluster.scheduler("red").subscribe()
    subscribed, heartbeat = scheduler.take()
    master_id = cluster.state.master_id
    assert subscribed["subscribed"]["framework_id"] == {"value": f"{master_id}-0000"}
    assert subscribed["subscribed"]["heartbeat_interval_seconds"] == 15.0
    assert subscribed["subscribed"]["master_info"]["id"] == master_id
    assert heartbeat == {"type": "HEARTBEAT"}
    assert cluster.scheduler("red").subscribe().framework_id == f"{master_id}-0001"


def test_heartbeats_come_every_fifteen_seconds_while_the_stream_lives(cluster) -> None:
    scheduler = cluster.scheduler("red").subscribe()
    scheduler.take()
    cluster.pass_time(46.0)
    assert types(scheduler.take()) == ["HEARTBEAT"] * 3
    scheduler.disconnect()
    cluster.pass_time(60.0)
    assert scheduler.take() == []


def test_an_id_from_another_master_is_taken_as_it_is(cluster) -> None:
    scheduler = cluster.scheduler("red")
    scheduler.framework_id = "made-up"
    scheduler.subscribe()
    assert types(scheduler.take()) == ["SUBSCRIBED", "HEARTBEAT"]
    assert list(cluster.state.frameworks) == ["made-up"]


def test_an_empty_id_counts_as_none(cluster) -> None:
    scheduler = cluster.scheduler("red")
    scheduler.framework_id = ""
    scheduler.subscribe()
    assert scheduler.framework_id == f"{cluster.state.master_id}-0000"


@pytest.mark.parametrize(
    ("info", "rule"),
    [
        ({"roles": ["a", "a"], "capabilities": [{"type": "MULTI_ROLE"}]}, "roles"),
        ({"roles": ["b"]}, "roles"),
        ({"role": "a", "capabilities": [{"type": "MULTI_ROLE"}]}, "role"),
        ({"roles": ["-x"], "capabilities": [{"type": "MULTI_ROLE"}]}, "-x"),
        ({"failover_timeout": 1e300}, "failover_timeout"),
    ],
)
def test_a_refusal_is_an_error_on_a_stream_that_ends(cluster, info, rule) -> None:
    scheduler = cluster.scheduler()
    scheduler.info = {"user": "root", "name": "bad", **info}
    scheduler.subscribe()
    [error] = scheduler.take()
    assert error["type"] == "ERROR"
    assert rule in error["error"]["message"]
    assert scheduler.is_closed
    assert scheduler.stream_id
    assert not cluster.state.frameworks


def test_a_second_subscription_takes_the_framework_over(cluster) -> None:
    agent = cluster.agent().register()
    old = cluster.scheduler("red", failover_timeout=60.0).subscribe()
    [offer] = old.offers()
    old.launch(offer, "t1")
    cluster.pass_time(6.0)
    [rest] = old.offers()
    new = cluster.scheduler("red")
    new.framework_id = old.framework_id
    old.take()
    new.subscribe()
    [error] = old.take()
    assert (error["type"], old.is_closed) == ("ERROR", True)
    assert types(new.take()) == ["SUBSCRIBED", "HEARTBEAT"]
    assert new.stream_id != old.stream_id
    assert rest["id"]["value"] not in cluster.state.offers
    assert old.call("REVIVE") == 400, "the old stream's id is not the current one"
    assert new.call("REVIVE") == 202
    agent.update(new.framework_id, "t1", "TASK_RUNNING")
    assert [each["state"] for each in new.statuses()] == ["TASK_RUNNING"]
    old.disconnect()
    assert cluster.state.frameworks[new.framework_id].state is FrameworkState.CONNECTED


def test_user_and_checkpoint_keep_their_first_values(cluster) -> None:
    scheduler = cluster.scheduler("red", checkpoint=True).subscribe()
    scheduler.info = {**scheduler.info, "user": "nobody", "checkpoint": False, "name": "new"}
    scheduler.subscribe()
    info = cluster.state.frameworks[scheduler.framework_id].info
    assert (info.user, info.checkpoint, info.name) == ("root", True, "new")


def test_a_subscription_with_another_principal_is_refused_and_changes_nothing(cluster) -> None:
    old = cluster.scheduler("red", principal="alice").subscribe()
    new = cluster.scheduler("red", principal="mallory")
    new.framework_id = old.framework_id
    new.subscribe()
    assert types(new.take()) == ["ERROR"]
    assert not old.is_closed
    assert old.call("REVIVE") == 202


def test_a_disconnected_framework_is_offered_nothing_and_may_return(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red", failover_timeout=100.0).subscribe()
    [_] = scheduler.offers()
    scheduler.disconnect()
    assert not cluster.state.offers
    cluster.allocate()
    assert not cluster.state.offers
    assert scheduler.call("REVIVE") == 403
    cluster.pass_time(99.0)
    scheduler.subscribe()
    cluster.pass_time(5.0)
    assert len(scheduler.offers()) == 1


def test_a_framework_that_does_not_return_in_time_is_over(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red", failover_timeout=100.0).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    scheduler.disconnect()
    cluster.pass_time(101.0)
    assert not cluster.state.frameworks
    completed = cluster.state.completed_frameworks.get(scheduler.framework_id)
    assert completed is not None
    assert [each.state.value for each in completed.completed_tasks] == ["TASK_KILLED"]
    assert len(agent.take(ShutdownFramework)) == 1
    scheduler.subscribe()
    [error] = scheduler.take()
    assert error["type"] == "ERROR", "a removed framework may not return"


def test_without_a_failover_timeout_a_framework_ends_with_its_stream(cluster) -> None:
    scheduler = cluster.scheduler("red").subscribe()
    scheduler.disconnect()
    cluster.pass_time(0.0)
    assert scheduler.framework_id in cluster.state.completed_frameworks


def test_suppressed_roles_may_come_with_the_subscription(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe(suppressed_roles=["red"])
    assert scheduler.offers() == []
    scheduler.call("REVIVE")
    assert len(scheduler.offers()) == 1


def test_an_update_changes_roles_and_rescinds_what_was_offered_for_those_left(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, "roles": ["blue"]}
    assert scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info}) == 200
    [rescinded] = scheduler.take("RESCIND")
    assert rescinded["rescind"]["offer_id"] == offer["id"]
    [new] = scheduler.offers()
    assert new["allocation_info"] == {"role": "blue"}


def test_an_update_may_not_change_the_user(cluster) -> None:
    scheduler = cluster.scheduler("red").subscribe()
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, "user": "nobody"}
    assert scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info}) == 400
    assert cluster.state.frameworks[scheduler.framework_id].info.user == "root"


def test_agents_with_tasks_hear_of_an_update(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, "name": "renamed"}
    scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info})
    assert [each.framework.name for each in agent.inbox if hasattr(each, "framework")][-1] == (
        "renamed"
    )


def test_completed_frameworks_are_remembered_up_to_a_bound(make_cluster) -> None:
    cluster = make_cluster(max_completed_frameworks=2)
    ids = []
    for _ in range(3):
        scheduler = cluster.scheduler("red").subscribe()
        ids.append(scheduler.framework_id)
        scheduler.call("TEARDOWN")
    assert [key for key, _ in cluster.state.completed_frameworks.items()] == ids[1:]
