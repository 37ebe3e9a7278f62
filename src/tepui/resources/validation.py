"""What makes the resources in a message unacceptable.

Each function returns the problem in words, or None. Checks are made in Mesos' order, so that
the first problem found is the one that Mesos would find.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

from tepui.messages import Resource, Value
from tepui.resources import ranges
from tepui.resources.conversions import DiskType, ReservationType, reservations_of
from tepui.resources.roles import ANYBODY, is_subrole, problem_with_role
from tepui.resources.scalars import MILLIS, to_millis

ID_BYTES_MAX = 255
SCALAR_MAX = (2**63 - 1) // MILLIS
"""Beyond it Mesos' fixed-point form, a signed 64-bit number, overflows."""

Check = Callable[[Resource], str | None]


def problem_with_resources(messages: Iterable[Resource]) -> str | None:
    """Return what is wrong with the first bad resource among ``messages``."""
    for message in messages:
        problem = problem_with_resource(message)
        if problem is not None:
            return problem
    return None


def problem_with_resource(message: Resource) -> str | None:
    """Return what is wrong with one resource, naming it."""
    if not message.name:
        return "a resource needs a name"
    for check in _CHECKS:
        problem = check(message)
        if problem is not None:
            return f"resource {message.name!r}: {problem}"
    return None


