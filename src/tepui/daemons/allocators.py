"""``--allocator``: where an allocator's name leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tepui.allocator import Allocator, AllocatorOptions, HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.daemons.plugins import find_plugin

GROUP = "tepui.allocators"
"""The entry point group in which distributions name their allocators."""

MakeAllocator = Callable[[AllocatorOptions, Rng], Allocator]
"""What a name leads to: a class or a function that makes an empty allocator."""

# Mesos knows its own by both names.
_OURS: dict[str, MakeAllocator] = {
    "hierarchical": HierarchicalAllocator,
    "HierarchicalDRF": HierarchicalAllocator,
}


def find_allocator(name: str) -> MakeAllocator:
    """Return what makes the allocator called ``name``.

    Args:
        name: One of ours, an entry point of the group `GROUP`, or ``module:attribute``.

    Raises:
        FlagError: There is none of this name, or it cannot be loaded.
    """
    made = find_plugin(
        name, flag="allocator", group=GROUP, ours=_OURS, makes="allocator", protocol=Allocator
    )
    return cast(MakeAllocator, made)
