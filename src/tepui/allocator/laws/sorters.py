"""What any sorter does, whatever its order is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tepui.allocator.sorters import Competitor, Sorter
from tepui.base.rng import Rng

TOTALS = {"cpus": 1_000_000}


class SorterLaws(ABC):
    """The laws of a `Sorter`."""

    @abstractmethod
    def make(self, rng: Rng) -> Sorter:
        """Return an empty sorter; yours goes here."""

    def test_without_competitors_it_is_nobodys_turn(self) -> None:
        """However many are asked for."""
        assert self.make(Rng(1)).first(-1) is None

    def test_only_the_eligible_get_their_turn(self) -> None:
        """Eligible is whose mask has one of the bits."""
        sorter = self.make(Rng(1))
        competitors = _competitors(sorter, 200)
        for index, competitor in enumerate(competitors):
            assert sorter.first(1 << index) is competitor
        assert sorter.first(0) is None
        assert sorter.first(1 << 200) is None
        assert sorter.first((1 << 7) | (1 << 190)) in (competitors[7], competitors[190])

    def test_whoever_is_removed_gets_no_more_turns(self) -> None:
        """The others still do."""
        sorter = self.make(Rng(1))
        competitors = _competitors(sorter, 5)
        sorter.remove(competitors[2])
        assert sorter.first(1 << 2) is None
        assert sorter.first(1 << 3) is competitors[3]

    def test_a_new_mask_counts_at_once(self) -> None:
        """A role gains and loses frameworks while it competes."""
        sorter = self.make(Rng(1))
        competitors = _competitors(sorter, 5)
        sorter.remask(competitors[2], 0)
        assert sorter.first(1 << 2) is None
        sorter.remask(competitors[2], (1 << 2) | (1 << 9))
        assert competitors[2].mask == (1 << 2) | (1 << 9)
        assert sorter.first(1 << 9) is competitors[2]

    def test_everybody_gets_a_turn_if_all_take_the_same(self) -> None:
        """Nobody starves, whatever the weights."""
        sorter = self.make(Rng(1))
        competitors = _competitors(sorter, 5)
        for index, competitor in enumerate(competitors):
            competitor.weight = 1.0 + index
            sorter.reposition(competitor)
        turns = dict.fromkeys(competitors, 0)
        for _ in range(300):
            served = sorter.first(-1)
            assert served is not None
            turns[served] += 1
            served.charge({"cpus": 100}, TOTALS)
            sorter.reposition(served)
        assert all(turns.values())
        assert turns[competitors[4]] > turns[competitors[0]]

    def test_it_loses_nobody_whatever_happens(self) -> None:
        """Through changes of shares, masks, totals and members."""
        for seed in range(5):
            chance = Rng(seed)
            sorter = self.make(Rng(seed))
            members = dict(enumerate(_competitors(sorter, 150)))
            for _ in range(600):
                at = chance.choice(list(members))
                member = members[at]
                match chance.below(5):
                    case 0:
                        member.charge({"cpus": chance.below(900)}, TOTALS)
                        sorter.reposition(member)
                    case 1:
                        member.discharge({"cpus": chance.below(900)}, TOTALS)
                        sorter.reposition(member)
                    case 2:
                        sorter.remask(member, 0 if member.mask else 1 << at)
                    case 3:
                        sorter.reposition_all()
                    case _ if len(members) > 20:
                        sorter.remove(members.pop(at))
                asked = chance.choice(list(members))
                expected = members[asked] if members[asked].mask else None
                assert sorter.first(1 << asked) is expected

    def test_the_same_story_has_the_same_order(self) -> None:
        """Chance comes from the seed alone."""
        assert _turns(self.make(Rng(4))) == _turns(self.make(Rng(4)))


def _competitors(sorter: Sorter, count: int) -> list[Competitor]:
    """Add competitors whose masks are the lowest bits in their order."""
    competitors = [Competitor(f"c{index:03d}", None, sorter) for index in range(count)]
    for index, competitor in enumerate(competitors):
        competitor.mask = 1 << index
        sorter.add(competitor)
    return competitors


def _turns(sorter: Sorter) -> list[str]:
    turns: list[str] = []
    _competitors(sorter, 10)
    for _ in range(50):
        served = sorter.first(-1)
        assert served is not None
        turns.append(served.path)
        served.charge({"cpus": 100}, TOTALS)
        sorter.reposition(served)
    return turns
