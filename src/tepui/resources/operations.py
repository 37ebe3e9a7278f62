"""What operations make of resources: reservations, and persistent volumes of a size.

An operation is a list of conversions: each takes away what it consumes and puts what it
converts that to in its place, where the next one may take it up. Resources keep whatever
allocation role the operation gives them: an agent's total, which is allocated to nobody, takes
operations `without_allocation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from tepui.messages import Offer, Resource, Value
from tepui.resources.conversions import (
    Amount,
    ReservationFormat,
    ReservationType,
    convert,
    reservations_of,
)
from tepui.resources.formatting import describe_resources
from tepui.resources.keys import Key, Reservation
from tepui.resources.resources import Resources, difference, sum_of
from tepui.resources.scalars import from_millis, to_millis
from tepui.resources.validation import problem_with_resources

Operation = Offer.Operation
OperationType = Operation.Type

SPECULATIVE = frozenset(
    {
        OperationType.RESERVE,
        OperationType.UNRESERVE,
        OperationType.CREATE,
        OperationType.DESTROY,
    }
)
"""What a master counts as done before the agent says so: nothing on the agent can prevent it."""
CONVERTING = SPECULATIVE | {OperationType.GROW_VOLUME, OperationType.SHRINK_VOLUME}
"""What `conversions` knows."""


class OperationError(Exception):
    """An operation that cannot be applied; the message says which resource is to blame."""


class Conversion(NamedTuple):
    """What goes, and what comes in its place."""

    consumed: Resources
    converted: Resources


def conversions(operation: Operation) -> list[Conversion]:
    """Return what ``operation`` does, step by step; an amount of zero makes no step.

    Raises:
        OperationError: It cannot be applied to any resources at all.
    """
    problem = problem_with_resources(resources_of(operation))
    if problem is not None:
        raise OperationError(problem)
    if operation.reserve is not None and operation.type is OperationType.RESERVE:
        return _reserve(operation.reserve)
    if operation.unreserve is not None and operation.type is OperationType.UNRESERVE:
        return _conversions(map(_unreserve, operation.unreserve.resources))
    if operation.create is not None and operation.type is OperationType.CREATE:
        return _conversions(map(_create, operation.create.volumes))
    if operation.destroy is not None and operation.type is OperationType.DESTROY:
        return _conversions(map(_destroy, operation.destroy.volumes))
    if operation.grow_volume is not None and operation.type is OperationType.GROW_VOLUME:
        return [_grow(operation.grow_volume)]
    if operation.shrink_volume is not None and operation.type is OperationType.SHRINK_VOLUME:
        return [_shrink(operation.shrink_volume)]
    name = "no type" if operation.type is None else operation.type.value
    if operation.type in CONVERTING:
        raise OperationError(f"an operation {name} needs the field {name.lower()!r}")
    raise OperationError(f"an operation with {name} does not convert an agent's own resources")


def net(steps: Iterable[Conversion]) -> Conversion:
    """Return the one conversion that does what ``steps`` do in their order.

    What a step makes and a later one consumes need not be there before.
    """
    needed: dict[Key, Amount] = {}
    made: dict[Key, Amount] = {}
    for consumed, converted in steps:
        for key, amount in consumed.entries():
            held = made.pop(key, None)
            missing = amount
            if held is not None:
                missing, left = difference(amount, held), difference(held, amount)
                if left:
                    made[key] = left
            if missing:
                _add(needed, key, missing)
        for key, amount in converted.entries():
            _add(made, key, amount)
    return Conversion(Resources(needed), Resources(made))


def apply(total: Resources, operation: Operation) -> Resources:
    """Return what ``operation`` makes of ``total``.

    Raises:
        OperationError: Something that it consumes is not in ``total``, a volume that it creates
            is there already, or a volume that it destroys is there in more copies than one.
    """
    needed, made = net(conversions(operation))
    if not total.contains(needed):
        raise OperationError(
            f"{describe_resources(needed)} is needed,"
            f" and {describe_resources(needed - total)} of it is not there"
        )
    rest = total - needed
    if operation.type is OperationType.CREATE:
        _require_unused_ids(rest, made)
    if operation.type is OperationType.DESTROY:
        _require_no_copies(rest, needed)
    return rest + made


def resources_of(operation: Operation) -> list[Resource]:
    """Return the resources that ``operation`` names; those of tasks are not among them."""
    found: list[Resource] = []
    if operation.reserve is not None:
        found += operation.reserve.source
        found += operation.reserve.resources
    if operation.unreserve is not None:
        found += operation.unreserve.resources
    for volumes in (operation.create, operation.destroy):
        if volumes is not None:
            found += volumes.volumes
    if operation.grow_volume is not None:
        found += (operation.grow_volume.volume, operation.grow_volume.addition)
    if operation.shrink_volume is not None:
        found.append(operation.shrink_volume.volume)
    for disk in (operation.create_disk, operation.destroy_disk):
        if disk is not None:
            found.append(disk.source)
    return found


def without_allocation(operation: Operation) -> Operation:
    """Return ``operation`` as an agent's total takes it."""
    return _map_resources(operation, lambda each: replace(each, allocation_info=None))


