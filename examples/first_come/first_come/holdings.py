"""What a role and those below it hold, added up anew each time: simple, and slow at scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tepui.allocator import Quota, RoleView
from tepui.allocator.agents import Agent, one_of_each
from tepui.allocator.holdings import open_scalars
from tepui.resources import EMPTY, Quantities, Resources
from tepui.resources.roles import is_subrole, lineage


def held(agents: Iterable[Agent], role: str, *, is_used: bool) -> Resources:
    """Return what the subtree of a role uses, or what it is offered."""
    total = EMPTY
    for agent in agents:
        for books in (agent.used if is_used else agent.offered).values():
            for name, part in one_of_each(books).allocations().items():
                if _is_within(name, role):
                    total += part.unallocated()
    return total


def reserved(agents: Iterable[Agent], role: str) -> Quantities:
    """Return what is reserved in the subtree of a role, used or not."""
    total = Quantities()
    for agent in agents:
        for name, part in agent.total.reservations().items():
            if _is_within(name, role):
                total = total.plus(part.scalars())
    return total


def with_ancestors(roles: Iterable[str], agents: Iterable[Agent]) -> list[str]:
    """Return the roles, those that hold something or have reservations, and all above them."""
    names: dict[str, None] = {}
    for role in (*roles, *_roles_on(agents)):
        names.update(dict.fromkeys(lineage(role)))
    return sorted(names)


def view_of(
    role: str, agents: list[Agent], *, weight: float, quota: Quota, frameworks: list[str]
) -> RoleView:
    """Return a role as the operator sees it."""
    used, offered = held(agents, role, is_used=True), held(agents, role, is_used=False)
    everything = Quantities()
    for agent in agents:
        everything = everything.plus(agent.total.scalars())
    holds = used.scalars().plus(offered.scalars())
    shares = [holds[name] / everything[name] for name in holds if everything.get(name)]
    return RoleView(
        name=role,
        weight=weight,
        share=max(shares, default=0.0) / weight,
        allocated=used.scalars(),
        offered=offered.scalars(),
        reserved=reserved(agents, role),
        quota=quota,
        consumed=reserved(agents, role).plus(open_scalars(used)),
        frameworks=frameworks,
    )


def _roles_on(agents: Iterable[Agent]) -> Iterator[str]:
    for agent in agents:
        yield from agent.total.reservations()
        for books in (*agent.used.values(), *agent.offered.values()):
            yield from books.allocations()


def _is_within(role: str, ancestor: str) -> bool:
    return role == ancestor or is_subrole(role, ancestor)
