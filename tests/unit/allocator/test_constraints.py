"""Offer constraints: rules 58 to 61 of Mesos' allocator."""

from __future__ import annotations

import pytest

from tepui.allocator import (
    AgentDescription,
    AllocatorOptions,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.allocator.constraints import Exclusions, Wish, compile_constraints
from tepui.base.patterns import PatternLimits, PatternRefused
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json as json_codec
from tepui.messages import DomainInfo
from tepui.messages.scheduler import OfferConstraints
from tepui.resources import parse_attributes, parse_resources

T0 = Instant(0.0, 0.0)
LIMITS = PatternLimits()
RACK = {"attribute_name": "rack"}

FAULT = DomainInfo.FaultDomain
DOMAIN = DomainInfo(
    fault_domain=FAULT(region=FAULT.RegionInfo(name="north"), zone=FAULT.ZoneInfo(name="north-1"))
)


def constraints(**groups_by_role: list[list[dict[str, object]]]) -> OfferConstraints:
    """Return constraints from (selector, predicate) pairs, by role and group."""
    said = {
        role: {"groups": [{"attribute_constraints": group} for group in groups]}
        for role, groups in groups_by_role.items()
    }
    return json_codec.from_builtins(OfferConstraints, {"role_constraints": said})


def one(selector: dict[str, object], predicate: dict[str, object]) -> dict[str, object]:
    return {"selector": selector, "predicate": predicate}


def wish(*groups: list[dict[str, object]]) -> Wish:
    return compile_constraints(constraints(dev=list(groups)), LIMITS)["dev"]


def agent(attributes: str = "", domain: DomainInfo | None = None) -> AgentDescription:
    return AgentDescription(
        hostname="host-7", attributes=parse_attributes(attributes), domain=domain
    )


# -- what holds --


def test_rule_58_one_group_has_to_hold_and_all_of_it() -> None:
    is_east = one(RACK, {"text_equals": {"value": "east"}})
    is_west = one(RACK, {"text_equals": {"value": "west"}})
    has_disk = one({"attribute_name": "disk"}, {"exists": {}})
    wanted = wish([is_east, has_disk], [is_west])
    assert wanted.includes(agent("rack:west"))
    assert wanted.includes(agent("rack:east;disk:ssd"))
    assert not wanted.includes(agent("rack:east"))
    assert not wanted.includes(agent("rack:south;disk:ssd"))


def test_rule_59_the_first_attribute_of_a_name_counts() -> None:
    wanted = wish([one(RACK, {"text_equals": {"value": "east"}})])
    assert wanted.includes(agent("rack:east;rack:west"))
    assert not wanted.includes(agent("rack:west;rack:east"))


@pytest.mark.parametrize(
    ("pseudoattribute", "value"),
    [("HOSTNAME", "host-7"), ("REGION", "north"), ("ZONE", "north-1")],
)
def test_rule_59_properties_of_the_agent_act_as_attributes(
    pseudoattribute: str, value: str
) -> None:
    selector: dict[str, object] = {"pseudoattribute_type": pseudoattribute}
    described = agent(domain=DOMAIN)
    assert wish([one(selector, {"text_equals": {"value": value}})]).includes(described)
    assert not wish([one(selector, {"text_not_equals": {"value": value}})]).includes(described)


@pytest.mark.parametrize("pseudoattribute", ["REGION", "ZONE"])
def test_rule_59_an_agent_without_a_domain_has_no_region_and_no_zone(pseudoattribute: str) -> None:
    selector: dict[str, object] = {"pseudoattribute_type": pseudoattribute}
    assert wish([one(selector, {"not_exists": {}})]).includes(agent())
    assert not wish([one(selector, {"exists": {}})]).includes(agent())


@pytest.mark.parametrize(
    ("predicate", "of_east", "of_west", "of_none", "of_a_number"),
    [
        ({"exists": {}}, True, True, False, True),
        ({"not_exists": {}}, False, False, True, False),
        ({"text_equals": {"value": "east"}}, True, False, False, True),
        ({"text_not_equals": {"value": "east"}}, False, True, True, True),
        ({"text_matches": {"regex": "ea.t"}}, True, False, False, True),
        ({"text_not_matches": {"regex": "ea.t"}}, False, True, True, True),
    ],
)
def test_rule_60_what_each_predicate_says(
    predicate: dict[str, object], of_east: bool, of_west: bool, of_none: bool, of_a_number: bool
) -> None:
    wanted = wish([one(RACK, predicate)])
    assert wanted.includes(agent("rack:east")) is of_east
    assert wanted.includes(agent("rack:west")) is of_west
    assert wanted.includes(agent("disk:ssd")) is of_none
    assert wanted.includes(agent("rack:7")) is of_a_number
    assert wanted.includes(agent("rack:[1-7]")) is of_a_number


def test_rule_60_a_pattern_matches_the_whole_text() -> None:
    wanted = wish([one(RACK, {"text_matches": {"regex": "rack-[0-9]"}})])
    assert wanted.includes(agent("rack:rack-1"))
    assert not wanted.includes(agent("rack:rack-12"))
    assert not wanted.includes(agent("rack:a-rack-1"))


def test_rule_60_a_pattern_that_costs_too_much_is_refused() -> None:
    with pytest.raises(PatternRefused):
        wish([one(RACK, {"text_matches": {"regex": "a{1000}"}})])


# -- whom they keep from what --


class Counting(Wish):
    """A wish that counts how often it is asked."""

    __slots__ = ("asked",)

    def __init__(self, answer: bool) -> None:
        super().__init__(((),) if answer else ())
        self.asked = 0

    def includes(self, agent: AgentDescription) -> bool:
        self.asked += 1
        return super().includes(agent)


def test_an_agent_is_judged_once_until_it_or_the_wish_changes() -> None:
    exclusions = Exclusions()
    likes, dislikes = Counting(True), Counting(False)
    exclusions.set(0b001, likes)
    exclusions.set(0b010, dislikes)
    assert exclusions.constrained == 0b011
    for _ in range(2):
        assert exclusions.among(0b111, "a", agent()) == 0b010
    assert (likes.asked, dislikes.asked) == (1, 1)
    exclusions.forget_agent("a")
    assert exclusions.among(0b001, "a", agent()) == 0
    assert (likes.asked, dislikes.asked) == (2, 1)
    exclusions.set(0b010, dislikes)  # the same: nothing to judge anew
    assert exclusions.among(0b010, "a", agent()) == 0b010
    exclusions.set(0b010, Counting(True))
    assert exclusions.among(0b010, "a", agent()) == 0
    exclusions.set(0b010, None)
    assert exclusions.constrained == 0b001


def test_a_bit_that_is_handed_on_keeps_nothing_of_its_last_owner() -> None:
    exclusions = Exclusions()
    exclusions.set(0b1, Counting(False))
    assert exclusions.among(0b1, "a", agent()) == 0b1
    exclusions.set(0b1, None)
    assert exclusions.among(0b1, "a", agent()) == 0
    exclusions.set(0b1, Counting(True))
    assert exclusions.among(0b1, "a", agent()) == 0


# -- in the allocator --


EAST = constraints(dev=[[one(RACK, {"text_equals": {"value": "east"}})]])
WEST = constraints(dev=[[one(RACK, {"text_equals": {"value": "west"}})]])


class Cluster:
    """An allocator with two agents, east and west."""

    def __init__(self) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        for name in ("east", "west"):
            self.allocator.add_agent(
                name,
                AgentDescription(hostname=name, attributes=parse_attributes(f"rack:{name}")),
                total=parse_resources("cpus:1;mem:64"),
                used={},
            )

    def framework(self, name: str, said: OfferConstraints | None, *roles: str) -> None:
        self.allocator.add_framework(name, options(said, *roles), is_active=True)

    def describe(self, name: str, attributes: str) -> None:
        self.allocator.update_agent(
            name,
            total=parse_resources("cpus:1;mem:64"),
            description=AgentDescription(hostname=name, attributes=parse_attributes(attributes)),
        )

    def offers(self) -> list[tuple[str, str, str]]:
        made = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(T0, agents_max=10, offers_max=10)
            made += [(each.framework_id, each.role, each.agent_id) for each in part.allocations]
        return sorted(made)


def options(said: OfferConstraints | None, *roles: str) -> FrameworkOptions:
    return FrameworkOptions(roles=roles or ("dev",), constraints=said)


def test_rule_58_an_agent_that_is_not_wanted_is_not_offered() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST)
    assert cluster.offers() == [("f", "dev", "east")]
    cluster.framework("g", None)
    assert cluster.offers() == [("g", "dev", "west")]