def with_allocation(operation: Operation, role: str) -> Operation:
    """Return ``operation`` with the role filled in where a resource names none.

    Frameworks of a single role may leave it out.
    """
    allocation = Resource.AllocationInfo(role=role)

    def allocated(resource: Resource) -> Resource:
        if resource.allocation_info is not None:
            return resource
        return replace(resource, allocation_info=allocation)

    return _map_resources(operation, allocated)


def refined(operation: Operation) -> Operation:
    """Return ``operation`` with its reservations in the format of refinements.

    What mixes the formats stays as it is: validation says what is wrong with it.
    """
    return _map_resources(operation, _refined)


def stripped(volume: Resource) -> Resource:
    """Return the reserved disk of which a volume was made, or is to be."""
    source = None if volume.disk is None else volume.disk.source
    disk = None if source is None else Resource.DiskInfo(source=source)
    return replace(volume, disk=disk, shared=None)


def is_dynamically_reserved(resource: Resource) -> bool:
    """Tell whether the innermost reservation was made by an operation."""
    if resource.reservations:
        return resource.reservations[-1].type is ReservationType.DYNAMIC
    return resource.reservation is not None


def is_volume(resource: Resource) -> bool:
    """Tell whether ``resource`` is a persistent volume."""
    return resource.disk is not None and resource.disk.persistence is not None


# -- one operation each --


def _reserve(reserve: Operation.Reserve) -> list[Conversion]:
    for resource in reserve.resources:
        _require_dynamic(resource)
        _require_no_volume(resource, "reserved anew")
    if not reserve.source:
        return _conversions(Conversion(_held(_popped(x)), _held(x)) for x in reserve.resources)
    for resource in reserve.source:
        _require_no_volume(resource, "reserved anew")
    before = _common_reservations(reserve.source, "source")
    after = _common_reservations(reserve.resources, "resources")
    if _statics(before) != _statics(after):
        raise OperationError(
            "a static reservation is the agent's own: RESERVE neither makes nor takes it away"
        )
    source = Resources.from_messages(reserve.source)
    target = Resources.from_messages(reserve.resources)
    if _unreserved(reserve.source) != _unreserved(reserve.resources):
        raise OperationError(
            f"the source {describe_resources(source)} and the resources"
            f" {describe_resources(target)} differ in more than their reservations"
        )
    # From the source's stack down to what both have in common, and up the target's: the steps
    # between have no effect that is left at the end.
    return [Conversion(source, target)] if target else []


def _unreserve(resource: Resource) -> Conversion:
    _require_dynamic(resource)
    _require_no_volume(resource, "unreserved: it has to be destroyed first")
    return Conversion(_held(resource), _held(_popped(resource)))


def _create(volume: Resource) -> Conversion:
    _require_volume(volume)
    return Conversion(_held(stripped(volume)), _held(volume))


def _destroy(volume: Resource) -> Conversion:
    _require_volume(volume)
    return Conversion(_held(volume), _held(stripped(volume)))


def _grow(grow: Operation.GrowVolume) -> Conversion:
    volume, addition = grow.volume, grow.addition
    size = _require_resizable(volume, "grow")
    added = to_millis(addition.scalar.value) if addition.scalar is not None else 0
    if added <= 0:
        raise OperationError("the addition to a volume has to be more than nothing")
    source = Resources.from_messages([stripped(volume), addition])
    if len(source) != 1 or source.scalars().get("disk") != size + added:
        raise OperationError(
            f"{describe_resources(_held(addition))} cannot become part of the volume"
            f" {_persistence_id(volume)!r}: it is no disk of the same kind and reservation"
        )
    return Conversion(_held(volume) + _held(addition), _held(_sized(volume, size + added)))


def _shrink(shrink: Operation.ShrinkVolume) -> Conversion:
    volume = shrink.volume
    size = _require_resizable(volume, "shrink")
    value = shrink.subtract.value
    taken = to_millis(value) if math.isfinite(value) else 0
    if not 0 < taken < size:
        raise OperationError(
            f"{value:g} cannot be taken off the volume {_persistence_id(volume)!r},"
            f" which has {from_millis(size):g}"
        )
    freed = _sized(stripped(volume), taken)
    return Conversion(_held(volume), _held(_sized(volume, size - taken)) + _held(freed))


# -- what they require --


def _require_dynamic(resource: Resource) -> None:
    if not is_dynamically_reserved(resource):
        raise OperationError(f"{_shown(resource)} is not dynamically reserved")


def _require_no_volume(resource: Resource, verb: str) -> None:
    if is_volume(resource):
        raise OperationError(f"the volume {_persistence_id(resource)!r} cannot be {verb}")


