"""Shared volumes: any number of holders, counted once."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import FrameworkCapabilities
from tepui.resources import EMPTY, Resources, parse_resources


@pytest.fixture
def volume(things: Any) -> Resources:
    shared: Resources = things.volume("v", 100, "a", is_shared=True)
    return shared


def test_rule_24_a_shared_volume_is_in_a_share_once_per_client_and_role(
    cluster: Any, volume: Resources
) -> None:
    cluster.framework("f", "a")
    cluster.framework("g", "a")
    cluster.framework("other", "b")
    cluster.allocator.suppress("other")
    cluster.agent("s", parse_resources("cpus:4;mem:128;disk:100") + volume)
    total = cluster.allocator.statistics().total
    assert total == {"cpus": 4000, "mem": 128_000, "disk": 200_000}
    for _ in range(2):
        (offer,) = cluster.offers()
        cluster.accept(offer, parse_resources("cpus:1;mem:32") + volume)
    view = cluster.role("a")
    assert (view.share, view.allocated["disk"]) == (0.5, 100_000)
    cluster.allocator.add_shared(offer.framework_id, "s", volume.allocated_to("a"))
    cluster.allocator.check()
    assert cluster.role("a").share == 0.5


def test_rule_49_shared_volumes_need_the_capability(cluster: Any, volume: Resources) -> None:
    cluster.framework("plain", "a", capabilities=FrameworkCapabilities())
    cluster.agent("s", parse_resources("cpus:4;mem:128") + volume)
    assert cluster.brief() == [("plain", "a", "s", "cpus:4;mem:128")]


def test_rule_76_a_shared_volume_is_offered_again_while_it_is_allocated(
    cluster: Any, volume: Resources
) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", parse_resources("cpus:4;mem:128") + volume)
    (offer,) = cluster.offers()
    cluster.accept(offer, parse_resources("cpus:1;mem:32") + volume)
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == parse_resources("cpus:3;mem:96") + volume
    view = cluster.role("a")
    assert (view.allocated["disk"], view.offered["disk"]) == (100_000, 100_000)


def test_rule_76_it_is_offered_at_most_once_in_a_run_on_an_agent(
    new_cluster: Any, volume: Resources
) -> None:
    cluster = new_cluster(minimum=())
    for name in ("f", "g", "h"):
        cluster.framework(name, "a")
    cluster.agent("s", volume)
    cluster.agent("t", volume)
    first = cluster.offers()
    assert sorted(each.agent_id for each in first) == ["s", "t"]
    # The next run is the next occasion, for those who did not get a copy.
    assert sorted(each.agent_id for each in cluster.periodic()) == ["s", "t"]


def test_rule_76_a_refused_volume_is_not_offered_again_to_the_same(
    new_cluster: Any, volume: Resources
) -> None:
    cluster = new_cluster(minimum=())
    cluster.framework("f", "a")
    cluster.agent("s", volume)
    (offer,) = cluster.offers()
    cluster.decline(offer, 3600.0)
    assert cluster.periodic() == []
    assert cluster.periodic() == []
    assert cluster.allocator._ledger.agents["s"].settled >= 0


def test_a_filter_without_the_volume_does_not_hide_an_offer_with_it(
    cluster: Any, volume: Resources
) -> None:
    """Left out because the run had offered it already, it is there in the next run."""
    cluster.quota("a", limits="cpus:1")
    cluster.framework("f", "a")
    cluster.framework("g", "a/x")
    cluster.allocator.suppress("g")
    cluster.agent("s", parse_resources("cpus:4;mem:128") + volume)
    (first,) = cluster.offers()
    cluster.allocator.revive("g")
    (second,) = cluster.offers()
    assert second.resources.unallocated() == parse_resources("cpus:3") + volume
    cluster.allocator.mark_allocated("g", "s", volume.allocated_to("a/x"))
    cluster.decline(second, 3600.0, but=volume.allocated_to("a/x"))
    assert [each.framework_id for each in cluster.offers()] == ["g"]
    cluster.allocator.recover(
        "g",
        "s",
        (parse_resources("cpus:3") + volume).allocated_to("a/x"),
        refuse_seconds=None,
        now=cluster.now,
    )
    cluster.decline(first, None)
    # "f" comes first and gets the run's copy; what is left, "g" has refused.
    assert [each.framework_id for each in cluster.offers()] == ["f"]
    (again,) = cluster.periodic()
    assert again.resources.unallocated() == parse_resources("cpus:3") + volume


def test_rule_77_creating_and_launching_add_copies_and_destroying_takes_the_volume_away(
    cluster: Any, things: Any, volume: Resources
) -> None:
    cluster.framework("f", "a")
    reserved = things.scalar("disk", 100, "a")
    cluster.agent("s", parse_resources("cpus:4;mem:128") + reserved)
    (offer,) = cluster.offers()
    cluster.convert(offer, reserved, volume)
    copy = volume.allocated_to("a")
    cluster.allocator.add_shared("f", "s", copy)
    cluster.allocator.mark_allocated("f", "s", copy + copy)
    agent = cluster.allocator._ledger.agents["s"]
    assert agent.total == parse_resources("cpus:4;mem:128") + volume
    assert agent.used["f"] == copy + copy
    assert cluster.allocator.available("s") == EMPTY
    cluster.finish("f", "a", "s", volume)
    assert cluster.allocator.available("s") == EMPTY
    cluster.finish("f", "a", "s", volume)
    assert cluster.allocator.available("s") == volume
    cluster.allocator.convert_available("s", held=volume, converted=reserved)
    cluster.allocator.check()
    assert agent.total == parse_resources("cpus:4;mem:128") + reserved


def test_a_framework_destroys_the_volume_that_it_was_offered(
    cluster: Any, things: Any, volume: Resources
) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", parse_resources("cpus:4;mem:128") + volume)
    (offer,) = cluster.offers()
    cluster.convert(offer, volume, things.scalar("disk", 100, "a"))
    assert cluster.allocator.statistics().total["disk"] == 100_000
    assert not cluster.allocator._ledger.agents["s"].has_shared


def test_statistics_count_a_shared_volume_as_taken_once(cluster: Any, volume: Resources) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", parse_resources("cpus:4;mem:128") + volume)
    assert cluster.allocator.statistics().offered_or_allocated == {}
    (offer,) = cluster.offers()
    cluster.allocator.add_shared("f", "s", volume.allocated_to("a"))
    assert cluster.allocator.statistics().offered_or_allocated["disk"] == 100_000
    cluster.decline(offer, None)
    assert cluster.allocator.statistics().offered_or_allocated == {"disk": 100_000}
