"""Dominant Resource Fairness: the smallest weighted share is served first.

The competitors are kept sorted. Whoever's share changes moves to its new place, which two
binary searches find. They lie in blocks with a mask each, so that the search for an eligible
competitor passes over whole blocks of others: where hundreds decline everything, it is those
that stand in front.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from tepui.allocator.sorters.competitor import Competitor, Rank

BLOCK_SIZE = 48
"""Competitors in a block after it was split; it holds at most twice as many."""


class DrfSorter:
    """A `Sorter` by weighted share, then by number of allocations, then by path."""

    __slots__ = ("_blocks", "_masks", "_tops")

    def __init__(self) -> None:
        self._blocks: list[list[Rank]] = []
        # The last rank and the mask of each block.
        self._tops: list[Rank] = []
        self._masks: list[int] = []

    def add(self, competitor: Competitor) -> None:
        """Take in a competitor."""
        competitor.rank = _rank(competitor)
        self._insert(competitor)

    def remove(self, competitor: Competitor) -> None:
        """Let a competitor go."""
        index = bisect_left(self._tops, competitor.rank)
        block = self._blocks[index]
        del block[bisect_left(block, competitor.rank)]
        if block:
            self._tops[index] = block[-1]
            self._masks[index] ^= competitor.mask
        else:
            del self._blocks[index], self._tops[index], self._masks[index]

    def reposition(self, competitor: Competitor) -> None:
        """Put a competitor where its share, weight and allocations now belong."""
        rank = (
            competitor.share / competitor.weight,
            competitor.allocations,
            competitor.path,
            competitor,
        )
        tops = self._tops
        if len(tops) == 1 and len(self._blocks[0]) == 1:
            # Most often, a role's frameworks that compete with no child roles.
            competitor.rank = self._blocks[0][0] = tops[0] = rank
            return
        old = competitor.rank
        index = bisect_left(tops, old)
        block = self._blocks[index]
        at = bisect_left(block, old)
        last = len(block) - 1
        competitor.rank = rank
        if (
            (at > 0 or index == 0)
            and (at < last or index == len(self._blocks) - 1)
            and (at == 0 or block[at - 1] < rank)
            and (at == last or rank < block[at + 1])
        ):
            block[at] = rank
            if at == last:
                self._tops[index] = rank
            return
        del block[at]
        if block:
            self._masks[index] ^= competitor.mask
            if at == last:
                self._tops[index] = block[-1]
        else:
            del self._blocks[index], self._tops[index], self._masks[index]
        self._insert(competitor)

    def reposition_all(self) -> None:
        """Put all competitors where they now belong: the total changed."""
        ranks: list[Rank] = []
        for block in self._blocks:
            for _, _, _, competitor in block:
                competitor.rank = _rank(competitor)
                ranks.append(competitor.rank)
        ranks.sort()
        self._blocks = [ranks[at : at + BLOCK_SIZE] for at in range(0, len(ranks), BLOCK_SIZE)]
        self._tops = [block[-1] for block in self._blocks]
        self._masks = [_mask_of(block) for block in self._blocks]

    def remask(self, competitor: Competitor, mask: int) -> None:
        """Set the mask of a competitor."""
        index = bisect_left(self._tops, competitor.rank)
        # Masks of siblings have no bit in common.
        self._masks[index] ^= competitor.mask ^ mask
        competitor.mask = mask

    def first(self, eligible: int) -> Competitor | None:
        """Return whose turn it is among those whose mask has a bit of ``eligible``."""
        for index, mask in enumerate(self._masks):
            if mask & eligible:
                for rank in self._blocks[index]:
                    competitor: Competitor = rank[3]
                    if competitor.mask & eligible:
                        return competitor
        return None

    def _insert(self, competitor: Competitor) -> None:
        rank = competitor.rank
        if not self._blocks:
            self._blocks.append([rank])
            self._tops.append(rank)
            self._masks.append(competitor.mask)
            return
        index = min(bisect_left(self._tops, rank), len(self._tops) - 1)
        block = self._blocks[index]
        insort(block, rank)
        self._tops[index] = block[-1]
        self._masks[index] |= competitor.mask
        if len(block) > 2 * BLOCK_SIZE:
            upper = block[BLOCK_SIZE:]
            del block[BLOCK_SIZE:]
            self._blocks.insert(index + 1, upper)
            self._tops[index : index + 1] = [block[-1], upper[-1]]
            self._masks[index : index + 1] = [_mask_of(block), _mask_of(upper)]


def _rank(competitor: Competitor) -> Rank:
    return (
        competitor.share / competitor.weight,
        competitor.allocations,
        competitor.path,
        competitor,
    )


def _mask_of(block: list[Rank]) -> int:
    mask = 0
    for rank in block:
        mask |= rank[3].mask
    return mask
