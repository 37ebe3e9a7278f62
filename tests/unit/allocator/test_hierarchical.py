"""The rules of Mesos' allocator that hold so far; each test names the number of its rule."""

import math
from typing import Any

import pytest

from tepui.allocator import (
    AgentCapabilities,
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.base.errors import InvariantViolated
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import DomainInfo, Resource, Value
from tepui.resources import (
    Quantities,
    Resources,
    format_resources,
    parse_attributes,
    parse_resources,
)

T0 = Instant(0.0, 0.0)
YEAR = 365 * 86_400


class Cluster:
    """An allocator with shorter words."""

    def __init__(self, **options: Any) -> None:
        chosen = AllocatorOptions(**options)
        self.allocator = HierarchicalAllocator(chosen, Rng(1))
        self.now = T0

    def framework(
        self,
        name: str,
        *roles: str,
        capabilities: FrameworkCapabilities = FrameworkCapabilities(),
        is_active: bool = True,
        **options: Any,
    ) -> None:
        said = FrameworkOptions(roles=roles or ("*",), capabilities=capabilities, **options)
        self.allocator.add_framework(name, said, is_active=is_active)

    def agent(self, name: str, total: str | Resources, **description: Any) -> None:
        described = AgentDescription(hostname=name, **description)
        resources = parse_resources(total) if isinstance(total, str) else total
        self.allocator.add_agent(name, described, total=resources, used={})

    def offers(self) -> list[Allocation]:
        made: list[Allocation] = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=10, offers_max=10)
            made += part.allocations
        return made

    def decline(self, offer: Allocation, refuse_seconds: float | None) -> None:
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources,
            refuse_seconds=refuse_seconds,
            now=self.now,
        )


def brief(offers: list[Allocation]) -> list[tuple[str, str, str, str]]:
    return [
        (
            each.framework_id,
            each.role,
            each.agent_id,
            format_resources(each.resources.unallocated()),
        )
        for each in offers
    ]


def domain(region: str, zone: str = "z") -> DomainInfo:
    fault_domain = DomainInfo.FaultDomain(
        region=DomainInfo.FaultDomain.RegionInfo(name=region),
        zone=DomainInfo.FaultDomain.ZoneInfo(name=zone),
    )
    return DomainInfo(fault_domain=fault_domain)


# -- triggers --


def test_rule_2_a_new_active_framework_is_served_at_once() -> None:
    cluster = Cluster()
    cluster.agent("a", "cpus:1;mem:64")
    assert cluster.offers() == []
    cluster.framework("f")
    assert brief(cluster.offers()) == [("f", "*", "a", "cpus:1;mem:64")]


def test_rule_3_a_change_of_one_agent_concerns_that_agent_alone() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", "cpus:1;mem:64")
    cluster.agent("b", "cpus:1;mem:64")
    cluster.offers()
    cluster.allocator.update_agent("b", total=parse_resources("cpus:3;mem:64"))
    assert brief(cluster.offers()) == [("f", "*", "b", "cpus:2")]


def test_rule_4_triggers_before_a_pass_are_served_by_one() -> None:
    cluster = Cluster()
    cluster.framework("f")
    for name in "abc":
        cluster.agent(name, "cpus:1;mem:64")
    cluster.allocator.periodic(T0)
    assert len(cluster.offers()) == 3
    assert cluster.allocator.statistics().runs == 1


def test_rule_5_is_replaced_what_is_recovered_is_offered_at_once() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    cluster.agent("s", "cpus:1;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 5.0)
    assert brief(cluster.offers()) == [("g", "b", "s", "cpus:1;mem:64")]


def test_rule_6_is_replaced_an_activated_agent_is_offered_at_once() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", "cpus:1;mem:64")
    cluster.allocator.deactivate_agent("a")
    assert cluster.offers() == []
    cluster.allocator.activate_agent("a")
    assert len(cluster.offers()) == 1


def test_a_pass_is_served_in_slices_bounded_by_agents_and_by_offers() -> None:
    cluster = Cluster()
    cluster.framework("f")
    for number in range(10):
        cluster.agent(f"a{number}", "cpus:1;mem:64")
    first = cluster.allocator.allocate_slice(T0, agents_max=4, offers_max=100)
    assert (len(first.allocations), first.is_done) == (4, False)
    second = cluster.allocator.allocate_slice(T0, agents_max=100, offers_max=2)
    assert (len(second.allocations), second.is_done) == (2, False)
    third = cluster.allocator.allocate_slice(T0, agents_max=100, offers_max=100)
    assert (len(third.allocations), third.is_done) == (4, True)
    assert not cluster.allocator.is_pending()


# -- agents --


def test_rule_10_removed_and_deactivated_agents_get_no_offers() -> None:
    cluster = Cluster()
    cluster.framework("f")
    for name in "abc":
        cluster.agent(name, "cpus:1;mem:64")
    cluster.allocator.remove_agent("a")
    cluster.allocator.deactivate_agent("b")
    assert [each.agent_id for each in cluster.offers()] == ["c"]


def test_rule_12_the_order_of_agents_is_by_chance() -> None:
    orders = set()
    for seed in range(20):
        cluster = Cluster()
        cluster.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(seed))
        cluster.framework("f")
        for name in "abc":
            cluster.agent(name, "cpus:1;mem:64")
        orders.add(tuple(each.agent_id for each in cluster.offers()))
    assert len(orders) == 6


