"""End what a dead supervisor left running; used by its successor and by the agent."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from tepui.containers.supervisor.journal import Record
from tepui.containers.supervisor.launches import CONTAINER_VARIABLE, SUPERVISOR_VARIABLE
from tepui.containers.supervisor.trees import kill_trees, marker_of, members_below
from tepui.linux.processes import Process, wait_for_ends

PATIENCE_SECONDS = 10.0
"""Killed processes vanish within milliseconds, unless the kernel holds them in a call."""


def end_orphans(state_directory: str, records: Iterable[Record]) -> tuple[list[str], list[int]]:
    """Kill every process that the supervisor of ``state_directory`` had started, and its tree.

    A process counts when a record names it by pid and start, or when it carries the supervisor's
    marker. May only be called while no such supervisor is alive.

    Returns:
        The containers whose processes were found, and the pids that did not go away.
    """
    container_by_start = {
        (record.pid, record.start): record.container_id
        for record in records
        if not record.has_exited
    }
    containers: dict[str, None] = {}

    def roots(processes: dict[int, Process]) -> list[Process]:
        found: list[Process] = []
        for process in processes.values():
            # The agent may call this while its own environment carries the marker of a
            # supervisor above it; never itself.
            if process.pid == os.getpid():
                continue
            container_id = container_by_start.get((process.pid, process.start))
            if container_id is None:
                if marker_of(process.pid, SUPERVISOR_VARIABLE) != state_directory:
                    continue
                container_id = marker_of(process.pid, CONTAINER_VARIABLE)
            found.append(process)
            if container_id is not None:
                containers[container_id] = None
        return found

    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := kill_trees(lambda: members_below(roots)):
        if time.monotonic() > deadline:
            return list(containers), [process.pid for process in left]
        wait_for_ends(left, deadline - time.monotonic())
    return list(containers), []