def test_rule_58_roles_without_an_entry_take_any_agent() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST, "dev", "ops")
    cluster.allocator.suppress("f", ["ops"])
    assert cluster.offers() == [("f", "dev", "east")]
    cluster.allocator.revive("f", ["ops"])
    assert cluster.offers() == [("f", "ops", "west")]


def test_rule_58_new_constraints_take_the_place_of_the_old() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST)
    assert cluster.offers() == [("f", "dev", "east")]
    cluster.allocator.update_framework("f", options(WEST))
    assert cluster.offers() == [("f", "dev", "west")]


def test_rule_58_an_agent_with_new_attributes_is_judged_anew() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST)
    assert cluster.offers() == [("f", "dev", "east")]
    cluster.describe("west", "rack:east")
    assert cluster.offers() == [("f", "dev", "west")]


def test_rule_61_an_agent_that_is_not_wanted_does_not_use_up_filters() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST)
    cluster.offers()
    cluster.allocator.remove_agent("east")
    # Whatever is on the agent: nothing was refused, so nothing is remembered.
    assert cluster.allocator.statistics().filters == {}
    cluster.allocator.periodic(T0)
    assert cluster.offers() == []
    cluster.allocator.update_framework("f", options(None))
    assert cluster.offers() == [("f", "dev", "west")]


def test_a_framework_that_left_does_not_leave_its_constraints_to_the_next() -> None:
    cluster = Cluster()
    cluster.framework("f", EAST)
    cluster.offers()
    cluster.allocator.remove_framework("f")
    cluster.framework("g", None)
    assert cluster.offers() == [("g", "dev", "east"), ("g", "dev", "west")]


def test_a_slice_judges_a_bounded_number_of_constraints() -> None:
    options_of_many = options(constraints(dev=[[one(RACK, {"exists": {}})]] * 500))
    allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
    for index in range(100):
        described = AgentDescription(hostname=f"a{index}")
        total = parse_resources("cpus:1;mem:64")
        allocator.add_agent(f"a{index}", described, total=total, used={})
    allocator.add_framework("f", options_of_many, is_active=True)
    slices = 0
    while allocator.is_pending():
        assert allocator.allocate_slice(T0, agents_max=500, offers_max=10).allocations == []
        slices += 1
    assert slices == 10
    allocator.periodic(T0)
    assert allocator.allocate_slice(T0, agents_max=500, offers_max=10).is_done
