"""How many agents does the registry admit in a second, and how long does it take to read them?

One agent is one batch with one record, as the master writes it; batches that arrive during a commit
share the next one, as in the master. On SQLite each commit waits for the disk, on ZooKeeper (one
server on this machine) as well.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ensemble
from bench.processes import stop_on_sigterm
from bench.report import Goal, publish
from tepui.base.zookeeper_url import parse_url
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import Store, StoreBatch, StoreError
from tepui.ha.writer import RegistryWriter
from tepui.ha.zookeeper import ZooKeeperStore

RECORD_BYTES = 600  # an agent with a few resources and attributes
OUTSTANDING_MAX = 2_000
GOAL_PER_SECOND = 3_000.0
GOAL_READ_SECONDS = 10.0


async def measure(name: str, make_store: Callable[[], Store], agents: int) -> dict[str, Any]:
    """Return how long admitting and reading took."""
    writer = RegistryWriter(make_store())
    await writer.open()
    free = asyncio.Semaphore(OUTSTANDING_MAX)
    failures: list[StoreError] = []
    latencies: list[float] = []

    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        began = time.monotonic()
        for number in range(agents):
            await free.acquire()
            asked = time.monotonic()

            def done(error: StoreError | None, asked: float = asked) -> None:
                latencies.append(time.monotonic() - asked)
                free.release()
                if error is not None:
                    failures.append(error)

            content = number.to_bytes(4) + os.urandom(RECORD_BYTES - 4)
            writer.submit(StoreBatch(puts={f"agents/{number:08}": content}), done)
        for _ in range(OUTSTANDING_MAX):
            await free.acquire()
        seconds = time.monotonic() - began
        writer.close()
    if failures:
        raise failures[0]
    reader = RegistryWriter(make_store(), fetch_seconds_max=600.0)
    began = time.monotonic()
    records = await reader.open()
    read_seconds = time.monotonic() - began
    assert len(records) == agents
    reader.close()
    await reader.run()
    latencies.sort()
    return {
        "store": name,
        "agents": agents,
        "admitted_per_second": round(agents / seconds),
        "latency_p50_ms": round(latencies[len(latencies) // 2] * 1000, 1),
        "latency_max_ms": round(latencies[-1] * 1000, 1),
        "read_seconds": round(read_seconds, 2),
    }


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=50_000)
    agents: int = parser.parse_args().agents
    load = os.getloadavg()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-registry-") as text:
        directory = Path(text)
        path = directory / "registry.sqlite"
        rows.append(asyncio.run(measure("sqlite", lambda: SqliteStore(path), agents)))
        if ensemble.is_installed():
            with ensemble.started(directory / "zookeeper", 1, is_durable=True) as servers:
                url = parse_url(servers.url("/bench"))
                rows.append(asyncio.run(measure("zookeeper", lambda: ZooKeeperStore(url), agents)))
        else:
            print(ensemble.MISSING, file=sys.stderr)
    goals = [
        goal
        for row in rows
        for goal in (
            Goal(
                what=f"{row['store']}: admissions",
                value=row["admitted_per_second"],
                limit=GOAL_PER_SECOND,
                unit="per second",
                is_more_better=True,
            ),
            Goal(
                what=f"{row['store']}: reading all",
                value=row["read_seconds"],
                limit=GOAL_READ_SECONDS,
                unit="s",
            ),
        )
    ]
    publish("registry", rows, goals=goals, parameters={"agents": agents}, load_before=load)
    return 0


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
