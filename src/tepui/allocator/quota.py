"""What roles are guaranteed and may use at most, and what has to stay free for that.

Everything here is kept up to date with each allocation, in fixed point: a visit of an agent asks
what is left under a limit, or beyond what is set aside for guarantees, and walks nothing. That
is about *open* scalars only: those reserved to nobody and not revocable.

Clients are bits and sets of clients are masks, so that all that cannot take an agent are left
out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tepui.allocator.interface import Minimum, Quota

NO_QUOTA = Quota()
UNBOUNDED: Mapping[str, int] = {}


class RoleQuota:
    """The quota of one role, and how far it is used up.

    Attributes:
        quota: What was set.
        mask: The bits of the clients in the role itself.
        needed: What the guarantees lack, by name; names that lack nothing are absent.
        room: What is left under the limits, for all names that are limited.
        tight: For each set of the minimum, whether ``room`` is too small for it.
        light: For each set of the minimum, whether ``needed`` is too small for it.
    """

    __slots__ = ("light", "mask", "needed", "quota", "room", "tight")

    def __init__(self, quota: Quota, mask: int, sets: int) -> None:
        self.quota = quota
        self.mask = mask
        self.needed: dict[str, int] = {}
        self.room: dict[str, int] = dict(quota.limits)
        self.tight = [False] * sets
        self.light = [False] * sets

    @property
    def is_capped(self) -> bool:
        """Whether the limits leave no room for any offer of open scalars that is worth it."""
        return bool(self.tight) and all(self.tight)


class Quotas:
    """All quotas, and the headroom that their guarantees ask for.

    Attributes:
        roles: How many roles have a quota.
        required: Headroom that guarantees lack, by name, over all roles; never zero.
        available: Headroom that there is: what is available and open.
        needy: By name, the clients in roles whose guarantee lacks it.
        tight: For each set of the minimum, the clients whose limits have no room for it.
        light: For each set of the minimum, the clients whose guarantees do not lack all of it.
        epoch: Rises when something that was kept back may be offered now.
    """

    __slots__ = (
        "_grown",
        "_grown_since",
        "_minimum",
        "_set_at",
        "available",
        "epoch",
        "light",
        "needy",
        "required",
        "roles",
        "tight",
    )

    def __init__(self, minimum: Minimum) -> None:
        self._minimum = minimum
        self.roles = 0
        self.required: dict[str, int] = {}
        self.available: dict[str, int] = {}
        self.needy: dict[str, int] = {}
        self.tight = [0] * len(minimum)
        self.light = [0] * len(minimum)
        self.epoch = 0
        # When each role was last allowed more than before, the latest at the end.
        self._grown: dict[RoleQuota, int] = {}
        self._grown_since = (0, 0, 0)
        self._set_at = 0

    # -- one role --

    def add(self, quota: Quota, mask: int, consumed: Mapping[str, int]) -> RoleQuota:
        """Take in the quota of a role with its clients and what it consumes."""
        self.roles += 1
        role = RoleQuota(quota, mask, len(self._minimum))
        self.measure(role, consumed)
        self._start_anew()
        return role

    def remove(self, role: RoleQuota) -> None:
        """Forget a role's quota."""
        self.roles -= 1
        self.remask(role, 0)
        for name in role.quota.guarantees:
            self._need(role, name, 0)
        self._start_anew()

    def measure(self, role: RoleQuota, consumed: Mapping[str, int]) -> None:
        """Account for what the role consumes now."""
        has_grown = False
        guarantees, limits = role.quota.guarantees, role.quota.limits
        for name, guaranteed in guarantees.items():
            has_grown |= self._need(role, name, max(0, guaranteed - consumed.get(name, 0)))
        for name, limit in limits.items():
            left = max(0, limit - consumed.get(name, 0))
            has_grown |= left > role.room[name]
            role.room[name] = left
        for index, wanted in enumerate(self._minimum):
            if limits:
                _mark(role, role.tight, self.tight, index, _lacks(role.room, limits, wanted))
            if guarantees:
                _mark(role, role.light, self.light, index, _lacks(role.needed, wanted, wanted))
        if has_grown:
            self.epoch += 1
            self._grown.pop(role, None)
            self._grown[role] = self.epoch

    def remask(self, role: RoleQuota, mask: int) -> None:
        """Set the clients that are in the role itself."""
        changed = role.mask ^ mask
        for name in role.needed:
            self.needy[name] ^= changed
        for index in range(len(self._minimum)):
            if role.tight[index]:
                self.tight[index] ^= changed
            if role.light[index]:
                self.light[index] ^= changed
        role.mask = mask

    # -- all roles --

    def free(self, amounts: Mapping[str, int]) -> None:
        """Add to the headroom that there is."""
        available = self.available
        for name, millis in amounts.items():
            available[name] = available.get(name, 0) + millis
        if self.required:
            self.epoch += 1

    def take(self, amounts: Mapping[str, int]) -> None:
        """Take from the headroom that there is."""
        available = self.available
        for name, millis in amounts.items():
            available[name] = available.get(name, 0) - millis

    def surplus(self) -> dict[str, int]:
        """Return what is available beyond the guarantees, for the names that they lack."""
        return {
            name: max(0, self.available.get(name, 0) - needed)
            for name, needed in self.required.items()
        }

    def room_for(self, role: RoleQuota | None) -> Mapping[str, int]:
        """Return what may be offered to a role, in all, of open scalars.

        Args:
            role: The quota of the client's own role, if it has one.

        Returns:
            What its limits and the headroom leave; names that neither is about are absent.
        """
        if not self.required:
            return UNBOUNDED if role is None else role.room
        room = self.surplus()
        if role is not None:
            for name, left in role.room.items():
                room[name] = min(left, room.get(name, left))
        return room

    def needy_of(self, amounts: Mapping[str, int]) -> int:
        """Return the clients in roles whose guarantees lack some of these names."""
        clients = 0
        for name, needy in self.needy.items():
            if amounts.get(name):
                clients |= needy
        return clients

    def capped(self, indices: Iterable[int]) -> int:
        """Return the clients whose limits have no room for any of these sets of the minimum."""
        clients = -1
        for index in indices:
            clients &= self.tight[index]
        return clients

    def unserved(self, indices: Iterable[int], surplus: Mapping[str, int]) -> int:
        """Return the clients to whom a guaranteed part brings none of these sets.

        Where there is no surplus of what a set names, it takes as much as the guarantees lack.
        """
        clients = -1
        for index in indices:
            without = self.tight[index]
            if all(surplus.get(name) == 0 for name in self._minimum[index]):
                without |= self.light[index]
            clients &= without
        return clients

    def grown_since(self, epoch: int) -> int:
        """Return the clients in roles that are allowed more than in ``epoch``; -1 for all."""
        if epoch < self._set_at:
            return -1
        since, now, clients = self._grown_since
        if (since, now) != (epoch, self.epoch):
            clients = 0
            for role in reversed(self._grown):
                if self._grown[role] <= epoch:
                    break
                clients |= role.mask
            self._grown_since = (epoch, self.epoch, clients)
        return clients

    def _start_anew(self) -> None:
        """Nothing that was found out under the quotas so far holds any more."""
        self.epoch += 1
        self._set_at = self.epoch
        self._grown.clear()

    def _need(self, role: RoleQuota, name: str, needed: int) -> bool:
        """Set what the guarantee lacks; tell whether it is more than before."""
        before = role.needed.get(name, 0)
        if needed == before:
            return False
        required = self.required.get(name, 0) + needed - before
        if required:
            self.required[name] = required
        else:
            del self.required[name]
        if needed:
            role.needed[name] = needed
        else:
            del role.needed[name]
        if not (needed and before):
            self.needy[name] = self.needy.get(name, 0) ^ role.mask
        return needed > before


def _lacks(amounts: Mapping[str, int], names: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    """Tell whether there is too little for ``wanted``, as far as it is about these names."""
    return any(name in names and amounts.get(name, 0) < millis for name, millis in wanted.items())


def _mark(role: RoleQuota, marks: list[bool], masks: list[int], index: int, is_in: bool) -> None:
    if marks[index] is not is_in:
        marks[index] = is_in
        masks[index] ^= role.mask
