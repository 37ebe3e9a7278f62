"""``--allocator``: where an allocator's name leads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from tepui.allocator import Allocator, AllocatorOptions, HierarchicalAllocator
from tepui.base.flags import FlagError
from tepui.base.rng import Rng

GROUP = "tepui.allocators"
"""The entry point group in which distributions name their allocators."""

MakeAllocator = Callable[[AllocatorOptions, Rng], Allocator]
"""What a name leads to: a class or a function that makes an empty allocator."""

# Mesos knows its own by both names. They work without any installed metadata, and nobody
# else's entry point takes their place.
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
    if name in _OURS:
        return _OURS[name]
    installed = {each.name: each.load for each in entry_points(group=GROUP)}
    load = partial(_from_module, name) if ":" in name else installed.get(name)
    if load is None:
        names = ", ".join(sorted({*_OURS, *installed}))
        raise FlagError(
            f"--allocator: {name!r} is neither module:attribute nor one of those installed: {names}"
        )
    try:
        made = load()
    except (ImportError, AttributeError, ValueError) as error:
        raise FlagError(f"--allocator: {name!r} cannot be loaded: {error}") from error
    if not callable(made):
        raise FlagError(f"--allocator: {name!r} is {made!r}, which makes no allocator")
    return cast(MakeAllocator, made)


def _from_module(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
