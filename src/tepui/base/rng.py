"""Chance as the cores see it: a seeded source that is handed in."""

from __future__ import annotations

import random
from collections.abc import MutableSequence, Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """A deterministic source of chance; the driver seeds it from the system."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return self._random.random()

    def below(self, bound: int) -> int:
        """Return a whole number in [0, bound)."""
        return self._random.randrange(bound)

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return self._random.uniform(low, high)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of ``items``, each as likely as the others."""
        return self._random.choice(items)

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put ``items`` into a random order, in place."""
        self._random.shuffle(items)

    def uuid_bytes(self) -> bytes:
        """Return the 16 bytes of a version 4 UUID."""
        raw = bytearray(self._random.randbytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        return bytes(raw)

    def uuid(self) -> str:
        """Return a version 4 UUID in its canonical text form."""
        text = self.uuid_bytes().hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