def test_rule_13_what_was_allocated_earlier_in_the_pass_counts() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    for name in "wxyz":
        cluster.agent(name, "cpus:1;mem:64")
    assert [each.framework_id for each in cluster.offers()] == ["f", "g", "f", "g"]


def test_rule_14_an_offer_is_for_one_role_of_one_framework_on_one_agent() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b")
    cluster.agent("s", "cpus(a):1;mem(a):64;cpus(b):2;mem(b):64")
    assert brief(cluster.offers()) == [
        ("f", "a", "s", "cpus(a):1;mem(a):64"),
        ("f", "b", "s", "cpus(b):2;mem(b):64"),
    ]


# -- sorters --


def test_rule_15_the_random_sorter_draws_by_weight() -> None:
    cluster = Cluster(role_sorter="random", weights={"a": 9.0})
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    for number in range(200):
        cluster.agent(f"s{number}", "cpus:1;mem:64")
    roles = [each.role for each in cluster.offers()]
    assert 160 < roles.count("a") < 196


def test_rule_15_a_sorter_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'best' is not a sorter"):
        Cluster(role_sorter="best")


def test_rule_16_the_share_is_the_greatest_of_all_scalars_over_the_weight() -> None:
    cluster = Cluster(weights={"a": 2.0})
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:1;mem:60")
    cluster.offers()
    cluster.agent("t", "cpus:1;mem:20")
    cluster.allocator.deactivate_framework("f")
    (view,) = cluster.allocator.roles()
    assert view.share == pytest.approx(0.75 / 2)


def test_rule_17_excluded_names_ranges_and_sets_do_not_count() -> None:
    cluster = Cluster(fair_sharing_excluded=("cpus",))
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:3;ports:[1-9];bugs:{a};mem:40")
    cluster.offers()
    cluster.allocator.deactivate_framework("f")
    cluster.agent("t", "cpus:1;mem:60")
    (view,) = cluster.allocator.roles()
    assert view.share == pytest.approx(0.4)


def test_rule_18_ties_go_to_fewer_allocations_then_to_the_path() -> None:
    cluster = Cluster()
    cluster.framework("g")
    cluster.framework("f")
    cluster.agent("s", "cpus:1;mem:64")
    (first,) = cluster.offers()
    assert first.framework_id == "f"
    cluster.decline(first, None)
    (second,) = cluster.offers()
    assert second.framework_id == "g"


def test_rule_19_the_number_of_allocations_survives_their_return() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.framework("g")
    cluster.agent("s", "cpus:1;mem:64")
    order = []
    for _ in range(4):
        (offer,) = cluster.offers()
        order.append(offer.framework_id)
        cluster.decline(offer, None)
    assert order == ["f", "g", "f", "g"]


def test_rule_20_a_parents_share_covers_its_subtree() -> None:
    cluster = Cluster()
    cluster.framework("web", "eng/web")
    cluster.framework("db", "eng/db")
    cluster.framework("ops", "ops")
    for number in range(4):
        cluster.agent(f"s{number}", "cpus:1;mem:64")
    assert [each.framework_id for each in cluster.offers()] == ["db", "ops", "web", "ops"]


def test_rule_21_a_roles_own_frameworks_compete_with_its_children_as_one() -> None:
    cluster = Cluster()
    cluster.framework("f", "eng")
    cluster.framework("g", "eng")
    cluster.framework("web", "eng/web")
    for number in range(4):
        cluster.agent(f"s{number}", "cpus:1;mem:64")
    assert [each.framework_id for each in cluster.offers()] == ["f", "web", "g", "web"]


