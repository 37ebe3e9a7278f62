"""After a failover: no offers until the agents that a quota counts on are there."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.codec import json
from tepui.master.core.events import QuotaUpdateRequested, TimerKind, WhitelistChanged
from tepui.messages.quota import QuotaConfig


def guarantee(cluster: Any, role: str) -> None:
    given = {"role": role, "guarantees": {"cpus": {"value": 1}}}
    config = json.from_builtins(QuotaConfig, given)
    answer = cluster.ask(
        lambda number: QuotaUpdateRequested(request_id=number, configs=(config,), is_forced=True)
    )
    assert answer.status == 200


class Failover:
    """A cluster of some agents whose master has failed."""

    def __init__(self, cluster: Any, *, agents: int, has_quota: bool) -> None:
        self.agents = [cluster.agent(port=5051 + index).register() for index in range(agents)]
        if has_quota:
            guarantee(cluster, "red")
        self.successor = cluster.fail_over()
        self.scheduler = self.successor.scheduler("blue").subscribe()

    def come_back(self, agents: int) -> list[Any]:
        """Let some agents come back, and return the offers that follow."""
        returning, self.agents = self.agents[:agents], self.agents[agents:]
        for agent in returning:
            agent.cluster = self.successor
            agent.reregister()
        return self.offers()

    def offers(self) -> list[Any]:
        offers: list[Any] = self.scheduler.offers()
        return offers

    def is_waiting(self) -> bool:
        return any(each.kind is TimerKind.ALLOCATOR_RECOVERY for each in self.successor.timers)


def test_rule_8_without_any_quota_there_is_no_pause(cluster) -> None:
    failover = Failover(cluster, agents=5, has_quota=False)
    assert not failover.is_waiting()
    assert len(failover.come_back(1)) == 1


def test_rules_8_and_9_with_a_quota_four_of_five_agents_are_awaited(cluster) -> None:
    failover = Failover(cluster, agents=5, has_quota=True)
    assert failover.is_waiting()
    assert failover.come_back(3) == []
    assert len(failover.come_back(1)) == 4
    assert len(failover.come_back(1)) == 1


def test_rule_9_the_wait_ends_after_its_time(make_cluster) -> None:
    cluster = make_cluster(allocator_recovery_timeout=60.0, agent_reregister_timeout=600.0)
    failover = Failover(cluster, agents=5, has_quota=True)
    assert failover.come_back(2) == []
    failover.successor.pass_time(59.0)
    assert failover.offers() == []
    failover.successor.pass_time(1.0)
    assert len(failover.offers()) == 2


@pytest.mark.parametrize(("agents", "factor"), [(1, 0.8), (5, 0.0), (0, 1.0)])
def test_rule_9_a_share_of_less_than_one_agent_is_no_pause(
    make_cluster, agents: int, factor: float
) -> None:
    cluster = make_cluster(allocator_agent_recovery_factor=factor)
    failover = Failover(cluster, agents=agents, has_quota=True)
    assert not failover.is_waiting()
    assert len(failover.come_back(1)) == min(agents, 1)


def test_a_whitelist_that_was_read_reaches_the_allocator(cluster) -> None:
    cluster.agent(port=5051).register()
    cluster.handle(WhitelistChanged(hostnames=()))
    scheduler = cluster.scheduler("red").subscribe()
    assert scheduler.offers() == []
    cluster.handle(WhitelistChanged(hostnames=("host-5051",)))
    assert len(scheduler.offers()) == 1
