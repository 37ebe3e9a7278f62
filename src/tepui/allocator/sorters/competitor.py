"""What a sorter sorts, and what it promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tepui.allocator.holdings import Place
from tepui.resources import Quantities

Rank = tuple[float, int, str, Any]
"""Weighted share, number of allocations, path, and the competitor itself.

Paths of siblings differ, so that comparing two ranks never gets as far as the competitors.
"""


class Competitor:
    """Somebody who competes with siblings for resources: a role or a framework.

    Attributes:
        path: Names it among its siblings; the last tie-break.
        weight: What its share is divided by.
        parent: Whose allocation includes its own; None at the top.
        siblings: The sorter that it is in.
        allocated: Scalars offered or allocated to it.
        share: Its dominant share of the cluster, not weighted.
        allocations: How often something was allocated to it; never goes down.
        copies: Copies of shared volumes allocated to it; a volume counts once in ``allocated``.
        mask: The bits of all clients in its subtree.
        rank: Its place among its siblings, kept by their sorter.
    """

    __slots__ = (
        "allocated",
        "allocations",
        "copies",
        "mask",
        "parent",
        "path",
        "rank",
        "share",
        "siblings",
        "weight",
    )

    def __init__(self, path: str, parent: Competitor | None, siblings: Sorter) -> None:
        self.path = path
        self.parent = parent
        self.siblings = siblings
        self.weight = 1.0
        self.allocated = Quantities()
        self.share = 0.0
        self.allocations = 0
        self.copies: dict[Place, int] = {}
        self.mask = 0
        self.rank: Rank = (0.0, 0, path, self)

    def charge(self, amounts: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Add ``amounts`` to what is allocated; ``totals`` names what counts for a share."""
        allocated = self.allocated
        share = self.share
        for name, millis in amounts.items():
            held = allocated.get(name, 0) + millis
            allocated[name] = held
            total = totals.get(name)
            if total and held / total > share:
                share = held / total
        self.share = share
        self.allocations += 1

    def exchange(
        self, gone: Mapping[str, int], come: Mapping[str, int], totals: Mapping[str, int]
    ) -> None:
        """Replace a part of what is allocated, which is no further allocation."""
        self.discharge(gone, totals)
        self.charge(come, totals)
        self.allocations -= 1

    def discharge(self, amounts: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Take ``amounts`` from what is allocated."""
        allocated = self.allocated
        for name, millis in amounts.items():
            held = allocated.get(name, 0) - millis
            if held > 0:
                allocated[name] = held
            else:
                allocated.pop(name, None)
        self.measure(totals)

    def measure(self, totals: Mapping[str, int]) -> None:
        """Compute the share anew."""
        share = 0.0
        for name, held in self.allocated.items():
            total = totals.get(name)
            if total and held / total > share:
                share = held / total
        self.share = share

    def dominant(self, totals: Mapping[str, int]) -> str | None:
        """Return the resource that the share is the share of, if there is any."""
        for name, held in self.allocated.items():
            total = totals.get(name)
            if total and held / total == self.share and self.share:
                return name
        return None


class Sorter(Protocol):
    """Keeps siblings in the order in which they are to be served.

    The laws, which `tepui.allocator.laws` turns into tests: whoever was added and not removed
    gets a turn as long as it is eligible, and nobody else; masks of siblings have no bit in
    common; nobody starves if whoever is served is charged for it; the same calls with the same
    chance give the same order. Whoever changes a competitor calls `reposition` right after it.
    """

    def add(self, competitor: Competitor) -> None:
        """Take in a competitor."""

    def remove(self, competitor: Competitor) -> None:
        """Let a competitor go."""

    def reposition(self, competitor: Competitor) -> None:
        """Put a competitor where its share, weight and allocations now belong."""

    def reposition_all(self) -> None:
        """Put all competitors where they now belong: the total changed."""

    def remask(self, competitor: Competitor, mask: int) -> None:
        """Set the mask of a competitor."""

    def first(self, eligible: int) -> Competitor | None:
        """Return whose turn it is among those whose mask has a bit of ``eligible``."""