def _require_volume(resource: Resource) -> None:
    if not is_volume(resource):
        raise OperationError(f"{_shown(resource)} is not a persistent volume")
    if not _held(resource):
        raise OperationError(f"the volume {_persistence_id(resource)!r} has no size")


def _require_resizable(volume: Resource, verb: str) -> int:
    """Return the size of a volume that can become larger or smaller, in thousandths."""
    _require_volume(volume)
    name = _persistence_id(volume)
    if volume.shared is not None:
        raise OperationError(f"the volume {name!r} is shared and cannot {verb}")
    if any(key.size is not None for key, _ in _held(stripped(volume)).entries()):
        raise OperationError(f"the volume {name!r} has its disk whole and cannot {verb}")
    assert volume.scalar is not None, "a disk is a scalar, and this one is not empty"
    return to_millis(volume.scalar.value)


def _common_reservations(resources: Iterable[Resource], field: str) -> tuple[Reservation, ...]:
    """Return the reservations that all of ``resources`` have in the same way."""
    stacks = {reservations_of(resource): None for resource in resources}
    if len(stacks) > 1:
        raise OperationError(f"{field!r} mixes reservations: with 'source', all have the same")
    return next(iter(stacks), ())


def _require_unused_ids(total: Resources, volumes: Resources) -> None:
    used: dict[tuple[str, str | None], None] = {
        (key.role, key.persistence_id): None
        for key, _ in total.entries()
        if key.persistence_id is not None
    }
    for volume, copies in volumes.entries():
        name = (volume.role, volume.persistence_id)
        if name in used or copies != 1:
            raise OperationError(
                f"role {volume.role!r} has a volume {volume.persistence_id!r} already"
            )
        used[name] = None


def _require_no_copies(total: Resources, volumes: Resources) -> None:
    left = {key: None for key, _ in total.entries()}
    for volume, _ in volumes.entries():
        if volume in left:
            raise OperationError(
                f"the volume {volume.persistence_id!r} cannot be destroyed:"
                " there are more copies of it"
            )


# -- resources --


def _conversions(found: Iterable[Conversion]) -> list[Conversion]:
    return [each for each in found if each.consumed]


def _add(entries: dict[Key, Amount], key: Key, amount: Amount) -> None:
    held = entries.get(key)
    entries[key] = amount if held is None else sum_of(held, amount)


def _held(resource: Resource) -> Resources:
    return Resources.from_messages((resource,))


def _popped(resource: Resource) -> Resource:
    resource = convert(resource, ReservationFormat.POST_REFINEMENT)
    return replace(resource, reservations=resource.reservations[:-1])


def _unreserved(resources: Iterable[Resource]) -> Resources:
    """Return resources as if nobody had reserved them: all but whom they are for."""
    return Resources.from_messages(
        replace(each, role=None, reservation=None, reservations=[]) for each in resources
    )


def _statics(stack: Iterable[Reservation]) -> list[str]:
    return [each.role for each in stack if each.type is ReservationType.STATIC]


def _sized(resource: Resource, millis: int) -> Resource:
    return replace(resource, scalar=Value.Scalar(value=from_millis(millis)))


def _persistence_id(volume: Resource) -> str:
    assert volume.disk is not None
    assert volume.disk.persistence is not None
    return volume.disk.persistence.id


def _shown(resource: Resource) -> str:
    return describe_resources(_held(resource)) or resource.name


def _refined(resource: Resource) -> Resource:
    if resource.reservations or (resource.role is None and resource.reservation is None):
        return resource
    return convert(resource, ReservationFormat.POST_REFINEMENT)


def _map_resources(operation: Operation, change: Callable[[Resource], Resource]) -> Operation:
    """Return ``operation`` with ``change`` made to each resource that it names."""
    if (reserve := operation.reserve) is not None:
        reserve = replace(
            reserve,
            source=[change(each) for each in reserve.source],
            resources=[change(each) for each in reserve.resources],
        )
    if (unreserve := operation.unreserve) is not None:
        unreserve = replace(unreserve, resources=[change(each) for each in unreserve.resources])
    if (create := operation.create) is not None:
        create = replace(create, volumes=[change(each) for each in create.volumes])
    if (destroy := operation.destroy) is not None:
        destroy = replace(destroy, volumes=[change(each) for each in destroy.volumes])
    if (grow := operation.grow_volume) is not None:
        grow = replace(grow, volume=change(grow.volume), addition=change(grow.addition))
    if (shrink := operation.shrink_volume) is not None:
        shrink = replace(shrink, volume=change(shrink.volume))
    if (create_disk := operation.create_disk) is not None:
        create_disk = replace(create_disk, source=change(create_disk.source))
    if (destroy_disk := operation.destroy_disk) is not None:
        destroy_disk = replace(destroy_disk, source=change(destroy_disk.source))
    return replace(
        operation,
        reserve=reserve,
        unreserve=unreserve,
        create=create,
        destroy=destroy,
        grow_volume=grow,
        shrink_volume=shrink,
        create_disk=create_disk,
        destroy_disk=destroy_disk,
    )
