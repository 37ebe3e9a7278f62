"""The same seed and the same calls give the same offers, in any process: no order of a hash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import Cluster
from happenings import EVENTS, register_as_most_do, some_allocator_options, subscribe

from tepui.allocator import Allocation
from tepui.base.rng import Rng

pytestmark = pytest.mark.slow

SEEDS = range(6)


def offers_of(seed: int, steps: int = 150) -> list[str]:
    """Return all that is offered on a walk, in order."""
    chance = Rng(seed)
    cluster = Cluster(some_allocator_options(chance), seed)
    offers: list[str] = []

    def note(made: list[Allocation]) -> list[Allocation]:
        offers.extend(map(repr, made))
        return made

    allocate_a_little = cluster.allocate_a_little
    cluster.allocate_a_little = lambda agents_max=1: note(allocate_a_little(agents_max))  # type: ignore[method-assign]
    for event in (subscribe, register_as_most_do) * 3:
        event(cluster, chance)
    for _ in range(steps):
        chance.choice(EVENTS)(cluster, chance)
    cluster.settle()
    return offers


def test_the_same_seed_gives_the_same_offers_whatever_the_order_of_hashes() -> None:
    """The order of a built-in set differs between these processes; nothing may follow it."""
    running = [
        subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        for seed in ("0", "1")
    ]
    first, second = (each.communicate(timeout=100)[0].splitlines() for each in running)
    assert [each.returncode for each in running] == [0, 0]
    assert len(first) > 100
    assert first == second
    here = [line for seed in SEEDS for line in offers_of(seed)]
    assert first == here, "a run before it in the same process makes a difference"


def test_another_seed_gives_other_offers() -> None:
    assert offers_of(1) != offers_of(2)


if __name__ == "__main__":
    for each in SEEDS:
        print("\n".join(offers_of(each)))
