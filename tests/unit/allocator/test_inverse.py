"""Inverse offers: rules 84 to 88 of Mesos' allocator, and what 62, 63 and 71 say of them."""

from __future__ import annotations

import math

import pytest

from tepui.allocator import (
    AgentDescription,
    AllocatorOptions,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.allocator.inverse import InverseOffers
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import DurationInfo, TimeInfo, Unavailability
from tepui.resources import Resources, parse_resources

T0 = Instant(0.0, 0.0)
TOMORROW = Unavailability(
    start=TimeInfo(nanoseconds=86_400 * 10**9), duration=DurationInfo(nanoseconds=3600 * 10**9)
)
LATER = Unavailability(start=TimeInfo(nanoseconds=2 * 86_400 * 10**9))
YEAR = 365 * 86_400

Question = tuple[str, str]


class Cluster:
    """An allocator in which framework ``f`` uses half of agent ``a``."""

    def __init__(self) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        self.now = T0
        self.framework("f")
        self.agent("a", f="cpus:1;mem:64")
        self.step()

    def framework(self, name: str, *, is_active: bool = True) -> None:
        self.allocator.add_framework(name, FrameworkOptions(roles=("dev",)), is_active=is_active)
        self.allocator.suppress(name)

    def agent(self, name: str, **used: str) -> None:
        held = {
            framework_id: parse_resources(text).allocated_to("dev")
            for framework_id, text in used.items()
        }
        self.allocator.add_agent(
            name,
            AgentDescription(hostname=name),
            total=parse_resources("cpus:2;mem:128"),
            used=held,
        )

    def step(self) -> tuple[list[Resources], list[Question]]:
        offers, questions = [], []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=1, offers_max=10)
            offers += [each.resources for each in part.allocations]
            questions += [(each.framework_id, each.agent_id) for each in part.inverse]
        return offers, questions

    def asked(self) -> list[Question]:
        return self.step()[1]

    def answer(self, refuse_seconds: float | None, framework_id: str = "f") -> None:
        self.allocator.answer_inverse_offer(
            framework_id, "a", refuse_seconds=refuse_seconds, now=self.now
        )

    def after(self, seconds: float) -> list[Question]:
        """Let time pass without a periodic pass."""
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + seconds)
        self.allocator.expire(self.now)
        return self.asked()


def test_rule_84_an_agent_that_will_be_unavailable_is_still_offered() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.allocator.revive("f")
    offers, _ = cluster.step()
    assert len(offers) == 1


def test_rule_85_whoever_holds_something_there_is_asked_once() -> None:
    cluster = Cluster()
    cluster.framework("idle")
    cluster.agent("b", f="cpus:1")
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert cluster.asked() == [("f", "a")]
    cluster.allocator.periodic(cluster.now)
    assert cluster.asked() == []


def test_rule_85_what_is_only_offered_counts_too() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.framework("g")
    assert cluster.asked() == [("f", "a")]
    cluster.allocator.revive("g")
    offers, asked = cluster.step()
    assert len(offers) == 1
    assert asked == [("g", "a")]


def test_rule_85_frameworks_that_are_not_active_are_not_asked() -> None:
    cluster = Cluster()
    cluster.allocator.deactivate_framework("f")
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert cluster.asked() == []
    cluster.allocator.activate_framework("f")
    assert cluster.asked() == [("f", "a")]


def test_nobody_is_asked_about_an_agent_that_is_not_active() -> None:
    cluster = Cluster()
    cluster.allocator.deactivate_agent("a")
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert cluster.asked() == []
    assert not cluster.allocator.is_pending()
    cluster.allocator.activate_agent("a")
    assert cluster.asked() == [("f", "a")]


def test_rule_86_a_question_names_no_resources_but_when() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    [question] = cluster.allocator.allocate_slice(T0, agents_max=10, offers_max=10).inverse
    assert question.unavailability == TOMORROW
    assert not hasattr(question, "resources")


@pytest.mark.parametrize(
    ("refuse_seconds", "lives"),
    [(60.0, 60.0), (0.5, 1.0), (-1.0, 5.0), (math.nan, 5.0), (math.inf, YEAR), (1e300, YEAR)],
)
def test_rules_62_63_and_87_an_answer_holds_for_its_time(
    refuse_seconds: float, lives: float
) -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert cluster.asked() == [("f", "a")]
    cluster.answer(refuse_seconds)
    assert cluster.allocator.next_deadline() == lives
    assert cluster.after(lives - 0.001) == []
    cluster.allocator.periodic(cluster.now)
    assert cluster.asked() == []
    assert cluster.after(0.001) == [("f", "a")]


