"""What of an agent a framework may see, by its role and its capabilities."""

from __future__ import annotations

import enum

from tepui.allocator.interface import FrameworkCapabilities
from tepui.resources import Resources
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key
from tepui.resources.roles import ANYBODY, is_subrole, lineage

HIDDEN = "ephemeral_ports"
"""A resource that isolators use and frameworks never see."""


class Hidden(enum.Enum):
    """Why a framework does not see a resource; of capabilities, the one that it lacks."""

    ALWAYS = "nobody sees it"
    REVOCABLE = "REVOCABLE_RESOURCES"
    SHARED = "SHARED_RESOURCES"
    REFINED = "RESERVATION_REFINEMENT"
    RESERVED = "it is reserved to another role"


_Placed = tuple[int, Key, Amount]
_Variant = tuple[tuple[str, ...], bool, bool, bool]


class Assortment:
    """What is available on an agent, as each client sees it.

    Attributes:
        reserved: The roles that something available is reserved to.
        is_revocable: Whether something available is revocable.
        is_partial: Whether a shared volume is left out, because the run offered it before.
    """

    __slots__ = (
        "_available",
        "_groups",
        "_lent",
        "_variants",
        "is_partial",
        "is_revocable",
        "reserved",
    )

    def __init__(self, available: Resources, lent: dict[Key, None]) -> None:
        self._available = available
        self._lent = lent
        self._variants: dict[_Variant, Resources] = {}
        # Where entries lie among all, by the role that they are reserved to.
        self._groups: dict[str, list[_Placed]] = {}
        self.is_revocable = False
        self.is_partial = False
        for at, (key, amount) in enumerate(available.entries()):
            self._groups.setdefault(key.role, []).append((at, key, amount))
            if key.revocable:
                self.is_revocable = True
            if key.shared and key in lent:
                self.is_partial = True
        self.reserved = [role for role in self._groups if role != ANYBODY]

    def to(self, role: str, capabilities: FrameworkCapabilities) -> Resources:
        """Return what a framework with these capabilities sees in ``role``."""
        owners = [name for name in lineage(role) if name in self._groups and name != ANYBODY]
        variant = (
            tuple(owners),
            capabilities.revocable_resources,
            capabilities.shared_resources,
            capabilities.reservation_refinement,
        )
        seen = self._variants.get(variant)
        if seen is None:
            seen = self._seen(owners, role, capabilities)
            self._variants[variant] = seen
        return seen

    def _seen(self, owners: list[str], role: str, capabilities: FrameworkCapabilities) -> Resources:
        placed = list(self._groups.get(ANYBODY, ()))
        for owner in owners:
            placed += self._groups[owner]
        placed.sort(key=lambda each: each[0])
        entries = {
            key: amount
            for _, key, amount in placed
            if why_hidden(key, role, capabilities) is None
            and not (key.shared and key in self._lent)
        }
        return self._available if len(entries) == len(self._available) else Resources(entries)


def why_hidden(key: Key, role: str, capabilities: FrameworkCapabilities) -> Hidden | None:
    """Tell why a framework with these capabilities does not see a resource in ``role``, if so."""
    if key.name == HIDDEN:
        return Hidden.ALWAYS
    if key.revocable and not capabilities.revocable_resources:
        return Hidden.REVOCABLE
    if key.shared and not capabilities.shared_resources:
        return Hidden.SHARED
    if not key.reservations:
        return None
    if len(key.reservations) > 1 and not capabilities.reservation_refinement:
        return Hidden.REFINED
    owner = key.reservations[-1].role
    return None if role == owner or is_subrole(role, owner) else Hidden.RESERVED
