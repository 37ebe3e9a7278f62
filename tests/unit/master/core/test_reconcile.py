"""What a framework hears when it asks after its tasks."""

from __future__ import annotations

import pytest

from tepui.link.messages import UpdateStatus
from tepui.master.core import reconcile
from tepui.messages import TaskState


def states(scheduler) -> list[tuple[str, str]]:
    return [(each["task_id"]["value"], each["state"]) for each in scheduler.statuses()]


def ask(scheduler, task_id: str, agent_id: str | None = None) -> None:
    task = {"task_id": {"value": task_id}}
    if agent_id is not None:
        task["agent_id"] = {"value": agent_id}
    assert scheduler.call("RECONCILE", {"tasks": [task]}) == 202


@pytest.fixture
def agent(cluster):
    return cluster.agent().register()


@pytest.fixture
def scheduler(cluster, agent):
    scheduler = cluster.scheduler("red", checkpoint=True).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t2")
    return scheduler


def test_without_names_all_tasks_are_answered_for(agent, scheduler) -> None:
    agent.update(scheduler.framework_id, "t2", "TASK_RUNNING", healthy=True)
    scheduler.take()
    assert scheduler.call("RECONCILE", {"tasks": []}) == 202
    first, second = scheduler.statuses()
    assert (first["state"], second["state"]) == ("TASK_STAGING", "TASK_RUNNING")
    assert second["reason"] == "REASON_RECONCILIATION"
    assert second["source"] == "SOURCE_MASTER"
    assert second["healthy"] is True
    assert "uuid" not in second


def test_the_update_in_flight_is_told_rather_than_the_latest_state(agent, scheduler) -> None:
    status = scheduler.cluster.status("t1", "TASK_RUNNING", agent_id=agent.agent_id, uuid=b"u" * 16)
    agent.say(
        UpdateStatus(
            framework_id=scheduler.framework_id,
            status=status,
            latest_state=TaskState.TASK_FINISHED,
        )
    )
    scheduler.take()
    ask(scheduler, "t1")
    assert states(scheduler) == [("t1", "TASK_RUNNING")]


def test_a_task_that_its_agent_does_not_have_is_gone(agent, scheduler) -> None:
    ask(scheduler, "none", agent.agent_id)
    assert states(scheduler) == [("none", "TASK_GONE")]


def test_a_framework_that_knows_no_partitions_hears_lost(cluster, agent) -> None:
    scheduler = cluster.scheduler("red", capabilities=[]).subscribe()
    scheduler.take()
    ask(scheduler, "none", agent.agent_id)
    ask(scheduler, "none")
    assert states(scheduler) == [("none", "TASK_LOST")] * 2


def test_a_task_of_which_nothing_is_known_is_unknown(scheduler) -> None:
    ask(scheduler, "none")
    ask(scheduler, "none", "no-agent")
    assert states(scheduler) == [("none", "TASK_UNKNOWN")] * 2


def test_a_task_on_an_unreachable_agent_is_unreachable_since_then(
    cluster, agent, scheduler
) -> None:
    agent.disconnect()
    cluster.pass_time(601.0)
    scheduler.take()
    ask(scheduler, "t1", agent.agent_id)
    ask(scheduler, "t2")
    first, second = scheduler.statuses()
    assert first["state"] == second["state"] == "TASK_UNREACHABLE"
    assert first["unreachable_time"] == {"nanoseconds": 1_700_000_600_000_000_000}


def test_while_agents_may_still_come_back_there_is_no_answer(cluster, agent) -> None:
    successor = cluster.fail_over()
    scheduler = successor.scheduler("red").subscribe()
    scheduler.take()
    ask(scheduler, "t1", agent.agent_id)
    ask(scheduler, "t1")
    assert states(scheduler) == []
    ask(scheduler, "t1", "no-agent")
    assert states(scheduler) == [("t1", "TASK_UNKNOWN")]


@pytest.fixture
def many(cluster, monkeypatch):
    """Return a framework with five tasks that hears of two at a time."""
    monkeypatch.setattr(reconcile, "SLICE_MAX", 2)
    cluster.agent(resources="cpus:8;mem:4096").register()
    scheduler = cluster.scheduler("red", checkpoint=True, failover_timeout=100.0).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", "t2", "t3", "t4", "t5")
    scheduler.take()
    return scheduler


def names(scheduler) -> list[str]:
    return [name for name, _ in states(scheduler)]


def test_many_tasks_are_told_in_slices_as_the_framework_reads(cluster, many) -> None:
    assert many.call("RECONCILE", {"tasks": []}) == 202
    assert names(many) == ["t1", "t2"]
    cluster.read()
    assert names(many) == ["t3", "t4"]
    cluster.read()
    assert names(many) == ["t5"]
    assert not cluster.unread


def test_a_task_that_is_over_before_its_slice_is_not_told_again(cluster, many) -> None:
    agent = next(iter(cluster.state.agents.values()))
    double = cluster.double(agent.channel)
    double.agent_id = agent.agent_id
    many.call("RECONCILE", {"tasks": []})
    double.update(many.framework_id, "t4", "TASK_FINISHED")
    many.acknowledge(many.statuses()[-1])
    double.update(many.framework_id, "t5", "TASK_RUNNING")
    many.take()
    cluster.read()
    cluster.read()
    assert states(many) == [("t3", "TASK_STAGING"), ("t5", "TASK_RUNNING")]


def test_who_asks_again_too_soon_hears_of_all_and_of_the_last_first(cluster, many) -> None:
    many.call("RECONCILE", {"tasks": []})
    many.call("RECONCILE", {"tasks": []})
    while cluster.unread:
        cluster.read()
    assert names(many) == ["t1", "t2", "t3", "t4", "t5", "t1", "t2"]


def test_named_tasks_and_operations_are_told_in_slices_too(cluster, many) -> None:
    tasks = [{"task_id": {"value": f"n{index}"}} for index in range(3)]
    many.call("RECONCILE", {"tasks": tasks})
    operations = [{"operation_id": {"value": "o"}}]
    many.call("RECONCILE_OPERATIONS", {"operations": operations})
    assert names(many) == ["n0", "n1"]
    cluster.read()
    assert names(many) == ["n2"]
    [told] = many.take("UPDATE_OPERATION_STATUS")
    assert told["update_operation_status"]["status"]["state"] == "OPERATION_UNKNOWN"
    assert not cluster.unread


def test_only_so_many_names_wait_for_an_answer(cluster, many, monkeypatch) -> None:
    monkeypatch.setattr(reconcile, "ASKED_MAX", 3)
    tasks = [{"task_id": {"value": f"n{index}"}} for index in range(6)]
    assert many.call("RECONCILE", {"tasks": tasks}) == 202
    assert many.call("RECONCILE", {"tasks": tasks}) == 503
    assert many.call("RECONCILE_OPERATIONS", {"operations": []}) == 503
    cluster.read()
    assert many.call("RECONCILE", {"tasks": tasks}) == 202


def test_nothing_is_told_to_the_stream_that_comes_after(cluster, many) -> None:
    many.call("RECONCILE", {"tasks": []})
    many.disconnect()
    many.take()
    many.subscribe()
    cluster.read()
    assert names(many) == []
    many.call("RECONCILE", {"tasks": []})
    assert names(many) == ["t1", "t2"]
