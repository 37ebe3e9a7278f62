"""Operations in the allocator's books: what is held, or available, becomes something else."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.base.errors import InvariantViolated
from tepui.resources import EMPTY, Resources, parse_resources


def test_rule_80_unreserving_lowers_consumption(cluster: Any, things: Any) -> None:
    cluster.quota("a", limits="cpus:4")
    cluster.framework("f", "a")
    reserved = things.scalar("cpus", 3, "a")
    cluster.agent("s", parse_resources("mem:64") + reserved)
    assert cluster.role("a").consumed == {"cpus": 3000}
    cluster.allocator.convert_available("s", held=reserved, converted=parse_resources("cpus:3"))
    assert cluster.role("a").consumed == {}
    (offer,) = cluster.offers()
    cluster.accept(offer)
    cluster.agent("t", "cpus:9;mem:64")
    assert cluster.brief() == [("f", "a", "t", "cpus:1;mem:64")]


def test_rule_81_reserving_changes_what_is_held_and_the_total_at_once(
    cluster: Any, things: Any
) -> None:
    cluster.quota("a", "cpus:10")
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    reserved = things.scalar("cpus", 3, "a")
    before = cluster.role("a")
    cluster.convert(offer, parse_resources("cpus:3"), reserved)
    agent = cluster.allocator._ledger.agents["s"]
    assert agent.total == parse_resources("cpus:1;mem:64") + reserved
    after = cluster.role("a")
    assert (after.share, after.offered, after.allocated) == (before.share, before.offered, {})
    # A reservation is consumed even while it is only offered.
    assert (after.consumed, after.reserved) == ({"cpus": 3000}, {"cpus": 3000})
    held = parse_resources("cpus:1;mem:64") + reserved
    cluster.allocator.recover(
        "f", "s", held.allocated_to("a"), refuse_seconds=None, now=cluster.now
    )
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == held


def test_rule_81_a_conversion_is_no_further_allocation(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64;disk:10")
    (offer,) = cluster.offers()
    client = cluster.allocator._ledger.frameworks["f"].clients["a"]
    cluster.convert(offer, parse_resources("disk:10"), things.scalar("disk", 10, "a"))
    cluster.convert(offer, things.scalar("disk", 10, "a"), things.volume("v", 10, "a"))
    cluster.convert(offer, things.volume("v", 10, "a"), things.volume("v", 7, "a"))
    assert client.allocations == 1
    assert cluster.allocator.statistics().total["disk"] == 7000
    assert client.allocated["disk"] == 7000


def test_rule_81_what_is_used_is_converted_as_used(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    reserved = things.scalar("disk", 10, "a")
    cluster.agent("s", parse_resources("cpus:4;mem:64") + reserved)
    (offer,) = cluster.offers()
    cluster.accept(offer)
    volume = things.volume("v", 10, "a")
    cluster.convert(offer, reserved, volume, is_used=True)
    agent = cluster.allocator._ledger.agents["s"]
    assert agent.used["f"].contains(volume.allocated_to("a"))
    cluster.finish("f", "a", "s", parse_resources("cpus:4;mem:64") + volume)
    assert cluster.allocator.available("s").contains(volume)


def test_a_conversion_into_nothing_leaves_nothing_held(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    raw = things.disk("RAW", 10, id="x")
    cluster.agent("s", parse_resources("cpus:4;mem:64") + raw)
    (offer,) = cluster.offers()
    cluster.convert(offer, offer.resources.unallocated(), EMPTY)
    assert cluster.allocator.statistics().total == {"cpus": 0, "mem": 0, "disk": 0} or not any(
        cluster.allocator.statistics().total.values()
    )
    assert cluster.role("a").offered == {}
    cluster.allocator.remove_framework("f")
    cluster.allocator.check()


def test_what_is_not_held_cannot_be_converted(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    with pytest.raises(InvariantViolated, match="gives back"):
        cluster.convert(offer, parse_resources("cpus:5"), things.scalar("cpus", 5, "a"))


def test_rule_82_operators_convert_what_is_available(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    used = {"f": parse_resources("cpus:1;mem:64").allocated_to("a")}
    cluster.agent("s", "cpus:4;mem:64", used)
    assert cluster.allocator.available("s") == parse_resources("cpus:3")
    reserved = things.scalar("cpus", 2, "b")
    cluster.allocator.convert_available("s", held=parse_resources("cpus:2"), converted=reserved)
    assert cluster.allocator.available("s") == parse_resources("cpus:1") + reserved
    assert cluster.brief() == [("f", "a", "s", "cpus:1")]
    assert cluster.role("b").reserved == {"cpus": 2000}


def test_rule_82_what_is_not_available_cannot_be_converted(cluster: Any, things: Any) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    cluster.offers()
    with pytest.raises(InvariantViolated, match="is not available"):
        cluster.allocator.convert_available(
            "s", held=parse_resources("cpus:1"), converted=things.scalar("cpus", 1, "a")
        )


def test_reservations_come_and_go_with_their_roles(cluster: Any, things: Any) -> None:
    reserved = things.scalar("cpus", 2, "a", "a/b")
    cluster.agent("s", "cpus:2")
    cluster.allocator.convert_available("s", held=parse_resources("cpus:2"), converted=reserved)
    assert [view.name for view in cluster.allocator.roles()] == ["a", "a/b"]
    cluster.allocator.convert_available("s", held=reserved, converted=parse_resources("cpus:2"))
    assert cluster.allocator.roles() == []
    cluster.allocator.check()


def test_a_smaller_agent_takes_conversions_too(cluster: Any, things: Any) -> None:
    used = {"f": parse_resources("cpus:4;mem:64").allocated_to("a")}
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:2;mem:64", used)
    held: Resources = parse_resources("cpus:1")
    cluster.allocator.convert(
        "f",
        "s",
        held=held.allocated_to("a"),
        converted=things.scalar("cpus", 1, "a").allocated_to("a"),
        is_used=True,
    )
    cluster.allocator.check()
    assert cluster.allocator.available("s") == EMPTY