def test_rule_22_a_weight_scales_the_subtree_and_has_to_be_positive() -> None:
    cluster = Cluster()
    cluster.framework("web", "eng/web")
    cluster.framework("db", "eng/db")
    cluster.framework("ops", "ops")
    cluster.allocator.update_weights({"eng": 2.0})
    for number in range(12):
        cluster.agent(f"s{number}", "cpus:1;mem:64")
    names = [each.framework_id for each in cluster.offers()]
    assert [names.count(name) for name in ("web", "db", "ops")] == [4, 4, 4]
    with pytest.raises(InvariantViolated):
        cluster.allocator.update_weights({"eng": 0.0})


def test_rule_23_what_is_offered_counts_as_allocated() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:2;mem:64")
    (offer,) = cluster.offers()
    (view,) = cluster.allocator.roles()
    assert (view.share, view.allocated, view.offered) == (1.0, {}, {"cpus": 2000, "mem": 64_000})
    cluster.allocator.mark_allocated("f", "s", offer.resources)
    (view,) = cluster.allocator.roles()
    assert (view.share, view.allocated, view.offered) == (1.0, {"cpus": 2000, "mem": 64_000}, {})


def test_rule_25_inactive_frameworks_weigh_on_their_ancestors() -> None:
    cluster = Cluster()
    cluster.framework("f", "eng/a")
    cluster.agent("s", "cpus:1;mem:64")
    cluster.offers()
    cluster.allocator.suppress("f")
    cluster.framework("g", "eng/b")
    cluster.framework("h", "ops")
    cluster.agent("t", "cpus:1;mem:64")
    assert [each.framework_id for each in cluster.offers()] == ["h"]


# -- capabilities --


@pytest.mark.parametrize("is_filtered", [True, False])
def test_rule_47_gpu_agents_are_for_gpu_frameworks(is_filtered: bool) -> None:
    cluster = Cluster(filter_gpu_resources=is_filtered)
    cluster.framework("plain")
    cluster.agent("s", "cpus:1;mem:64;gpus:1")
    assert bool(cluster.offers()) is not is_filtered
    cluster.framework("gpu", capabilities=FrameworkCapabilities(gpu_resources=True))
    assert bool(cluster.offers()) is is_filtered


def test_rule_48_remote_agents_are_for_region_aware_frameworks() -> None:
    cluster = Cluster(domain=domain("here"))
    cluster.framework("plain", "a")
    cluster.framework("aware", "b", capabilities=FrameworkCapabilities(region_aware=True))
    cluster.allocator.suppress("aware")
    cluster.agent("none", "cpus:1;mem:64")
    cluster.agent("near", "cpus:1;mem:64", domain=domain("here", zone="other"))
    cluster.agent("far", "cpus:1;mem:64", domain=domain("there"))
    assert sorted(each.agent_id for each in cluster.offers()) == ["near", "none"]
    cluster.allocator.revive("aware")
    assert [each.agent_id for each in cluster.offers()] == ["far"]


def revocable(cpus: float) -> Resources:
    message = Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=cpus),
        revocable=Resource.RevocableInfo(),
    )
    return Resources.from_messages([message])


def test_rule_50_revocable_resources_need_the_capability() -> None:
    cluster = Cluster()
    cluster.framework("plain")
    cluster.agent("s", parse_resources("cpus:1;mem:64") + revocable(2))
    assert brief(cluster.offers()) == [("plain", "*", "s", "cpus:1;mem:64")]
    cluster.framework("cheap", capabilities=FrameworkCapabilities(revocable_resources=True))
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == revocable(2)


def test_rule_51_refined_reservations_need_the_capability() -> None:
    infos = [
        Resource.ReservationInfo(type=Resource.ReservationInfo.Type.STATIC, role="a"),
        Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="a/b"),
    ]
    refined = Resources.from_messages(
        [
            Resource(
                name="cpus",
                type=Value.Type.SCALAR,
                scalar=Value.Scalar(value=1),
                reservations=infos,
            )
        ]
    )
    cluster = Cluster()
    cluster.framework("plain", "a/b")
    cluster.agent("s", refined)
    assert cluster.offers() == []
    able = FrameworkCapabilities(reservation_refinement=True)
    cluster.framework("able", "a/b", capabilities=able)
    (offer,) = cluster.offers()
    assert offer.resources.unallocated() == refined


