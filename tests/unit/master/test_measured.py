"""What is measured around the core."""

from __future__ import annotations

import asyncio

from tepui.ha.memory import MemoryStore
from tepui.ha.store import StoreBatch
from tepui.ha.writer import RegistryWriter
from tepui.master.measured import Measured


def test_the_registrys_work_is_measured_under_mesos_keys() -> None:
    async def scenario() -> dict[str, float]:
        writer = RegistryWriter(MemoryStore())
        measured = Measured(writer)
        await writer.open()
        running = asyncio.ensure_future(writer.run())
        writer.submit(StoreBatch(puts={"agents/a": b"12345"}), lambda error: writer.close())
        assert measured.metrics()["registrar/queued_operations"] == 1.0
        await running
        return measured.metrics()

    metrics = asyncio.run(scenario())
    assert metrics["registrar/queued_operations"] == 0.0
    assert metrics["registrar/registry_size_bytes"] == len("agents/a") + 5
    assert metrics["registrar/state_fetch_ms"] >= 0.0
    assert metrics["registrar/state_store_ms"] >= 0.0
    assert "allocator/mesos/allocation_run_ms" not in metrics


def test_a_run_of_several_slices_is_one_run() -> None:
    async def scenario() -> dict[str, float]:
        measured = Measured(RegistryWriter(MemoryStore()))
        for _ in range(2):
            measured.on_allocation_asked()
            measured.on_slice(0.0, is_last=False)
            measured.on_allocation_asked()
            measured.on_slice(0.0, is_last=True)
        return measured.metrics()

    metrics = asyncio.run(scenario())
    assert metrics["allocator/mesos/allocation_run_ms/count"] == 2.0
    assert metrics["allocator/mesos/allocation_run_latency_ms/count"] == 2.0
