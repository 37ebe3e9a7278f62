"""Group commit over a store that can be held up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from tepui.ha.memory import MemoryContent, MemoryStore
from tepui.ha.store import RECORD_BYTES_MAX, StoreBatch, StoreError
from tepui.ha.writer import RegistryWriter


class HeldStore(MemoryStore):
    """A store whose first write waits until it is let go."""

    def __init__(self, content: MemoryContent) -> None:
        super().__init__(content)
        self.entered = threading.Event()
        self.release = threading.Event()
        self.groups: list[int] = []

    def write(self, batches: Sequence[StoreBatch]) -> None:
        self.groups.append(len(batches))
        if len(self.groups) == 1:
            self.entered.set()
            assert self.release.wait(30)
        super().write(batches)


def test_batches_that_arrive_during_a_commit_share_the_next() -> None:
    content = MemoryContent()
    store = HeldStore(content)
    told: list[tuple[int, StoreError | None]] = []

    async def scenario() -> None:
        writer = RegistryWriter(store)
        await writer.open()
        running = asyncio.ensure_future(writer.run())
        writer.submit(StoreBatch(puts={"0": b""}), lambda error: told.append((0, error)))
        await asyncio.get_running_loop().run_in_executor(None, store.entered.wait)
        for n in range(1, 5):
            batch = StoreBatch(puts={str(n): b""})
            writer.submit(batch, lambda error, n=n: told.append((n, error)))  # type: ignore[misc]
        store.release.set()
        writer.close()
        await running

    asyncio.run(scenario())
    assert store.groups == [1, 4]
    assert told == [(n, None) for n in range(5)]
    assert list(content.records) == ["0", "1", "2", "3", "4"]


def test_an_error_reaches_every_batch_of_its_group() -> None:
    content = MemoryContent()
    told: list[str] = []

    async def scenario() -> None:
        writer = RegistryWriter(MemoryStore(content))
        await writer.open()
        content.epoch += 1  # somebody else has opened it
        running = asyncio.ensure_future(writer.run())
        for key in "ab":
            writer.submit(StoreBatch(puts={key: b""}), lambda error: told.append(str(error)))
        writer.close()
        await running

    asyncio.run(scenario())
    assert told == ["epoch 1 is over: 2 has begun"] * 2


def test_nothing_is_written_after_what_could_not_be() -> None:
    """It may rest on that; and a store that failed within a large batch is not to go on."""

    class BrokenOnce(HeldStore):
        def write(self, batches: Sequence[StoreBatch]) -> None:
            super().write(batches)
            if len(self.groups) == 1:
                raise StoreError("half of it is written")

    store = BrokenOnce(MemoryContent())
    told: list[str] = []

    async def scenario() -> None:
        writer = RegistryWriter(store)
        await writer.open()
        running = asyncio.ensure_future(writer.run())
        writer.submit(StoreBatch(puts={"a": b""}), lambda error: told.append(str(error)))
        await asyncio.get_running_loop().run_in_executor(None, store.entered.wait)
        writer.submit(StoreBatch(puts={"b": b""}), lambda error: told.append(str(error)))
        store.release.set()
        writer.close()
        await running

    asyncio.run(scenario())
    assert told == ["half of it is written"] * 2
    assert store.groups == [1]


def test_too_many_waiting_or_too_large_batches_are_refused_at_once() -> None:
    told: list[str] = []

    async def scenario() -> None:
        writer = RegistryWriter(MemoryStore(), pending_max=1)
        large = StoreBatch(puts={"k": b"x" * (RECORD_BYTES_MAX + 1)})
        writer.submit(large, lambda error: told.append(f"large {error}"))
        writer.submit(StoreBatch(), lambda error: told.append("accepted"))
        writer.submit(StoreBatch(), lambda error: told.append(f"refused {error}"))

    asyncio.run(scenario())
    assert told == [
        "large record k of 1048577 bytes is above 1048576",
        "refused 1 batches wait for the registry already",
    ]


def test_a_store_that_hangs_is_given_up_after_its_time() -> None:
    store = HeldStore(MemoryContent())
    told: list[str] = []

    async def scenario() -> None:
        writer = RegistryWriter(store, store_seconds_max=0.01)
        await writer.open()
        running = asyncio.ensure_future(writer.run())

        def done(error: StoreError | None) -> None:
            told.append(str(error))
            store.release.set()
            writer.close()

        writer.submit(StoreBatch(puts={"k": b""}), done)
        await running

    asyncio.run(scenario())
    assert told == ["the registry could not be written in 0.01 s"]