def test_rule_52_old_agents_are_not_for_multi_role_frameworks_or_nested_roles() -> None:
    cluster = Cluster()
    cluster.framework("multi", "a", "b", capabilities=FrameworkCapabilities(multi_role=True))
    cluster.framework("nested", "a/b")
    old = AgentCapabilities(multi_role=False, hierarchical_role=False)
    cluster.agent("s", "cpus:1;mem:64", capabilities=old)
    assert cluster.offers() == []
    cluster.framework("single", "c")
    assert [each.framework_id for each in cluster.offers()] == ["single"]


def test_rule_54_ephemeral_ports_are_never_shown() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:1;mem:64;ephemeral_ports:[1-9]")
    assert brief(cluster.offers()) == [("f", "*", "s", "cpus:1;mem:64")]


# -- the minimum --


@pytest.mark.parametrize(
    ("total", "is_offered"),
    [("cpus:0.01", True), ("mem:32", True), ("cpus:0.009;mem:31;disk:100", False)],
)
def test_rule_55_an_offer_has_at_least_one_of_the_sets(total: str, is_offered: bool) -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", total)
    assert bool(cluster.offers()) is is_offered


def test_rule_55_no_sets_are_no_minimum() -> None:
    cluster = Cluster(minimum=())
    cluster.framework("f")
    cluster.agent("s", "disk:0.001")
    assert len(cluster.offers()) == 1


def test_rule_56_a_role_may_have_a_minimum_of_its_own() -> None:
    cluster = Cluster()
    cluster.framework("picky", "a", "b", minimum={"a": (Quantities(cpus=8000),)})
    cluster.framework("modest", "c", minimum={"c": ()})
    cluster.agent("s", "cpus:4;mem:64")
    cluster.agent("t", "disk:1")
    cluster.allocator.suppress("picky", ["b"])
    assert [(each.role, each.agent_id) for each in cluster.offers()] == [("c", "s"), ("c", "t")]


def test_rule_56_one_frameworks_own_minimum_does_not_hide_the_agent_from_others() -> None:
    """The first to be asked wants more than there is; its neighbour in the role does not."""
    cluster = Cluster()
    cluster.framework("f1", "a", minimum={"a": (Quantities(cpus=8000),)})
    cluster.framework("f2", "a")
    cluster.agent("s", "cpus:4;mem:64")
    assert [each.framework_id for each in cluster.offers()] == ["f2"]


def test_rule_57_quantities_of_ranges_and_sets_are_counts_of_items() -> None:
    cluster = Cluster(minimum=(Quantities(ports=3000), Quantities(bugs=2000)))
    cluster.framework("f")
    cluster.agent("few", "ports:[1-2];bugs:{a};cpus:8")
    cluster.agent("ports", "ports:[1-3]")
    cluster.agent("bugs", "bugs:{a,b}")
    assert sorted(each.agent_id for each in cluster.offers()) == ["bugs", "ports"]


# -- filters --


@pytest.mark.parametrize(
    ("refuse_seconds", "lives"),
    [
        (7.0, 7.0),
        (0.1, 1.0),
        (-1.0, 5.0),
        (math.nan, 5.0),
        (math.inf, YEAR),
        (YEAR + 1.0, YEAR),
    ],
)
def test_rules_62_to_64_how_long_a_filter_lives(refuse_seconds: float, lives: float) -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:1;mem:64")
    (offer,) = cluster.offers()
    cluster.now = T0.later(100)
    cluster.decline(offer, refuse_seconds)
    assert cluster.allocator.next_deadline() == 100 + lives
    cluster.now = T0.later(100 + lives - 0.01)
    cluster.allocator.periodic(cluster.now)
    assert cluster.offers() == []
    cluster.now = T0.later(100 + lives)
    cluster.allocator.expire(cluster.now)
    assert len(cluster.offers()) == 1


def test_rule_63_zero_seconds_install_no_filter_and_wait_for_the_periodic_pass() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:1;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 0.0)
    assert cluster.offers() == []
    assert cluster.allocator.next_deadline() is None
    assert cluster.allocator.statistics().filters == {}
    cluster.allocator.periodic(T0)
    assert len(cluster.offers()) == 1


