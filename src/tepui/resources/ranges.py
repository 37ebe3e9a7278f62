"""Ranges of whole numbers, inclusive at both ends: sorted, disjoint, never adjacent."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def normalize(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ``pairs`` and join those that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(pairs):
        if joined and begin <= joined[-1][1] + 1:
            if end > joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return tuple(joined)


def union(left: Ranges, right: Ranges) -> Ranges:
    """Return what is in either."""
    if not right:
        return left
    if not left:
        return right
    return normalize(left + right)


def subtract(left: Ranges, right: Ranges) -> Ranges:
    """Return what is in ``left`` and not in ``right``."""
    if not right:
        return left
    kept: list[tuple[int, int]] = []
    index = 0
    for begin, end in left:
        while index < len(right) and right[index][1] < begin:
            index += 1
        start = begin
        at = index
        while at < len(right) and right[at][0] <= end:
            if right[at][0] > start:
                kept.append((start, right[at][0] - 1))
            start = right[at][1] + 1
            at += 1
        if start <= end:
            kept.append((start, end))
    return tuple(kept)


def contains(left: Ranges, right: Ranges) -> bool:
    """Tell whether all of ``right`` is in ``left``."""
    index = 0
    for begin, end in right:
        while index < len(left) and left[index][1] < begin:
            index += 1
        if index == len(left) or left[index][0] > begin or left[index][1] < end:
            return False
    return True


def intersects(left: Ranges, right: Ranges) -> bool:
    """Tell whether any number is in both."""
    return subtract(left, right) != left


def count(ranges: Ranges) -> int:
    """Return how many numbers there are."""
    total = 0
    for begin, end in ranges:
        total += end - begin + 1
    return total


def format_ranges(ranges: Ranges) -> str:
    """Return the text of the legacy endpoints: ``[1-2, 5-9]``."""
    return "[" + ", ".join(f"{begin}-{end}" for begin, end in ranges) + "]"
