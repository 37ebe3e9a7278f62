"""An agent as the allocator sees it."""

from __future__ import annotations

from tepui.allocator.blocking import Blocked
from tepui.allocator.interface import AgentDescription
from tepui.allocator.visibility import HIDDEN
from tepui.base.errors import invariant
from tepui.messages import DomainInfo
from tepui.resources import EMPTY, Resources
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key


class Agent:
    """What an agent has, who holds what of it, and what is known about offering the rest.

    Attributes:
        total: All that it has, allocated to nobody.
        available: What of it can be offered: what nobody holds, and a copy of each shared volume.
        offered: What each framework was offered, allocated to its roles.
        used: What each framework uses, allocated to its roles.
        is_simple: Whether every framework sees all that is available.
        has_shared: Whether there are volumes of which any number of copies may be held.
        blocked: The clients whose filters cover what they would be offered.
        is_withheld: Whether limits or headroom kept something back at the last visit.
        served: A stamp of when it had nothing more for the guarantees; -1 if it changed.
        settled: A stamp of when nobody was found for what is available; -1 if it changed.
    """

    __slots__ = (
        "_is_short",
        "_lent",
        "_lent_in",
        "available",
        "blocked",
        "description",
        "has_gpus",
        "has_shared",
        "id",
        "is_active",
        "is_remote",
        "is_simple",
        "is_withheld",
        "offered",
        "served",
        "settled",
        "total",
        "used",
    )

    def __init__(
        self,
        agent_id: str,
        description: AgentDescription,
        total: Resources,
        home: DomainInfo | None,
    ) -> None:
        self.id = agent_id
        self.is_active = True
        self.offered: dict[str, Resources] = {}
        self.used: dict[str, Resources] = {}
        self.blocked = Blocked()
        self.is_withheld = False
        self.served = -1
        self.settled = -1
        self._lent: dict[Key, None] = {}
        self._lent_in = -1
        self.describe(description, home)
        self.set_total(total)

    def describe(self, description: AgentDescription, home: DomainInfo | None) -> None:
        """Replace what the agent says about itself."""
        self.description = description
        self.is_remote = _is_remote(description.domain, home)

    def set_total(self, total: Resources) -> None:
        """Replace what the agent has."""
        self._look_at(total)
        taken = EMPTY
        for held in (*self.offered.values(), *self.used.values()):
            taken += held
        taken = taken.unallocated()
        self.available = total - unshared(taken)
        # More may be held than there is, if an agent comes back smaller.
        self._is_short = not total.contains(one_of_each(taken))

    def change_total(self, *, removed: Resources, added: Resources) -> None:
        """Replace a part of what the agent has; none of it is available, before or after.

        What is shared is there once, however many copies are ``removed`` or ``added``, and is
        available all the same.
        """
        removed, added = one_of_each(removed), one_of_each(added)
        total = self.total - removed
        new = added.filter(lambda key: not (key.shared and _has(total, key)))
        self._look_at(total + new)
        if self._is_short:
            self.set_total(self.total)
        else:
            self.available = self.available - shared(removed) + shared(new)

    def change_available(self, *, removed: Resources, added: Resources) -> None:
        """Replace a part of what nobody holds."""
        self._look_at(self.total - removed + added)
        if self._is_short:
            # Some of what is added may be lacking elsewhere.
            self.set_total(self.total)
        else:
            self.available = self.available - removed + added

    def unsettle(self) -> None:
        """Look for somebody again: there is more to offer, or somebody wants more."""
        self.served = -1
        self.settled = -1

    def free(self) -> Resources:
        """Return what nobody holds."""
        if not self.has_shared:
            return self.available
        held = self.shared_holdings()
        return self.available.filter(lambda key: key not in held)

    def shared_holdings(self) -> dict[Key, None]:
        """Return the shared volumes of which somebody holds a copy."""
        return {
            key: None
            for held in (*self.offered.values(), *self.used.values())
            for key, _ in shared(held).unallocated().entries()
        }

    def holders(self) -> list[str]:
        """Return the frameworks that hold something."""
        return list(self.offered | self.used)

    def held_by(self, framework_id: str) -> Resources:
        """Return what the framework was offered or uses."""
        return self.offered.get(framework_id, EMPTY) + self.used.get(framework_id, EMPTY)

    def take(self, framework_id: str, free: Resources, allocated: Resources) -> None:
        """Offer ``free``, which was available, as ``allocated``."""
        if self.has_shared:
            self.available -= unshared(free)
        else:
            self.available = EMPTY if free is self.available else self.available - free
        held = self.offered.get(framework_id)
        self.offered[framework_id] = allocated if held is None else held + allocated

    def use(self, framework_id: str, allocated: Resources) -> None:
        """Count what was offered as used."""
        _take_out(self.offered, framework_id, allocated)
        self.used[framework_id] = self.used.get(framework_id, EMPTY) + allocated

    def hold_more(self, framework_id: str, copies: Resources) -> None:
        """Count more copies of what the framework holds as offered to it."""
        self.offered[framework_id] = self.offered.get(framework_id, EMPTY) + copies

    def exchange(
        self,
        books: dict[str, Resources],
        framework_id: str,
        held: Resources,
        converted: Resources,
    ) -> None:
        """Turn what is in ``books``, in ``offered`` or in ``used``, into something else."""
        _take_out(books, framework_id, held)
        if converted:
            books[framework_id] = books.get(framework_id, EMPTY) + converted
        self.change_total(removed=held.unallocated(), added=converted.unallocated())

    def give_back(
        self, held: dict[str, Resources], framework_id: str, allocated: Resources
    ) -> Resources:
        """Make available what was in ``held``, in ``offered`` or in ``used``.

        Returns:
            What became available: less than was held, on an agent that has less than is held.
        """
        _take_out(held, framework_id, allocated)
        self.unsettle()
        if self._is_short:
            before = self.available
            self.set_total(self.total)
            return self.available - before
        freed = allocated.unallocated()
        if self.has_shared:
            freed = unshared(freed)
        self.available += freed
        return freed

    def lend(self, copies: Resources, run: int) -> None:
        """Note the shared volumes that were offered in a run: once is enough."""
        if run != self._lent_in:
            self._lent_in = run
            self._lent = {}
        self._lent.update(dict.fromkeys(key for key, _ in copies.entries()))

    def lent_in(self, run: int) -> dict[Key, None]:
        """Return the shared volumes that were offered in a run."""
        return self._lent if run == self._lent_in else {}

    def _look_at(self, total: Resources) -> None:
        self.total = total
        self.unsettle()
        self.has_gpus = total.scalars().get("gpus", 0) > 0
        self.has_shared = not total.is_plain and any(key.shared for key, _ in total.entries())
        self.is_simple = total.is_plain and all(key.name != HIDDEN for key, _ in total.entries())


