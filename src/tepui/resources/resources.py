"""Collections of resources, and the algebra on them.

A collection maps keys to amounts. An amount is an ``int`` (thousandths of a scalar, or copies
where the key has a size), a tuple of ranges, or a frozenset of names; it is never empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tepui.messages import Resource
from tepui.resources import ranges
from tepui.resources.conversions import (
    Amount,
    ReservationFormat,
    entry_from_message,
    message_from_entry,
)
from tepui.resources.keys import Key, allocated_key
from tepui.resources.quantities import Quantities
from tepui.resources.scalars import MILLIS, from_millis

_FEW = 32
"""Counting anew is as fast, up to this many entries for each that changed."""


class Resources:
    """An immutable collection of resources."""

    __slots__ = ("_entries", "_hash", "_is_plain", "_scalars")

    def __init__(self, entries: dict[Key, Amount] | None = None) -> None:
        """Take over ``entries``, which nobody may change afterwards."""
        self._entries: dict[Key, Amount] = {} if entries is None else entries
        self._scalars: Quantities | None = None
        self._is_plain: bool | None = None
        self._hash: int | None = None

    # -- messages --

    @classmethod
    def from_messages(cls, messages: Iterable[Resource]) -> Resources:
        """Return the sum of ``messages``, in either reservation format, that passed validation.

        Amounts of zero are left out.
        """
        entries: dict[Key, Amount] = {}
        for message in messages:
            key, amount = entry_from_message(message)
            if amount:
                held = entries.get(key)
                entries[key] = amount if held is None else sum_of(held, amount)
        return cls(entries)

    def to_messages(
        self,
        *,
        format: ReservationFormat = ReservationFormat.POST_REFINEMENT,  # noqa: A002 - a keyword
    ) -> list[Resource]:
        """Return one message per entry, or per copy where copies are counted.

        Raises:
            ValueError: ``format`` cannot say what a reservation is.
        """
        messages: list[Resource] = []
        for key, amount in self._entries.items():
            message = message_from_entry(key, amount, format)
            copies = amount if key.size is not None and isinstance(amount, int) else 1
            messages.extend([message] * copies)
        return messages

    # -- algebra --

    def __add__(self, other: Resources) -> Resources:
        theirs = other._entries
        if not theirs:
            return self
        if not self._entries:
            return other
        entries = self._entries.copy()
        for key, amount in theirs.items():
            held = entries.get(key)
            if held is None:
                entries[key] = amount
            elif type(held) is int:
                entries[key] = held + amount  # type: ignore[operator]
            else:
                entries[key] = sum_of(held, amount)
        return Resources(entries)._counted_from(self, theirs)

    def __sub__(self, other: Resources) -> Resources:
        """Return what is left; what is not there to be taken is passed over."""
        theirs = other._entries
        if not theirs:
            return self
        entries = self._entries.copy()
        for key, amount in theirs.items():
            held = entries.get(key)
            if held is None:
                continue
            left: Amount
            if type(held) is int:
                left = held - amount  # type: ignore[operator]
                if left <= 0:
                    left = 0
            else:
                left = difference(held, amount)
            if left:
                entries[key] = left
            else:
                del entries[key]
        return Resources(entries)._counted_from(self, theirs)

    def contains(self, other: Resources) -> bool:
        """Tell whether all of ``other`` is here."""
        mine = self._entries
        for key, amount in other._entries.items():
            held = mine.get(key)
            if held is None:
                return False
            if type(held) is int:
                if held < amount:  # type: ignore[operator]
                    return False
            elif not _includes(held, amount):
                return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self._entries == other._entries

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._entries.items()))
        return self._hash

    def __bool__(self) -> bool:
        return bool(self._entries)

    def is_empty(self) -> bool:
        """Tell whether there is nothing."""
        return not self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def allocation_role(self) -> str | None:
        """Return the role that the first of these is allocated to, if it is to any."""
        for key in self._entries:
            return key.allocation_role
        return None

    def entries(self) -> Iterator[tuple[Key, Amount]]:
        """Iterate keys with their amounts, in the order in which they came."""
        return iter(self._entries.items())

    # -- parts --

    def filter(self, wanted: Callable[[Key], bool]) -> Resources:
        """Return the entries whose key is ``wanted``; this very collection if all are."""
        entries = {key: amount for key, amount in self._entries.items() if wanted(key)}
        return self if len(entries) == len(self._entries) else Resources(entries)

    @property
    def is_plain(self) -> bool:
        """Whether everything is unreserved and for any framework: not revocable, not shared."""
        if self._is_plain is None:
            self._is_plain = not any(
                key.reservations or key.revocable or key.shared for key in self._entries
            )
        return self._is_plain

    def allocated_to(self, role: str) -> Resources:
        """Return all of it as allocated to ``role``."""
        return self._with_allocation(role)

    def unallocated(self) -> Resources:
        """Return all of it without saying to whom it is allocated."""
        return self._with_allocation(None)

    def allocations(self) -> dict[str, Resources]:
        """Return what is allocated to each role."""
        roles = {key.allocation_role: None for key in self._entries}
        if len(roles) == 1:
            (only,) = roles
            return {} if only is None else {only: self}
        return self._grouped(lambda key: key.allocation_role)

    def reserved(self, role: str | None = None) -> Resources:
        """Return what is reserved: to ``role`` exactly, or to any role."""
        if role is None:
            return self.filter(lambda key: bool(key.reservations))
        return self.filter(lambda key: bool(key.reservations) and key.reservations[-1].role == role)

    def unreserved(self) -> Resources:
        """Return what is reserved to nobody."""
        return self if self.is_plain else self.filter(lambda key: not key.reservations)

    def reservations(self) -> dict[str, Resources]:
        """Return what is reserved to each role."""
        return self._grouped(lambda key: key.reservations[-1].role if key.reservations else None)

    def revocable(self) -> Resources:
        """Return what may be taken back."""
        return self.filter(lambda key: key.revocable)

    def non_revocable(self) -> Resources:
        """Return what may not be taken back."""
        return self if self.is_plain else self.filter(lambda key: not key.revocable)

    def shared(self) -> Resources:
        """Return what several tasks may use at once."""
        return self.filter(lambda key: key.shared)

    # -- amounts --

    def scalars(self) -> Quantities:
        """Return how much there is of each scalar, over all reservations.

        Computed once; the caller leaves it as it is.
        """
        if self._scalars is None:
            total = Quantities()
            for key, amount in self._entries.items():
                if type(amount) is int:
                    total[key.name] = total.get(key.name, 0) + scalar_of(key, amount)
            self._scalars = total
        return self._scalars

    def quantities(self) -> Quantities:
        """Return how much there is of everything: ranges and sets count their items."""
        total = Quantities(self.scalars())
        for key, amount in self._entries.items():
            if type(amount) is not int:
                total[key.name] = total.get(key.name, 0) + _items(amount) * MILLIS
        return total

    def get_scalar(self, name: str) -> float:
        """Return how much there is of the scalar ``name``, over all reservations."""
        return from_millis(self.scalars().get(name, 0))

    def get_ranges(self, name: str) -> ranges.Ranges:
        """Return the ranges called ``name``, over all reservations."""
        total: ranges.Ranges = ()
        for key, amount in self._entries.items():
            if key.name == name and isinstance(amount, tuple):
                total = ranges.union(total, amount)
        return total

    def ports(self) -> ranges.Ranges:
        """Return the ports, over all reservations."""
        return self.get_ranges("ports")

    def shrink(self, target: Mapping[str, int], *, keep_unnamed: bool = False) -> Resources:
        """Return at most ``target`` thousandths of each scalar, and everything else whole.

        Entries of one name are taken in order until the target is used up. A copy of what
        cannot be split is taken whole or not at all.

        Args:
            target: Thousandths by name.
            keep_unnamed: Whether scalars that ``target`` does not name stay whole (as under
                limits) or go (as under guarantees).
        """
        left = dict(target)
        entries: dict[Key, Amount] = {}
        for key, amount in self._entries.items():
            if type(amount) is not int or (keep_unnamed and key.name not in left):
                entries[key] = amount
                continue
            room = left.get(key.name, 0)
            taken = min(amount, room) if key.size is None else _copies_within(key, amount, room)
            if taken > 0:
                entries[key] = taken
                left[key.name] = room - scalar_of(key, taken)
        return Resources(entries)

    def __repr__(self) -> str:
        return f"Resources({self._entries!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Resources, (self._entries,))

    def _counted_from(self, before: Resources, changed: Mapping[Key, Amount]) -> Resources:
        """Count the scalars by the keys that are not as ``before``, if those are by far the fewer.

        An agent's total may have thousands of entries, of which an operation changes two.
        """
        if before._scalars is None or len(before._entries) < len(changed) * _FEW:
            return self
        total = Quantities(before._scalars)
        for key in changed:
            old, new = before._entries.get(key, 0), self._entries.get(key, 0)
            if type(old) is not int or type(new) is not int or old == new:
                continue
            millis = total.get(key.name, 0)
            millis += (scalar_of(key, new) if new else 0) - (scalar_of(key, old) if old else 0)
            if millis:
                total[key.name] = millis
            else:
                del total[key.name]
        self._scalars = total
        return self

    def _with_allocation(self, role: str | None) -> Resources:
        entries: dict[Key, Amount] = {}
        for key, amount in self._entries.items():
            changed = allocated_key(key, role)
            held = entries.get(changed)
            entries[changed] = amount if held is None else sum_of(held, amount)
        resources = Resources(entries)
        if self._is_plain:
            # Copies of shared volumes may have been joined; nothing else changes with it.
            resources._is_plain = True
            resources._scalars = self._scalars
        return resources

    def _grouped(self, group_of: Callable[[Key], str | None]) -> dict[str, Resources]:
        groups: dict[str, dict[Key, Amount]] = {}
        for key, amount in self._entries.items():
            group = group_of(key)
            if group is not None:
                groups.setdefault(group, {})[key] = amount
        return {group: Resources(entries) for group, entries in groups.items()}


EMPTY = Resources()


def sum_of(left: Amount, right: Amount) -> Amount:
    """Return the sum of two amounts under one key."""
    match left, right:
        case int(), int():
            return left + right
        case tuple(), tuple():
            return ranges.union(left, right)
        case frozenset(), frozenset():
            return left | right
        case _:
            raise _mixed(left, right)


def difference(left: Amount, right: Amount) -> Amount:
    """Return what is left of one amount without another under the same key."""
    match left, right:
        case int(), int():
            return max(left - right, 0)
        case tuple(), tuple():
            return ranges.subtract(left, right)
        case frozenset(), frozenset():
            return left - right
        case _:
            raise _mixed(left, right)


def _includes(left: Amount, right: Amount) -> bool:
    match left, right:
        case tuple(), tuple():
            return ranges.contains(left, right)
        case frozenset(), frozenset():
            return left >= right
        case _:
            raise _mixed(left, right)


def _mixed(left: Amount, right: Amount) -> TypeError:
    return TypeError(f"amounts of different kinds under one key: {left!r} and {right!r}")


def scalar_of(key: Key, amount: int) -> int:
    """Return the thousandths that ``amount`` stands for; copies of a shared volume are one."""
    if key.size is None:
        return amount
    return key.size if key.shared else key.size * amount


def _copies_within(key: Key, copies: int, room: int) -> int:
    assert key.size is not None
    if key.shared:
        return copies if key.size <= room else 0
    return min(copies, room // key.size)


def _items(amount: Amount) -> int:
    match amount:
        case tuple():
            return ranges.count(amount)
        case frozenset():
            return len(amount)
        case int():
            return 0
