"""The laws of allocators, held by ours and by the one in examples/."""

from __future__ import annotations

from tepui.allocator import Allocator, AllocatorOptions, HierarchicalAllocator
from tepui.allocator.laws import AllocatorLaws
from tepui.base.rng import Rng


class TestHierarchical(AllocatorLaws):
    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        return HierarchicalAllocator(options, rng)