def shared(resources: Resources) -> Resources:
    """Return what several tasks may use at once."""
    return EMPTY if resources.is_plain else resources.shared()


def unshared(resources: Resources) -> Resources:
    """Return what has one holder at a time."""
    return resources if resources.is_plain else resources.filter(lambda key: not key.shared)


def one_of_each(resources: Resources) -> Resources:
    """Return one copy of each shared volume, and everything else as it is."""
    if resources.is_plain:
        return resources
    entries: dict[Key, Amount] = {
        key: 1 if key.shared else amount for key, amount in resources.entries()
    }
    return Resources(entries)


def _has(resources: Resources, key: Key) -> bool:
    return any(key == each for each, _ in resources.entries())


def _take_out(held: dict[str, Resources], framework_id: str, allocated: Resources) -> None:
    before = held.get(framework_id, EMPTY)
    if not before.contains(allocated):  # the text costs more than all the rest
        invariant(False, f"framework {framework_id} gives back {allocated!r} of {before!r}")
    rest = before - allocated
    if rest:
        held[framework_id] = rest
    else:
        held.pop(framework_id, None)


def _is_remote(domain: DomainInfo | None, home: DomainInfo | None) -> bool:
    if domain is None or domain.fault_domain is None:
        return False
    if home is None or home.fault_domain is None:
        # Without a domain of its own, a master takes no agent that has one for local.
        return True
    return domain.fault_domain.region != home.fault_domain.region
