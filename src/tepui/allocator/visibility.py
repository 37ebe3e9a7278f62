"""What of an agent a framework may see, by its role and its capabilities."""

from __future__ import annotations

import enum

from tepui.allocator.interface import FrameworkCapabilities
from tepui.resources import Resources
from tepui.resources.keys import Key
from tepui.resources.roles import is_subrole, lineage

HIDDEN = "ephemeral_ports"
"""A resource that isolators use and frameworks never see."""


class Hidden(enum.Enum):
    """Why a framework does not see a resource; of capabilities, the one that it lacks."""

    ALWAYS = "nobody sees it"
    REVOCABLE = "REVOCABLE_RESOURCES"
    SHARED = "SHARED_RESOURCES"
    REFINED = "RESERVATION_REFINEMENT"
    RESERVED = "it is reserved to another role"


_Variant = tuple[tuple[str, ...], bool, bool, bool]


class Assortment:
    """What is available on an agent, as each client sees it.

    Attributes:
        reserved: The roles that something available is reserved to.
        is_revocable: Whether something available is revocable.
        is_partial: Whether a shared volume is left out, because the run offered it before.
    """

    __slots__ = ("_available", "_lent", "_variants", "is_partial", "is_revocable", "reserved")

    def __init__(self, available: Resources, lent: dict[Key, None]) -> None:
        self._available = available
        self._lent = lent
        self._variants: dict[_Variant, Resources] = {}
        self.reserved: dict[str, None] = {}
        self.is_revocable = False
        self.is_partial = False
        for key, _ in available.entries():
            if key.reservations:
                self.reserved[key.reservations[-1].role] = None
            if key.revocable:
                self.is_revocable = True
            if key.shared and key in lent:
                self.is_partial = True

    def to(self, role: str, capabilities: FrameworkCapabilities) -> Resources:
        """Return what a framework with these capabilities sees in ``role``."""
        variant = (
            tuple(name for name in lineage(role) if name in self.reserved),
            capabilities.revocable_resources,
            capabilities.shared_resources,
            capabilities.reservation_refinement,
        )
        seen = self._variants.get(variant)
        if seen is None:
            lent = self._lent
            seen = self._available.filter(
                lambda key: (
                    why_hidden(key, role, capabilities) is None and not (key.shared and key in lent)
                )
            )
            self._variants[variant] = seen
        return seen


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
