"""What an agent has, of which some is free: picking the pieces that a call has to name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.naming import id_of
from tepui.master.validation.operations import AgentFacts, validate_operator_operation
from tepui.messages import AgentID, Offer, Resource
from tepui.messages.master import Response
from tepui.resources import Resources, describe_resources
from tepui.resources.conversions import Amount, DiskType
from tepui.resources.keys import Key
from tepui.resources.operations import OperationError, apply, conversions, net
from tepui.resources.resources import difference

Fits = Callable[[Key], bool]
Source = Resource.DiskInfo.Source

_SOURCES = {"path": DiskType.PATH, "mount": DiskType.MOUNT}


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with what it has and what of it is used."""

    agent_id: AgentID
    hostname: str
    capabilities: tuple[str, ...]
    is_connected: bool
    total: Resources
    used: Resources

    @property
    def name(self) -> str:
        """What to call the agent when talking to people."""
        return f"agent {self.agent_id.value}"

    @property
    def free(self) -> Resources:
        """What no task or executor uses, offered or not."""
        return self.total - self.used


def holdings_of(agent: Response.GetAgents.Agent) -> Holdings:
    """Return what a master tells of an agent."""
    return Holdings(
        agent_id=AgentID(value=id_of(agent.agent_info)),
        hostname=agent.agent_info.hostname,
        capabilities=capabilities_of(agent),
        # Of one that is deactivated, nothing tells whether it is connected.
        is_connected=agent.active or bool(agent.deactivated),
        total=Resources.from_messages(agent.total_resources),
        used=Resources.from_messages(agent.allocated_resources).unallocated(),
    )


def capabilities_of(agent: Response.GetAgents.Agent) -> tuple[str, ...]:
    """Return the names of what an agent can do."""
    return tuple(each.type.name for each in agent.capabilities if each.type)


def pick(holdings: Holdings, wanted: Resources, fits: Fits) -> tuple[Resources, Resources]:
    """Return pieces that fit, free ones first, and what of the wanted amounts is missing."""
    free = holdings.free
    first, missing = _take(free, wanted, fits)
    second, missing = _take(holdings.total - free, missing, fits)
    return first + second, missing


def refusal(holdings: Holdings, operation: Offer.Operation) -> str | None:
    """Return why a master would refuse an operation on what nobody uses of an agent."""
    facts = AgentFacts(
        capabilities=holdings.capabilities, total=holdings.total, used=(holdings.used,)
    )
    found = validate_operator_operation(operation, agent=facts, principal=None)
    if found is not None:
        return found.message
    if not holdings.is_connected:
        return f"{holdings.name} is not connected"
    try:
        apply(holdings.total, operation)
        needed, _ = net(conversions(operation))
    except OperationError as error:
        return str(error)
    missing = needed - holdings.free
    return f"{describe_resources(missing)} is needed, and in use" if missing else None


def plainly(resources: Resources) -> str:
    """Return resources for people, without saying for whom they are reserved."""
    bare = Resources()
    for key, amount in resources.entries():
        bare += Resources({key.replace(reservations=()): amount})
    return describe_resources(bare)


def parse_disk(text: str | None) -> Source | None:
    """Return the disk that ``path:/mnt`` or ``mount:/mnt`` means; None is the usual one.

    Raises:
        CommandFailed: It means none.
    """
    if text is None:
        return None
    kind, colon, root = text.partition(":")
    found = _SOURCES.get(kind.strip().lower())
    if found is None or not colon or not root.strip():
        raise CommandFailed(
            f"--disk: {text!r} is no disk: expected path:DIRECTORY or mount:DIRECTORY", EX_USAGE
        )
    if found is DiskType.PATH:
        return Source(type=found, path=Source.Path(root=root.strip()))
    return Source(type=found, mount=Source.Mount(root=root.strip()))


def describe_disk(key: Key) -> str:
    """Return a disk as `parse_disk` reads it; nothing for the usual one."""
    source = None if key.disk is None else key.disk.source
    if source is None:
        return ""
    place = source.path or source.mount
    return f"{source.type.value.lower()}:{(place.root if place else None) or source.id or ''}"


def is_ordinary(key: Key, source: Source | None) -> bool:
    """Tell whether this may be reserved or made a volume of: no volume, nobody's to take back."""
    if key.persistence_id is not None or key.revocable or key.shared:
        return False
    if key.provider_id is not None:
        return False
    if key.name != "disk":
        return True
    found = None if key.disk is None else key.disk.source
    if found is None or source is None:
        return found is source
    return (found.type, found.path, found.mount) == (source.type, source.path, source.mount)


def _take(available: Resources, wanted: Resources, fits: Fits) -> tuple[Resources, Resources]:
    taken: dict[Key, Amount] = {}
    missing: dict[Key, Amount] = {}
    for want, amount in wanted.entries():
        rest: Amount = amount
        for key, held in available.entries():
            if not rest:
                break
            if key.name != want.name or key.kind is not want.kind or not fits(key):
                continue
            part = _part(key, held, rest)
            if part:
                taken[key] = part
                rest = difference(rest, part if key.size is None else _times(key.size, part))
        if rest:
            missing[want] = rest
    return Resources(taken), Resources(missing)


def _part(key: Key, held: Amount, wanted: Amount) -> Amount:
    """Return how much of a piece to take: of what is not divided, whole copies."""
    if isinstance(held, int) and isinstance(wanted, int):
        return min(held, wanted) if key.size is None else min(held, wanted // key.size)
    return difference(held, difference(held, wanted))


def _times(size: int, copies: Amount) -> int:
    assert isinstance(copies, int)
    return size * copies
