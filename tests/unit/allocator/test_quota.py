"""Quota: guarantees before fair shares, limits, and headroom for guarantees to come."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import Quota
from tepui.base.errors import InvariantViolated
from tepui.resources import Quantities, parse_resources


def amounts(offers: list[Any], name: str = "cpus") -> dict[str, int]:
    """Return how many whole units each role was offered."""
    total: dict[str, int] = {}
    for each in offers:
        total[each.role] = total.get(each.role, 0) + each.resources.scalars().get(name, 0) // 1000
    return total


# -- the first stage --


def test_rule_26_the_first_stage_is_for_guarantees_of_roles_with_frameworks(cluster: Any) -> None:
    cluster.quota("absent", "cpus:1")
    cluster.quota("limited", limits="cpus:1")
    cluster.quota("poor", "cpus:4")
    cluster.framework("f", "aaa")
    cluster.framework("g", "limited")
    cluster.framework("h", "poor")
    cluster.agent("s", "cpus:5;mem:64")
    # Without a guarantee "aaa" would be the first; one CPU stays for the absent.
    assert [each[1] for each in cluster.brief()] == ["poor"]


def test_rule_26_a_nested_role_has_no_guarantee_of_its_own(cluster: Any) -> None:
    cluster.quota("a", "cpus:2;mem:64")
    cluster.framework("nested", "a/x")
    cluster.framework("other", "A")
    cluster.agent("s", "cpus:4;mem:128")
    # The headroom is for "a" to ask for; stage two offers what is beyond it.
    assert cluster.brief() == [("other", "A", "s", "cpus:2;mem:64")]


def test_rule_27_a_satisfied_guarantee_gives_no_precedence(cluster: Any) -> None:
    cluster.quota("z", "cpus:2")
    cluster.framework("f", "z")
    cluster.framework("g", "a")
    cluster.agent("s1", "cpus:2;mem:64")
    cluster.agent("s2", "cpus:2;mem:64")
    cluster.agent("s3", "cpus:2;mem:64")
    # Satisfied after the first agent of the pass; from then on shares decide.
    assert [each.role for each in cluster.offers()] == ["z", "a", "a"]


def test_rule_28_without_a_guaranteed_part_not_even_reservations_are_offered_first(
    cluster: Any,
) -> None:
    cluster.quota("z", "gpus:1")
    cluster.framework("f", "z")
    cluster.framework("g", "a")
    cluster.agent("s", "cpus:4;mem:64;cpus(z):1;mem(z):32")
    # No GPU here: the first stage passes the agent by, and "a" comes first in the second.
    assert cluster.brief() == [
        ("g", "a", "s", "cpus:4;mem:64"),
        ("f", "z", "s", "cpus(z):1;mem(z):32"),
    ]


def test_rule_28_the_guaranteed_part_is_unreserved_and_not_revocable(
    cluster: Any, things: Any
) -> None:
    cluster.quota("z", "cpus:4")
    cluster.framework("f", "z")
    cluster.framework("g", "a")
    cluster.agent(
        "s", parse_resources("mem:64;cpus(y):4") + things.scalar("cpus", 4, is_revocable=True)
    )
    (offer,) = cluster.offers()
    assert offer.role == "a"


def test_rule_29_reservations_ranges_and_revocables_come_with_the_guaranteed_part(
    cluster: Any, things: Any
) -> None:
    cluster.quota("z", "cpus:2", limits="cpus:2;mem:10")
    cluster.quota("y", "disk:80")
    cluster.framework("f", "z")
    cheap = things.scalar("cpus", 7, is_revocable=True)
    total = parse_resources("cpus:5;mem:64;disk:100;ports:[1-9];cpus(z):1;cpus(a):1") + cheap
    cluster.agent("s", total)
    (offer,) = cluster.offers()
    # One reserved CPU is consumed already, so that one CPU is guaranteed, and the limit reached;
    # memory up to the limit; disk up to the surplus.
    expected = parse_resources("cpus:1;mem:10;disk:20;ports:[1-9];cpus(z):1") + cheap
    assert offer.resources.unallocated() == expected


def test_rule_29_the_limit_counts_the_guaranteed_part_first(cluster: Any) -> None:
    cluster.quota("z", "cpus:2", limits="cpus:3")
    cluster.framework("f", "z")
    cluster.agent("s", "cpus:9;mem:64")
    assert cluster.brief() == [("f", "z", "s", "cpus:3;mem:64")]


def test_rule_30_the_guaranteed_part_is_offered_even_if_headroom_is_short(cluster: Any) -> None:
    cluster.quota("y", "cpus:100;mem:1000")
    cluster.quota("z", "cpus:2")
    cluster.framework("f", "z")
    cluster.agent("s", "cpus:9;mem:64")
    assert cluster.brief() == [("f", "z", "s", "cpus:2")]


def test_rule_31_what_is_not_guaranteed_rides_along_within_limit_and_headroom(
    cluster: Any,
) -> None:
    cluster.quota("y", "disk:60")
    cluster.quota("z", "cpus:2", limits="cpus:2;gpus:1")
    cluster.framework("f", "z")
    cluster.agent("s", "cpus:9;mem:64;disk:100;gpus:2;ports:[1-5]")
    assert cluster.brief() == [("f", "z", "s", "cpus:2;mem:64;disk:40;gpus:1;ports:[1-5]")]


# -- the second stage --


def test_rule_32_roles_served_first_take_part_in_the_second_stage(cluster: Any) -> None:
    cluster.quota("z", "cpus:1")
    cluster.framework("f", "z")
    for number in range(4):
        cluster.agent(f"s{number}", "cpus:1;mem:64")
    assert amounts(cluster.offers()) == {"z": 4}


def test_rule_33_an_offer_is_cut_to_the_limit_and_then_to_the_surplus(cluster: Any) -> None:
    cluster.quota("y", "cpus:4;disk:30")
    cluster.quota("z", limits="cpus:7;mem:40")
    cluster.framework("f", "z")
    cluster.agent("s", "cpus:10;mem:64;disk:100;ports:[1-5];cpus(z):2")
    assert cluster.brief() == [
        ("f", "z", "s", "cpus:5;mem:40;disk:70;ports:[1-5];cpus(z):2"),
    ]


def test_rule_40_only_the_surplus_is_offered_to_others(cluster: Any) -> None:
    cluster.quota("team", "cpus:6")
    cluster.framework("f", "other")
    cluster.agent("s1", "cpus:4;mem:64")
    cluster.agent("s2", "cpus:4;mem:64")
    assert amounts(cluster.offers()) == {"other": 2}
    cluster.framework("g", "team")
    # Stage one gives the team all that was kept.
    offers = cluster.offers()
    assert sum(each.resources.scalars().get("cpus", 0) for each in offers) == 6000
    assert amounts(offers) == {"team": 6}


# -- consumption --


def test_rule_35_reservations_of_the_whole_subtree_count_as_consumed(cluster: Any) -> None:
    cluster.quota("a", "cpus:10")
    cluster.framework("f", "a/x")
    cluster.agent("s", "cpus:2;mem:64;cpus(a):1;cpus(a/x/y):4")
    assert cluster.role("a").consumed == {"cpus": 5000}
    used = {"f": parse_resources("cpus:1;cpus(a):1").allocated_to("a/x")}
    cluster.agent("t", "cpus:1;cpus(a):1", used)
    # A reservation counts once, used or not.
    assert cluster.role("a").consumed == {"cpus": 7000}
    assert cluster.role("a/x").consumed == {"cpus": 5000}


def test_rule_35_revocable_resources_are_not_consumed(cluster: Any, things: Any) -> None:
    cluster.quota("a", limits="cpus:1")
    cluster.framework("f", "a")
    cheap = things.scalar("cpus", 8, is_revocable=True)
    cluster.agent("s", parse_resources("cpus:1;mem:64") + cheap)
    (offer,) = cluster.offers()
    cluster.accept(offer)
    assert cluster.role("a").consumed == {"cpus": 1000, "mem": 64_000}


def test_rule_36_what_is_reported_excludes_offers_what_decides_includes_them(
    cluster: Any,
) -> None:
    cluster.quota("a", limits="cpus:2")
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:2;mem:64")
    (offer,) = cluster.offers()
    assert cluster.role("a").consumed == {}
    cluster.agent("s2", "cpus:2;mem:64")
    assert cluster.brief() == [("f", "a", "s2", "mem:64")]
    cluster.accept(offer)
    assert cluster.role("a").consumed == {"cpus": 2000, "mem": 64_000}


def test_rule_37_a_shared_volume_is_consumed_once(cluster: Any, things: Any) -> None:
    cluster.quota("a", limits="disk:100")
    for name in ("f", "g"):
        cluster.framework(name, "a")
    volume = things.volume("v", 50, "a", is_shared=True)
    cluster.agent("s", parse_resources("cpus:1;mem:64") + volume)
    (offer,) = cluster.offers()
    cluster.accept(offer, parse_resources("cpus:0.5;mem:32") + volume)
    (offer,) = cluster.offers()
    cluster.accept(offer)
    assert cluster.role("a").consumed == {"cpus": 1000, "mem": 64_000, "disk": 50_000}


# -- headroom --


def test_rule_38_required_headroom_is_what_all_guarantees_lack(cluster: Any) -> None:
    cluster.quota("a", "cpus:3")
    cluster.quota("b", "cpus:2")
    cluster.framework("f", "other")
    # Role "b" has more than its guarantee, which does not help "a".
    cluster.agent("s", "cpus:10;mem:64;cpus(b):5;cpus(a):1")
    assert cluster.brief() == [("f", "other", "s", "cpus:8;mem:64")]


def test_rule_39_available_headroom_leaves_out_reservations_and_revocables(
    cluster: Any, things: Any
) -> None:
    cluster.quota("a", "cpus:3")
    cluster.framework("f", "other")
    cheap = things.scalar("cpus", 8, is_revocable=True)
    cluster.agent("s", parse_resources("cpus:5;mem:64;cpus(x):20") + cheap)
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == parse_resources("cpus:2;mem:64") + cheap


def test_rule_39_what_inactive_agents_have_is_headroom(cluster: Any) -> None:
    cluster.quota("a", "cpus:3")
    cluster.framework("f", "other")
    cluster.agent("down", "cpus:3")
    cluster.allocator.deactivate_agent("down")
    cluster.agent("up", "cpus:3;mem:64")
    assert cluster.brief() == [("f", "other", "up", "cpus:3;mem:64")]


def test_rule_57_what_is_left_of_an_offer_has_to_be_worth_it_too(cluster: Any) -> None:
    cluster.quota("a", limits="cpus:0.005;mem:31")
    cluster.quota("b", limits="cpus:0.005;mem:32")
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    cluster.agent("s", "cpus:4;mem:64;disk:10")
    assert cluster.brief() == [("g", "b", "s", "cpus:0.005;mem:32;disk:10")]


def test_rule_57_a_guaranteed_part_has_to_be_worth_it_too(cluster: Any) -> None:
    cluster.quota("absent", "cpus:100;mem:1000")
    cluster.quota("a", "cpus:0.005")
    cluster.quota("b", "cpus:0.01")
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    cluster.agent("s", "cpus:4;mem:64;disk:10")
    assert cluster.brief() == [("g", "b", "s", "cpus:0.01;disk:10")]


# -- guarantees and limits --


def test_rule_41_use_in_subroles_counts_for_the_role_at_the_top(cluster: Any) -> None:
    cluster.quota("a", "cpus:4", limits="cpus:4")
    used = {"f": parse_resources("cpus:3;mem:10").allocated_to("a/x/y")}
    cluster.agent("s", "cpus:10;mem:64", used)
    cluster.framework("g", "a")
    assert cluster.brief() == [("g", "a", "s", "cpus:1;mem:54")]


def test_rule_41_a_quota_below_the_top_breaks_an_invariant(cluster: Any) -> None:
    with pytest.raises(InvariantViolated, match="a/x lies below another"):
        cluster.quota("a/x", "cpus:1")


def test_rule_42_the_limit_of_the_role_at_the_top_does_not_cut_offers_to_nested_roles(
    cluster: Any,
) -> None:
    cluster.quota("a", limits="cpus:1;mem:10")
    cluster.framework("f", "a/x")
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.brief() == [("f", "a/x", "s", "cpus:4;mem:64")]


def test_rule_43_an_absent_limit_is_none_and_an_absent_guarantee_is_zero(cluster: Any) -> None:
    cluster.quota("a", "cpus:1", limits="mem:40")
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.brief() == [
        ("f", "a", "s", "cpus:4;mem:40"),
    ]
    cluster.quota("a")
    assert cluster.role("a").quota == Quota()


def test_rule_44_a_limit_of_zero_blocks_the_resource(cluster: Any) -> None:
    cluster.allocator.update_quota({"a": Quota(limits=Quantities(cpus=0, gpus=0))})
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64;gpus:1;disk:5")
    assert cluster.brief() == [("f", "a", "s", "mem:64;disk:5")]


def test_rule_45_headroom_is_kept_for_a_guarantee_that_nobody_asks_for(cluster: Any) -> None:
    cluster.quota("absent", "cpus:4;mem:64")
    cluster.framework("f", "other")
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.brief() == []
    cluster.quota("absent")
    assert cluster.brief() == [("f", "other", "s", "cpus:4;mem:64")]


def test_rule_46_a_quota_takes_nothing_from_those_who_use_it(cluster: Any) -> None:
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.accept(offer)
    cluster.quota("a", limits="cpus:1")
    cluster.quota("b", "cpus:4")
    assert cluster.brief() == []
    assert cluster.role("a").allocated == {"cpus": 4000, "mem": 64_000}


# -- what was kept back is looked at again --


def test_what_a_limit_kept_back_is_offered_once_consumption_falls(cluster: Any) -> None:
    cluster.quota("a", limits="cpus:1;mem:64")
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:1;mem:64")
    (offer,) = cluster.offers()
    cluster.accept(offer)
    cluster.agent("s2", "cpus:1;mem:64")
    assert cluster.brief() == []
    cluster.allocator.deactivate_agent(offer.agent_id)
    cluster.finish("f", "a", offer.agent_id, "cpus:1;mem:64")
    assert cluster.brief(cluster.periodic()) == [("f", "a", "s2", "cpus:1;mem:64")]


def test_what_headroom_kept_back_is_offered_once_there_is_more(cluster: Any) -> None:
    cluster.quota("absent", "cpus:1;mem:64")
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:1;mem:64")
    assert cluster.brief() == []
    cluster.agent("s2", "cpus:1;mem:64")
    cluster.allocator.deactivate_agent("s2")
    assert cluster.brief(cluster.periodic()) == [("f", "a", "s1", "cpus:1;mem:64")]


def test_what_headroom_kept_back_is_offered_once_a_reservation_satisfies_the_guarantee(
    cluster: Any,
) -> None:
    cluster.quota("absent", "cpus:1;mem:64")
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:1;mem:64")
    assert cluster.brief() == []
    cluster.agent("s2", "cpus(absent):1;mem(absent):64")
    assert cluster.brief(cluster.periodic()) == [("f", "a", "s1", "cpus:1;mem:64")]


def test_where_nothing_changed_agents_kept_back_are_passed_over(cluster: Any) -> None:
    cluster.quota("absent", "cpus:9;mem:9000")
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:1;mem:64")
    cluster.offers()
    agent = cluster.allocator._ledger.agents["s1"]
    stamp = agent.settled
    cluster.periodic()
    assert agent.settled == stamp == cluster.allocator._ledger.stamp_withheld()


def test_what_comes_free_between_the_stages_is_for_the_guarantees_of_the_next_pass(
    cluster: Any,
) -> None:
    cluster.framework("g", "b")
    cluster.agent("s1", "cpus:2")
    cluster.agent("s2", "cpus:2")
    for offer in cluster.offers():
        cluster.accept(offer)
    cluster.framework("f", "a")
    cluster.quota("a", "cpus:4")
    step = cluster.allocator.allocate_slice
    for _ in ("s1", "s2"):
        step(cluster.now, agents_max=1, offers_max=1)
    # All were visited for guarantees, and none for fair shares yet: there, "f" gets nothing.
    cluster.finish("g", "b", "s1", "cpus:2")
    assert step(cluster.now, agents_max=2, offers_max=2).allocations == []
    assert cluster.brief() == [("f", "a", "s1", "cpus:2")]


def test_a_filter_for_a_cut_offer_holds_for_it_and_not_for_a_larger_one(cluster: Any) -> None:
    cluster.quota("a", limits="cpus:1")
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 3600.0)
    assert cluster.brief(cluster.periodic()) == []
    cluster.quota("a", limits="cpus:2")
    assert cluster.brief() == [("f", "a", "s", "cpus:2;mem:64")]


def test_a_filter_for_what_headroom_left_does_not_hold_once_more_is_left(cluster: Any) -> None:
    cluster.quota("absent", "cpus:3")
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 3600.0)
    assert cluster.periodic() == []
    cluster.agent("t", "cpus:1")
    cluster.allocator.deactivate_agent("t")
    assert cluster.brief(cluster.periodic()) == [("f", "a", "s", "cpus:2;mem:64")]


def test_a_small_guaranteed_part_is_worth_an_offer_beside_a_reservation(cluster: Any) -> None:
    cluster.quota("absent", "cpus:100;mem:1000")
    cluster.quota("a", "cpus:1.005")
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64;cpus(a):1")
    assert cluster.brief() == [("f", "a", "s", "cpus:0.005;cpus(a):1")]


def test_a_capped_role_is_offered_what_is_reserved_to_it_or_revocable(
    cluster: Any, things: Any
) -> None:
    cluster.allocator.update_quota({"a": Quota(limits=Quantities(cpus=0, mem=0))})
    cluster.framework("f", "a")
    cluster.agent("s1", "cpus:4;mem:64;cpus(a):1")
    assert cluster.brief() == [("f", "a", "s1", "cpus(a):1")]
    cheap = things.scalar("cpus", 8, is_revocable=True)
    cluster.agent("s2", parse_resources("cpus:4;mem:64") + cheap)
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == cheap


def test_weights_and_quotas_call_for_a_pass(cluster: Any) -> None:
    cluster.agent("s", "cpus:4;mem:64")
    cluster.offers()
    cluster.allocator.update_weights({"a": 2.0})
    assert cluster.allocator.is_pending()
    cluster.offers()
    cluster.quota("a", "cpus:1")
    assert cluster.allocator.is_pending()


def test_the_random_sorter_serves_guarantees_first_too(new_cluster: Any) -> None:
    for seed in range(10):
        cluster = new_cluster(seed, role_sorter="random", framework_sorter="random")
        cluster.quota("z", "cpus:2")
        for role in "abcz":
            cluster.framework(f"f-{role}", role)
        for number in range(4):
            cluster.agent(f"s{number}", "cpus:1;mem:64")
        assert [each.role for each in cluster.offers()][:2] == ["z", "z"]


def test_a_limit_gives_no_right_to_what_others_are_guaranteed(cluster: Any) -> None:
    cluster.quota("absent", "cpus:3")
    cluster.quota("limited", limits="cpus:2")
    cluster.framework("f", "limited")
    cluster.agent("s", "cpus:4;mem:64")
    # Two CPUs are within the limit, and one is beyond what is guaranteed to others.
    assert cluster.brief() == [("f", "limited", "s", "cpus:1;mem:64")]
