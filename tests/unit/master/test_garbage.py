"""The garbage collector of a master: what it frees, and when."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from tepui.master.garbage import Sweeper, calm_garbage_collector


class Node:
    """Something that refers to itself, so that counting references does not free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_sweep_frees_circles_that_are_new() -> None:
    calm_garbage_collector()
    gone = weakref.ref(Node())
    assert gone() is not None, "nobody has collected it yet"
    Sweeper().sweep()
    assert gone() is None


def test_a_sweep_passes_over_what_earlier_ones_have_seen() -> None:
    """Looking at everything each time is what would hold up the loop."""
    calm_garbage_collector()
    sweeper = Sweeper()
    node = Node()
    old = weakref.ref(node)
    sweeper.sweep()
    del node
    sweeper.sweep()
    assert old() is not None
    gc.collect()


def test_now_and_then_old_circles_are_freed_too() -> None:
    calm_garbage_collector()
    sweeper = Sweeper(full_collection_every=3)
    node = Node()
    old = weakref.ref(node)
    sweeper.sweep()
    del node
    sweeper.sweep()
    sweeper.sweep()
    assert old() is None
    assert gc.get_freeze_count() > 0


def test_a_stopped_sweeper_leaves_nothing_behind() -> None:
    async def story() -> None:
        sweeper = Sweeper()
        sweeper.stop()
        sweeper.start()
        sweeper.stop()
        sweeper.stop()

    asyncio.run(story())
    assert gc.get_threshold()[0] == 1_000_000
