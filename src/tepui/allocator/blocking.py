"""Who refused all that an agent could offer them, remembered from one visit to the next."""

from __future__ import annotations

from tepui.allocator.quota import Quotas
from tepui.resources import EMPTY, Resources


class Blocked:
    """The clients whose filters cover what they would be offered of one agent, as bits.

    Attributes:
        whole: Those who refused all of it that they see.
        cut: Those who refused what limits and headroom left of it.
    """

    __slots__ = ("_cut_of", "_epoch", "_surplus", "_whole_of", "cut", "whole")

    def __init__(self) -> None:
        self.whole = 0
        self._whole_of = EMPTY
        self.cut = 0
        self._cut_of = EMPTY
        # What there was of surplus headroom, and the epoch of the quotas, at the time.
        self._surplus: dict[str, int] = {}
        self._epoch = 0

    def add(self, bit: int, available: Resources) -> None:
        """Note who refused all of what is available."""
        self.whole |= bit
        # The bits set before hold for whatever is contained in what they were set for.
        self._whole_of = available

    def add_cut(self, bit: int, available: Resources, quotas: Quotas) -> None:
        """Note who refused what was left of it; the bits set before have to be `now`'s."""
        self.cut |= bit
        self._cut_of = available
        self._surplus = quotas.surplus()
        self._epoch = quotas.epoch

    def remove(self, bits: int) -> None:
        """Ask clients again."""
        self.whole &= ~bits
        self.cut &= ~bits

    def now(self, available: Resources, quotas: Quotas) -> int:
        """Return those for whom it still holds; the others are forgotten."""
        if self.whole and not self._whole_of.contains(available):
            self.whole = 0
        if self.cut:
            surplus = quotas.surplus()
            if self._cut_of.contains(available) and all(
                name in surplus and surplus[name] <= most for name, most in self._surplus.items()
            ):
                self.cut &= ~quotas.grown_since(self._epoch)
                self._epoch = quotas.epoch
            else:
                self.cut = 0
        return self.whole | self.cut
