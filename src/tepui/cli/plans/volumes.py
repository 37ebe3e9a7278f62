"""Which persistent volume is meant, of what disk one is made, and what its size becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import msgspec

from tepui.cli.amounts import format_number
from tepui.cli.changing import Change
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.plans.holdings import (
    Fits,
    Holdings,
    Source,
    holdings_of,
    is_ordinary,
    pick,
    plainly,
    refusal,
)
from tepui.messages import Offer, Resource, Value, Volume
from tepui.messages.master import Call
from tepui.resources import Resources
from tepui.resources.keys import Key
from tepui.resources.operations import stripped
from tepui.resources.resources import scalar_of
from tepui.resources.scalars import from_millis, to_millis
from tepui.sdk.operator import OperatorClient

Operation = Offer.Operation

RESIZE_SECONDS_MAX = 10.0
"""How long an agent is given to change the size of a volume."""
PAUSE_SECONDS = 0.1


class KeptVolume(msgspec.Struct, frozen=True, kw_only=True):
    """A persistent volume of an agent."""

    holdings: Holdings
    key: Key
    message: Resource
    megabytes: float
    is_used: bool

    @property
    def id(self) -> str:
        """Unique among the volumes of its role on the agent."""
        return self.key.persistence_id or ""

    @property
    def path(self) -> str:
        """Where tasks find it."""
        volume = None if self.key.disk is None else self.key.disk.volume
        return "" if volume is None else volume.container_path

    @property
    def described(self) -> str:
        """How to speak of it."""
        return (
            f"volume {self.id!r} ({format_number(self.megabytes)} MB) of role {self.key.role!r}"
            f" on {self.holdings.name}"
        )


class Resizing(Protocol):
    """Plans another size of a volume: `growth` and `shrinkage`."""

    def __call__(self, volume: KeptVolume, *, by: float | None, to: float | None) -> Change: ...


def list_volumes(agents: Iterable[Holdings]) -> list[KeptVolume]:
    """Return the volumes of agents."""
    return [
        KeptVolume(
            holdings=holdings,
            key=key,
            message=Resources({key: 1}).to_messages()[0],
            megabytes=from_millis(scalar_of(key, 1)),
            is_used=holdings.used.contains(Resources({key: 1})),
        )
        for holdings in agents
        for key, _ in holdings.total.entries()
        if key.persistence_id is not None
    ]


def find_volume(holdings: Holdings, volume_id: str, role: str | None) -> KeptVolume:
    """Return the volume with an id.

    Raises:
        CommandFailed: There is none, or roles have one each.
    """
    found = [
        volume
        for volume in list_volumes([holdings])
        if volume.id == volume_id and role in (None, volume.key.role)
    ]
    if not found:
        of_role = f" of role {role!r}" if role is not None else ""
        raise CommandFailed(f"{holdings.name} has no volume {volume_id!r}{of_role}")
    if len(found) > 1:
        roles = ", ".join(repr(volume.key.role) for volume in found)
        raise CommandFailed(f"several roles have a volume {volume_id!r}: choose by --role: {roles}")
    return found[0]


def creation(
    holdings: Holdings,
    *,
    volume_id: str,
    role: str,
    path: str,
    megabytes: float | None,
    disk: Source | None,
    is_shared: bool,
    principal: str | None,
) -> Change:
    """Return the change that makes a volume of disk that is reserved for a role.

    Args:
        holdings: The agent's.
        volume_id: Unique among those of the role on the agent.
        role: Whose disk, and whose volume.
        path: Where tasks find it.
        megabytes: Its size; None for the whole of a disk that is not divided.
        disk: The disk, if not the usual one.
        is_shared: Whether several tasks may use it at once.
        principal: Who makes it, as the agent is to remember it.

    Raises:
        CommandFailed: The role has no such disk, or not so much of it in one piece.
    """

    def fits(key: Key) -> bool:
        return bool(key.reservations) and key.role == role and is_ordinary(key, disk)

    key, found = _picked(holdings, fits, role, megabytes)
    volume = msgspec.structs.replace(
        found.to_messages()[0],
        disk=Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id=volume_id, principal=principal),
            volume=Volume(container_path=path, mode=Volume.Mode.RW),
            source=None if key.disk is None else key.disk.source,
        ),
        shared=Resource.SharedInfo() if is_shared else None,
    )
    create = Operation.Create(volumes=[volume])
    call = Call.CreateVolumes(agent_id=holdings.agent_id, volumes=[volume])
    kind = "shared volume" if is_shared else "volume"
    return Change(
        call=Call(type=Call.Type.CREATE_VOLUMES, create_volumes=call),
        intent=(
            f"make the {kind} {volume_id!r} of {format_number(found.get_scalar('disk'))} MB for"
            f" role {role!r} on {holdings.name}"
        ),
        refusal=refusal(holdings, Operation(type=Operation.Type.CREATE, create=create)),
    )


def destruction(volume: KeptVolume) -> Change:
    """Return the change that destroys a volume."""
    holdings = volume.holdings
    # Copies of a shared volume go together.
    copies = holdings.total.filter(lambda key: key == volume.key).to_messages()
    destroy = Operation.Destroy(volumes=copies)
    call = Call.DestroyVolumes(agent_id=holdings.agent_id, volumes=copies)
    return Change(
        call=Call(type=Call.Type.DESTROY_VOLUMES, destroy_volumes=call),
        intent=f"destroy the {volume.described}",
        refusal=refusal(holdings, Operation(type=Operation.Type.DESTROY, destroy=destroy)),
        question=f"All that is on the {volume.described} is lost: destroy it?",
    )


def growth(volume: KeptVolume, *, by: float | None, to: float | None) -> Change:
    """Return the change that makes a volume larger, by so much or to a size.

    Raises:
        CommandFailed: Not one of both is given, or it has that size already.
    """
    megabytes = _difference(volume, by, to, verb="grow")
    addition = msgspec.structs.replace(
        stripped(volume.message), scalar=Value.Scalar(value=megabytes)
    )
    holdings = volume.holdings
    grow = Operation.GrowVolume(volume=volume.message, addition=addition)
    call = Call.GrowVolume(agent_id=holdings.agent_id, volume=grow.volume, addition=grow.addition)
    return Change(
        call=Call(type=Call.Type.GROW_VOLUME, grow_volume=call),
        intent=f"grow the {volume.described} by {format_number(megabytes)} MB",
        refusal=refusal(holdings, Operation(type=Operation.Type.GROW_VOLUME, grow_volume=grow)),
    )


def shrinkage(volume: KeptVolume, *, by: float | None, to: float | None) -> Change:
    """Return the change that makes a volume smaller, by so much or to a size.

    Raises:
        CommandFailed: Not one of both is given, or it has that size already.
    """
    megabytes = _difference(volume, by, to, verb="shrink")
    holdings = volume.holdings
    shrink = Operation.ShrinkVolume(volume=volume.message, subtract=Value.Scalar(value=megabytes))
    call = Call.ShrinkVolume(
        agent_id=holdings.agent_id, volume=shrink.volume, subtract=shrink.subtract
    )
    operation = Operation(type=Operation.Type.SHRINK_VOLUME, shrink_volume=shrink)
    return Change(
        call=Call(type=Call.Type.SHRINK_VOLUME, shrink_volume=call),
        intent=f"shrink the {volume.described} by {format_number(megabytes)} MB",
        refusal=refusal(holdings, operation),
    )


def _picked(
    holdings: Holdings, fits: Fits, role: str, megabytes: float | None
) -> tuple[Key, Resources]:
    """Return a piece of disk that is large enough by itself."""
    there = holdings.total.filter(lambda key: key.name == "disk" and fits(key))
    for key, _ in there.entries():
        size = from_millis(key.size) if megabytes is None and key.size is not None else megabytes
        if size is None:
            raise CommandFailed("--size is needed: this disk can be divided", EX_USAGE)
        wanted = Resources.from_messages([_disk_of(size)])
        found, missing = pick(holdings, wanted, _exactly(key))
        if not missing:
            return key, found
    size_wanted = "Disk" if megabytes is None else f"{format_number(megabytes)} MB of disk"
    raise CommandFailed(
        f"{size_wanted} in one piece is wanted of {holdings.name}, which has"
        f" {plainly(there) or 'none'} reserved for {role!r}: see tepui reserve"
    )


async def wait_until_sized(operator: OperatorClient, volume: KeptVolume, megabytes: float) -> None:
    """Return when an agent has given a volume its new size, of which the call's answer is no sign.

    Raises:
        CommandFailed: It has not done so for some time.
    """
    agent_id = volume.holdings.agent_id
    try:
        async with asyncio.timeout(RESIZE_SECONDS_MAX):
            while not await _has_size(operator, volume, to_millis(megabytes)):
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise CommandFailed(
            f"agent {agent_id.value} has been told, and has not done it within"
            f" {RESIZE_SECONDS_MAX:g} s: see tepui volume list"
        ) from None


async def _has_size(operator: OperatorClient, volume: KeptVolume, millis: int) -> bool:
    for agent in (await operator.get_agents()).agents:
        if agent.agent_info.id == volume.holdings.agent_id:
            return any(
                (each.id, each.key.role) == (volume.id, volume.key.role)
                and to_millis(each.megabytes) == millis
                for each in list_volumes([holdings_of(agent)])
            )
    return False


def _difference(volume: KeptVolume, by: float | None, to: float | None, *, verb: str) -> float:
    if (by is None) == (to is None):
        raise CommandFailed("one of --by and --to is needed", EX_USAGE)
    if by is not None:
        return by
    assert to is not None
    change = to - volume.megabytes if verb == "grow" else volume.megabytes - to
    if to_millis(change) <= 0:
        raise CommandFailed(
            f"--to: the {volume.described} cannot {verb} to {format_number(to)} MB", EX_USAGE
        )
    return change


def _disk_of(megabytes: float) -> Resource:
    return Resource(name="disk", type=Value.Type.SCALAR, scalar=Value.Scalar(value=megabytes))


def _exactly(key: Key) -> Fits:
    return lambda other: other == key