def test_rule_63_zero_seconds_do_not_undo_an_earlier_filter() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:1;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 60.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:2;mem:64"))
    (larger,) = cluster.offers()
    cluster.decline(larger, 0.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:1;mem:64"))
    cluster.allocator.periodic(T0)
    assert cluster.offers() == []


def test_rule_65_only_what_is_contained_in_the_refused_is_blocked() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 60.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:2;mem:64"))
    assert cluster.offers() == []
    cluster.allocator.update_agent("s", total=parse_resources("cpus:4;mem:64;disk:1"))
    assert len(cluster.offers()) == 1


def test_rule_66_changed_attributes_clear_an_agents_filters_a_changed_total_does_not() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, 60.0)
    total = parse_resources("cpus:3;mem:64")
    same = AgentDescription(hostname="s")
    cluster.allocator.update_agent("s", total=total, description=same)
    assert cluster.offers() == []
    other = AgentDescription(hostname="s", attributes=parse_attributes("rack:r1"))
    cluster.allocator.update_agent("s", total=total, description=other)
    assert len(cluster.offers()) == 1


def test_rule_67_deactivation_clears_a_frameworks_filters() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:4;mem:64")
    cluster.decline(cluster.offers()[0], 60.0)
    cluster.allocator.deactivate_framework("f")
    cluster.allocator.activate_framework("f")
    assert len(cluster.offers()) == 1


def test_rule_67_roles_and_frameworks_do_not_share_filters() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b")
    cluster.framework("g", "c")
    cluster.agent("s", "cpus:4;mem:64")
    asked = []
    for _ in range(3):
        (offer,) = cluster.offers()
        asked.append(offer.role)
        cluster.decline(offer, 60.0)
    assert asked == ["a", "b", "c"]
    cluster.allocator.revive("f", ["b"])
    assert [each.role for each in cluster.offers()] == ["b"]


def test_rule_68_a_rescinded_offer_and_a_finished_task_install_no_filter() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.decline(offer, None)
    (offer,) = cluster.offers()
    cluster.allocator.mark_allocated("f", "s", offer.resources)
    cluster.allocator.release("f", "s", offer.resources)
    assert len(cluster.offers()) == 1


def test_rule_69_what_one_refused_is_there_for_others_in_the_same_pass() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    cluster.decline(cluster.offers()[0], 60.0)
    cluster.framework("g", "b")
    assert [each.framework_id for each in cluster.offers()] == ["g"]


# -- suppression --


def test_rule_70_suppressing_leaves_outstanding_offers_alone() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.allocator.suppress("f", ["a"])
    cluster.allocator.mark_allocated("f", "s", offer.resources)
    cluster.allocator.release("f", "s", offer.resources)
    assert [each.role for each in cluster.offers()] == ["b"]
    cluster.allocator.suppress("f")
    cluster.agent("t", "cpus:4;mem:64")
    assert cluster.offers() == []


def test_rule_71_revive_clears_filters_and_is_served_at_once() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b", suppressed_roles=("b",))
    cluster.agent("s", "cpus:4;mem:64")
    cluster.decline(cluster.offers()[0], 60.0)
    assert cluster.offers() == []
    cluster.allocator.revive("f")
    assert len(cluster.offers()) == 1
    assert cluster.allocator.next_deadline() is None


def test_rules_72_and_73_an_update_sets_what_is_suppressed() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b", suppressed_roles=("a", "b"))
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.offers() == []
    options = FrameworkOptions(roles=("a", "b"), suppressed_roles=("b",))
    cluster.allocator.update_framework("f", options)
    (offer,) = cluster.offers()
    assert offer.role == "a"
    cluster.decline(offer, 60.0)
    cluster.allocator.update_framework("f", FrameworkOptions(roles=("a", "b")))
    assert [each.role for each in cluster.offers()] == ["b"]


def test_rule_74_a_role_that_was_left_is_known_until_its_resources_are_back() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "ports:[1-2];cpus:4;mem:64")
    (offer,) = cluster.offers()
    ports = parse_resources("ports:[1-2]").allocated_to("a")
    cluster.allocator.mark_allocated("f", "s", ports)
    cluster.allocator.update_framework("f", FrameworkOptions(roles=("b",)))
    cluster.decline(Allocation("f", "a", "s", offer.resources - ports), None)
    assert [view.name for view in cluster.allocator.roles()] == ["a", "b"]
    cluster.allocator.release("f", "s", ports)
    assert [view.name for view in cluster.allocator.roles()] == ["b"]


def test_rule_75_activation_restores_only_what_is_not_suppressed() -> None:
    cluster = Cluster()
    cluster.framework("f", "a", "b", suppressed_roles=("a",), is_active=False)
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.offers() == []
    cluster.allocator.activate_framework("f")
    assert [each.role for each in cluster.offers()] == ["b"]


