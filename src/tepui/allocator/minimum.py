"""Whether there is enough to be worth an offer."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.allocator.holdings import open_scalars
from tepui.allocator.interface import Minimum
from tepui.resources import Resources


def is_worth_offering(resources: Resources, minimum: Minimum) -> bool:
    """Tell whether ``resources`` contain one of the sets in ``minimum``, or it has none."""
    if not minimum:
        return True
    scalars = resources.scalars()
    for wanted in minimum:
        if _contains(scalars, wanted):
            return True
    # Ranges and sets count by their items; hardly any minimum names one.
    quantities = resources.quantities()
    return len(quantities) > len(scalars) and any(
        _contains(quantities, wanted) for wanted in minimum
    )


def sets_within(resources: Resources, surplus: Mapping[str, int], minimum: Minimum) -> list[int]:
    """Return which sets of the minimum there may be once open scalars are cut to the surplus.

    Where some of them cannot be split, less may be left than this takes for granted.
    """
    left = resources.quantities()
    amounts = open_scalars(resources)
    for name, most in surplus.items():
        excess = amounts.get(name, 0) - most
        if excess > 0:
            left[name] -= excess
    return [index for index, wanted in enumerate(minimum) if _contains(left, wanted)]


def _contains(amounts: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    # This is asked for every offer, and all() with a generator takes twice as long.
    for name, millis in wanted.items():  # noqa: SIM110 - a loop, for its speed
        if amounts.get(name, 0) < millis:
            return False
    return True
