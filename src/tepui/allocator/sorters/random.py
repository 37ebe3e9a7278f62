"""Chance instead of shares: each competitor's turn comes as often as its weight says."""

from __future__ import annotations

from tepui.allocator.sorters.competitor import Competitor
from tepui.base.rng import Rng


class RandomSorter:
    """A `Sorter` that draws among the eligible, by weight."""

    __slots__ = ("_competitors", "_rng")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._competitors: dict[str, Competitor] = {}

    def add(self, competitor: Competitor) -> None:
        """Take in a competitor."""
        self._competitors[competitor.path] = competitor

    def remove(self, competitor: Competitor) -> None:
        """Let a competitor go."""
        del self._competitors[competitor.path]

    def reposition(self, competitor: Competitor) -> None:
        """Do nothing: shares do not matter."""

    def reposition_all(self) -> None:
        """Do nothing: shares do not matter."""

    def remask(self, competitor: Competitor, mask: int) -> None:
        """Set the mask of a competitor."""
        competitor.mask = mask

    def first(self, eligible: int) -> Competitor | None:
        """Draw among those whose mask has a bit of ``eligible``."""
        drawn: Competitor | None = None
        weight_so_far = 0.0
        for competitor in self._competitors.values():
            if competitor.mask & eligible:
                weight_so_far += competitor.weight
                if self._rng.unit() * weight_so_far < competitor.weight:
                    drawn = competitor
        return drawn
