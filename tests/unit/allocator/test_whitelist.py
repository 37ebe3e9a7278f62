"""The whitelist: rules 10 and 11 of Mesos' allocator."""

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
    """An allocator with one framework; an agent's host name is its id in capitals."""

    def __init__(self) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        self.allocator.add_framework("f", FrameworkOptions(roles=("dev",)), is_active=True)

    def agents(self, *names: str) -> None:
        for name in names:
            self.allocator.add_agent(
                name,
                AgentDescription(hostname=name.upper()),
                total=parse_resources("cpus:1;mem:64"),
                used={},
            )

    def offered(self) -> list[str]:
        agents = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(T0, agents_max=10, offers_max=10)
            agents += [each.agent_id for each in part.allocations]
        return sorted(agents)


def test_rule_11_without_a_list_all_agents_are_offered() -> None:
    cluster = Cluster()
    cluster.agents("a", "b")
    assert cluster.offered() == ["a", "b"]


def test_rule_10_agents_off_the_list_are_not_offered() -> None:
    cluster = Cluster()
    cluster.allocator.update_whitelist(["A", "C", "unknown"])
    cluster.agents("a", "b", "c")
    assert cluster.offered() == ["a", "c"]
    cluster.allocator.periodic(T0)
    assert cluster.offered() == []


def test_rule_11_an_empty_list_excludes_all() -> None:
    cluster = Cluster()
    cluster.allocator.update_whitelist([])
    cluster.agents("a", "b")
    assert cluster.offered() == []


def test_a_new_list_counts_at_once() -> None:
    cluster = Cluster()
    cluster.agents("a", "b")
    cluster.allocator.update_whitelist([])
    assert cluster.offered() == []
    cluster.allocator.update_whitelist(["B"])
    assert cluster.offered() == ["b"]
    cluster.allocator.update_whitelist(None)
    assert cluster.offered() == ["a"]


def test_what_was_offered_before_stays_with_the_framework() -> None:
    cluster = Cluster()
    cluster.agents("a")
    cluster.offered()
    cluster.allocator.update_whitelist([])
    resources = parse_resources("cpus:1;mem:64").allocated_to("dev")
    cluster.allocator.mark_allocated("f", "a", resources)
    cluster.allocator.release("f", "a", resources)
    assert cluster.offered() == []
