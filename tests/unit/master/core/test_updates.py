"""A task's way from launch to acknowledgement."""

from __future__ import annotations

from tepui.link.messages import AcknowledgeStatus
from tepui.master.core.tasks import STATUSES_MAX


def running(cluster, **fields):
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red", **fields).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    scheduler.take()
    return agent, scheduler


def test_a_task_goes_from_offer_to_acknowledged_end(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    assert [each["type"] for each in scheduler.take()] == ["SUBSCRIBED", "HEARTBEAT"]
    [offer] = scheduler.offers()
    assert scheduler.launch(offer, "t1") == 202
    assert agent.launched() == ["t1"]

    for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
        agent.update(scheduler.framework_id, "t1", state)
        [status] = scheduler.statuses()
        assert status["state"] == state
        assert status["uuid"] == "MDEyMzQ1Njc4OWFiY2RlZg=="
        assert scheduler.acknowledge(status) == 202

    framework = cluster.state.frameworks[scheduler.framework_id]
    assert not framework.tasks
    assert [each.task_id for each in framework.completed_tasks] == ["t1"]


def test_a_finished_task_frees_its_resources_and_stays_until_acknowledged(cluster) -> None:
    agent, scheduler = running(cluster)
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert not framework.used
    assert list(framework.tasks) == ["t1"]
    [status] = scheduler.statuses()
    scheduler.acknowledge({**status, "uuid": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert list(framework.tasks) == ["t1"], "that was another update's uuid"
    scheduler.acknowledge(status)
    assert not framework.tasks


def test_a_task_is_not_ended_by_an_acknowledgement_to_another_agent(cluster) -> None:
    agent, scheduler = running(cluster)
    other = cluster.agent(port=5052).register()
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    [status] = scheduler.statuses()
    scheduler.acknowledge({**status, "agent_id": {"value": other.agent_id}})
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.tasks) == ["t1"]
    scheduler.acknowledge(status)
    assert not framework.tasks


def test_acknowledgements_reach_the_agent(cluster) -> None:
    agent, scheduler = running(cluster)
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING", uuid=b"x" * 16)
    scheduler.acknowledge(scheduler.statuses()[0])
    assert agent.take(AcknowledgeStatus) == [
        AcknowledgeStatus(framework_id=scheduler.framework_id, task_id="t1", uuid=b"x" * 16)
    ]


def test_an_acknowledgement_of_nothing_is_counted_and_dropped(cluster) -> None:
    agent, scheduler = running(cluster)
    nothing = {
        "agent_id": {"value": agent.agent_id},
        "task_id": {"value": "t1"},
        "uuid": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert scheduler.acknowledge(nothing) == 202
    assert scheduler.acknowledge({**nothing, "agent_id": {"value": "none"}}) == 202
    assert cluster.state.counters.acknowledgements_invalid == 2
    assert agent.take(AcknowledgeStatus) == []


def test_an_update_of_a_task_that_the_master_forgot_can_still_be_acknowledged(cluster) -> None:
    agent, scheduler = running(cluster)
    agent.update(scheduler.framework_id, "ghost", "TASK_FAILED")
    [status] = scheduler.statuses()
    scheduler.acknowledge(status)
    assert [each.task_id for each in agent.take(AcknowledgeStatus)] == ["ghost"]
    assert cluster.state.counters.status_updates_invalid == 1


def test_a_terminal_state_is_final(cluster) -> None:
    agent, scheduler = running(cluster)
    agent.update(scheduler.framework_id, "t1", "TASK_FAILED")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    task = cluster.state.frameworks[scheduler.framework_id].tasks["t1"]
    assert task.state.value == "TASK_FAILED"


def test_one_status_is_kept_for_each_state_and_without_data(cluster) -> None:
    agent, scheduler = running(cluster)
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING", data="ZGF0YQ==")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING", message="second")
    first, _ = scheduler.statuses()
    assert first["data"] == "ZGF0YQ=="
    task = cluster.state.frameworks[scheduler.framework_id].tasks["t1"]
    [kept] = task.statuses
    assert (kept.message, kept.data) == ("second", None)


def test_an_executor_that_cannot_decide_does_not_fill_the_memory(cluster) -> None:
    agent, scheduler = running(cluster)
    for _ in range(STATUSES_MAX):
        agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
        agent.update(scheduler.framework_id, "t1", "TASK_STARTING")
    task = cluster.state.frameworks[scheduler.framework_id].tasks["t1"]
    assert len(task.statuses) == STATUSES_MAX


def test_updates_for_a_disconnected_framework_wait_on_the_agent(cluster) -> None:
    agent, scheduler = running(cluster, failover_timeout=60.0)
    scheduler.disconnect()
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    scheduler.subscribe()
    assert scheduler.statuses() == []
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    assert len(scheduler.statuses()) == 1


def test_completed_tasks_are_remembered_up_to_a_bound(make_cluster) -> None:
    cluster = make_cluster(max_completed_tasks_per_framework=2)
    agent, scheduler = running(cluster)
    framework = cluster.state.frameworks[scheduler.framework_id]
    for name in ("t1", "t2", "t3"):
        if name != "t1":
            cluster.pass_time(6.0)
            scheduler.launch(scheduler.offers()[0], name)
        agent.update(scheduler.framework_id, name, "TASK_FINISHED")
        scheduler.acknowledge(scheduler.statuses()[0])
    assert [each.task_id for each in framework.completed_tasks] == ["t2", "t3"]


def test_every_change_drops_the_fragments_that_show_it(cluster) -> None:
    agent, scheduler = running(cluster)
    framework = cluster.state.frameworks[scheduler.framework_id]
    known = cluster.state.agents[agent.agent_id]
    task = framework.tasks["t1"]
    for each in (framework, known, task):
        each.fragments["view"] = b"stale"
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    assert not task.fragments
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    assert not framework.fragments
    assert not known.fragments
