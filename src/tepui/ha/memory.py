"""A store that forgets: for tests, and for ``--registry=in_memory``."""

from __future__ import annotations

from collections.abc import Sequence

from tepui.ha.store import Fenced, StoreBatch, check_batch


class MemoryContent:
    """What several `MemoryStore` objects share, as processes share a file."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.epoch = 0


class MemoryStore:
    """Records in a dictionary."""

    def __init__(self, content: MemoryContent | None = None) -> None:
        self._content = content if content is not None else MemoryContent()
        self._epoch = 0

    def open(self) -> dict[str, bytes]:
        """Claim the content and return its records."""
        self._content.epoch += 1
        self._epoch = self._content.epoch
        return dict(self._content.records)

    def write(self, batches: Sequence[StoreBatch]) -> None:
        """Apply ``batches`` in order.

        Raises:
            Fenced: The content has been opened again since.
        """
        if self._epoch != self._content.epoch:
            raise Fenced(f"epoch {self._epoch} is over: {self._content.epoch} has begun")
        for batch in batches:
            check_batch(batch)
        for batch in batches:
            for key in batch.deletes:
                self._content.records.pop(key, None)
            self._content.records |= batch.puts

    def close(self) -> None:
        """Do nothing: there is nothing to let go."""
