"""The registry's store: keyed records, atomic batches, one writer at a time.

A store belongs to whoever opened it last. Opening raises its *epoch*; a writer whose
epoch is not the newest is refused with `Fenced`, so that a deposed master cannot
change what its successor has already read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

RECORD_BYTES_MAX = 1024 * 1024


class StoreBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that become visible together or not at all.

    Keys are paths such as ``agents/<id>``; values are the caller's own encoding.
    """

    puts: dict[str, bytes] = {}
    deletes: list[str] = []


class StoreError(Exception):
    """The store cannot be read or written; the text says which and why."""


class Fenced(StoreError):
    """Somebody else has opened the store since; this writer must stop."""


class Store(Protocol):
    """A place for records. All methods block; `RegistryWriter` keeps them off the loop.

    Laws, which tests/contracts/test_store.py holds every store to: `open` returns
    exactly what was written; a batch is applied whole or not at all; batches of one
    `write` apply in order; a `write` that returned survives a crash (stores that do not
    claim to be durable excepted); after another `open`, `write` raises `Fenced`.
    """

    def open(self) -> dict[str, bytes]:
        """Claim the store and return all its records.

        Raises:
            StoreError: The content is foreign, newer or damaged.
        """

    def write(self, batches: Sequence[StoreBatch]) -> None:
        """Apply ``batches`` in order, in one commit.

        Raises:
            Fenced: The store has been opened again since.
            StoreError: Nothing was changed; the reason is in the text.
        """

    def close(self) -> None:
        """Let the store go; closing twice is fine."""


def check_batch(batch: StoreBatch) -> None:
    """Refuse a record that is too large, naming it.

    Raises:
        StoreError: A value is above `RECORD_BYTES_MAX`.
    """
    for key, value in batch.puts.items():
        if len(value) > RECORD_BYTES_MAX:
            raise StoreError(f"record {key} of {len(value)} bytes is above {RECORD_BYTES_MAX}")
