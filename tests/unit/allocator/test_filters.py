"""Filters do not pile up."""

from tepui.allocator import filters
from tepui.allocator.filters import FILTERS_MAX, Filters
from tepui.allocator.quota import Quotas
from tepui.allocator.roles import Client, RoleTree
from tepui.allocator.sorters import DrfSorter
from tepui.resources import parse_resources


def client() -> Client:
    tree = RoleTree(
        make_role_sorter=DrfSorter,
        make_framework_sorter=DrfSorter,
        weights={},
        excluded=(),
        quotas=Quotas(()),
    )
    return tree.add_client("f", "a", 1)


def test_a_refusal_that_covers_an_earlier_one_and_outlives_it_replaces_it() -> None:
    kept, who = Filters(), client()
    kept.add(who, "s", parse_resources("cpus:1"), 10.0)
    kept.add(who, "s", parse_resources("cpus:2"), 10.0)
    assert kept.counts() == {"a": 1}
    kept.add(who, "s", parse_resources("cpus:1"), 20.0)
    assert kept.counts() == {"a": 2}


def test_refusals_of_different_things_are_bounded() -> None:
    kept, who = Filters(), client()
    for number in range(2 * FILTERS_MAX):
        kept.add(who, "s", parse_resources(f"r{number}:1"), 100.0 + number)
    assert kept.counts() == {"a": FILTERS_MAX}
    assert not kept.blocks(who, "s", parse_resources("r0:1"))
    assert kept.blocks(who, "s", parse_resources(f"r{2 * FILTERS_MAX - 1}:1"))


def test_cleared_filters_do_not_fill_the_heap() -> None:
    kept, who = Filters(), client()
    for _ in range(5_000):
        kept.add(who, "s", parse_resources("cpus:1"), 1e9)
        assert kept.clear_client(who) == ["s"]
    assert len(kept._heap) < 2_000
    assert kept.next_expiry() is None


def test_what_is_held_until_the_periodic_pass_leaves_what_has_a_time_alone() -> None:
    kept, who = Filters(), client()
    kept.add(who, "s", parse_resources("cpus:1"), 10.0)
    kept.hold(who, "s", parse_resources("cpus:2"))
    assert len(kept.release_held()) == 1
    assert kept.blocks(who, "s", parse_resources("cpus:1"))
    assert not kept.blocks(who, "s", parse_resources("cpus:2"))


def test_expiry_comes_in_order() -> None:
    kept, who = Filters(), client()
    kept.add(who, "s", parse_resources("cpus:1"), 10.0)
    kept.add(who, "t", parse_resources("cpus:1"), 5.0)
    assert kept.next_expiry() == 5.0
    assert [each.agent_id for each in kept.expire(7.0)] == ["t"]
    assert [each.agent_id for each in kept.expire(10.0)] == ["s"]
    assert kept.next_expiry() is None


def test_a_filter_lives_between_the_interval_and_a_year() -> None:
    assert filters.seconds_of(0.2, 1.0) == 1.0
    assert filters.seconds_of(3.0, 10.0) == 10.0
    assert filters.seconds_of(-3.0, 1.0) == 5.0
    assert filters.seconds_of(float("inf"), 1.0) == 365 * 86_400