def test_rule_63_zero_seconds_hold_until_the_next_periodic_pass() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.answer(0)
    assert cluster.after(0.5) == []
    cluster.allocator.periodic(cluster.now)
    assert cluster.asked() == [("f", "a")]


def test_a_question_that_was_taken_back_is_asked_again_at_once() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.answer(None)
    assert cluster.asked() == [("f", "a")]


def test_rule_88_another_time_asks_everybody_anew_and_at_once() -> None:
    cluster = Cluster()
    cluster.agent("c", g="cpus:1")
    cluster.framework("g")
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.answer(60)
    cluster.allocator.update_unavailability("a", LATER)
    assert cluster.asked() == [("f", "a")]  # its filter is gone
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert cluster.asked() == [("f", "a")]  # what was outstanding is forgotten


def test_rule_88_an_agent_that_stays_is_nobodys_concern() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.answer(60)
    cluster.allocator.update_unavailability("a", None)
    assert cluster.allocator.next_deadline() is None
    cluster.allocator.periodic(cluster.now)
    assert cluster.asked() == []


def test_rule_71_revive_clears_all_inverse_filters_of_the_framework_and_of_no_other() -> None:
    cluster = Cluster()
    cluster.framework("g")
    cluster.allocator.remove_agent("a")
    cluster.agent("a", f="cpus:1", g="cpus:1")
    cluster.allocator.update_unavailability("a", TOMORROW)
    assert sorted(cluster.asked()) == [("f", "a"), ("g", "a")]
    cluster.answer(600, "f")
    cluster.answer(600, "g")
    cluster.allocator.revive("f", ["dev"])
    assert cluster.asked() == [("f", "a")]


def test_answers_of_the_gone_and_about_the_gone_are_passed_over() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.allocator.remove_framework("f")
    cluster.answer(60)
    assert cluster.allocator.next_deadline() is None
    cluster.allocator.remove_agent("a")
    cluster.answer(60)
    cluster.allocator.periodic(cluster.now)
    assert cluster.asked() == []


def test_an_agent_that_comes_back_has_to_be_scheduled_again() -> None:
    cluster = Cluster()
    cluster.allocator.update_unavailability("a", TOMORROW)
    cluster.asked()
    cluster.allocator.remove_agent("a")
    cluster.agent("a", f="cpus:1")
    assert cluster.asked() == []


def test_answers_that_are_void_do_not_fill_the_memory() -> None:
    inverse = InverseOffers(1.0)
    inverse.schedule("a", TOMORROW)
    for second in range(5_000):
        inverse.answer("f", "a", 600.0, Instant(float(second), 0.0))
        assert len(inverse._expiries) < 1_100
    assert inverse.next_expiry() == 5_599.0


def test_nothing_is_left_of_frameworks_and_agents_that_went() -> None:
    """By chance: whatever is asked, answered, lifted and forgotten, the lists agree."""
    chance = Rng(7)
    inverse = InverseOffers(1.0)
    now = T0
    holders = ("f", "g", "h")
    for _ in range(2_000):
        agent_id, framework_id = chance.choice("abcd"), chance.choice(holders)
        match chance.below(8):
            case 0:
                inverse.schedule(agent_id, TOMORROW)
            case 1:
                inverse.schedule(agent_id, None)
            case 2:
                inverse.forget_framework(framework_id)
            case 3:
                inverse.revive(framework_id)
            case 4 | 5:
                inverse.answer(framework_id, agent_id, chance.choice((None, 0, 5, 60)), now)
            case 6:
                now = now.later(chance.below(9))
                inverse.expire(now.monotonic)
            case _:
                inverse.ask(lambda _: holders, 2)
        listed = {
            (framework_id, agent_id)
            for framework_id, agents in inverse._agents_of.items()
            for agent_id in agents
        }
        known = {
            (framework_id, agent_id)
            for agent_id, scheduled in inverse._scheduled.items()
            for framework_id in (*scheduled.asked, *scheduled.answered)
        }
        assert listed == known
        assert inverse._in_force == sum(len(each.answered) for each in inverse._scheduled.values())
    for agent_id in "abcd":
        inverse.forget_agent(agent_id)
    assert not inverse._agents_of
    assert inverse.next_expiry() is None
