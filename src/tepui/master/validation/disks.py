"""CREATE_DISK and DESTROY_DISK: what storage providers make of their raw disks."""

from __future__ import annotations

from tepui.master.validation.operation_facts import AgentFacts, check_resource
from tepui.master.validation.problem import Problem, problem
from tepui.messages import Offer, Resource
from tepui.resources.conversions import DiskType
from tepui.resources.operations import is_volume

Operation = Offer.Operation

_RESOURCE_PROVIDER = "RESOURCE_PROVIDER"


def validate_create_disk(create: Operation.CreateDisk, agent: AgentFacts) -> Problem | None:
    """Check a CREATE_DISK by the rules ``op.create_disk.*``."""
    return (
        check_disk_agent("create_disk", agent)
        or check_resource("op.create_disk.source", "create_disk.source", create.source)
        or check_disk_provider("create_disk", create.source)
        or check_create_disk_raw(create)
        or check_create_disk_target(create)
        or check_create_disk_profile(create)
    )


def validate_destroy_disk(destroy: Operation.DestroyDisk, agent: AgentFacts) -> Problem | None:
    """Check a DESTROY_DISK by the rules ``op.destroy_disk.*``."""
    return (
        check_disk_agent("destroy_disk", agent)
        or check_resource("op.destroy_disk.source", "destroy_disk.source", destroy.source)
        or check_disk_provider("destroy_disk", destroy.source)
        or check_destroy_disk_type(destroy)
        or check_destroy_disk_id(destroy)
        or check_destroy_disk_persistent(destroy)
    )


def check_disk_agent(kind: str, agent: AgentFacts) -> Problem | None:
    """``op.create_disk.agent`` and ``op.destroy_disk.agent``."""
    if _RESOURCE_PROVIDER in agent.capabilities:
        return None
    return problem(f"op.{kind}.agent", kind, None, "needs an agent with RESOURCE_PROVIDER")


def check_disk_provider(kind: str, source: Resource) -> Problem | None:
    """``op.create_disk.provider`` and ``op.destroy_disk.provider``."""
    if source.provider_id is not None:
        return None
    return problem(
        f"op.{kind}.provider", f"{kind}.source", source.name, "is not of a resource provider"
    )


def check_create_disk_raw(create: Operation.CreateDisk) -> Problem | None:
    """``op.create_disk.raw``."""
    if _type_of(create.source) is DiskType.RAW:
        return None
    return problem(
        "op.create_disk.raw", "create_disk.source", create.source.name, "is not a RAW disk"
    )


def check_create_disk_target(create: Operation.CreateDisk) -> Problem | None:
    """``op.create_disk.target``."""
    if create.target_type in (DiskType.MOUNT, DiskType.BLOCK):
        return None
    return problem(
        "op.create_disk.target",
        "create_disk.target_type",
        create.target_type.value,
        "is neither MOUNT nor BLOCK",
    )


def check_create_disk_profile(create: Operation.CreateDisk) -> Problem | None:
    """``op.create_disk.profile``: it comes from the source, or from the call."""
    disk = create.source.disk
    profile = None if disk is None or disk.source is None else disk.source.profile
    field = "create_disk.target_profile"
    if profile is None and create.target_profile is None:
        return problem("op.create_disk.profile", field, None, "is missing: the source has none")
    if profile is not None and create.target_profile is not None:
        reason = f"is given, and the source has the profile {profile!r}"
        return problem("op.create_disk.profile", field, create.target_profile, reason)
    return None


def check_destroy_disk_type(destroy: Operation.DestroyDisk) -> Problem | None:
    """``op.destroy_disk.type``."""
    if _type_of(destroy.source) in (DiskType.MOUNT, DiskType.BLOCK, DiskType.RAW):
        return None
    return problem(
        "op.destroy_disk.type",
        "destroy_disk.source",
        destroy.source.name,
        "is not a MOUNT, BLOCK or RAW disk",
    )


def check_destroy_disk_id(destroy: Operation.DestroyDisk) -> Problem | None:
    """``op.destroy_disk.id``."""
    disk = destroy.source.disk
    if disk is not None and disk.source is not None and disk.source.id is not None:
        return None
    return problem("op.destroy_disk.id", "destroy_disk.source.disk.source.id", None, "is missing")


def check_destroy_disk_persistent(destroy: Operation.DestroyDisk) -> Problem | None:
    """``op.destroy_disk.persistent``."""
    if not is_volume(destroy.source):
        return None
    disk = destroy.source.disk
    assert disk is not None
    assert disk.persistence is not None
    return problem(
        "op.destroy_disk.persistent",
        "destroy_disk.source.disk.persistence.id",
        disk.persistence.id,
        "is the id of a volume on it, which has to be destroyed first",
    )


def _type_of(source: Resource) -> DiskType | None:
    if source.disk is None or source.disk.source is None:
        return None
    return source.disk.source.type
