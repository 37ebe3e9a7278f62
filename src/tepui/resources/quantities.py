"""How much of each resource, by name alone: what shares, quotas and minima are counted in."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.resources.scalars import from_millis, to_millis


class Quantities(dict[str, int]):
    """Thousandths by resource name; a name that is absent counts as zero.

    A plain ``dict`` for speed. Operations return new values; whoever receives one
    from somebody else leaves it as it is.
    """

    __slots__ = ()

    @classmethod
    def from_floats(cls, amounts: Mapping[str, float]) -> Quantities:
        """Return the quantities for ``amounts``, leaving out what is zero."""
        return cls({name: to_millis(amount) for name, amount in amounts.items() if amount})

    def to_floats(self) -> dict[str, float]:
        """Return the amounts as numbers."""
        return {name: from_millis(millis) for name, millis in self.items()}

    def plus(self, other: Mapping[str, int]) -> Quantities:
        """Return the sum."""
        total = Quantities(self)
        for name, millis in other.items():
            total[name] = total.get(name, 0) + millis
        return total

    def minus(self, other: Mapping[str, int]) -> Quantities:
        """Return what is left; never below zero, and without the names that are used up."""
        rest = Quantities(self)
        for name, millis in other.items():
            left = rest.get(name, 0) - millis
            if left > 0:
                rest[name] = left
            else:
                rest.pop(name, None)
        return rest

    def contains(self, other: Mapping[str, int]) -> bool:
        """Tell whether there is at least ``other`` of everything that it names."""
        return all(self.get(name, 0) >= millis for name, millis in other.items())
