"""Between messages and entries, in each of the formats in which Mesos writes reservations.

- *Post-refinement*: the stack ``reservations``, and no ``role``.
- *Pre-refinement*: ``role``, and ``reservation`` where the reservation is dynamic. It cannot
  say that a reservation refines another.
- *Endpoint*: both, as far as the second can say it, in the operator's answers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from tepui.messages import Label, Labels, Resource, ResourceProviderID, Value
from tepui.resources import ranges
from tepui.resources.keys import Key, Reservation, VolumeKey, make_key, simple_key
from tepui.resources.roles import ANYBODY
from tepui.resources.scalars import from_millis, to_millis

Amount = int | ranges.Ranges | frozenset[str]
"""Thousandths or copies, ranges, or names."""

ReservationType = Resource.ReservationInfo.Type
DiskType = Resource.DiskInfo.Source.Type


class ReservationFormat(enum.Enum):
    """How reservations are written; see the module."""

    POST_REFINEMENT = "post-refinement"
    PRE_REFINEMENT = "pre-refinement"
    ENDPOINT = "endpoint"


def entry_from_message(message: Resource) -> tuple[Key, Amount]:
    """Return the key and the amount of a message that passed validation."""
    allocation = message.allocation_info
    allocation_role = None if allocation is None else allocation.role
    amount = _amount(message)
    if (
        (message.role is None or message.role == ANYBODY)
        and message.disk is None
        and not message.reservations
        and message.reservation is None
        and message.revocable is None
        and message.shared is None
        and message.provider_id is None
    ):
        return simple_key(message.name, message.type, allocation_role), amount
    is_counted = message.shared is not None or _is_indivisible(message.disk)
    size = amount if is_counted and isinstance(amount, int) else None
    key = make_key(
        name=message.name,
        kind=message.type,
        reservations=reservations_of(message),
        allocation_role=allocation_role,
        revocable=message.revocable is not None,
        shared=message.shared is not None,
        provider_id=None if message.provider_id is None else message.provider_id.value,
        disk=message.disk,
        size=size or None,
    )
    return key, (1 if size else amount)


def message_from_entry(key: Key, amount: Amount, style: ReservationFormat) -> Resource:
    """Return the message for an entry; for one copy where the key has a size.

    Raises:
        ValueError: ``style`` cannot say what the reservation is.
    """
    if type(key) is VolumeKey:
        # The cache would return another holder's description of the same volume.
        return _message(key, amount, style)
    return _known_message(key, amount, style)


@lru_cache(maxsize=8192)
def _known_message(key: Key, amount: Amount, style: ReservationFormat) -> Resource:
    return _message(key, amount, style)


def _message(key: Key, amount: Amount, style: ReservationFormat) -> Resource:
    scalar: Value.Scalar | None = None
    range_list: Value.Ranges | None = None
    names: Value.Set | None = None
    if isinstance(amount, int):
        scalar = Value.Scalar(value=from_millis(amount if key.size is None else key.size))
    elif isinstance(amount, tuple):
        range_list = Value.Ranges(range=[Value.Range(begin=b, end=e) for b, e in amount])
    else:
        names = Value.Set(item=sorted(amount))
    role: str | None = None
    reservation: Resource.ReservationInfo | None = None
    stack: list[Resource.ReservationInfo] = []
    if key.reservations:
        role, reservation, stack = _reservation_fields(key, style)
    elif style is not ReservationFormat.POST_REFINEMENT:
        role = ANYBODY
    return Resource(
        provider_id=None if key.provider_id is None else ResourceProviderID(value=key.provider_id),
        name=key.name,
        type=key.kind,
        scalar=scalar,
        ranges=range_list,
        set=names,
        role=role,
        allocation_info=_allocation_info(key.allocation_role),
        reservation=reservation,
        reservations=stack,
        disk=key.disk,
        revocable=Resource.RevocableInfo() if key.revocable else None,
        shared=Resource.SharedInfo() if key.shared else None,
    )


def reservations_of(message: Resource) -> tuple[Reservation, ...]:
    """Return the reservation stack of a message in any of the formats."""
    if message.reservations:
        return tuple(_reservation(info, info.role or ANYBODY) for info in message.reservations)
    role = message.role or ANYBODY
    if message.reservation is not None:
        return (_reservation(message.reservation, role, ReservationType.DYNAMIC),)
    if role != ANYBODY:
        return (Reservation(ReservationType.STATIC, role),)
    return ()


def convert(message: Resource, style: ReservationFormat) -> Resource:
    """Return ``message`` as ``style`` writes it; everything but the reservation stays.

    Raises:
        ValueError: ``style`` cannot say what the reservation is.
    """
    stack = reservations_of(message)
    if not stack:
        role = None if style is ReservationFormat.POST_REFINEMENT else ANYBODY
        if message.role == role:
            return message
        return msgspec.structs.replace(message, role=role, reservation=None, reservations=[])
    key = make_key(name=message.name, reservations=stack)
    role, reservation, infos = _reservation_fields(key, style)
    return msgspec.structs.replace(message, role=role, reservation=reservation, reservations=infos)


def convert_all(messages: Iterable[Resource], style: ReservationFormat) -> list[Resource]:
    """Return each of ``messages`` as ``style`` writes it."""
    return [convert(message, style) for message in messages]


def _amount(message: Resource) -> Amount:
    if message.scalar is not None:
        return max(0, to_millis(message.scalar.value))
    if message.ranges is not None:
        return ranges.normalize((each.begin, each.end) for each in message.ranges.range)
    if message.set is not None:
        return frozenset(message.set.item)
    return 0


def _is_indivisible(disk: Resource.DiskInfo | None) -> bool:
    """Tell whether a disk is used whole or not at all."""
    if disk is None:
        return False
    if disk.persistence is not None:
        return True
    if disk.source is None:
        return False
    match disk.source.type:
        case DiskType.MOUNT | DiskType.BLOCK:
            return True
        case DiskType.RAW:
            return disk.source.id is not None
        case DiskType.PATH | DiskType.UNKNOWN:
            return False


def _reservation(
    info: Resource.ReservationInfo,
    role: str,
    default_type: ReservationType = ReservationType.UNKNOWN,
) -> Reservation:
    labels: tuple[tuple[str, str | None], ...] | None = None
    if info.labels is not None:
        pairs = [(label.key, label.value) for label in info.labels.labels]
        labels = tuple(sorted(pairs, key=lambda pair: (pair[0], pair[1] or "", pair[1] is None)))
    return Reservation(info.type or default_type, role, info.principal, labels)


def _reservation_fields(
    key: Key, style: ReservationFormat
) -> tuple[str | None, Resource.ReservationInfo | None, list[Resource.ReservationInfo]]:
    stack: list[Resource.ReservationInfo] = []
    if style is not ReservationFormat.PRE_REFINEMENT:
        stack = [
            Resource.ReservationInfo(
                type=each.type,
                role=each.role,
                principal=each.principal,
                labels=_labels(each.labels),
            )
            for each in key.reservations
        ]
    if style is ReservationFormat.POST_REFINEMENT:
        return None, None, stack
    if len(key.reservations) > 1:
        if style is ReservationFormat.PRE_REFINEMENT:
            raise ValueError(
                f"{key.name} has the refined reservation {key.role!r},"
                " which the pre-refinement format cannot express"
            )
        return None, None, stack
    only = key.reservations[0]
    reservation: Resource.ReservationInfo | None = None
    if only.type is ReservationType.DYNAMIC:
        reservation = Resource.ReservationInfo(
            principal=only.principal, labels=_labels(only.labels)
        )
    return only.role, reservation, stack


def _labels(pairs: tuple[tuple[str, str | None], ...] | None) -> Labels | None:
    if pairs is None:
        return None
    return Labels(labels=[Label(key=key, value=value) for key, value in pairs])


def _allocation_info(role: str | None) -> Resource.AllocationInfo | None:
    return None if role is None else Resource.AllocationInfo(role=role)
