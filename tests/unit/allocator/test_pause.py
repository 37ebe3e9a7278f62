"""The pause after a failover: rules 7 and 9 of Mesos' allocator."""

from __future__ import annotations

from tepui.allocator import (
    AgentDescription,
    AllocatorOptions,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.resources import parse_resources

T0 = Instant(0.0, 0.0)


class Cluster:
    """An allocator with one framework."""

    def __init__(self) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        self.allocator.add_framework("f", FrameworkOptions(roles=("dev",)), is_active=True)

    def agents(self, *names: str) -> None:
        for name in names:
            self.allocator.add_agent(
                name,
                AgentDescription(hostname=name),
                total=parse_resources("cpus:1;mem:64"),
                used={},
            )

    def offered(self) -> list[str]:
        agents = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(T0, agents_max=10, offers_max=10)
            agents += [each.agent_id for each in part.allocations]
        return sorted(agents)


def test_rule_7_nothing_runs_while_paused() -> None:
    cluster = Cluster()
    cluster.allocator.pause(3)
    cluster.agents("a", "b")
    cluster.allocator.trigger()
    cluster.allocator.periodic(T0)
    assert not cluster.allocator.is_pending()
    # Even if somebody asks: the pass before the pause may have been under way.
    part = cluster.allocator.allocate_slice(T0, agents_max=10, offers_max=10)
    assert (part.allocations, part.inverse, part.is_done) == ([], [], True)
    assert cluster.allocator.statistics().runs == 0


def test_rule_9_all_agents_are_offered_once_enough_are_there() -> None:
    cluster = Cluster()
    cluster.allocator.pause(3)
    cluster.agents("a", "b")
    assert cluster.offered() == []
    cluster.agents("c")
    assert cluster.offered() == ["a", "b", "c"]


def test_rule_9_or_when_the_time_is_over() -> None:
    cluster = Cluster()
    cluster.allocator.pause(3)
    cluster.agents("a", "b")
    cluster.allocator.resume()
    assert cluster.offered() == ["a", "b"]
    cluster.agents("c")
    assert cluster.offered() == ["c"]


def test_rule_9_to_expect_nobody_is_no_pause() -> None:
    cluster = Cluster()
    cluster.allocator.pause(0)
    cluster.agents("a")
    assert cluster.offered() == ["a"]


def test_to_resume_without_a_pause_calls_for_no_pass() -> None:
    cluster = Cluster()
    cluster.allocator.resume()
    assert not cluster.allocator.is_pending()


def test_an_agent_that_left_again_does_not_count() -> None:
    cluster = Cluster()
    cluster.allocator.pause(2)
    cluster.agents("a")
    cluster.allocator.remove_agent("a")
    cluster.agents("b")
    assert cluster.offered() == []
    cluster.agents("a")
    assert cluster.offered() == ["a", "b"]
