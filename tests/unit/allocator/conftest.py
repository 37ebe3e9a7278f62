"""A cluster as the allocator sees it, in short words."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
    Quota,
    RoleView,
)
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import Resource, Value, Volume
from tepui.resources import (
    EMPTY,
    Resources,
    format_resources,
    parse_resources,
)

EVERYTHING = FrameworkCapabilities(
    revocable_resources=True,
    gpu_resources=True,
    shared_resources=True,
    multi_role=True,
    reservation_refinement=True,
    region_aware=True,
)

ReservationInfo = Resource.ReservationInfo
DiskInfo = Resource.DiskInfo
DiskSource = DiskInfo.Source


class Cluster:
    """An allocator, and what was offered by it; its books are checked after each pass."""

    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.options = AllocatorOptions(**options)
        self.allocator = HierarchicalAllocator(self.options, Rng(seed))
        self.now = Instant(0.0, 0.0)

    # -- what happens --

    def framework(
        self,
        name: str,
        *roles: str,
        capabilities: FrameworkCapabilities = EVERYTHING,
        is_active: bool = True,
        **options: Any,
    ) -> None:
        said = FrameworkOptions(roles=roles or ("*",), capabilities=capabilities, **options)
        self.allocator.add_framework(name, said, is_active=is_active)

    def agent(
        self, name: str, total: str | Resources, used: dict[str, Resources] | None = None
    ) -> None:
        resources = parse_resources(total) if isinstance(total, str) else total
        description = AgentDescription(hostname=name)
        self.allocator.add_agent(name, description, total=resources, used=used or {})

    def quota(self, role: str, guarantees: str = "", limits: str | None = "") -> None:
        """Set a quota; without a limit, unless one is given; None: the same as the guarantee."""
        quota = Quota(
            guarantees=parse_resources(guarantees).scalars(),
            limits=parse_resources(guarantees if limits is None else limits).scalars(),
        )
        self.allocator.update_quota({role: quota})

    def offers(self) -> list[Allocation]:
        made: list[Allocation] = []
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=10, offers_max=10)
            made += part.allocations
        self.allocator.check()
        return made

    def periodic(self) -> list[Allocation]:
        self.allocator.periodic(self.now)
        return self.offers()

    def accept(self, offer: Allocation, used: str | Resources = "") -> None:
        """Use some of an offer, or all of it, and give back the rest without a filter."""
        part = parse_resources(used) if isinstance(used, str) else used
        allocated = part.allocated_to(offer.role) if part else offer.resources
        self.allocator.mark_allocated(offer.framework_id, offer.agent_id, allocated)
        self.decline(offer, None, but=allocated)

    def decline(
        self, offer: Allocation, refuse_seconds: float | None, but: Resources = EMPTY
    ) -> None:
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources - but,
            refuse_seconds=refuse_seconds,
            now=self.now,
        )
        self.allocator.check()

    def finish(self, framework: str, role: str, agent: str, used: str | Resources) -> None:
        resources = parse_resources(used) if isinstance(used, str) else used
        self.allocator.release(framework, agent, resources.allocated_to(role))
        self.allocator.check()

    def convert(
        self, offer: Allocation, held: Resources, converted: Resources, *, is_used: bool = False
    ) -> None:
        """Turn what was offered into something else; neither says to whom it is allocated."""
        self.allocator.convert(
            offer.framework_id,
            offer.agent_id,
            held=held.allocated_to(offer.role),
            converted=converted.allocated_to(offer.role),
            is_used=is_used,
        )
        self.allocator.check()

    # -- what there is --

    def role(self, name: str) -> RoleView:
        return next(view for view in self.allocator.roles() if view.name == name)

    def brief(self, offers: list[Allocation] | None = None) -> list[tuple[str, str, str, str]]:
        """Return who is offered what where, as text."""
        made = self.offers() if offers is None else offers
        return [
            (
                each.framework_id,
                each.role,
                each.agent_id,
                format_resources(each.resources.unallocated()),
            )
            for each in made
        ]


class Things:
    """Resources that the text form cannot say."""

    @staticmethod
    def scalar(name: str, value: float, *stack: str, is_revocable: bool = False) -> Resources:
        """Return a scalar, reserved dynamically to each role of the stack."""
        message = Resource(
            name=name,
            type=Value.Type.SCALAR,
            scalar=Value.Scalar(value=value),
            reservations=_stack(stack),
            revocable=Resource.RevocableInfo() if is_revocable else None,
        )
        return Resources.from_messages([message])

    @staticmethod
    def disk(kind: str, size: float, *stack: str, id: str | None = None) -> Resources:  # noqa: A002 - the field's name
        """Return a disk of a kind: MOUNT, PATH, BLOCK, RAW."""
        root = f"/{kind.lower()}/{id}"
        source = DiskSource(type=DiskSource.Type[kind], id=id)
        if kind == "MOUNT":
            source = DiskSource(type=DiskSource.Type.MOUNT, mount=DiskSource.Mount(root=root))
        elif kind == "PATH":
            source = DiskSource(type=DiskSource.Type.PATH, path=DiskSource.Path(root=root))
        return _disk(size, stack, DiskInfo(source=source), is_shared=False)

    @staticmethod
    def volume(id: str, size: float, *stack: str, is_shared: bool = False) -> Resources:  # noqa: A002 - as above
        """Return a persistent volume on the root disk."""
        info = DiskInfo(
            persistence=DiskInfo.Persistence(id=id),
            volume=Volume(container_path=id, mode=Volume.Mode.RW),
        )
        return _disk(size, stack, info, is_shared=is_shared)


def _disk(size: float, stack: tuple[str, ...], info: DiskInfo, *, is_shared: bool) -> Resources:
    message = Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=size),
        reservations=_stack(stack),
        disk=info,
        shared=Resource.SharedInfo() if is_shared else None,
    )
    return Resources.from_messages([message])


def _stack(roles: tuple[str, ...]) -> list[ReservationInfo]:
    return [ReservationInfo(type=ReservationInfo.Type.DYNAMIC, role=role) for role in roles]


@pytest.fixture
def new_cluster() -> type[Cluster]:
    return Cluster


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def things() -> type[Things]:
    return Things
