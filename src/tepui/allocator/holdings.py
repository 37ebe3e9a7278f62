"""What is held, taken apart into what counts for shares and what counts for quotas.

A shared volume counts once for each client, role and so on up, however many copies of it are
held below. All reservations count towards a quota, held or not, and what is revocable never
does: both are exempt when what is held is counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.resources import Quantities, Resources
from tepui.resources.keys import Key, allocated_key
from tepui.resources.resources import scalar_of

Place = tuple[str, Key]
"""A shared volume: the agent that it is on, and its key without allocation."""


class Holding:
    """What one client comes to hold, or gives back, on one agent.

    Attributes:
        amounts: Scalars, without shared volumes.
        exempt: Those of them that do not count towards a quota for being held.
        copies: Copies of shared volumes.
    """

    __slots__ = ("amounts", "copies", "exempt")

    def __init__(self, agent_id: str, resources: Resources) -> None:
        self.amounts = Quantities()
        self.exempt = Quantities()
        self.copies: dict[Place, int] = {}
        for key, amount in resources.entries():
            if type(amount) is not int:
                continue
            if key.shared:
                place = (agent_id, allocated_key(key, None))
                self.copies[place] = self.copies.get(place, 0) + amount
                continue
            millis = scalar_of(key, amount)
            self.amounts[key.name] = self.amounts.get(key.name, 0) + millis
            if key.reservations or key.revocable:
                self.exempt[key.name] = self.exempt.get(key.name, 0) + millis


def add_copies(held: dict[Place, int], copies: Mapping[Place, int]) -> Quantities:
    """Add ``copies`` to ``held``; return the scalars of the volumes that were not there."""
    new = Quantities()
    for place, count in copies.items():
        if place not in held:
            _add_size(new, place[1])
        held[place] = held.get(place, 0) + count
    return new


def remove_copies(held: dict[Place, int], copies: Mapping[Place, int]) -> Quantities:
    """Take ``copies`` from ``held``; return the scalars of the volumes that are gone with them."""
    gone = Quantities()
    for place, count in copies.items():
        left = held.get(place, 0) - count
        if left > 0:
            held[place] = left
        elif held.pop(place, None) is not None:
            _add_size(gone, place[1])
    return gone


def size_of(places: Mapping[Place, object]) -> Quantities:
    """Return the scalars of one copy of each volume."""
    total = Quantities()
    for _, key in places:
        _add_size(total, key)
    return total


def open_scalars(resources: Resources) -> Quantities:
    """Return the scalars that are reserved to nobody and not revocable."""
    if resources.is_plain:
        return resources.scalars()
    total = Quantities()
    for key, amount in resources.entries():
        if type(amount) is int and not key.reservations and not key.revocable:
            total[key.name] = total.get(key.name, 0) + scalar_of(key, amount)
    return total


def _add_size(total: Quantities, key: Key) -> None:
    total[key.name] = total.get(key.name, 0) + scalar_of(key, 1)
