"""Chance that can be repeated."""

from __future__ import annotations

import uuid

from tepui.base.rng import Rng


def test_the_same_seed_gives_the_same_chance() -> None:
    def draw(rng: Rng) -> list[object]:
        items = list(range(20))
        rng.shuffle(items)
        return [rng.unit(), rng.below(10), rng.between(1, 2), rng.choice("abc"), rng.uuid(), items]

    assert draw(Rng(7)) == draw(Rng(7))
    assert draw(Rng(7)) != draw(Rng(8))


def test_a_uuid_is_of_version_four() -> None:
    rng = Rng(1)
    for _ in range(100):
        parsed = uuid.UUID(rng.uuid())
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)
