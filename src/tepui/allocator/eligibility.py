"""Who can take an agent at all, as arithmetic on bitsets.

Each client (a framework in a role) has a bit; a set of clients is an ``int``.
"""

from __future__ import annotations

import heapq

from tepui.allocator.interface import FrameworkCapabilities
from tepui.allocator.roles import Client


class Bits:
    """Hands out bits, the lowest free one first, so that masks stay short."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        """Return a bit that nobody has."""
        if self._free:
            return 1 << heapq.heappop(self._free)
        self._next += 1
        return 1 << (self._next - 1)

    def give_back(self, bit: int) -> None:
        """Let a bit be handed out again."""
        heapq.heappush(self._free, bit.bit_length() - 1)


class Eligibility:
    """The sets of clients by what they are and can do.

    Attributes:
        active: Those that want offers now.
        has_own_minimum: Those for which the global minimum does not hold.
    """

    __slots__ = (
        "_gpu",
        "_hierarchical",
        "_multi_role",
        "_refinement",
        "_region",
        "_revocable",
        "_shared",
        "active",
        "has_own_minimum",
    )

    def __init__(self) -> None:
        self.active = 0
        self.has_own_minimum = 0
        self._gpu = 0
        self._hierarchical = 0
        self._multi_role = 0
        self._refinement = 0
        self._region = 0
        self._revocable = 0
        self._shared = 0

    def set(
        self,
        client: Client,
        *,
        is_active: bool,
        has_own_minimum: bool,
        capabilities: FrameworkCapabilities,
    ) -> None:
        """Put a client into the sets that it belongs to, and out of the others."""
        bit = client.bit
        self.active = _with(self.active, bit, is_active)
        self.has_own_minimum = _with(self.has_own_minimum, bit, has_own_minimum)
        self._gpu = _with(self._gpu, bit, capabilities.gpu_resources)
        self._hierarchical = _with(self._hierarchical, bit, "/" in client.role)
        self._multi_role = _with(self._multi_role, bit, capabilities.multi_role)
        self._refinement = _with(self._refinement, bit, capabilities.reservation_refinement)
        self._region = _with(self._region, bit, capabilities.region_aware)
        self._revocable = _with(self._revocable, bit, capabilities.revocable_resources)
        self._shared = _with(self._shared, bit, capabilities.shared_resources)

    def forget(self, client: Client) -> None:
        """Take a client out of all sets."""
        nothing = FrameworkCapabilities()
        self.set(client, is_active=False, has_own_minimum=False, capabilities=nothing)
        self._hierarchical &= ~client.bit

    def clients_for(
        self,
        *,
        has_gpus: bool,
        is_remote: bool,
        knows_multi_role: bool,
        knows_hierarchical_role: bool,
        among: int | None = None,
    ) -> int:
        """Return the clients that can take an agent of this kind: of the active, or ``among``."""
        clients = self.active if among is None else among
        if has_gpus:
            clients &= self._gpu
        if is_remote:
            clients &= self._region
        if not knows_multi_role:
            clients &= ~self._multi_role
        if not knows_hierarchical_role:
            clients &= ~self._hierarchical
        return clients

    def alike(self, capabilities: FrameworkCapabilities) -> int:
        """Return the clients that see the same resources as one with these capabilities."""
        clients = self._revocable if capabilities.revocable_resources else ~self._revocable
        clients &= self._shared if capabilities.shared_resources else ~self._shared
        clients &= self._refinement if capabilities.reservation_refinement else ~self._refinement
        return clients & ~self.has_own_minimum


def _with(clients: int, bit: int, is_in: bool) -> int:
    return clients | bit if is_in else clients & ~bit
