"""What any allocator does when it makes offers, whatever its policy is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from tepui.allocator.interface import (
    AgentCapabilities,
    Allocation,
    Allocator,
    AllocatorOptions,
    FrameworkCapabilities,
    Quota,
)
from tepui.allocator.laws.rehearsal import Rehearsal
from tepui.base.rng import Rng
from tepui.codec import json
from tepui.messages import Attribute, DomainInfo, Resource, Value
from tepui.messages.scheduler import OfferConstraints
from tepui.resources import Quantities, Resources, parse_resources

_Fault = DomainInfo.FaultDomain


class OfferLaws(ABC):
    """The laws of offers. Each of them is a story that a `Rehearsal` plays and checks."""

    @abstractmethod
    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        """Return an empty allocator; yours goes here."""

    def rehearse(self, seed: int = 1, **options: Any) -> Rehearsal:
        """Return a rehearsal with an empty allocator."""
        said = AllocatorOptions(**options)
        return Rehearsal(self.make(said, Rng(seed)), said)

    # -- offers --

    def test_whoever_wants_offers_gets_what_is_free(self) -> None:
        """An allocator may choose who gets it, but not to leave it lying."""
        cluster = self.rehearse()
        assert not cluster.allocator.is_pending()
        cluster.agent("a", "cpus:2;mem:64;ports:[1-9]")
        assert cluster.run() == []
        cluster.framework("f")
        cluster.run()
        assert not cluster.free("a")
        cluster.framework("g")
        assert cluster.run() == []

    def test_what_comes_back_is_offered_again(self) -> None:
        """Whether it was offered or used, and at once."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:2;mem:64")
        [offer] = cluster.run()
        cluster.rescind(offer)
        [offer] = cluster.run()
        cluster.launch(offer)
        assert cluster.run() == []
        cluster.finish(offer)
        assert [each.resources for each in cluster.run()] == [offer.resources]

    def test_offers_are_made_on_all_agents_in_bounded_slices(self) -> None:
        """No slice makes many more offers than it was told to."""
        cluster = self.rehearse()
        cluster.framework("f")
        for index in range(20):
            cluster.agent(f"a{index}", "cpus:1;mem:64")
        made = 0
        while cluster.allocator.is_pending():
            part = cluster.allocator.allocate_slice(cluster.now, agents_max=4, offers_max=2)
            assert len(part.allocations) <= 3
            made += len(part.allocations)
        assert made == 20

    def test_a_pass_ends_whatever_is_declined(self) -> None:
        """Offers that are declined for no time wait for the next periodic pass."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:1;mem:64")
        [offer] = cluster.run()
        cluster.decline(offer, 0)
        assert cluster.run() == []
        cluster.pass_time(1.0)
        assert len(cluster.run()) == 1

    def test_what_is_too_little_is_not_offered(self) -> None:
        """The minimum is the operator's, or the framework's own for a role."""
        cluster = self.rehearse(minimum=(Quantities(cpus=1_000),))
        cluster.framework("f")
        cluster.agent("a", "cpus:0.5;mem:4096")
        assert cluster.run() == []
        cluster.framework("g", "dev", minimum={"dev": (Quantities(mem=64_000),)})
        assert [each.framework_id for each in cluster.run()] == ["g"]

    # -- who does not want offers --

    def test_filters_hold_for_their_time_and_for_what_was_refused(self) -> None:
        """And stand in nobody else's way."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:1;mem:64")
        [offer] = cluster.run()
        cluster.decline(offer, 60)
        assert cluster.run() == []
        assert cluster.allocator.next_deadline() == 60.0
        cluster.framework("g")
        [taken] = cluster.run()
        cluster.rescind(taken)
        cluster.remove_framework("g")
        cluster.allocator.update_agent("a", total=parse_resources("cpus:2;mem:64"))
        cluster.totals["a"] = parse_resources("cpus:2;mem:64")
        [offer] = cluster.run()
        cluster.decline(offer, 60)
        cluster.pass_time(59.0)
        assert cluster.run() == []
        cluster.pass_time(1.0)
        assert len(cluster.run()) == 1

    def test_revive_clears_filters_and_suppression(self) -> None:
        """In the roles that it names, and no others."""
        cluster = self.rehearse()
        cluster.framework("f", "dev", "ops")
        cluster.agent("a", "cpus:1;mem:64")
        [first] = cluster.run()
        cluster.decline(first, 60)
        [second] = cluster.run()
        assert {first.role, second.role} == {"dev", "ops"}
        cluster.decline(second, 60)
        cluster.suppress("f")
        assert cluster.run() == []
        cluster.revive("f", "dev")
        [offer] = cluster.run()
        assert offer.role == "dev"
        cluster.decline(offer, 60)
        assert cluster.run() == []

    def test_the_end_of_a_filter_is_no_secret(self) -> None:
        """The master has a timer run for it, and tells when it is over."""
        cluster = self.rehearse()
        cluster.framework("f")
        for name in "ab":
            cluster.agent(name, "cpus:1;mem:64")
        first, second = cluster.run()
        cluster.decline(first, 30)
        cluster.decline(second, 20)
        cluster.run()
        for seconds, offer in ((20.0, second), (30.0, first)):
            assert cluster.allocator.next_deadline() == seconds
            cluster.now = cluster.now.later(seconds - cluster.now.monotonic)
            cluster.allocator.expire(cluster.now)
            assert [each.agent_id for each in cluster.run()] == [offer.agent_id]
        assert cluster.allocator.next_deadline() is None

    def test_frameworks_that_are_not_active_get_nothing(self) -> None:
        """Suppression outlives it; filters do not."""
        cluster = self.rehearse()
        cluster.framework("f", "dev", "ops")
        cluster.agent("a", "cpus:1;mem:64")
        cluster.suppress("f", "ops")
        [offer] = cluster.run()
        cluster.decline(offer, 60)
        cluster.allocator.deactivate_framework("f")
        cluster.pass_time(1.0)
        assert not _made(cluster)
        cluster.allocator.activate_framework("f")
        assert [each.role for each in _made(cluster)] == ["dev"]

    def test_a_role_that_was_left_gets_nothing_and_may_give_back(self) -> None:
        """The resources of its offers and tasks come back one by one."""
        cluster = self.rehearse()
        cluster.framework("f", "dev", "ops")
        cluster.agent("a", "cpus:1;mem:64")
        [offer] = cluster.run()
        [other] = {"dev", "ops"} - {offer.role}
        cluster.update_framework("f", other)
        cluster.rescind(offer)
        assert [each.role for each in cluster.run()] == [other]

    # -- agents --

    def test_agents_that_are_not_to_be_offered_are_not(self) -> None:
        """Because they are not active, not on the list, or not there."""
        cluster = self.rehearse()
        for name in "abc":
            cluster.agent(name, "cpus:1;mem:64")
        cluster.deactivate_agent("a")
        cluster.whitelist("a", "c")
        cluster.remove_agent("c")
        cluster.framework("f")
        assert cluster.run() == []
        cluster.activate_agent("a")
        assert [each.agent_id for each in cluster.run()] == ["a"]
        cluster.whitelist("b")
        assert [each.agent_id for each in cluster.run()] == ["b"]

    def test_no_offers_while_paused(self) -> None:
        """Until enough agents are there, or time is up."""
        cluster = self.rehearse()
        cluster.allocator.pause(2)
        cluster.framework("f")
        cluster.agent("a", "cpus:1;mem:64")
        cluster.pass_time(1.0)
        assert not cluster.allocator.is_pending()
        cluster.agent("b", "cpus:1;mem:64")
        assert len(cluster.run()) == 2
        cluster.allocator.pause(3)
        cluster.agent("c", "cpus:1;mem:64")
        assert len(cluster.run()) == 1

    def test_an_agent_may_come_with_resources_in_use_by_whoever_is_not_known_yet(self) -> None:
        """It is what happens after a failover."""
        cluster = self.rehearse()
        cluster.agent("a", "cpus:4;mem:256", used="cpus:3;mem:128")
        cluster.framework("f")
        [offer] = cluster.run()
        assert offer.resources.unallocated() == parse_resources("cpus:1;mem:128")
        cluster.finish(cluster.tasks[0])
        assert len(cluster.run()) == 1

    def test_an_agent_may_shrink_below_what_is_held(self) -> None:
        """What is missing is made good before anything is offered again."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:4;mem:256", used="cpus:3;mem:128")
        [offer] = cluster.run()
        cluster.allocator.update_agent("a", total=parse_resources("cpus:2;mem:128"))
        cluster.totals["a"] = parse_resources("cpus:2;mem:128")
        cluster.rescind(offer)
        assert cluster.run() == []
        cluster.finish(cluster.tasks[0])
        assert len(cluster.run()) == 1

    def test_constraints_keep_a_role_from_agents(self) -> None:
        """Judged anew when an agent says something else about itself."""
        rack = {"selector": {"attribute_name": "rack"}, "predicate": {"exists": {}}}
        groups = {"groups": [{"attribute_constraints": [rack]}]}
        wanted = json.from_builtins(OfferConstraints, {"role_constraints": {"dev": groups}})
        named = Attribute(name="rack", type=Value.Type.TEXT, text=Value.Text(value="r1"))
        cluster = self.rehearse()
        cluster.framework("f", "dev", constraints=wanted)
        cluster.agent("a", "cpus:1;mem:64")
        cluster.agent("b", "cpus:1;mem:64", attributes=[named])
        assert [each.agent_id for each in cluster.run()] == ["b"]
        cluster.update_framework("f", "dev")
        assert [each.agent_id for each in cluster.run()] == ["a"]

    # -- kinds of resources --

    def test_a_reservation_is_for_its_role_and_those_below(self) -> None:
        """A stranger never sees it."""
        cluster = self.rehearse()
        cluster.agent("a", "cpus(dev):2;mem(dev):128")
        cluster.framework("stranger", "developers")
        assert cluster.run() == []
        cluster.framework("f", "dev/deep")
        assert [each.framework_id for each in cluster.run()] == ["f"]

    def test_what_a_framework_cannot_deal_with_is_not_shown_to_it(self) -> None:
        """`Rehearsal` looks at each resource that is offered."""
        revocable = Resource(
            name="cpus",
            type=Value.Type.SCALAR,
            scalar=Value.Scalar(value=2),
            revocable=Resource.RevocableInfo(),
        )
        plain = parse_resources("cpus:2;mem:64;gpus:1;ephemeral_ports:[1-9]")
        cluster = self.rehearse()
        cluster.agent("a", plain + Resources.from_messages([revocable]))
        cluster.framework("f")
        assert cluster.run() == []
        cluster.framework("g", capabilities=FrameworkCapabilities(gpu_resources=True))
        [offer] = cluster.run()
        assert offer.resources.unallocated() == parse_resources("cpus:2;mem:64;gpus:1")
        able = FrameworkCapabilities(gpu_resources=True, revocable_resources=True)
        cluster.framework("h", capabilities=able)
        [offer] = cluster.run()
        assert offer.resources.unallocated() == Resources.from_messages([revocable])

    def test_old_agents_and_those_far_away_are_for_whoever_can_deal_with_them(self) -> None:
        """Another region, or an agent that knows nothing of roles in roles."""
        cluster = self.rehearse(domain=_domain("here"))
        cluster.agent("far", "cpus:1;mem:64", domain=_domain("there"))
        old = AgentCapabilities(multi_role=False, hierarchical_role=False)
        cluster.agent("old", "cpus:1;mem:64", capabilities=old)
        cluster.framework("f", "dev/deep")
        cluster.framework("g", capabilities=FrameworkCapabilities(multi_role=True))
        assert cluster.run() == []
        cluster.framework("h", capabilities=FrameworkCapabilities(region_aware=True))
        assert sorted(each.agent_id for each in cluster.run()) == ["far", "old"]

    def test_limits_are_never_exceeded(self) -> None:
        """What is offered counts as well as what is used; reservations are not limited."""
        cluster = self.rehearse()
        cluster.quota("dev", Quota(limits=Quantities(cpus=3_000)))
        cluster.framework("f", "dev")
        for name in "abc":
            cluster.agent(name, "cpus:2;mem:64;cpus(dev):0.5")
        offers = cluster.run()
        assert offers
        for offer in offers:
            cluster.launch(offer)
        cluster.pass_time(1.0)
        cluster.run()
        cluster.quota("dev", Quota())
        cluster.run()
        assert not any(cluster.free(name) for name in "abc")


def _made(cluster: Rehearsal) -> list[Allocation]:
    """Return the offers of a pass over frameworks that a rehearsal knows nothing about."""
    made: list[Allocation] = []
    while cluster.allocator.is_pending():
        part = cluster.allocator.allocate_slice(cluster.now, agents_max=3, offers_max=3)
        made += part.allocations
    return made


def _domain(region: str) -> DomainInfo:
    fault = _Fault(region=_Fault.RegionInfo(name=region), zone=_Fault.ZoneInfo(name="z"))
    return DomainInfo(fault_domain=fault)
