"""Whatever happens in a cluster, and in whatever order: the laws of sharing hold.

The laws stand in cluster_laws.py, each restated from books that the tests keep themselves. Those
about an offer are asked of each offer when it is made. Hypothesis' walks are short, and shrink
to the few steps that break a law; the long ones see more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cluster_laws as laws
import pytest
from cluster import Cluster
from happenings import (
    EVENTS,
    Event,
    allocate,
    register_as_most_do,
    set_quota,
    some_allocator_options,
    subscribe,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tepui.allocator import Quota
from tepui.base.rng import Rng

pytestmark = pytest.mark.slow


class Drawn:
    """Chance that Hypothesis has in its hand."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def below(self, bound: int) -> int:
        return self._data.draw(st.integers(0, bound - 1))

    def choice(self, items: Sequence[Any]) -> Any:
        return items[self.below(len(items))]


# -- what has to hold at any time --


def nothing_is_held_twice(cluster: Cluster) -> None:
    for agent_id in cluster.books.totals:
        assert cluster.allocator.available(agent_id) == cluster.books.unheld(agent_id)


def sums_stay_exact(cluster: Cluster) -> None:
    said = cluster.allocator.statistics()
    views = cluster.allocator.roles()
    laws.sums_are_exact(cluster.books, views, said.total, said.offered_or_allocated)


def the_allocator_agrees_with_itself(cluster: Cluster) -> None:
    """What it keeps up to date is what it is from scratch."""
    cluster.allocator.check()


# -- what has to hold when all has been said and done --


def without_quotas_nobody_waits_for_a_periodic_pass(cluster: Cluster) -> None:
    """What was freed, or is wanted anew, is offered as soon as the passes called for ran.

    What a limit or headroom kept back of other agents waits for the periodic pass.
    """
    cluster.allocate()
    if not cluster.books.quotas:
        laws.nobody_is_forgotten(cluster.books)


def nobody_is_forgotten(cluster: Cluster) -> None:
    """After some periodic passes, whatever could be offered is on offer."""
    if cluster.settle():
        laws.nobody_is_forgotten(cluster.books)


def guarantees_are_honoured_whenever_feasible(cluster: Cluster) -> None:
    """No role lacks of its guarantee what is free and what one of its frameworks takes."""
    for framework_id in list(cluster.books.frameworks):
        cluster.revive(framework_id)
    if cluster.settle():
        laws.no_guarantee_lacks_what_is_there(cluster.books)


def what_quotas_keep_back_is_offered_once_they_go(cluster: Cluster) -> None:
    """And no less is kept back once they are there again."""
    quotas = dict(cluster.books.quotas)
    if not cluster.settle():
        return
    for role in quotas:
        cluster.set_quota(role, Quota())
    cluster.allocate()
    laws.nobody_is_forgotten(cluster.books)
    for role, quota in quotas.items():
        cluster.set_quota(role, quota)
    cluster.allocate()


def no_eligible_framework_starves(cluster: Cluster) -> None:
    """If nobody takes anything, everybody is asked, for all that is there, in no time."""
    books = cluster.books
    for framework_id in list(books.frameworks):
        cluster.revive(framework_id)
    if not cluster.settle():
        return
    asked = {(each.framework_id, each.role, each.agent_id) for each in books.offers}
    for _ in range(2 * len(list(books.clients())) * len(books.totals) + 10):
        while books.offers:
            cluster.decline(0, 5.0)
        cluster.settle()
        asked |= {(each.framework_id, each.role, each.agent_id) for each in books.offers}
        if not books.offers:
            break
    assert not books.offers, "there is no end to the asking"
    laws.everybody_was_asked(books, asked)
    # When the refusals end, the asking begins anew: no periodic pass is waited for.
    cluster.pass_time(5.0)
    without_quotas_nobody_waits_for_a_periodic_pass(cluster)


INVARIANTS = (nothing_is_held_twice, sums_stay_exact, the_allocator_agrees_with_itself)
CONCLUSIONS = (
    without_quotas_nobody_waits_for_a_periodic_pass,
    nobody_is_forgotten,
    guarantees_are_honoured_whenever_feasible,
    what_quotas_keep_back_is_offered_once_they_go,
    no_eligible_framework_starves,
)


class AllocatorMachine(RuleBasedStateMachine):
    """Random frameworks, agents and operators around one allocator."""

    @initialize(data=st.data(), seed=st.integers(0, 2**32))
    def start(self, data: st.DataObject, seed: int) -> None:
        chance = Drawn(data)
        self.cluster = Cluster(some_allocator_options(chance), seed)
        for event in (subscribe, register_as_most_do, subscribe, allocate):
            event(self.cluster, chance)

    @rule(data=st.data(), event=st.sampled_from(EVENTS))
    def happen(self, data: st.DataObject, event: Event) -> None:
        event(self.cluster, Drawn(data))

    @rule()
    def without_quotas_nobody_waits_for_a_periodic_pass(self) -> None:
        without_quotas_nobody_waits_for_a_periodic_pass(self.cluster)

    @rule()
    def nobody_is_forgotten(self) -> None:
        nobody_is_forgotten(self.cluster)

    @rule()
    def guarantees_are_honoured_whenever_feasible(self) -> None:
        guarantees_are_honoured_whenever_feasible(self.cluster)

    @rule()
    def what_quotas_keep_back_is_offered_once_they_go(self) -> None:
        what_quotas_keep_back_is_offered_once_they_go(self.cluster)

    @rule()
    def no_eligible_framework_starves(self) -> None:
        no_eligible_framework_starves(self.cluster)

    @invariant()
    def nothing_is_held_twice(self) -> None:
        nothing_is_held_twice(self.cluster)

    @invariant()
    def sums_stay_exact(self) -> None:
        sums_stay_exact(self.cluster)

    @invariant()
    def the_allocator_agrees_with_itself(self) -> None:
        the_allocator_agrees_with_itself(self.cluster)


TestAllocator = AllocatorMachine.TestCase
TestAllocator.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def walk(seed: int, steps: int) -> Cluster:
    """Let things happen at random, and draw a conclusion now and then."""
    chance = Rng(seed)
    cluster = Cluster(some_allocator_options(chance), seed)
    for event in (subscribe, register_as_most_do, subscribe, register_as_most_do):
        event(cluster, chance)
    # Without quotas, everything has to happen at once.
    events = EVENTS if chance.below(3) else tuple(each for each in EVENTS if each is not set_quota)
    for _ in range(steps):
        chance.choice(events)(cluster, chance)
        for law in INVARIANTS:
            law(cluster)
        if chance.below(8) == 0:
            chance.choice(CONCLUSIONS)(cluster)
    return cluster


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_the_laws_hold_on_a_long_walk(seed: int) -> None:
    walk(seed, 80)
