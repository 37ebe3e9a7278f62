"""What any allocator does, whatever its policy is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tepui.allocator.interface import (
    Allocation,
    Allocator,
    AllocatorOptions,
    FrameworkCapabilities,
    Quota,
)
from tepui.allocator.laws.rehearsal import Rehearsal
from tepui.base.errors import InvariantViolated
from tepui.base.rng import Rng
from tepui.codec import json
from tepui.messages import Attribute, Resource, TimeInfo, Unavailability, Value
from tepui.messages.scheduler import OfferConstraints
from tepui.resources import Quantities, Resources, parse_resources

SOON = Unavailability(start=TimeInfo(nanoseconds=10**9))
LATER = Unavailability(start=TimeInfo(nanoseconds=2 * 10**9))


class AllocatorLaws:
    """The laws. Each of them is a story that a `Rehearsal` plays and checks."""

    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        """Return an empty allocator; yours goes here."""
        raise NotImplementedError

    def rehearse(self, seed: int = 1, **options: object) -> Rehearsal:
        """Return a rehearsal with an empty allocator."""
        said = AllocatorOptions(**options)  # type: ignore[arg-type]
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
        assert [each.role for each in cluster.run()] == ["dev"]

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

    # -- operations --

    def test_what_is_held_turns_into_something_else(self) -> None:
        """And comes back as that."""
        cluster = self.rehearse()
        cluster.framework("f", "dev")
        cluster.agent("a", "cpus:2;mem:64")
        [offer] = cluster.run()
        reserved = parse_resources("cpus(dev):2")
        cluster.allocator.convert(
            "f",
            "a",
            held=parse_resources("cpus:2").allocated_to("dev"),
            converted=reserved.allocated_to("dev"),
            is_used=False,
        )
        changed = parse_resources("mem:64") + reserved
        cluster.totals["a"] = changed
        cluster.offers.remove(offer)
        converted = Allocation("f", "dev", "a", changed.allocated_to("dev"))
        cluster.offers.append(converted)
        cluster.rescind(converted)
        assert cluster.allocator.available("a") == changed
        [offer] = cluster.run()
        assert offer.resources.unallocated() == changed

    def test_an_operator_turns_what_is_available_into_something_else(self) -> None:
        """And nothing but that."""
        cluster = self.rehearse()
        cluster.agent("a", "cpus:2;mem:64")
        assert cluster.allocator.available("a") == parse_resources("cpus:2;mem:64")
        reserved = parse_resources("cpus(dev):2")
        cluster.allocator.convert_available("a", held=parse_resources("cpus:2"), converted=reserved)
        cluster.totals["a"] = parse_resources("mem:64") + reserved
        assert cluster.allocator.available("a") == cluster.totals["a"]
        convert = partial(cluster.allocator.convert_available, converted=Resources())
        assert _is_refused(partial(convert, "a", held=parse_resources("cpus:2")))

    def test_what_is_not_held_cannot_be_given_back(self) -> None:
        """It would be offered twice: the master ends rather than go on."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:2;mem:64")
        [offer] = cluster.run()
        allocator, more = cluster.allocator, parse_resources("cpus:3").allocated_to("*")
        assert _is_refused(partial(allocator.release, "f", "a", offer.resources))
        assert _is_refused(partial(allocator.mark_allocated, "f", "a", more))

    def test_what_comes_from_the_gone_is_passed_over(self) -> None:
        """Messages cross."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:2;mem:64")
        [offer] = cluster.run()
        cluster.remove_agent("a")
        cluster.remove_framework("f")
        allocator, now = cluster.allocator, cluster.now
        for framework_id, agent_id in (("f", "a"), ("f", "b"), ("g", "a")):
            allocator.mark_allocated(framework_id, agent_id, offer.resources)
            allocator.recover(framework_id, agent_id, offer.resources, refuse_seconds=5, now=now)
            allocator.release(framework_id, agent_id, offer.resources)
            allocator.answer_inverse_offer(framework_id, agent_id, refuse_seconds=5, now=now)
        allocator.remove_framework("f")
        allocator.remove_agent("a")
        assert cluster.run() == []
        assert allocator.roles() == []

    # -- maintenance --

    def test_whoever_holds_something_is_asked_to_leave_and_once(self) -> None:
        """An answer holds for its time; another time of unavailability voids it."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.framework("idle", "other")
        cluster.suppress("idle")
        cluster.agent("a", "cpus:2;mem:64", used="cpus:1")
        allocator = cluster.allocator
        allocator.update_unavailability("a", SOON)
        cluster.run()
        cluster.pass_time(1.0)
        cluster.run()
        assert [each.framework_id for each in cluster.asked] == ["f"]
        cluster.asked.clear()
        allocator.answer_inverse_offer("f", "a", refuse_seconds=60, now=cluster.now)
        cluster.pass_time(59.0)
        cluster.run()
        assert cluster.asked == []
        cluster.pass_time(1.0)
        cluster.run()
        assert [each.unavailability for each in cluster.asked] == [SOON]
        cluster.asked.clear()
        allocator.update_unavailability("a", LATER)
        cluster.run()
        assert [each.unavailability for each in cluster.asked] == [LATER]

    # -- views --

    def test_the_views_say_what_is_held(self) -> None:
        """By role, with what is offered apart, and over the subtree."""
        cluster = self.rehearse()
        cluster.framework("f", "dev/deep")
        cluster.agent("a", "cpus:2;mem:64;cpus(dev):1")
        [offer] = cluster.run()
        views = {each.name: each for each in cluster.allocator.roles()}
        assert list(views) == ["dev", "dev/deep"]
        assert views["dev"].offered == Quantities(cpus=3_000, mem=64_000)
        assert views["dev"].allocated == Quantities()
        assert views["dev"].reserved == Quantities(cpus=1_000)
        assert views["dev"].consumed == Quantities(cpus=1_000)
        assert views["dev/deep"].frameworks == ["f"]
        cluster.launch(offer)
        views = {each.name: each for each in cluster.allocator.roles()}
        assert views["dev"].offered == Quantities()
        assert views["dev"].allocated == Quantities(cpus=3_000, mem=64_000)
        assert views["dev"].consumed == Quantities(cpus=3_000, mem=64_000)
        statistics = cluster.allocator.statistics()
        assert statistics.runs >= 1
        assert statistics.total == Quantities(cpus=3_000, mem=64_000)
        assert statistics.offered_or_allocated == Quantities(cpus=3_000, mem=64_000)

    def test_weights_and_quotas_are_shown(self) -> None:
        """With the ancestors of the roles that have them."""
        cluster = self.rehearse(weights={"dev": 2.0})
        cluster.allocator.update_weights({"ops/night": 3.0})
        quota = Quota(guarantees=Quantities(cpus=1_000), limits=Quantities(cpus=2_000))
        cluster.quota("web", quota)
        views = {each.name: each for each in cluster.allocator.roles()}
        assert list(views) == ["dev", "ops", "ops/night", "web"]
        assert [each.weight for each in views.values()] == [2.0, 1.0, 3.0, 1.0]
        assert views["web"].quota == quota

    # -- whatever happens --

    def test_the_same_story_has_the_same_end(self) -> None:
        """Chance comes from the seed alone, and order from no set."""
        assert _tell(self.rehearse(seed=3), Rng(5)) == _tell(self.rehearse(seed=3), Rng(5))

    def test_the_books_stay_exact_whatever_happens(self) -> None:
        """At the end, when all is given back, all can be offered."""
        for seed in range(10):
            cluster = self.rehearse(seed=seed)
            _tell(cluster, Rng(seed))
            for each in list(cluster.tasks):
                cluster.finish(each)
            for each in list(cluster.offers):
                cluster.rescind(each)
            for name, total in cluster.totals.items():
                assert cluster.allocator.available(name) == total
            assert not any(each.allocated or each.offered for each in cluster.allocator.roles())


