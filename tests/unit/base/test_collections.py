"""Ordered sets and bounded rings."""

from __future__ import annotations

from tepui.base.collections import OrderedSet, Ring


def test_an_ordered_set_iterates_in_order_of_insertion() -> None:
    items = OrderedSet("cab")
    items.add("c")
    items.discard("a")
    items.discard("z")
    items.add("a")
    assert list(items) == ["c", "b", "a"]
    assert "b" in items
    assert len(items) == 3
    items.clear()
    assert not len(items)


def test_a_ring_forgets_the_oldest_beyond_its_bound_and_says_so() -> None:
    forgotten: list[tuple[str, int]] = []
    ring: Ring[str, int] = Ring(2, lambda key, value: forgotten.append((key, value)))
    for key, value in [("a", 1), ("b", 2), ("a", 3), ("c", 4)]:
        ring.put(key, value)
    assert list(ring.items()) == [("a", 3), ("c", 4)]
    assert forgotten == [("b", 2)]
    assert ring.pop("a") == 3
    assert ring.pop("a") is None
    assert ring.get("c") == 4
    assert list(ring.values()) == [4]


def test_a_ring_of_size_nothing_remembers_nothing() -> None:
    ring: Ring[str, int] = Ring(0)
    ring.put("a", 1)
    assert "a" not in ring
    assert len(ring) == 0
