"""The random sorter draws among the eligible only."""

from collections import Counter

from tepui.allocator.sorters import Competitor, RandomSorter
from tepui.base.rng import Rng


def test_turns_come_as_often_as_the_weights_say() -> None:
    sorter = RandomSorter(Rng(3))
    for at, weight in enumerate((1.0, 3.0, 100.0)):
        competitor = Competitor(f"p{at}", None, sorter)
        competitor.mask = 1 << at
        competitor.weight = weight
        sorter.add(competitor)
    drawn = Counter(first.path for _ in range(1000) if (first := sorter.first(0b011)))
    assert set(drawn) == {"p0", "p1"}
    assert 200 < drawn["p0"] < 300
    assert sorter.first(0b1000) is None
