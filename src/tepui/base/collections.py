"""Collections whose order is the same in every run, and whose size is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class OrderedSet(Generic[T]):
    """A set that iterates in order of insertion."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items: dict[T, None] = dict.fromkeys(items)

    def add(self, item: T) -> None:
        """Put ``item`` at the end unless it is there already."""
        self._items[item] = None

    def discard(self, item: T) -> None:
        """Take ``item`` out if it is there."""
        self._items.pop(item, None)

    def clear(self) -> None:
        """Take everything out."""
        self._items.clear()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"OrderedSet({list(self._items)!r})"


class Ring(Generic[K, V]):
    """A mapping that remembers at most ``size_max`` entries and forgets the oldest first."""

    __slots__ = ("_evicted", "_items", "size_max")

    def __init__(self, size_max: int, evicted: Callable[[K, V], None] | None = None) -> None:
        self.size_max = size_max
        self._items: dict[K, V] = {}
        self._evicted = evicted

    def put(self, key: K, value: V) -> None:
        """Remember ``value`` as the newest entry; forget the oldest beyond the bound."""
        self._items.pop(key, None)
        self._items[key] = value
        while len(self._items) > self.size_max:
            oldest = next(iter(self._items))
            forgotten = self._items.pop(oldest)
            if self._evicted is not None:
                self._evicted(oldest, forgotten)

    def pop(self, key: K) -> V | None:
        """Forget ``key`` and return what was remembered, if anything."""
        return self._items.pop(key, None)

    def get(self, key: K) -> V | None:
        """Return what is remembered for ``key``, if anything."""
        return self._items.get(key)

    def values(self) -> Iterable[V]:
        """Iterate from the oldest to the newest."""
        return self._items.values()

    def items(self) -> Iterable[tuple[K, V]]:
        """Iterate pairs from the oldest to the newest."""
        return self._items.items()

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)
