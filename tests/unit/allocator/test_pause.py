"""The pause after a failover: rules 7 and 9 of Mesos' allocator."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cluster(cluster: Any) -> Any:
    cluster.framework("f", "dev")
    return cluster


def come(cluster: Any, *names: str) -> None:
    for name in names:
        cluster.agent(name, "cpus:1;mem:64")


def offered(cluster: Any) -> list[str]:
    return sorted(each.agent_id for each in cluster.offers())


def test_rule_7_nothing_runs_while_paused(cluster: Any) -> None:
    cluster.allocator.pause(3)
    come(cluster, "a", "b")
    cluster.allocator.trigger()
    cluster.allocator.periodic(cluster.now)
    assert not cluster.allocator.is_pending()
    # Even if somebody asks: the pass before the pause may have been under way.
    part = cluster.allocator.allocate_slice(cluster.now, agents_max=10, offers_max=10)
    assert (part.allocations, part.inverse, part.is_done) == ([], [], True)
    assert cluster.allocator.statistics().runs == 0


def test_rule_9_all_agents_are_offered_once_enough_are_there(cluster: Any) -> None:
    cluster.allocator.pause(3)
    come(cluster, "a", "b")
    assert offered(cluster) == []
    come(cluster, "c")
    assert offered(cluster) == ["a", "b", "c"]


def test_rule_9_or_when_the_time_is_over(cluster: Any) -> None:
    cluster.allocator.pause(3)
    come(cluster, "a", "b")
    cluster.allocator.resume()
    assert offered(cluster) == ["a", "b"]
    come(cluster, "c")
    assert offered(cluster) == ["c"]


def test_rule_9_to_expect_nobody_is_no_pause(cluster: Any) -> None:
    cluster.allocator.pause(0)
    come(cluster, "a")
    assert offered(cluster) == ["a"]


def test_to_resume_without_a_pause_calls_for_no_pass(cluster: Any) -> None:
    cluster.allocator.resume()
    assert not cluster.allocator.is_pending()


def test_an_agent_that_left_again_does_not_count(cluster: Any) -> None:
    cluster.allocator.pause(2)
    come(cluster, "a")
    cluster.allocator.remove_agent("a")
    come(cluster, "b")
    assert offered(cluster) == []
    come(cluster, "a")
    assert offered(cluster) == ["a", "b"]