def _is_refused(act: Callable[[], None]) -> bool:
    try:
        act()
    except InvariantViolated:
        return True
    return False


def _made(cluster: Rehearsal) -> list[Allocation]:
    """Return the offers of a pass over frameworks that a rehearsal knows nothing about."""
    made: list[Allocation] = []
    while cluster.allocator.is_pending():
        part = cluster.allocator.allocate_slice(cluster.now, agents_max=3, offers_max=3)
        made += part.allocations
    return made


def _tell(cluster: Rehearsal, chance: Rng) -> list[str]:
    """Play a long story by chance; return what was offered."""
    told: list[str] = []
    totals = ("cpus:4;mem:1024", "cpus:2;mem:64;ports:[1-9]", "cpus:1;mem:64;cpus(dev):2")
    for name, roles in (("f", ("*",)), ("g", ("dev", "ops")), ("h", ("dev/deep",))):
        cluster.framework(name, *roles)
    for step in range(150):
        match chance.below(10):
            case 0:
                cluster.agent(f"a{step}", chance.choice(totals))
            case 1 if len(cluster.totals) > 2:
                cluster.remove_agent(chance.choice(list(cluster.totals)))
            case 2:
                cluster.suppress(chance.choice("fgh"))
            case 3:
                cluster.revive(chance.choice("fgh"))
            case 4:
                limit = Quantities(cpus=1_000 * chance.below(9))
                cluster.quota("dev", Quota(limits=limit) if chance.below(2) else Quota())
            case 5 if cluster.tasks:
                cluster.finish(chance.choice(cluster.tasks))
            case 6:
                cluster.pass_time(chance.below(4))
            case _ if cluster.offers:
                offer = chance.choice(cluster.offers)
                if chance.below(2):
                    cluster.launch(offer)
                else:
                    cluster.decline(offer, chance.choice((0, 1, 5, 60)))
            case _:
                pass
        told += [f"{each.framework_id} {each.agent_id} {each.resources}" for each in cluster.run()]
    return told
