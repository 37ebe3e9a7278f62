"""What calls for a pass, and of which agents: rules 1 to 4 of Mesos' allocator."""

from __future__ import annotations

import pytest

from tepui.allocator import (
    AgentDescription,
    AllocatorOptions,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import TimeInfo, Unavailability
from tepui.resources import parse_attributes, parse_resources

T0 = Instant(0.0, 0.0)
TOTAL = parse_resources("cpus:1;mem:64")


class Cluster:
    """An allocator with agents ``a`` and ``b``."""

    def __init__(self) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        self.agent("a")
        self.agent("b")
        self.offered()

    def agent(self, name: str) -> None:
        self.allocator.add_agent(name, AgentDescription(hostname=name), total=TOTAL, used={})

    def framework(self, *, is_active: bool = True, **options: tuple[str, ...]) -> None:
        said = FrameworkOptions(roles=("dev",), **options)
        self.allocator.add_framework("f", said, is_active=is_active)

    def offered(self) -> list[str]:
        """Let a pass run if one was called for; return the agents that were offered."""
        agents = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(T0, agents_max=10, offers_max=10)
            agents += [each.agent_id for each in part.allocations]
        return sorted(agents)


def test_rule_1_the_periodic_pass_is_over_all_agents() -> None:
    cluster = Cluster()
    runs = cluster.allocator.statistics().runs
    assert not cluster.allocator.is_pending()
    cluster.allocator.periodic(T0)
    assert cluster.allocator.is_pending()
    assert cluster.offered() == []
    assert cluster.allocator.statistics().runs == runs + 1


def test_rule_1_the_periodic_pass_offers_what_waited_for_it() -> None:
    cluster = Cluster()
    cluster.framework()
    while cluster.allocator.is_pending():
        for offer in cluster.allocator.allocate_slice(T0, agents_max=10, offers_max=10).allocations:
            cluster.allocator.recover(
                "f", offer.agent_id, offer.resources, refuse_seconds=0, now=T0
            )
    cluster.allocator.periodic(T0)
    assert cluster.offered() == ["a", "b"]


def test_rule_2_a_framework_that_is_added_active_is_served_everywhere() -> None:
    cluster = Cluster()
    cluster.framework()
    assert cluster.offered() == ["a", "b"]


def test_rule_2_a_framework_that_is_activated_is_served_everywhere() -> None:
    cluster = Cluster()
    cluster.framework(is_active=False)
    assert cluster.offered() == []
    cluster.allocator.activate_framework("f")
    assert cluster.offered() == ["a", "b"]


@pytest.mark.parametrize("roles", [(), ("dev",)])
def test_rule_2_a_framework_that_is_revived_is_served_everywhere(roles: tuple[str, ...]) -> None:
    cluster = Cluster()
    cluster.framework(suppressed_roles=("dev",))
    assert cluster.offered() == []
    cluster.allocator.revive("f", roles)
    assert cluster.offered() == ["a", "b"]


def test_rule_3_an_agent_that_is_added_is_offered_alone() -> None:
    cluster = Cluster()
    cluster.allocator.deactivate_agent("a")
    cluster.allocator.deactivate_agent("b")
    cluster.framework()
    assert cluster.offered() == []
    cluster.agent("c")
    assert cluster.offered() == ["c"]


def test_rule_3_a_change_of_what_an_agent_says_concerns_that_agent_alone() -> None:
    cluster = Cluster()
    cluster.framework()
    for offer in cluster.allocator.allocate_slice(T0, agents_max=10, offers_max=10).allocations:
        cluster.allocator.recover("f", offer.agent_id, offer.resources, refuse_seconds=60, now=T0)
    assert cluster.offered() == []
    described = AgentDescription(hostname="a", attributes=parse_attributes("rack:r1"))
    cluster.allocator.update_agent("a", total=TOTAL, description=described)
    assert cluster.offered() == ["a"]


def test_rule_3_a_change_of_unavailability_calls_for_a_pass() -> None:
    cluster = Cluster()
    assert not cluster.allocator.is_pending()
    soon = Unavailability(start=TimeInfo(nanoseconds=1))
    cluster.allocator.update_unavailability("a", soon)
    assert cluster.allocator.is_pending()
    cluster.offered()
    cluster.allocator.update_unavailability("a", None)
    assert cluster.allocator.is_pending()


def test_rule_4_one_pass_serves_all_that_was_called_for_before_it() -> None:
    cluster = Cluster()
    runs = cluster.allocator.statistics().runs
    cluster.framework()
    cluster.agent("c")
    cluster.allocator.revive("f")
    cluster.allocator.periodic(T0)
    assert cluster.offered() == ["a", "b", "c"]
    assert cluster.allocator.statistics().runs == runs + 1
    assert not cluster.allocator.is_pending()


def test_rule_4_what_is_called_for_during_a_pass_is_served_by_the_next() -> None:
    cluster = Cluster()
    cluster.framework()
    runs = cluster.allocator.statistics().runs
    first = cluster.allocator.allocate_slice(T0, agents_max=1, offers_max=10)
    assert not first.is_done
    cluster.agent("c")
    offered = [each.agent_id for each in first.allocations] + cluster.offered()
    assert sorted(offered) == ["a", "b", "c"]
    assert cluster.allocator.statistics().runs == runs + 2
