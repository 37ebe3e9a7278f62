"""The master's metrics follow what happens."""

from __future__ import annotations

from typing import Any

from tepui.master.metrics import framework_metrics, master_metrics


def metrics(cluster: Any, **options: Any) -> dict[str, float]:
    return master_metrics(
        cluster.state,
        cluster.allocator.statistics(),
        cluster.allocator.roles(),
        cluster.now.wall,
        **options,
    )


def test_agents_are_connected_active_or_not(cluster: Any) -> None:
    cluster.agent().register()
    cluster.agent(port=5052).register().disconnect()
    found = metrics(cluster)
    assert (found["master/slaves_connected"], found["master/slaves_disconnected"]) == (1.0, 1.0)
    assert (found["master/slaves_active"], found["master/slaves_inactive"]) == (1.0, 1.0)
    assert found["master/slave_registrations"] == 2.0


def test_resources_are_counted_once_they_are_used(cluster: Any) -> None:
    cluster.agent("cpus:4;mem:1024").register()
    scheduler = cluster.scheduler("a").subscribe()
    [offer] = scheduler.offers()
    assert metrics(cluster)["master/outstanding_offers"] == 1.0
    assert metrics(cluster)["master/cpus_used"] == 0.0
    scheduler.launch(offer, "t1")
    found = metrics(cluster)
    assert (found["master/cpus_total"], found["master/cpus_used"]) == (4.0, 1.0)
    assert found["master/cpus_percent"] == 0.25
    assert found["master/gpus_percent"] == 0.0
    assert found["allocator/mesos/resources/cpus/offered_or_allocated"] == 1.0
    assert found["allocator/mesos/quota/roles/a/resources/cpus/consumed"] == 1.0


def test_an_invalid_task_is_counted_with_its_reason_in_the_old_words(cluster: Any) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("a").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "a/b")
    found = metrics(cluster)
    assert found["master/tasks_error"] == 1.0
    assert found["master/task_error/source_master/reason_task_invalid"] == 1.0


def test_a_framework_has_metrics_under_its_encoded_name(cluster: Any) -> None:
    scheduler = cluster.scheduler("a", name="my/app one").subscribe()
    prefix = f"master/frameworks/my%2Fapp%20one/{scheduler.framework_id}/"
    found = metrics(cluster)
    assert found[f"{prefix}subscribed"] == 1.0
    assert found[f"{prefix}calls/subscribe"] == 1.0
    assert found[f"{prefix}events/heartbeat"] == 1.0
    hidden = metrics(cluster, are_frameworks_shown=False)
    assert [key for key in hidden if key.startswith(prefix)] == []
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert framework_metrics(framework)[f"{prefix}events"] == 2.0
