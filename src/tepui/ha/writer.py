"""Group commit: batches that arrive while one commit is under way share the next."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import time
from collections.abc import Callable
from typing import TypeVar

from tepui.ha.store import Store, StoreBatch, StoreError, check_batch

PENDING_MAX = 1_000_000
"""Batches that may wait. The master asks for no more long before; beyond it something is wrong."""

T = TypeVar("T")

Done = Callable[[StoreError | None], None]


def _ignore(seconds: float) -> None:
    """Do nothing with a measurement."""


class RegistryWriter:
    """Write to a blocking `Store` from an event loop, in order, many batches a commit.

    Attributes:
        on_fetched: Told how many seconds reading took.
        on_stored: Told how many seconds each commit took.
    """

    def __init__(
        self,
        store: Store,
        *,
        pending_max: int = PENDING_MAX,
        fetch_seconds_max: float = 60.0,
        store_seconds_max: float = 20.0,
    ) -> None:
        self._store = store
        self._fetch_seconds_max = fetch_seconds_max
        self._store_seconds_max = store_seconds_max
        self._pending_max = pending_max
        self._pending: list[tuple[StoreBatch, Done]] = []
        self._sizes: dict[str, int] = {}
        self.on_fetched: Callable[[float], None] = _ignore
        self.on_stored: Callable[[float], None] = _ignore
        self._wake = asyncio.Event()
        self._closing = False
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="registry")

    async def open(self) -> dict[str, bytes]:
        """Claim the store and return its records; raises what `Store.open` raises."""
        started = time.monotonic()
        records = await self._bounded(self._store.open, self._fetch_seconds_max, "read")
        self._sizes = {key: len(value) for key, value in records.items()}
        self.on_fetched(time.monotonic() - started)
        return records

    @property
    def queued(self) -> int:
        """How many batches wait for a commit."""
        return len(self._pending)

    @property
    def size_bytes(self) -> int:
        """How large the records are together, keys included."""
        return sum(len(key) + size for key, size in self._sizes.items())

    def submit(self, batch: StoreBatch, done: Done) -> None:
        """Write ``batch`` soon; ``done`` is called on the loop with None or the error."""
        if len(self._pending) >= self._pending_max:
            done(StoreError(f"{self._pending_max} batches wait for the registry already"))
            return
        try:
            check_batch(batch)  # here, so that one bad batch does not fail its group
        except StoreError as error:
            done(error)
            return
        self._pending.append((batch, done))
        self._wake.set()

    async def run(self) -> None:
        """Commit what is submitted, until `close`; everything submitted before it is written.

        Once that has failed, nothing else is: it may rest on what is not there, and a store that
        broke off within a large batch finishes that when it is opened next.
        """
        loop = asyncio.get_running_loop()
        error: StoreError | None = None
        while not (self._closing and not self._pending):
            await self._wake.wait()
            self._wake.clear()
            group, self._pending = self._pending, []
            if not group:
                continue
            if error is None:
                error = await self._write([batch for batch, _ in group])
            for _, done in group:
                done(error)
        await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown(wait=False)

    async def _write(self, batches: list[StoreBatch]) -> StoreError | None:
        """Commit some batches together; return why that failed, if it did."""
        write = functools.partial(self._store.write, batches)
        started = time.monotonic()
        try:
            await self._bounded(write, self._store_seconds_max, "written")
        except StoreError as error:
            return error
        self.on_stored(time.monotonic() - started)
        self._count(batches)
        return None

    def _count(self, batches: list[StoreBatch]) -> None:
        for batch in batches:
            for key in batch.deletes:
                self._sizes.pop(key, None)
            self._sizes |= {key: len(value) for key, value in batch.puts.items()}

    async def _bounded(self, call: Callable[[], T], seconds_max: float, what: str) -> T:
        """Return what ``call`` returns in the store's thread, unless that takes too long."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds_max):
                return await loop.run_in_executor(self._thread, call)
        except TimeoutError:
            raise StoreError(f"the registry could not be {what} in {seconds_max:g} s") from None

    def close(self) -> None:
        """Let `run` end once all that was submitted is written."""
        self._closing = True
        self._wake.set()
