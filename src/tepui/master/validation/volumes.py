"""CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME: persistent volumes of reserved disk."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tepui.master.validation.operation_facts import (
    AgentFacts,
    Requester,
    check_hierarchical,
    check_one_allocation,
    check_one_provider,
    check_principal,
    check_refinement,
    check_resource,
    check_resources,
    reservation_role_of,
)
from tepui.master.validation.problem import Problem, problem
from tepui.messages import Offer, Resource, Volume
from tepui.resources import Resources
from tepui.resources.conversions import DiskType
from tepui.resources.operations import OperationError, conversions, is_volume
from tepui.resources.scalars import to_millis

Operation = Offer.Operation

_RESIZE_VOLUME = "RESIZE_VOLUME"


def validate_create(
    create: Operation.Create, agent: AgentFacts, requester: Requester
) -> Problem | None:
    """Check a CREATE by the rules ``op.create.*``."""
    field = "create.volumes"
    volumes = create.volumes
    return (
        check_resources("op.create.resources", field, volumes)
        or check_one_provider("op.create.provider", field, volumes)
        or check_one_allocation("op.create.single_role", field, volumes, requester.framework)
        or check_create_persistent(create)
        or check_create_unique(create, agent)
        or check_create_shared(create, requester)
        or check_hierarchical("op.create.hierarchical", field, volumes, agent)
        or check_refinement("op.create.refinement", field, volumes, agent)
        or check_create_principal(create, requester)
    )


def validate_destroy(destroy: Operation.Destroy, agent: AgentFacts) -> Problem | None:
    """Check a DESTROY by the rules ``op.destroy.*``."""
    return (
        check_resources("op.destroy.resources", "destroy.volumes", destroy.volumes)
        or check_one_provider("op.destroy.provider", "destroy.volumes", destroy.volumes)
        or check_destroy_persistent(destroy)
        or check_destroy_known(destroy, agent)
        or check_destroy_unused(destroy, agent)
    )


def validate_grow_volume(grow: Operation.GrowVolume, agent: AgentFacts) -> Problem | None:
    """Check a GROW_VOLUME by the rules ``op.grow_volume.*``."""
    kind = "grow_volume"
    return (
        check_resize_capability(kind, agent)
        or check_resource("op.grow_volume.volume", "grow_volume.volume", grow.volume)
        or check_grow_addition(grow)
        or check_resize_provider(kind, (grow.volume, grow.addition))
        or check_resize_persistent(kind, grow.volume)
        or check_resize_shared(kind, grow.volume)
        or check_grow_compatible(grow)
    )


def validate_shrink_volume(shrink: Operation.ShrinkVolume, agent: AgentFacts) -> Problem | None:
    """Check a SHRINK_VOLUME by the rules ``op.shrink_volume.*``."""
    kind = "shrink_volume"
    return (
        check_resize_capability(kind, agent)
        or check_resource("op.shrink_volume.volume", "shrink_volume.volume", shrink.volume)
        or check_resize_provider(kind, (shrink.volume,))
        or check_shrink_mount(shrink)
        or check_resize_persistent(kind, shrink.volume)
        or check_resize_shared(kind, shrink.volume)
        or check_shrink_subtract(shrink)
    )


# -- CREATE --


def check_create_persistent(create: Operation.Create) -> Problem | None:
    """``op.create.persistent``."""
    for index, volume in enumerate(create.volumes):
        field = f"create.volumes[{index}]"
        if not is_volume(volume):
            return problem(
                "op.create.persistent", field, volume.name, "has no disk.persistence with an id"
            )
        assert volume.disk is not None
        if volume.disk.volume is not None and volume.disk.volume.mode is Volume.Mode.RO:
            return problem(
                "op.create.persistent",
                f"{field}.disk.volume.mode",
                "RO",
                "is not RW: who fills it?",
            )
        if not _size(volume):
            return problem("op.create.persistent", f"{field}.scalar", 0, "is no size of a volume")
    return None


def check_create_unique(create: Operation.Create, agent: AgentFacts) -> Problem | None:
    """``op.create.unique``: a role has each id once on an agent."""
    known = {
        (key.role, key.persistence_id): None
        for key, _ in agent.total.entries()
        if key.persistence_id is not None
    }
    for index, volume in enumerate(create.volumes):
        name = (reservation_role_of(volume), _persistence_id(volume))
        if name in known:
            return problem(
                "op.create.unique",
                f"create.volumes[{index}].disk.persistence.id",
                name[1],
                f"is the id of another volume of role {name[0]!r} on the agent",
            )
        known[name] = None
    return None


def check_create_shared(create: Operation.Create, requester: Requester) -> Problem | None:
    """``op.create.shared``."""
    if requester.framework is None or requester.framework.has_shared_resources:
        return None
    for index, volume in enumerate(create.volumes):
        if volume.shared is not None:
            return problem(
                "op.create.shared",
                f"create.volumes[{index}].shared",
                None,
                "is set, and the framework lacks SHARED_RESOURCES",
            )
    return None


def check_create_principal(create: Operation.Create, requester: Requester) -> Problem | None:
    """``op.create.principal_missing`` and ``op.create.principal_differs``."""
    for index, volume in enumerate(create.volumes):
        field = f"create.volumes[{index}].disk.persistence.principal"
        principal = _persistence(volume).principal
        found = check_principal("op.create.principal", field, principal, requester)
        if found is not None:
            return found
    return None


# -- DESTROY --


def check_destroy_persistent(destroy: Operation.Destroy) -> Problem | None:
    """``op.destroy.persistent``."""
    for index, volume in enumerate(destroy.volumes):
        if not is_volume(volume):
            return problem(
                "op.destroy.persistent",
                f"destroy.volumes[{index}]",
                volume.name,
                "is not a persistent volume",
            )
    return None


def check_destroy_known(destroy: Operation.Destroy, agent: AgentFacts) -> Problem | None:
    """``op.destroy.unknown``."""
    for index, volume in enumerate(destroy.volumes):
        held = Resources.from_messages((volume,)).unallocated()
        if not held or not agent.total.contains(held):
            return problem(
                "op.destroy.unknown",
                f"destroy.volumes[{index}].disk.persistence.id",
                _persistence_id(volume),
                "is no volume of the agent, or not one of that size and reservation",
            )
    return None


def check_destroy_unused(destroy: Operation.Destroy, agent: AgentFacts) -> Problem | None:
    """``op.destroy.in_use``."""
    used = {
        (key.role, key.persistence_id): None
        for part in agent.used
        for key, _ in part.entries()
        if key.persistence_id is not None
    }
    for index, volume in enumerate(destroy.volumes):
        if (reservation_role_of(volume), _persistence_id(volume)) in used:
            return problem(
                "op.destroy.in_use",
                f"destroy.volumes[{index}].disk.persistence.id",
                _persistence_id(volume),
                "is the id of a volume that is in use",
            )
    return None


# -- GROW_VOLUME and SHRINK_VOLUME --


def check_resize_capability(kind: str, agent: AgentFacts) -> Problem | None:
    """``op.grow_volume.capability`` and ``op.shrink_volume.capability``."""
    if _RESIZE_VOLUME in agent.capabilities:
        return None
    return problem(f"op.{kind}.capability", kind, None, "needs an agent with RESIZE_VOLUME")


def check_resize_provider(kind: str, resources: Sequence[Resource]) -> Problem | None:
    """``op.grow_volume.provider`` and ``op.shrink_volume.provider``."""
    for resource in resources:
        if resource.provider_id is not None:
            return problem(
                f"op.{kind}.provider",
                f"{kind}.volume.provider_id",
                resource.provider_id.value,
                "is a resource provider, whose volumes keep their size",
            )
    return None


def check_resize_persistent(kind: str, volume: Resource) -> Problem | None:
    """``op.grow_volume.persistent`` and ``op.shrink_volume.persistent``."""
    if is_volume(volume):
        return None
    return problem(
        f"op.{kind}.persistent", f"{kind}.volume", volume.name, "is not a persistent volume"
    )


def check_resize_shared(kind: str, volume: Resource) -> Problem | None:
    """``op.grow_volume.shared`` and ``op.shrink_volume.shared``."""
    if volume.shared is None:
        return None
    return problem(
        f"op.{kind}.shared",
        f"{kind}.volume.disk.persistence.id",
        _persistence_id(volume),
        "is the id of a shared volume, which keeps its size",
    )


def check_grow_addition(grow: Operation.GrowVolume) -> Problem | None:
    """``op.grow_volume.addition``."""
    field = "grow_volume.addition"
    found = check_resource("op.grow_volume.addition", field, grow.addition)
    if found is not None or _size(grow.addition):
        return found
    return problem("op.grow_volume.addition", f"{field}.scalar", 0, "is nothing to grow by")


def check_grow_compatible(grow: Operation.GrowVolume) -> Problem | None:
    """``op.grow_volume.compatible``."""
    operation = Operation(type=Operation.Type.GROW_VOLUME, grow_volume=grow)
    return _check_conversion("op.grow_volume.compatible", "grow_volume.addition", operation)


def check_shrink_mount(shrink: Operation.ShrinkVolume) -> Problem | None:
    """``op.shrink_volume.mount``."""
    disk = shrink.volume.disk
    if disk is None or disk.source is None or disk.source.type is not DiskType.MOUNT:
        return None
    return problem(
        "op.shrink_volume.mount",
        "shrink_volume.volume.disk.source.type",
        disk.source.type.value,
        "is a disk that is used whole or not at all",
    )


def check_shrink_subtract(shrink: Operation.ShrinkVolume) -> Problem | None:
    """``op.shrink_volume.subtract``."""
    value = shrink.subtract.value
    size = _size(shrink.volume)
    if math.isfinite(value) and 0 < to_millis(value) < size:
        operation = Operation(type=Operation.Type.SHRINK_VOLUME, shrink_volume=shrink)
        return _check_conversion("op.shrink_volume.volume", "shrink_volume.volume", operation)
    return problem(
        "op.shrink_volume.subtract",
        "shrink_volume.subtract.value",
        value,
        f"is not more than 0 and less than the {size / 1000:g} of the volume",
    )


# -- volumes --


def _check_conversion(rule: str, field: str, operation: Operation) -> Problem | None:
    try:
        conversions(operation)
    except OperationError as error:
        return Problem(rule=rule, field=field, value="", message=f"{field}: {error}")
    return None


def _size(resource: Resource) -> int:
    """Return how much of it there is, in thousandths."""
    return 0 if resource.scalar is None else to_millis(resource.scalar.value)


def _persistence(volume: Resource) -> Resource.DiskInfo.Persistence:
    assert volume.disk is not None
    assert volume.disk.persistence is not None
    return volume.disk.persistence


def _persistence_id(volume: Resource) -> str:
    return _persistence(volume).id
