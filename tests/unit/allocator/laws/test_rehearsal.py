"""A rehearsal catches whoever breaks a law."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tepui.allocator import (
    Allocation,
    AllocatorOptions,
    HierarchicalAllocator,
    InverseAllocation,
    Quota,
    Slice,
)
from tepui.allocator.laws import Rehearsal
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import TimeInfo, Unavailability
from tepui.resources import Quantities, parse_resources


class Liar(HierarchicalAllocator):
    """Offers what it is told to instead of what is right."""

    def __init__(self) -> None:
        super().__init__(AllocatorOptions(), Rng(1))
        self.lies: list[Allocation] = []
        self.questions: list[InverseAllocation] = []
        self.is_endless = False

    def is_pending(self) -> bool:
        return bool(self.lies or self.questions or self.is_endless)

    def allocate_slice(self, now: Instant, *, agents_max: int, offers_max: int) -> Slice:
        lies, self.lies = self.lies, []
        questions, self.questions = self.questions, []
        return Slice(lies, is_done=True, inverse=questions)


def made(resources: str, role: str = "dev", framework: str = "f", agent: str = "a") -> Allocation:
    return Allocation(framework, role, agent, parse_resources(resources).allocated_to(role))


@pytest.fixture
def liar() -> Liar:
    return Liar()


@pytest.fixture
def cluster(liar: Liar) -> Rehearsal:
    cluster = Rehearsal(liar, AllocatorOptions())
    cluster.framework("f", "dev", "ops")
    cluster.agent("a", "cpus:4;mem:256;cpus(ops):2;ephemeral_ports:[1-9]")
    return cluster


def test_an_honest_offer_passes(cluster: Rehearsal, liar: Liar) -> None:
    liar.lies = [made("cpus:4")]
    assert cluster.run() == cluster.offers == [made("cpus:4")]


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (made("cpus:5"), "is not free, but"),
        (made("cpus:1", framework="g"), "g is unknown"),
        (made("cpus:1", role="web"), "f wants nothing in web"),
        (made("cpus:1", agent="b"), "b is not there"),
        (made(""), "an offer of nothing"),
        (made("cpus(ops):1"), "f in dev sees"),
        (made("ephemeral_ports:[1-2]"), "f in dev sees"),
        (
            Allocation("f", "dev", "a", parse_resources("cpus:1").allocated_to("ops")),
            "allocated to another role",
        ),
    ],
)
def test_a_lie_is_found(cluster: Rehearsal, liar: Liar, lie: Allocation, said: str) -> None:
    liar.lies = [lie]
    with pytest.raises(AssertionError) as found:
        cluster.run()
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda cluster: cluster.suppress("f", "dev"), "f wants nothing in dev"),
        (lambda cluster: cluster.update_framework("f", "ops"), "f wants nothing in dev"),
        (lambda cluster: cluster.remove_framework("f"), "f is unknown"),
        (lambda cluster: cluster.deactivate_agent("a"), "not active"),
        (lambda cluster: cluster.whitelist("b"), "a is not on the list"),
        (lambda cluster: cluster.quota("dev", Quota(limits=Quantities(cpus=500))), "limit"),
    ],
)
def test_what_has_happened_makes_a_lie_of_an_offer(
    cluster: Rehearsal, liar: Liar, happens: Callable[[Rehearsal], None], said: str
) -> None:
    happens(cluster)
    liar.lies = [made("cpus:1")]
    with pytest.raises(AssertionError) as found:
        cluster.run()
    assert said in str(found.value)


def test_offering_the_same_twice_is_found(cluster: Rehearsal, liar: Liar) -> None:
    liar.lies = [made("cpus:3"), made("cpus:2")]
    with pytest.raises(AssertionError, match="is not free, but"):
        cluster.run()


def test_offering_what_was_refused_is_found_until_its_time_is_over(liar: Liar) -> None:
    honest = Rehearsal(HierarchicalAllocator(AllocatorOptions(), Rng(1)), AllocatorOptions())
    honest.framework("f", "dev")
    honest.agent("a", "cpus:4;mem:256")
    [offer] = honest.run()
    honest.decline(offer, 10)
    honest.allocator = liar
    liar.lies = [made("cpus:1")]
    with pytest.raises(AssertionError, match="f has refused"):
        honest.run()
    honest.now = honest.now.later(10.0)
    liar.lies = [made("cpus:1")]
    assert len(honest.run()) == 1


def test_questions_to_the_wrong_or_asked_twice_are_found(cluster: Rehearsal, liar: Liar) -> None:
    question = InverseAllocation("f", "a", Unavailability(start=TimeInfo(nanoseconds=1)))
    liar.questions = [question]
    with pytest.raises(AssertionError, match="holds nothing there"):
        cluster.run()
    liar.lies = [made("cpus:1")]
    liar.questions = [question, question]
    with pytest.raises(AssertionError, match="asked twice"):
        cluster.run()


def test_a_pass_without_an_end_is_found(cluster: Rehearsal, liar: Liar) -> None:
    liar.is_endless = True
    with pytest.raises(AssertionError, match="no end to it"):
        cluster.run()
