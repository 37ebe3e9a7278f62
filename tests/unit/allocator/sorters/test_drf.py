"""The kept order, across blocks. That it equals sorting is proved in tests/property."""

from tepui.allocator.sorters import Competitor, DrfSorter
from tepui.allocator.sorters.drf import BLOCK_SIZE


def filled(count: int) -> tuple[DrfSorter, list[Competitor]]:
    sorter = DrfSorter()
    competitors = []
    for at in range(count):
        competitor = Competitor(f"p{at:04}", None, sorter)
        competitor.mask = 1 << at
        sorter.add(competitor)
        competitors.append(competitor)
    return sorter, competitors


def test_whoever_gets_something_moves_to_the_end() -> None:
    sorter, competitors = filled(5 * BLOCK_SIZE)
    for competitor in competitors:
        assert sorter.first(-1) is competitor
        competitor.charge({"cpus": 1}, {"cpus": 1000})
        sorter.reposition(competitor)
    assert sorter.first(-1) is competitors[0]


def test_blocks_without_anybody_eligible_are_passed_over() -> None:
    sorter, competitors = filled(5 * BLOCK_SIZE)
    last = competitors[-1]
    assert sorter.first(last.mask) is last
    sorter.remask(last, 0)
    assert sorter.first(1 << (5 * BLOCK_SIZE - 1)) is None


def test_an_empty_sorter_has_nobody() -> None:
    sorter, (only,) = filled(1)
    sorter.remove(only)
    assert sorter.first(-1) is None
    sorter.add(only)
    assert sorter.first(-1) is only
