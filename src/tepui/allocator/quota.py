"""What roles are guaranteed and may use at most, and what has to stay free for that.

Everything here is kept up to date with each allocation, in fixed point: a visit of an agent asks
what is left under a limit, or beyond what is set aside for guarantees, and walks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        is_capped: Whether no unreserved resources in ``room`` would be worth an offer.
    """

    __slots__ = ("is_capped", "mask", "needed", "quota", "room")

    def __init__(self, quota: Quota, mask: int) -> None:
        self.quota = quota
        self.mask = mask
        self.needed: dict[str, int] = {}
        self.room: dict[str, int] = {}
        self.is_capped = False


class Quotas:
    """All quotas, and the headroom that their guarantees ask for.

    Attributes:
        required: Headroom that guarantees lack, by name, over all roles; never zero.
        available: Headroom that there is: what is available, unreserved and not revocable.
        needy: By name, the clients in roles whose guarantee lacks it.
        capped: The clients in roles with limits that leave no room for a worthy offer.
        epoch: Rises when something that was withheld may be offered now.
    """

    __slots__ = ("_minimum", "available", "capped", "epoch", "needy", "required")

    def __init__(self, minimum: Minimum) -> None:
        self._minimum = minimum
        self.required: dict[str, int] = {}
        self.available: dict[str, int] = {}
        self.needy: dict[str, int] = {}
        self.capped = 0
        self.epoch = 0

    # -- one role --

    def add(self, role: RoleQuota) -> None:
        """Take in a role that has a quota, and of which nothing is known yet."""
        role.room = dict(role.quota.limits)
        self._cap(role)
        for name, guaranteed in role.quota.guarantees.items():
            self._need(role, name, guaranteed)
        self.epoch += 1

    def remove(self, role: RoleQuota) -> None:
        """Forget a role's quota."""
        for name in role.quota.guarantees:
            self._need(role, name, 0)
        self.capped &= ~role.mask
        self.epoch += 1

    def measure(self, role: RoleQuota, consumed: Mapping[str, int]) -> None:
        """Account for what the role consumes now."""
        for name, guaranteed in role.quota.guarantees.items():
            needed = guaranteed - consumed.get(name, 0)
            self._need(role, name, max(0, needed))
        limits = role.quota.limits
        if limits:
            for name, limit in limits.items():
                left = limit - consumed.get(name, 0)
                if left < 0:
                    left = 0
                if left > role.room[name]:
                    self.epoch += 1
                role.room[name] = left
            self._cap(role)

    def remask(self, role: RoleQuota, mask: int) -> None:
        """Set the clients that are in the role itself."""
        for name in role.needed:
            self.needy[name] ^= role.mask ^ mask
        if role.is_capped:
            self.capped ^= role.mask ^ mask
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

    def needy_of(self, amounts: Mapping[str, int]) -> int:
        """Return the clients in roles whose guarantees lack some of these names."""
        clients = 0
        for name, needy in self.needy.items():
            if amounts.get(name):
                clients |= needy
        return clients

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

    def _need(self, role: RoleQuota, name: str, needed: int) -> None:
        before = role.needed.get(name, 0)
        if needed == before:
            return
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

    def _cap(self, role: RoleQuota) -> None:
        is_capped = bool(self._minimum) and all(
            any(role.room.get(name, wanted) < wanted for name, wanted in each.items())
            for each in self._minimum
        )
        if is_capped is not role.is_capped:
            role.is_capped = is_capped
            self.capped ^= role.mask
