"""What process trees use, added up from /proc (``posix/cpu`` and ``posix/mem``)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tepui.containers.supervisor.launches import CONTAINER_VARIABLE
from tepui.containers.supervisor.trees import marker_of
from tepui.linux.processes import (
    PAGE_BYTES,
    TICKS_PER_SECOND,
    Process,
    children_by_parent,
    descendants,
    snapshot,
)
from tepui.messages.statistics import ResourceStatistics

SNAPSHOT_SECONDS = 0.5
"""A snapshot costs some 15 µs for each process of the machine; containers share one."""


class UsageReader:
    """Reads usage for many containers from one shared snapshot."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._taken_at = float("-inf")
        self._processes: dict[int, Process] = {}
        self._children: dict[int, list[Process]] = {}
        self._markers: dict[tuple[int, int], str] = {}

    async def read(
        self, container_id: str, pid: int, supervisor_pid: int
    ) -> ResourceStatistics | None:
        """Return what the tree of ``pid`` uses; ``None`` when it is no more."""
        async with self._lock:
            if time.monotonic() - self._taken_at > SNAPSHOT_SECONDS:
                self._processes = await asyncio.to_thread(snapshot)
                self._children = children_by_parent(self._processes)
                self._taken_at = time.monotonic()
            first = self._processes.get(pid)
            if first is None:
                return None
            # Daemons of the container have become children of the supervisor.
            orphans = [
                process
                for process in self._children.get(supervisor_pid, [])
                if process.session != process.pid or process.pid != pid
                if self._marker(process) == container_id
            ]
        return add_up(descendants([first, *orphans], self._children), time.time())

    def _marker(self, process: Process) -> str | None:
        key = (process.pid, process.start)
        marker = self._markers.get(key)
        if marker is None:
            # A process that is just becoming another program has no environment to read: what
            # was not found is looked for again next time.
            marker = marker_of(process.pid, CONTAINER_VARIABLE)
            if marker is not None:
                if len(self._markers) > 2 * len(self._processes):
                    self._markers.clear()
                self._markers[key] = marker
        return marker


def add_up(tree: Sequence[Process], timestamp: float) -> ResourceStatistics:
    """Return the sum over ``tree``; what its dead members used counts through their parents."""
    user = sum(process.user_ticks + process.reaped_user_ticks for process in tree)
    system = sum(process.system_ticks + process.reaped_system_ticks for process in tree)
    return ResourceStatistics(
        timestamp=timestamp,
        processes=len(tree),
        threads=sum(process.threads for process in tree),
        cpus_user_time_secs=user / TICKS_PER_SECOND,
        cpus_system_time_secs=system / TICKS_PER_SECOND,
        mem_rss_bytes=sum(process.rss_pages for process in tree) * PAGE_BYTES,
    )
