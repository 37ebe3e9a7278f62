"""Which process belongs to which container, and how a whole tree is ended.

The supervisor is a child subreaper: whatever a container's processes do, each of them descends
either from the container's first process or from an *orphan*, a child of the supervisor that it
did not start. Orphans are told apart by the marker in their environment, else by their session,
else by their working directory and standard streams.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Container

from tepui.containers.supervisor.journal import Record
from tepui.containers.supervisor.launches import CONTAINER_VARIABLE
from tepui.linux.processes import (
    Process,
    children_by_parent,
    descendants,
    environment_of,
    own_children,
    paths_in_use,
    read_process,
    send_signal,
    snapshot,
)

FREEZE_ROUNDS_MAX = 16
"""A tree that grows faster than we stop it is killed unfrozen, and looked at again."""

ENVIRONMENT_READS_MAX = 5
"""The environment reads as empty for the microseconds in which a process replaces its image."""


class Ownership:
    """Attributes the orphans among the supervisor's children to containers."""

    def __init__(self, records: dict[str, Record]) -> None:
        self._records = records
        self._owner_by_start: dict[tuple[int, int], str | None] = {}

    def orphans(self, first_pids: Container[int]) -> dict[Process, str | None]:
        """Return the supervisor's living children besides ``first_pids``, with their container."""
        owners: dict[Process, str | None] = {}
        for pid in own_children():
            if pid in first_pids:
                continue
            process = read_process(pid)
            if process is not None and process.is_alive:
                owners[process] = self._owner(process)
        self._owner_by_start = {(p.pid, p.start): owner for p, owner in owners.items()}
        return owners

    def look_again(self) -> None:
        """Have orphans that belonged to nobody looked at anew."""
        self._owner_by_start = {
            key: owner for key, owner in self._owner_by_start.items() if owner is not None
        }

    def _owner(self, process: Process) -> str | None:
        key = (process.pid, process.start)
        if key in self._owner_by_start:
            return self._owner_by_start[key]
        return self._find_owner(process)

    def _find_owner(self, process: Process) -> str | None:
        marked = marker_of(process.pid, CONTAINER_VARIABLE)
        if marked in self._records:
            return marked
        # A session keeps its leader's pid from being given out again while it has members.
        for record in self._records.values():
            if record.pid == process.session and record.start <= process.start:
                return record.container_id
        paths = [path + "/" for path in paths_in_use(process.pid)]
        inside = [
            record
            for record in self._records.values()
            if any(path.startswith(record.sandbox + "/") for path in paths)
        ]
        # Nested containers have their sandboxes inside their parent's.
        innermost = max(inside, key=lambda record: len(record.sandbox), default=None)
        return None if innermost is None else innermost.container_id


def marker_of(pid: int, variable: str) -> str | None:
    """Return the value of ``variable`` in the environment that ``pid`` was started with."""
    prefix = variable.encode("ascii") + b"="
    for _ in range(ENVIRONMENT_READS_MAX):
        environment = environment_of(pid)
        for entry in environment.split(b"\0"):
            if entry.startswith(prefix):
                return entry[len(prefix) :].decode("utf-8", "replace")
        if environment:
            break
    return None


def members_below(roots: Callable[[dict[int, Process]], list[Process]]) -> list[Process]:
    """Return the living processes at and below ``roots``, which are chosen from a snapshot."""
    processes = snapshot()
    tree = descendants(roots(processes), children_by_parent(processes))
    return [process for process in tree if process.is_alive]


def kill_trees(find_members: Callable[[], list[Process]]) -> list[Process]:
    """Stop all that ``find_members`` finds until it finds no more, then kill it.

    A stopped process starts no others, so that the tree cannot outrun its end. Death itself is
    not waited for.

    Returns:
        What was to be killed: empty when nothing of the tree was left.
    """
    stopped: dict[tuple[int, int], Process] = {}
    for _ in range(FREEZE_ROUNDS_MAX):
        fresh = [p for p in find_members() if (p.pid, p.start) not in stopped]
        if not fresh:
            break
        for process in fresh:
            stopped[process.pid, process.start] = process
            send_signal(process, signal.SIGSTOP)
    for process in stopped.values():
        send_signal(process, signal.SIGKILL)
    return list(stopped.values())
