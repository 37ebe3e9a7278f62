"""Cut what would be offered to what limits, guarantees and headroom leave of it.

Only *open* scalars are cut: those reserved to nobody and not revocable. Several resources of one
name are cut in random order; what cannot be split is taken whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.allocator.holdings import open_scalars
from tepui.allocator.quota import RoleQuota
from tepui.base.rng import Rng
from tepui.resources import Resources
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key
from tepui.resources.resources import scalar_of

_Part = dict[Key, int]


def within(resources: Resources, room: Mapping[str, int], rng: Rng) -> Resources:
    """Return the resources with their open scalars cut to ``room``, for the names in it.

    Returns:
        This very collection, if all of it has room.
    """
    amounts = open_scalars(resources)
    for name, most in room.items():
        if amounts.get(name, 0) > most:
            break
    else:
        return resources
    return _with_open(resources, _whole_or_cut(_open_part(resources), room, rng))


def with_guarantee(
    resources: Resources, role: RoleQuota, surplus: Mapping[str, int], rng: Rng
) -> Resources | None:
    """Return what may be offered to a role whose guarantees lack something.

    What they lack comes first, and leaves the surplus as it is: it is taken from what is
    available and from what is required alike. The other open scalars come along as far as limits
    and surplus have room; all else comes whole.

    Returns:
        None if there is nothing that the guarantees lack.
    """
    part = _open_part(resources)
    taken = _cut(part, role.needed, rng)
    if not taken:
        return None
    room = dict(role.room)
    for key, amount in taken.items():
        if key.name in room:
            room[key.name] = max(0, room[key.name] - scalar_of(key, amount))
    for name, most in surplus.items():
        room[name] = min(most, room.get(name, most))
    rest = {key: amount - taken.get(key, 0) for key, amount in part.items()}
    extra = _whole_or_cut({key: left for key, left in rest.items() if left}, room, rng)
    for key, amount in extra.items():
        taken[key] = taken.get(key, 0) + amount
    return _with_open(resources, taken)


def is_open(key: Key) -> bool:
    """Tell whether limits and headroom are about it: reserved to nobody, and not revocable."""
    return not key.reservations and not key.revocable


def _open_part(resources: Resources) -> _Part:
    return {key: a for key, a in resources.entries() if type(a) is int and is_open(key)}


def _with_open(resources: Resources, part: _Part) -> Resources:
    """Return the resources with ``part`` in the place of their open scalars."""
    entries: dict[Key, Amount] = {}
    for key, amount in resources.entries():
        if type(amount) is int and is_open(key):
            kept = part.get(key, 0)
            if kept:
                entries[key] = kept
        else:
            entries[key] = amount
    return Resources(entries)


def _whole_or_cut(part: _Part, room: Mapping[str, int], rng: Rng) -> _Part:
    """Cut the names in ``room``, and take the others whole."""
    limited = {key: amount for key, amount in part.items() if key.name in room}
    return {key: a for key, a in part.items() if key.name not in room} | _cut(limited, room, rng)


def _cut(part: _Part, target: Mapping[str, int], rng: Rng) -> _Part:
    """Take no more than ``target`` of each name; a name that is not in it is dropped."""
    keys = list(part)
    if len(dict.fromkeys(key.name for key in keys)) < len(keys):
        rng.shuffle(keys)
    left = dict(target)
    taken: _Part = {}
    for key in keys:
        room = left.get(key.name, 0)
        amount = min(part[key], room if key.size is None else room // key.size)
        if amount > 0:
            taken[key] = amount
            left[key.name] = room - scalar_of(key, amount)
    return taken
