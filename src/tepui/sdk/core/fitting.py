"""Take what a task needs out of what an offer has."""

from __future__ import annotations

from collections.abc import Iterable

from tepui.messages import Resource
from tepui.resources import Resources, format_resources
from tepui.resources import ranges as ranges_
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key
from tepui.resources.scalars import format_millis


def take(available: Resources, wanted: Resources) -> Resources | None:
    """Return the part of ``available`` that covers ``wanted``, or None if there is not enough.

    What is reserved goes first, so that what others could use stays free. Revocable and shared
    resources and disks of a special kind are left alone: a task that wants them says so itself.

    Args:
        available: The resources of one offer.
        wanted: Amounts by name; reservations in it do not matter.
    """
    taken: dict[Key, Amount] = {}
    for key, amount in wanted.entries():
        part = _take_one(available, key, amount)
        if part is None:
            return None
        taken.update(part)
    return Resources(taken)


def _take_one(available: Resources, wanted: Key, amount: Amount) -> dict[Key, Amount] | None:
    taken: dict[Key, Amount] = {}
    for key, held in sorted(available.entries(), key=lambda entry: not entry[0].reservations):
        if not amount:
            break
        if key.name == wanted.name and key.kind is wanted.kind and _is_ordinary(key):
            part, amount = _split(held, amount)
            if part:
                taken[key] = part
    return None if amount else taken


def _is_ordinary(key: Key) -> bool:
    return not (key.revocable or key.shared or key.disk is not None or key.size is not None)


def _split(held: Amount, wanted: Amount) -> tuple[Amount, Amount]:
    """Return what of ``wanted`` is in ``held``, and what is still wanted after that."""
    match held, wanted:
        case int(), int():
            part = min(held, wanted)
            return part, wanted - part
        case frozenset(), frozenset():
            return held & wanted, wanted - held
        case tuple(), tuple():
            missing = ranges_.subtract(wanted, held)
            return ranges_.subtract(wanted, missing), missing
        case _:
            raise AssertionError("amounts of one kind differ in type")


def shortages(offered: Iterable[Resources], wanted: Resources) -> list[str]:
    """Return what no single one of ``offered`` has enough of, a line for each resource.

    Nothing is returned if each is there somewhere, and no offer has all of it at once.

    Example:
        >>> from tepui.resources import parse_resources
        >>> shortages([parse_resources("cpus:4;mem:64")], parse_resources("cpus:16;mem:32"))
        ['cpus:16 needed, 4 offered']
    """
    offers = list(offered)
    lines: list[str] = []
    for key, amount in wanted.entries():
        one = Resources({key: amount})
        if any(take(each, one) is not None for each in offers):
            continue
        line = f"{format_resources(one)} needed"
        if isinstance(amount, int):
            most = max((_ordinary_amount(each, key) for each in offers), default=0)
            line += f", {format_millis(most)} offered"
        lines.append(line)
    return lines


def _ordinary_amount(available: Resources, wanted: Key) -> int:
    return sum(
        held
        for key, held in available.entries()
        if isinstance(held, int) and key.name == wanted.name and _is_ordinary(key)
    )


def wanted_by(resources: list[Resource]) -> Resources:
    """Return what a task asks for, in the form that `take` compares."""
    return Resources.from_messages(resources).unallocated()
