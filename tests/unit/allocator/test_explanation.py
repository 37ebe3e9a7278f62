"""Why somebody waits: each cause, the place in the order, and whether it will ever fit."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import (
    AgentCapabilities,
    AgentDescription,
    Allocation,
    AllocatorOptions,
    Explanation,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
    Question,
    Quota,
)
from tepui.allocator.explanation import (
    CLIENTS_MAX,
    NAMES_MAX,
    NEAREST_MAX,
    Cause,
    ClientReport,
    Fit,
    RoleState,
    Tally,
    Wish,
)
from tepui.allocator.inquiry import best_fit
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import DomainInfo, Resource
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints
from tepui.resources import Quantities, Resources, parse_resources

T0 = Instant(100.0, 1_000_000.0)
GPU = FrameworkCapabilities(gpu_resources=True)


def domain(region: str) -> DomainInfo:
    return DomainInfo(
        fault_domain=DomainInfo.FaultDomain(
            region=DomainInfo.FaultDomain.RegionInfo(name=region),
            zone=DomainInfo.FaultDomain.ZoneInfo(name="z"),
        )
    )


class Cluster:
    """An allocator that is asked why."""

    def __init__(self, **options: Any) -> None:
        chosen = AllocatorOptions(domain=domain("here"), **options)
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
        said = FrameworkOptions(roles=roles, capabilities=capabilities, **options)
        self.allocator.add_framework(name, said, is_active=is_active)

    def agent(self, name: str, total: str | Resources, **description: Any) -> None:
        described = AgentDescription(hostname=f"{name}.host", **description)
        resources = parse_resources(total) if isinstance(total, str) else total
        self.allocator.add_agent(name, described, total=resources, used={})

    def offers(self) -> list[Allocation]:
        made: list[Allocation] = []
        while self.allocator.is_pending():
            made += self.allocator.allocate_slice(
                self.now, agents_max=10, offers_max=10
            ).allocations
        return made

    def use(self, offer: Allocation) -> None:
        self.allocator.mark_allocated(offer.framework_id, offer.agent_id, offer.resources)

    def decline(self, offer: Allocation, refuse_seconds: float | None) -> None:
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources,
            refuse_seconds=refuse_seconds,
            now=self.now,
        )

    def explain(
        self, framework_id: str | None = None, role: str | None = None, **request: float
    ) -> Explanation:
        question = Question(
            framework_id=framework_id, role=role, request=Quantities.from_floats(request)
        )
        inquiry = self.allocator.explain(question, self.now)
        while (found := inquiry.step(self.now, looks_max=3)) is None:
            pass
        return found

    def why(self, framework_id: str, **request: float) -> ClientReport:
        """Return what is said of a framework in its only role."""
        [report] = self.explain(framework_id, **request).clients
        return report

    def tally(self, framework_id: str, **request: float) -> Tally:
        """Return the only cause that is found."""
        [tally] = self.why(framework_id, **request).tallies
        return tally


def taken() -> Cluster:
    """Return a cluster in which ``hog`` was offered the only agent before ``f`` came."""
    cluster = Cluster()
    cluster.framework("hog", "a")
    cluster.agent("s", "cpus:4;mem:1024")
    return cluster


# -- causes --


def test_an_agent_that_the_next_pass_offers_has_nothing_in_its_way() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus:4;mem:1024")
    explanation = cluster.explain("f")
    [report] = explanation.clients
    assert (explanation.is_pending, report.wish, report.fit) == (True, Wish.WANTS_OFFERS, Fit.NOW)
    assert [(each.cause, each.agents) for each in report.tallies] == [(Cause.NOTHING, 1)]


def test_what_is_on_offer_to_the_framework_itself_is_in_its_hands() -> None:
    cluster = taken()
    cluster.offers()
    assert cluster.tally("hog").cause is Cause.IN_HAND
    assert cluster.why("hog", cpus=4).fit is Fit.NOW
    assert cluster.why("hog", cpus=5).fit is Fit.NEVER


def test_what_is_on_offer_to_another_may_come_back() -> None:
    cluster = taken()
    cluster.offers()
    cluster.framework("f", "b")
    tally = cluster.tally("f", cpus=1)
    assert (tally.cause, tally.names) == (Cause.ON_OFFER, {"hog": 1})
    assert cluster.why("f", cpus=1).fit is Fit.WHEN_OTHERS_END


def test_what_is_in_use_comes_back_when_others_end() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    cluster.use(offer)
    cluster.framework("f", "b")
    report = cluster.why("f", cpus=1)
    [tally] = report.tallies
    assert (tally.cause, tally.names) == (Cause.IN_USE, {"hog": 1})
    assert tally.nearest[0].lacking == {"cpus": 1000}
    assert report.fit is Fit.WHEN_OTHERS_END


def test_a_filter_is_told_with_its_end_on_the_wall_clock() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    cluster.decline(offer, 60.0)
    tally = cluster.tally("hog")
    assert (tally.cause, tally.held) == (Cause.FILTERED, 0)
    assert tally.until == (T0.wall + 60, T0.wall + 60)
    assert cluster.why("hog", cpus=2).fit is Fit.HELD_BACK
    cluster.now = cluster.now.later(60.0)
    assert cluster.tally("hog").cause is Cause.NOTHING


def test_filters_are_counted_from_the_first_to_the_last() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for number, seconds in enumerate((30.0, 10.0, 20.0, 0.0)):
        cluster.agent(f"s{number}", "cpus:4;mem:1024")
        [offer] = cluster.offers()
        cluster.decline(offer, seconds)
    tally = cluster.tally("f")
    assert (tally.agents, tally.held) == (4, 1)
    assert tally.until == (T0.wall + 10, T0.wall + 30)


def test_an_agent_is_kept_away_until_the_last_of_the_filters_on_it_ends() -> None:
    cluster = taken()
    [whole] = cluster.offers()
    cluster.decline(whole, 60.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:4;mem:1024;disk:5"))
    [more] = cluster.offers()
    cluster.decline(more, 30.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:4;mem:1024"))
    tally = cluster.tally("hog")
    assert tally.cause is Cause.FILTERED
    assert tally.until == (T0.wall + 60, T0.wall + 60)
    cluster.now = cluster.now.later(30.0)
    assert cluster.tally("hog").cause is Cause.FILTERED
    cluster.now = cluster.now.later(30.0)
    assert cluster.tally("hog").cause is Cause.NOTHING


def test_what_was_declined_for_no_time_is_held_until_the_periodic_pass() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    cluster.decline(offer, 0.0)
    tally = cluster.tally("hog")
    assert (tally.cause, tally.held, tally.until) == (Cause.FILTERED, 1, None)
    cluster.allocator.periodic(cluster.now)
    assert cluster.tally("hog").cause is Cause.NOTHING


def test_a_filter_covers_no_more_than_what_was_refused() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    cluster.decline(offer, 60.0)
    cluster.allocator.update_agent("s", total=parse_resources("cpus:8;mem:1024"))
    assert cluster.tally("hog").cause is Cause.NOTHING


def test_reservations_of_others_are_told_with_their_roles() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus(ads):4;mem:1024")
    tally = cluster.tally("f", cpus=2)
    assert (tally.cause, tally.names) == (Cause.RESERVED, {"ads": 1})
    assert tally.nearest[0].lacking == {"cpus": 2000}
    assert cluster.why("f", cpus=2).fit is Fit.NEVER


def test_the_roles_own_reservation_counts() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev/web")
    cluster.agent("s", "cpus(dev):4;mem:1024")
    assert cluster.tally("f", cpus=2).cause is Cause.NOTHING


def test_a_limit_that_is_used_up_is_told_with_the_resource() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota({"a": Quota(limits=Quantities(cpus=4000))})
    cluster.framework("hog", "a")
    cluster.agent("s", "cpus:4;mem:1024")
    [offer] = cluster.offers()
    cluster.use(offer)
    cluster.agent("t", "cpus:4;mem:1024")
    report = cluster.why("hog", cpus=1)
    assert [(each.cause, each.names) for each in report.tallies] == [
        (Cause.LIMIT, {"cpus": 1}),
        (Cause.IN_USE, {"hog": 1}),
    ]
    assert report.fit is Fit.HELD_BACK
    assert report.allowance is not None
    assert (report.allowance.limits, report.allowance.consumed["cpus"]) == ({"cpus": 4000}, 4000)


def test_a_limit_below_the_request_means_never() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota({"a": Quota(limits=Quantities(cpus=1000))})
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:1024")
    report = cluster.why("f", cpus=2)
    assert [each.cause for each in report.tallies] == [Cause.LIMIT]
    assert report.fit is Fit.NEVER


def test_headroom_is_told_with_those_to_whom_it_is_owed() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota({"owed": Quota(guarantees=Quantities(cpus=4000))})
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus:4;mem:1024")
    cluster.offers()
    cluster.allocator.remove_framework("f")
    cluster.framework("f", "dev")
    explanation = cluster.explain("f", cpus=1)
    [tally] = explanation.clients[0].tallies
    assert (tally.cause, tally.names) == (Cause.HEADROOM, {"cpus": 1})
    assert explanation.owed == {"owed": {"cpus": 4000}}
    assert explanation.clients[0].fit is Fit.HELD_BACK


def test_a_guarantee_that_is_owed_can_be_had_now() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota({"owed": Quota(guarantees=Quantities(cpus=4000))})
    cluster.framework("f", "owed")
    cluster.agent("s", "cpus:4;mem:1024")
    assert cluster.tally("f", cpus=4).cause is Cause.NOTHING


@pytest.mark.parametrize(
    ("name", "total", "description"),
    [
        ("GPU_RESOURCES", "cpus:4;mem:64;gpus:1", {}),
        ("REGION_AWARE", "cpus:4;mem:64", {"domain": domain("there")}),
        (
            "HIERARCHICAL_ROLE",
            "cpus:4;mem:64",
            {"capabilities": AgentCapabilities(hierarchical_role=False)},
        ),
        ("MULTI_ROLE", "cpus:4;mem:64", {"capabilities": AgentCapabilities(multi_role=False)}),
    ],
)
def test_a_capability_that_is_lacking_is_named(
    name: str, total: str, description: dict[str, object]
) -> None:
    cluster = Cluster()
    cluster.framework("f", "dev/web", capabilities=FrameworkCapabilities(multi_role=True))
    cluster.agent("s", total, **description)
    tally = cluster.tally("f")
    assert (tally.cause, tally.names) == (Cause.CAPABILITY, {name: 1})


def revocable(total: str) -> Resources:
    messages = parse_resources(total).to_messages()
    return Resources.from_messages(
        [
            Resource(
                name=each.name,
                type=each.type,
                scalar=each.scalar,
                revocable=Resource.RevocableInfo(),
            )
            for each in messages
        ]
    )


def test_a_capability_for_a_kind_of_resource_is_named() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    cluster.agent("s", parse_resources("cpus:1;mem:64") + revocable("cpus:4"))
    tally = cluster.tally("f", cpus=3)
    assert (tally.cause, tally.names) == (Cause.CAPABILITY, {"REVOCABLE_RESOURCES": 1})
    assert cluster.tally("f", cpus=1).cause is Cause.NOTHING


def test_no_task_is_promised_revocable_and_other_cpus_together() -> None:
    cluster = Cluster()
    cluster.framework("able", "a", capabilities=FrameworkCapabilities(revocable_resources=True))
    cluster.framework("plain", "b")
    cluster.agent("s", parse_resources("cpus:2;mem:64") + revocable("cpus:3"))
    for framework_id in ("able", "plain"):
        tally = cluster.tally(framework_id, cpus=4)
        assert (tally.cause, tally.nearest[0].lacking) == (Cause.TOO_SMALL, {"cpus": 1000})
    assert cluster.tally("able", cpus=3, mem=64).cause is Cause.NOTHING
    cluster.offers()
    assert cluster.tally("able", cpus=3).cause is Cause.IN_HAND
    assert cluster.tally("able", cpus=4).cause is Cause.TOO_SMALL


def test_a_shared_volume_needs_a_capability_and_is_offered_once_a_pass(things: Any) -> None:
    volume = things.volume("v", 64, "a", is_shared=True)
    cluster = Cluster()
    able = FrameworkCapabilities(shared_resources=True)
    cluster.framework("f", "a", capabilities=able, minimum={"a": ()})
    cluster.framework("plain", "a")
    cluster.agent("s", parse_resources("cpus:4;mem:1024") + volume)
    tally = cluster.tally("plain", disk=64)
    assert (tally.cause, tally.names) == (Cause.CAPABILITY, {"SHARED_RESOURCES": 1})
    cluster.offers()
    assert cluster.tally("f", disk=64).cause is Cause.LENT
    assert cluster.why("f", disk=64).fit is Fit.NOW


def test_a_refined_reservation_needs_a_capability(things: Any) -> None:
    cluster = Cluster()
    cluster.framework("f", "a/b")
    cluster.agent("s", parse_resources("cpus:4;mem:1024") + things.volume("v", 64, "a", "a/b"))
    tally = cluster.tally("f", disk=64)
    assert (tally.cause, tally.names) == (Cause.CAPABILITY, {"RESERVATION_REFINEMENT": 1})


def test_constraints_of_the_framework_exclude_agents() -> None:
    wanted = AttributeConstraint(
        selector=AttributeConstraint.Selector(attribute_name="ssd"),
        predicate=AttributeConstraint.Predicate(exists=AttributeConstraint.Predicate.Exists()),
    )
    group = OfferConstraints.RoleConstraints.Group(attribute_constraints=[wanted])
    constraints = OfferConstraints(
        role_constraints={"dev": OfferConstraints.RoleConstraints(groups=[group])}
    )
    cluster = Cluster()
    cluster.framework("f", "dev", constraints=constraints)
    cluster.agent("s", "cpus:4;mem:64")
    assert cluster.tally("f").cause is Cause.CONSTRAINT


def test_agents_off_the_whitelist_and_inactive_ones_are_counted() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for name in ("s", "t", "u"):
        cluster.agent(name, "cpus:4;mem:64")
    cluster.allocator.update_whitelist(["s.host", "t.host"])
    cluster.allocator.deactivate_agent("t")
    report = cluster.why("f")
    assert [(each.cause, each.agents) for each in report.tallies] == [
        (Cause.NOTHING, 1),
        (Cause.UNLISTED, 1),
        (Cause.INACTIVE, 1),
    ]


def test_the_nearest_misses_come_first_with_what_they_lack() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for cpus in (1, 7, 3, 6, 2):
        cluster.agent(f"s{cpus}", f"cpus:{cpus};mem:64")
    report = cluster.why("f", cpus=8, mem=32)
    [tally] = report.tallies
    assert (tally.cause, tally.agents, report.fit) == (Cause.TOO_SMALL, 5, Fit.NEVER)
    assert [(each.agent_id, each.hostname) for each in tally.nearest] == [
        ("s7", "s7.host"),
        ("s6", "s6.host"),
        ("s3", "s3.host"),
    ]
    assert tally.nearest[0].lacking == {"cpus": 1000}


def test_several_resources_may_lack() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus:4;mem:64;ports:[1-2]")
    tally = cluster.tally("f", cpus=5, mem=128, ports=3, gpus=1)
    assert tally.nearest[0].lacking == {"cpus": 1000, "mem": 64_000, "ports": 1000, "gpus": 1000}


def test_an_agent_with_too_little_for_any_offer_is_below_the_minimum() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus:0.001;mem:8;disk:1000")
    tally = cluster.tally("f")
    assert (tally.cause, tally.nearest[0].lacking) == (Cause.BELOW_MINIMUM, {"mem": 24_000})
    assert cluster.tally("f", disk=10).cause is Cause.BELOW_MINIMUM


def test_what_is_free_may_do_for_a_task_and_yet_not_be_worth_an_offer() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    part = parse_resources("cpus:4;mem:1000").allocated_to("a")
    cluster.allocator.mark_allocated("hog", "s", part)
    cluster.decline(Allocation("hog", "a", "s", offer.resources - part), None)
    cluster.framework("f", "b")
    assert cluster.tally("f", mem=16).cause is Cause.BELOW_MINIMUM
    assert cluster.why("f", mem=16).fit is Fit.WHEN_OTHERS_END


# -- who asks --


def test_a_framework_is_explained_in_each_of_its_roles() -> None:
    cluster = Cluster()
    cluster.framework(
        "f",
        "a",
        "b",
        capabilities=FrameworkCapabilities(multi_role=True),
        suppressed_roles=("a",),
    )
    cluster.agent("s", "cpus:4;mem:64")
    reports = cluster.explain("f").clients
    assert [(each.role, each.wish) for each in reports] == [
        ("b", Wish.WANTS_OFFERS),
        ("a", Wish.SUPPRESSED),
    ]
    # As if it took offers: so it is seen what a REVIVE would bring.
    assert [each.cause for each in reports[1].tallies] == [Cause.NOTHING]


def test_an_inactive_framework_and_one_that_left_its_role_take_no_offers() -> None:
    cluster = taken()
    [offer] = cluster.offers()
    cluster.use(offer)
    cluster.allocator.update_framework("hog", FrameworkOptions(roles=("b",)))
    cluster.allocator.deactivate_framework("hog")
    reports = cluster.explain("hog").clients
    assert {each.role: each.wish for each in reports} == {"a": Wish.LEFT, "b": Wish.INACTIVE}


def test_a_role_is_explained_by_its_frameworks_and_those_below() -> None:
    cluster = Cluster()
    cluster.framework("below", "dev/web")
    cluster.framework("quiet", "dev", suppressed_roles=("dev",))
    cluster.framework("f", "dev")
    cluster.framework("other", "ads")
    cluster.agent("s", "cpus:4;mem:64")
    found = [each.framework_id for each in cluster.explain(role="dev").clients]
    assert found == ["f", "below", "quiet"]


def test_a_role_that_nobody_is_in_is_judged_as_for_anybody() -> None:
    cluster = Cluster()
    cluster.agent("s", "cpus:4;mem:64;gpus:1;cpus(ads):8")
    explanation = cluster.explain(role="dev/new", cpus=2, gpus=1)
    [report] = explanation.clients
    assert (report.framework_id, report.wish, report.fit) == (None, Wish.NOBODY, Fit.NOW)
    assert best_fit(cluster.explain(role="dev/new", cpus=5)) is Fit.NEVER


def test_an_unknown_framework_has_no_clients() -> None:
    cluster = taken()
    assert cluster.explain("nobody").clients == []


def test_so_many_clients_are_looked_at_and_the_others_counted() -> None:
    cluster = Cluster()
    for number in range(CLIENTS_MAX + 3):
        cluster.framework(f"f{number:02}", "dev")
    cluster.agent("s", "cpus:4;mem:64")
    explanation = cluster.explain(role="dev")
    assert len(explanation.clients) == CLIENTS_MAX
    assert explanation.clients_left_out == 3


def test_names_and_agents_of_a_cause_are_bounded() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for number in range(NAMES_MAX + 2):
        cluster.agent(f"s{number}", f"cpus(r{number}):4;mem(r{number}):64")
    tally = cluster.tally("f")
    assert (len(tally.names), tally.names_left_out) == (NAMES_MAX, 2)
    assert len(tally.nearest) == NEAREST_MAX


# -- the order and the pause --


def test_the_place_in_the_order_is_told_with_who_goes_first() -> None:
    cluster = Cluster(weights={"b": 2.0})
    cluster.framework("hog", "a")
    cluster.agent("s", "cpus:4;mem:1024")
    cluster.offers()
    cluster.framework("f", "b")
    [place] = cluster.why("hog").places
    assert (place.name, place.share, place.dominant) == ("a", 1.0, "cpus")
    assert (place.siblings, place.ahead, place.leader) == (2, 1, "b")
    [place] = cluster.why("f").places
    assert (place.weight, place.share, place.dominant) == (2.0, 0.0, None)
    assert (place.siblings, place.ahead, place.leader) == (2, 0, None)


def test_each_level_of_a_role_has_its_place() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev/web")
    cluster.framework("g", "dev/web")
    cluster.framework("own", "dev")
    cluster.agent("s", "cpus:4;mem:64")
    assert [each.name for each in cluster.why("f").places] == ["dev", "dev/web", "f"]
    assert [each.name for each in cluster.why("own").places] == ["dev", "."]


def test_those_who_take_no_offers_do_not_stand_in_the_way() -> None:
    cluster = Cluster()
    cluster.framework("quiet", "a", suppressed_roles=("a",))
    cluster.framework("f", "b")
    cluster.agent("s", "cpus:4;mem:64")
    [place] = cluster.why("f").places
    assert (place.siblings, place.ahead) == (1, 0)


def test_an_order_by_chance_has_no_places() -> None:
    cluster = Cluster(role_sorter="random", framework_sorter="random")
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    [place] = cluster.why("f").places
    assert (place.siblings, place.ahead, place.leader) == (2, None, None)


def test_a_pause_is_told_with_how_many_agents_it_waits_for() -> None:
    cluster = Cluster()
    cluster.allocator.pause(3)
    cluster.framework("f", "dev")
    cluster.agent("s", "cpus:4;mem:64")
    explanation = cluster.explain("f")
    assert (explanation.agents, explanation.awaited) == (1, 3)


# -- asking --


def test_asking_changes_nothing_that_comes_by_chance() -> None:
    def story(*, asks: bool) -> list[str]:
        cluster = Cluster()
        cluster.allocator.update_quota({"a": Quota(limits=Quantities(cpus=3000))})
        cluster.framework("f", "a")
        for number in range(20):
            cluster.agent(f"s{number}", "cpus:0.5;mem:64")
        if asks:
            cluster.explain("f", cpus=1)
        return [each.agent_id for each in cluster.offers()]

    assert story(asks=True) == story(asks=False)


def test_who_and_what_leaves_in_between_is_passed_over() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for number in range(10):
        cluster.agent(f"s{number}", "cpus:4;mem:64")
    inquiry = cluster.allocator.explain(Question(framework_id="f"), T0)
    assert inquiry.step(T0, looks_max=3) is None
    for number in range(5, 10):
        cluster.allocator.remove_agent(f"s{number}")
    found = inquiry.step(T0.later(1.0), looks_max=100)
    assert found is not None
    assert (found.started, found.ended, found.agents) == (T0, T0.later(1.0), 5)
    [tally] = found.clients[0].tallies
    assert 5 <= tally.agents <= 8


def test_a_framework_that_leaves_in_between_is_not_reported() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    for number in range(10):
        cluster.agent(f"s{number}", "cpus:4;mem:64")
    inquiry = cluster.allocator.explain(Question(framework_id="f"), T0)
    assert inquiry.step(T0, looks_max=3) is None
    cluster.allocator.remove_framework("f")
    found = inquiry.step(T0, looks_max=3)
    assert found is not None
    assert found.clients == []


# -- roles in short --


def reasons(cluster: Cluster) -> dict[str, RoleState]:
    return {each.role: each.state for each in cluster.allocator.reasons()}


def test_each_role_has_a_reason_without_a_look_at_the_agents() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota(
        {
            "capped": Quota(limits=Quantities(cpus=0, mem=0)),
            "empty": Quota(limits=Quantities(cpus=1)),
        }
    )
    cluster.framework("hog", "a")
    cluster.agent("s", "cpus:4;mem:1024")
    [offer] = cluster.offers()
    assert reasons(cluster)["a"] is RoleState.ON_OFFER
    cluster.framework("f", "b/c")
    cluster.framework("quiet", "quiet", suppressed_roles=("quiet",))
    cluster.framework("gone", "gone", is_active=False)
    cluster.framework("g", "capped")
    assert reasons(cluster) == {
        "a": RoleState.ON_OFFER,
        "b": RoleState.NOTHING_FREE,
        "b/c": RoleState.NOTHING_FREE,
        "capped": RoleState.AT_LIMIT,
        "empty": RoleState.NOBODY,
        "gone": RoleState.INACTIVE,
        "quiet": RoleState.SUPPRESSED,
    }
    cluster.decline(offer, 60.0)
    assert reasons(cluster)["a"] is RoleState.FILTERED
    assert reasons(cluster)["b"] is RoleState.OPEN


def test_without_an_agent_that_may_be_offered_that_is_the_reason() -> None:
    cluster = Cluster()
    cluster.framework("f", "dev")
    assert reasons(cluster) == {"dev": RoleState.NO_AGENT}
    cluster.agent("s", "cpus:4;mem:1024")
    assert reasons(cluster) == {"dev": RoleState.OPEN}
    cluster.allocator.deactivate_agent("s")
    assert reasons(cluster) == {"dev": RoleState.NO_AGENT}
    cluster.allocator.activate_agent("s")
    cluster.allocator.update_whitelist(())
    assert reasons(cluster) == {"dev": RoleState.NO_AGENT}


def test_while_all_is_paused_that_is_the_reason() -> None:
    cluster = Cluster()
    cluster.allocator.pause(3)
    cluster.framework("f", "dev")
    assert reasons(cluster) == {"dev": RoleState.PAUSED}


def test_what_is_cut_for_a_guarantee_that_a_subrole_then_uses_up_is_not_lost() -> None:
    """Each offer to the subrole lowers what its top is owed, and so leaves as much as before."""
    cluster = Cluster()
    cluster.allocator.update_quota({"a": Quota(guarantees=Quantities(cpus=6000))})
    cluster.framework("f", "a/x")
    cluster.agent("s", "cpus:10;mem:1024")
    offered = []
    for _ in range(4):
        offered += [each.resources.get_scalar("cpus") for each in cluster.offers()]
        cluster.allocator.trigger()
    assert offered == [4, 4, 2]
    assert cluster.tally("f").cause is Cause.IN_HAND
