"""Orders in which siblings are served."""

from tepui.allocator.sorters.competitor import Competitor, Sorter
from tepui.allocator.sorters.drf import DrfSorter
from tepui.allocator.sorters.random import RandomSorter

__all__ = ["Competitor", "DrfSorter", "RandomSorter", "Sorter"]