# -- reservations --


def test_rule_78_a_reservation_is_for_its_role_and_those_below() -> None:
    cluster = Cluster()
    cluster.framework("parent", "a")
    cluster.framework("other", "b")
    cluster.agent("s", "cpus(a/x):1;mem(a/x):64")
    assert cluster.offers() == []
    cluster.framework("child", "a/x/y")
    assert brief(cluster.offers()) == [("child", "a/x/y", "s", "cpus(a/x):1;mem(a/x):64")]
    assert [(view.name, view.reserved.get("cpus", 0)) for view in cluster.allocator.roles()] == [
        ("a", 1000),
        ("a/x", 1000),
        ("a/x/y", 0),
        ("b", 0),
    ]


# -- life --


def test_rule_83_launched_resources_are_allocated_and_no_longer_offered() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    half = parse_resources("cpus:2;mem:32").allocated_to("a")
    cluster.allocator.mark_allocated("f", "s", half)
    with pytest.raises(InvariantViolated, match="gives back"):
        cluster.decline(offer, None)
    cluster.decline(Allocation("f", "a", "s", half), 60.0)
    assert cluster.allocator.statistics().offered_or_allocated == {"cpus": 2000, "mem": 32_000}


def test_rule_89_a_removed_framework_frees_what_it_held() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    cluster.offers()
    cluster.framework("g", "b")
    cluster.allocator.remove_framework("f")
    assert [each.framework_id for each in cluster.offers()] == ["g"]
    assert [view.name for view in cluster.allocator.roles()] == ["b"]


def test_rule_89_a_removed_agent_leaves_the_totals() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64")
    cluster.agent("t", "cpus:4;mem:64;cpus(b):1")
    cluster.offers()
    cluster.allocator.remove_agent("t")
    (view,) = cluster.allocator.roles()
    assert (view.name, view.share, view.offered) == ("a", 1.0, {"cpus": 4000, "mem": 64_000})


def test_rule_91_what_comes_back_from_the_gone_is_passed_over() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", "cpus:4;mem:64")
    (offer,) = cluster.offers()
    cluster.allocator.remove_agent("s")
    cluster.decline(offer, 5.0)
    cluster.allocator.release("f", "s", offer.resources)
    cluster.allocator.remove_agent("s")
    cluster.allocator.remove_framework("f")
    cluster.allocator.remove_framework("f")
    cluster.decline(offer, 5.0)
    assert not cluster.offers()


def test_an_agent_may_come_back_with_less_than_is_used_on_it() -> None:
    cluster = Cluster()
    cluster.framework("f")
    used = {"f": parse_resources("cpus:4;mem:64").allocated_to("*")}
    description = AgentDescription(hostname="s")
    total = parse_resources("cpus:2;mem:128")
    cluster.allocator.add_agent("s", description, total=total, used=used)
    assert brief(cluster.offers()) == [("f", "*", "s", "mem:64")]
    cluster.allocator.release("f", "s", parse_resources("cpus:1").allocated_to("*"))
    assert cluster.offers() == []
    cluster.allocator.release("f", "s", parse_resources("cpus:3").allocated_to("*"))
    assert brief(cluster.offers()) == [("f", "*", "s", "cpus:2")]


def test_resources_may_be_used_before_their_framework_is_known() -> None:
    cluster = Cluster()
    used = {"f": parse_resources("cpus:1").allocated_to("a")}
    description = AgentDescription(hostname="s")
    total = parse_resources("cpus:2;mem:64")
    cluster.allocator.add_agent("s", description, total=total, used=used)
    assert [(view.name, view.allocated) for view in cluster.allocator.roles()] == [
        ("a", {"cpus": 1000})
    ]
    cluster.allocator.release("f", "s", used["f"])
    assert cluster.allocator.roles() == []


def test_a_framework_that_learns_to_use_more_is_asked_again() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("s", parse_resources("cpus:1;mem:64") + revocable(2))
    cluster.decline(cluster.offers()[0], 60.0)
    able = FrameworkCapabilities(revocable_resources=True)
    cluster.allocator.update_framework("f", FrameworkOptions(roles=("*",), capabilities=able))
    assert len(cluster.offers()) == 1


def test_roles_with_nothing_but_a_weight_are_known_with_their_ancestors() -> None:
    cluster = Cluster(weights={"a/b": 3.0})
    assert [(view.name, view.weight) for view in cluster.allocator.roles()] == [
        ("a", 1.0),
        ("a/b", 3.0),
    ]
