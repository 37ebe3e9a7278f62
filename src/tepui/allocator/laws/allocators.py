"""What any allocator does, whatever its policy is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tepui.allocator.explanation import Question
from tepui.allocator.interface import Allocation, Quota
from tepui.allocator.laws.offers import OfferLaws
from tepui.allocator.laws.rehearsal import Rehearsal
from tepui.base.errors import InvariantViolated
from tepui.base.rng import Rng
from tepui.messages import TimeInfo, Unavailability
from tepui.resources import Quantities, Resources, parse_resources

SOON = Unavailability(start=TimeInfo(nanoseconds=10**9))
LATER = Unavailability(start=TimeInfo(nanoseconds=2 * 10**9))


class AllocatorLaws(OfferLaws):
    """All laws: those of offers, and those of the books behind them."""

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

    def test_a_framework_that_ends_frees_all_that_it_held(self) -> None:
        """What it was offered, and what it used."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:2;mem:64")
        cluster.agent("b", "cpus:2;mem:64")
        cluster.launch(cluster.run()[0])
        cluster.remove_framework("f")
        for name in "ab":
            assert cluster.allocator.available(name) == cluster.totals[name]
        cluster.framework("g")
        assert len(cluster.run()) == 2

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
        cluster.asked.clear()
        allocator.answer_inverse_offer("f", "a", refuse_seconds=0, now=cluster.now)
        cluster.run()
        assert cluster.asked == []
        cluster.pass_time(1.0)
        cluster.run()
        assert len(cluster.asked) == 1

    def test_nobody_is_asked_to_leave_an_agent_that_is_gone(self) -> None:
        """Nor one that stays after all, nor one that came back under the same name."""
        cluster = self.rehearse()
        cluster.framework("f")
        cluster.agent("a", "cpus:2;mem:64", used="cpus:1")
        cluster.agent("b", "cpus:2;mem:64", used="cpus:1")
        cluster.allocator.update_unavailability("a", SOON)
        cluster.allocator.update_unavailability("b", SOON)
        cluster.remove_agent("a")
        cluster.allocator.update_unavailability("b", None)
        cluster.run()
        cluster.agent("a", "cpus:2;mem:64", used="cpus:1")
        cluster.pass_time(1.0)
        cluster.run()
        assert cluster.asked == []

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

    def test_to_ask_why_somebody_waits_changes_nothing(self) -> None:
        """And has an answer, whoever is asked about."""
        cluster = self.rehearse()
        cluster.framework("f", "dev")
        cluster.agent("a", "cpus:2;mem:64")
        cluster.decline(cluster.run()[0], 60)
        cluster.run()
        before = (cluster.allocator.roles(), cluster.allocator.statistics())
        for question in (
            Question(framework_id="f"),
            Question(framework_id="nobody"),
            Question(role="dev", request=Quantities(cpus=1_000)),
            Question(role="nobody/here"),
        ):
            explaining = cluster.allocator.explain(question, cluster.now)
            answers = (explaining.step(cluster.now, looks_max=1) for _ in range(1_000))
            answer = next(each for each in answers if each is not None)
            assert answer.agents == 1
        assert all(each.role == "dev" for each in cluster.allocator.reasons())
        assert (cluster.allocator.roles(), cluster.allocator.statistics()) == before
        assert not cluster.allocator.is_pending()

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
