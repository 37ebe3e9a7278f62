"""The laws of sorters, held by ours."""

from __future__ import annotations

from tepui.allocator.laws import SorterLaws
from tepui.allocator.sorters import DrfSorter, RandomSorter, Sorter
from tepui.base.rng import Rng


class TestDrf(SorterLaws):
    def make(self, rng: Rng) -> Sorter:
        return DrfSorter()


class TestRandom(SorterLaws):
    def make(self, rng: Rng) -> Sorter:
        return RandomSorter(rng)
