"""Which pieces of an agent are to be reserved, or not any more: nobody types a Resource."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tepui.cli.changing import Change
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.plans.holdings import (
    Fits,
    Holdings,
    Source,
    is_ordinary,
    pick,
    plainly,
    refusal,
)
from tepui.messages import Offer, Resource
from tepui.messages.master import Call
from tepui.resources import Resources
from tepui.resources.conversions import ReservationType
from tepui.resources.keys import Key, Reservation
from tepui.resources.roles import is_subrole

Operation = Offer.Operation
Stack = tuple[Reservation, ...]


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """What is reserved on an agent in one way."""

    holdings: Holdings
    stack: Stack
    resources: Resources
    used: Resources

    @property
    def kind(self) -> str:
        """Whether it can be undone, and what it refines."""
        below = self.stack[:-1]
        kind = self.stack[-1].type.name.lower()
        return f"{kind}, of {below[-1].role}" if below else kind


def list_reserved(holdings: Holdings) -> list[Reserved]:
    """Return what is reserved on an agent, by stack of reservations."""
    stacks = dict.fromkeys(key.reservations for key, _ in holdings.total.reserved().entries())
    return [
        Reserved(
            holdings=holdings,
            stack=stack,
            resources=holdings.total.filter(_reserved_by(stack)),
            used=holdings.used.filter(_reserved_by(stack)),
        )
        for stack in sorted(stacks, key=lambda stack: [each.role for each in stack])
    ]


def parse_labels(given: Iterable[str]) -> tuple[tuple[str, str | None], ...] | None:
    """Return the labels of ``key=value`` and ``key``.

    Raises:
        CommandFailed: One has no key.
    """
    labels: list[tuple[str, str | None]] = []
    for text in given:
        key, equals, value = text.partition("=")
        if not key:
            raise CommandFailed(f"--label: {text!r} has no key: expected key=value", EX_USAGE)
        labels.append((key, value if equals else None))
    return tuple(sorted(labels, key=lambda label: (label[0], label[1] or ""))) or None


def reserving(
    holdings: Holdings,
    wanted: Resources,
    reservation: Reservation,
    *,
    of_role: str | None,
    disk: Source | None,
) -> Change:
    """Return the change that reserves amounts of an agent.

    Args:
        holdings: The agent's.
        wanted: Amounts.
        reservation: What they get.
        of_role: Take them from what is reserved for this role, and not from what nobody
            reserved: if the new role lies below, they stay reserved for this one underneath.
        disk: The disk, where they are of one that is not the usual one.

    Raises:
        CommandFailed: The agent has less than that.
    """
    if of_role == reservation.role:
        raise CommandFailed(f"--of: what is reserved for {of_role!r} is so already", EX_USAGE)

    def fits(key: Key) -> bool:
        return is_ordinary(key, disk) and _role_of(key.reservations) == of_role

    if of_role is None or is_subrole(reservation.role, of_role):
        found = _picked(holdings, wanted, of_role, [fits])
        source: list[Resource] = []
    else:
        # In one step, all must be reserved in the same way before.
        alike = holdings.total.filter(fits)
        stacks = dict.fromkeys(key.reservations for key, _ in alike.entries())
        found = _picked(holdings, wanted, of_role, [_alike_in(fits, stack) for stack in stacks])
        source = found.to_messages()
    target = Resources()
    for key, amount in found.entries():
        target += Resources(
            {key.replace(reservations=_pushed(key.reservations, reservation)): amount}
        )
    reserve = Operation.Reserve(source=source, resources=target.to_messages())
    call = Call.ReserveResources(
        agent_id=holdings.agent_id, source=reserve.source, resources=reserve.resources
    )
    before = f", which {of_role!r} has reserved," if of_role else ""
    return Change(
        call=Call(type=Call.Type.RESERVE_RESOURCES, reserve_resources=call),
        intent=f"reserve {plainly(found)} of {holdings.name}{before} for {reservation.role!r}",
        refusal=refusal(holdings, Operation(type=Operation.Type.RESERVE, reserve=reserve)),
    )


def unreserving(
    holdings: Holdings, wanted: Resources | None, role: str, *, disk: Source | None
) -> Change:
    """Return the change that takes a role's reservations away again; all, if amounts are None.

    Raises:
        CommandFailed: Less than that is reserved in a way that can be undone.
    """

    def is_undone(key: Key) -> bool:
        if _role_of(key.reservations) != role:
            return False
        return key.reservations[-1].type is ReservationType.DYNAMIC

    def fits(key: Key) -> bool:
        return is_ordinary(key, disk) and is_undone(key)

    if wanted is None:
        found = holdings.total.filter(
            lambda key: (
                is_undone(key)
                and key.persistence_id is None
                and key.provider_id is None
                and not key.revocable
            )
        )
        if not found:
            raise CommandFailed(_nothing_to_undo(holdings, role))
    else:
        found = _picked(holdings, wanted, role, [fits])
    resources = found.to_messages()
    unreserve = Operation.Unreserve(resources=resources)
    call = Call.UnreserveResources(agent_id=holdings.agent_id, resources=resources)
    return Change(
        call=Call(type=Call.Type.UNRESERVE_RESOURCES, unreserve_resources=call),
        intent=f"end the reservation of {plainly(found)} of {holdings.name} for {role!r}",
        refusal=refusal(holdings, Operation(type=Operation.Type.UNRESERVE, unreserve=unreserve)),
    )


def _picked(holdings: Holdings, wanted: Resources, role: str | None, ways: list[Fits]) -> Resources:
    """Return what is wanted, picked in the first of the ways that finds all of it."""
    for fits in ways:
        found, missing = pick(holdings, wanted, fits)
        if not missing:
            return found
    whose = "unreserved" if role is None else f"reserved for {role!r}"
    there = holdings.total.filter(
        lambda key: (
            _role_of(key.reservations) == role
            and any(key.name == want.name for want, _ in wanted.entries())
        )
    )
    has = f"has {plainly(there)} {whose}" if there else f"has nothing of that {whose}"
    raise CommandFailed(f"{plainly(wanted)} is wanted of {holdings.name}, which {has}")


def _pushed(stack: Stack, reservation: Reservation) -> Stack:
    """Return the reservations after one more, without those that it does not lie below."""
    kept = stack
    while kept and not is_subrole(reservation.role, kept[-1].role):
        if kept[-1].type is ReservationType.STATIC:
            raise CommandFailed(
                f"what is reserved for {kept[-1].role!r} by the agent's --resources stays so:"
                f" it can only go to roles below, and {reservation.role!r} is none"
            )
        kept = kept[:-1]
    return (*kept, reservation)


def _nothing_to_undo(holdings: Holdings, role: str) -> str:
    there = holdings.total.reserved(role)
    if not there:
        return f"nothing of {holdings.name} is reserved for {role!r}"
    return (
        f"{plainly(there)} of {holdings.name} stays reserved for {role!r}: volumes have to be"
        " destroyed first, and what --resources reserves is the agent's own"
    )


def _role_of(stack: Stack) -> str | None:
    return stack[-1].role if stack else None


def _reserved_by(stack: tuple[Reservation, ...]) -> Fits:
    return lambda key: key.reservations == stack


def _alike_in(fits: Fits, stack: tuple[Reservation, ...]) -> Fits:
    return lambda key: fits(key) and key.reservations == stack
