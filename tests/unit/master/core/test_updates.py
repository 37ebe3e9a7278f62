"""A task's way from launch to acknowledgement."""

from __future__ import annotations


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