def problem_with_id(value: str) -> str | None:
    """Return what is wrong with an identifier that a client chose."""
    if not value:
        return "an id must not be empty"
    if len(value.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX:
        return f"id {value[:32]!r}… is longer than {ID_BYTES_MAX} bytes"
    if value in (".", ".."):
        return f"id {value!r} is the name of a directory"
    for character in value:
        if character in "/\\" or ord(character) < 0x20 or ord(character) == 0x7F:
            return f"id {value!r} contains {character!r}"
    return None


def duplicate_persistence(messages: Iterable[Resource]) -> str | None:
    """Return which volume appears twice within one role."""
    seen: dict[tuple[str, str], None] = {}
    for message in messages:
        if message.disk is None or message.disk.persistence is None:
            continue
        if message.shared is not None:
            continue
        stack = reservations_of(message)
        role = stack[-1].role if stack else ANYBODY
        volume = (role, message.disk.persistence.id)
        if volume in seen:
            return f"volume {volume[1]!r} of role {role!r} appears twice"
        seen[volume] = None
    return None


def several_allocation_roles(messages: Iterable[Resource]) -> str | None:
    """Return the roles, if the resources are allocated to more than one."""
    roles: dict[str | None, None] = {}
    for message in messages:
        roles[None if message.allocation_info is None else message.allocation_info.role] = None
    if len(roles) > 1:
        return "resources are allocated to several roles: " + ", ".join(map(repr, roles))
    return None


def revocable_mix(messages: Iterable[Resource]) -> str | None:
    """Return which resource is asked for in both revocable and non-revocable form."""
    seen: dict[str, bool] = {}
    for message in messages:
        is_revocable = message.revocable is not None
        if seen.setdefault(message.name, is_revocable) is not is_revocable:
            return f"resource {message.name!r} is both revocable and not"
    return None


def overlapping_amounts(messages: Sequence[Resource]) -> str | None:
    """Return which range or set item is claimed by two of ``messages``."""
    claimed_ranges: dict[str, ranges.Ranges] = {}
    claimed_items: dict[str, frozenset[str]] = {}
    for message in messages:
        if message.type is Value.Type.RANGES and message.ranges is not None:
            wanted = ranges.normalize((each.begin, each.end) for each in message.ranges.range)
            claimed = claimed_ranges.get(message.name, ())
            if ranges.intersects(claimed, wanted):
                return f"resource {message.name!r} has overlapping ranges"
            claimed_ranges[message.name] = ranges.union(claimed, wanted)
        elif message.type is Value.Type.SET and message.set is not None:
            items = frozenset(message.set.item)
            held = claimed_items.get(message.name, frozenset())
            if held & items:
                return f"resource {message.name!r} has {min(held & items)!r} twice"
            claimed_items[message.name] = held | items
    return None


# -- one resource --


def _value(message: Resource) -> str | None:
    match message.type:
        case Value.Type.SCALAR:
            if message.scalar is None or message.ranges is not None or message.set is not None:
                return "a SCALAR has a scalar and no other value"
            return _scalar(message.scalar.value)
        case Value.Type.RANGES:
            if message.ranges is None or message.scalar is not None or message.set is not None:
                return "RANGES have ranges and no other value"
            return _ranges(message.ranges)
        case Value.Type.SET:
            if message.set is None or message.scalar is not None or message.ranges is not None:
                return "a SET has a set and no other value"
            items = message.set.item
            return "a set must not repeat an item" if len(set(items)) < len(items) else None
        case Value.Type.TEXT:
            return "TEXT is not a type of resource"


def _scalar(value: float) -> str | None:
    if not math.isfinite(value):
        return f"{value} is not a finite number"
    if value > SCALAR_MAX:
        return f"the scalar {value:g} is too large"
    return f"the scalar {value:g} is negative" if value < 0 else None


def _ranges(value: Value.Ranges) -> str | None:
    pairs = sorted((each.begin, each.end) for each in value.range)
    for begin, end in pairs:
        if begin > end:
            return f"the range {begin}-{end} ends before it begins"
    for (_, end), (begin, _) in itertools.pairwise(pairs):
        if begin <= end:
            return f"two ranges overlap at {begin}"
    return None


def _disk_name(message: Resource) -> str | None:
    if message.disk is not None and message.name != "disk":
        return "only a resource named 'disk' has disk info"
    return None


def _disk_source(message: Resource) -> str | None:
    if message.disk is None or message.disk.source is None:
        return None
    source = message.disk.source
    if source.type is DiskType.UNKNOWN:
        return "the type of the disk source is unknown"
    if source.path is not None and source.type is not DiskType.PATH:
        return f"a disk source of type {source.type.value} has no path"
    if source.mount is not None and source.type is not DiskType.MOUNT:
        return f"a disk source of type {source.type.value} has no mount"
    return None


def _reservation(message: Resource) -> str | None:
    return _reservation_stack(message) if message.reservations else _legacy_reservation(message)


def _legacy_reservation(message: Resource) -> str | None:
    role = ANYBODY if message.role is None else message.role
    problem = problem_with_role(role)
    if problem is not None or message.reservation is None:
        return problem
    if message.reservation.type is not None:
        return "'reservation' has a type, which belongs into 'reservations'"
    if message.reservation.role is not None:
        return "'reservation' has a role, which belongs into 'reservations'"
    if role == ANYBODY:
        return "a dynamic reservation needs a role other than '*'"
    return None


def _reservation_stack(message: Resource) -> str | None:
    outer: str | None = None
    for info in message.reservations:
        if info.type is None or info.type is ReservationType.UNKNOWN:
            return "a reservation needs the type STATIC or DYNAMIC"
        if info.role is None:
            return "a reservation needs a role"
        problem = problem_with_role(info.role)
        if problem is not None:
            return problem
        if info.role == ANYBODY:
            return "nothing can be reserved for the role '*'"
        if outer is not None:
            if info.type is ReservationType.STATIC:
                return "only a dynamic reservation refines another"
            if not is_subrole(info.role, outer):
                return f"role {info.role!r} does not lie below {outer!r}, which it refines"
        outer = info.role
    return _contradiction(message)


def _contradiction(message: Resource) -> str | None:
    """Return how the old fields contradict the stack that stands beside them."""
    if message.role is None and message.reservation is None:
        return None
    if len(message.reservations) > 1:
        return "'role' and 'reservation' cannot stand beside a refined reservation"
    only = message.reservations[0]
    if message.role != only.role:
        return f"'role' is {message.role!r}, but the reservation is for {only.role!r}"
    if only.type is ReservationType.STATIC:
        return (
            "'reservation' stands beside a static reservation"
            if message.reservation is not None
            else None
        )
    if message.reservation is None:
        return "'role' stands beside a dynamic reservation without 'reservation'"
    old = message.reservation
    if old.principal != only.principal or old.labels != only.labels:
        return "'reservation' differs from the reservation in 'reservations'"
    return None


def _shared(message: Resource) -> str | None:
    is_volume = message.disk is not None and message.disk.persistence is not None
    if message.shared is not None and not is_volume:
        return "only a persistent volume can be shared"
    return None


def _gpus(message: Resource) -> str | None:
    if message.name != "gpus" or message.scalar is None:
        return None
    if to_millis(message.scalar.value) % MILLIS == 0:
        return None
    return f"{message.scalar.value:g} is not a whole number of GPUs"


def _disk(message: Resource) -> str | None:
    disk = message.disk
    if disk is None:
        return None
    if disk.persistence is not None:
        return _persistence(message, disk, disk.persistence)
    if disk.volume is not None:
        return "a volume that is not persistent belongs into ContainerInfo"
    return "disk info must not be empty" if disk.source is None else None


def _persistence(
    message: Resource, disk: Resource.DiskInfo, persistence: Resource.DiskInfo.Persistence
) -> str | None:
    if message.revocable is not None:
        return "a persistent volume cannot be revocable"
    if not reservations_of(message):
        return "a persistent volume has to be reserved"
    if disk.volume is None:
        return "a persistent volume needs a volume"
    if disk.volume.host_path is not None:
        return "a persistent volume has no host_path"
    return problem_with_id(persistence.id)


def _dynamic_revocable(message: Resource) -> str | None:
    if message.revocable is None:
        return None
    if any(each.type is ReservationType.DYNAMIC for each in reservations_of(message)):
        return "what is revocable cannot be reserved dynamically"
    return None


_CHECKS: tuple[Check, ...] = (
    _value,
    _disk_name,
    _disk_source,
    _reservation,
    _shared,
    _gpus,
    _disk,
    _dynamic_revocable,
)
