"""Flat metrics, what they say of durations, and how Prometheus reads them."""

from __future__ import annotations

from tepui.telemetry.metrics import Timing, prometheus_text, system_metrics


def test_a_timing_says_nothing_before_its_first_sample() -> None:
    assert Timing(60.0).metrics("run_ms", 0.0) == {}


def test_one_sample_has_no_statistics() -> None:
    timing = Timing(60.0)
    timing.record(0.002, now=0.0)
    assert timing.metrics("run_ms", 1.0) == {"run_ms": 2.0}


def test_percentiles_lie_between_the_samples() -> None:
    timing = Timing(60.0)
    for milliseconds in (3, 1, 2):
        timing.record(milliseconds / 1000, now=0.0)
    found = timing.metrics("run_ms", 1.0)
    assert found["run_ms"] == 2.0
    assert (found["run_ms/count"], found["run_ms/min"], found["run_ms/max"]) == (3.0, 1.0, 3.0)
    assert found["run_ms/p50"] == 2.0
    assert found["run_ms/p90"] == 2.8
    assert 2.9 < found["run_ms/p9999"] <= 3.0


def test_samples_older_than_the_window_are_forgotten_but_for_the_last() -> None:
    timing = Timing(60.0)
    timing.record(0.001, now=0.0)
    timing.record(0.002, now=1.0)
    assert timing.metrics("run_ms", 100.0) == {"run_ms": 2.0}


def test_no_more_than_a_thousand_samples_are_kept() -> None:
    timing = Timing(1e9)
    for _ in range(1500):
        timing.record(0.001, now=0.0)
    assert timing.metrics("run_ms", 0.0)["run_ms/count"] == 1000.0


def test_the_machine_is_described() -> None:
    found = system_metrics()
    assert found["system/cpus_total"] >= 1.0
    assert found["system/mem_total_bytes"] > found["system/mem_free_bytes"] > 0.0


def test_names_of_things_become_labels() -> None:
    text = prometheus_text(
        {
            "master/elected": 1.0,
            "master/frameworks/a%20b/f-1/calls/accept": 2.0,
            "master/frameworks/a%20b/f-1/roles/x/y/suppressed": 0.0,
            "frameworks/some/body/messages_received": 3.0,
            "allocator/mesos/roles//shares/dominant": 0.5,
            "allocator/mesos/quota/roles/dev/resources/cpus/limit": 4.0,
        }
    ).decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples == [
        "mesos_master_elected 1.0",
        'mesos_master_frameworks_calls_accept{id="f-1",name="a%20b"} 2.0',
        'mesos_master_frameworks_roles_suppressed{id="f-1",name="a%20b",role="x/y"} 0.0',
        'mesos_frameworks_messages_received{principal="some/body"} 3.0',
        'mesos_allocator_mesos_roles_shares_dominant{role=""} 0.5',
        'mesos_allocator_mesos_quota_roles_limit{resource="cpus",role="dev"} 4.0',
    ]
