"""Processes as /proc shows them, and signals that cannot hit a reused pid.

A process is known by its pid and its start time together: the kernel gives a pid to somebody else
as soon as it is reaped, but never with the same start time.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """One line of ``/proc/<pid>/stat``; times and the start are in clock ticks."""

    pid: int
    parent: int
    session: int
    state: str
    user_ticks: int
    system_ticks: int
    reaped_user_ticks: int
    reaped_system_ticks: int
    threads: int
    start: int
    rss_pages: int

    @property
    def is_alive(self) -> bool:
        """Whether it still runs code; a zombie only waits to be reaped."""
        return self.state not in "ZX"


def read_process(pid: int) -> Process | None:
    """Return what /proc says of ``pid``; ``None`` when there is no such process."""
    line = _read(f"/proc/{pid}/stat")
    if not line:
        return None
    # The command's name stands in parentheses and may itself hold any of ") (".
    field = line[line.rindex(b")") + 2 :].split(b" ", 22)
    return Process(
        pid=pid,
        parent=int(field[1]),
        session=int(field[3]),
        state=field[0].decode("ascii"),
        user_ticks=int(field[11]),
        system_ticks=int(field[12]),
        reaped_user_ticks=int(field[13]),
        reaped_system_ticks=int(field[14]),
        threads=int(field[17]),
        start=int(field[19]),
        rss_pages=int(field[21]),
    )


def snapshot() -> dict[int, Process]:
    """Return every process of the machine by pid; about 15 µs for each."""
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would cost the supervisor a megabyte
        if name.isdigit():
            process = read_process(int(name))
            if process is not None:
                found[process.pid] = process
    return found


def children_by_parent(processes: dict[int, Process]) -> dict[int, list[Process]]:
    """Return the processes of a snapshot grouped by their parent's pid."""
    grouped: dict[int, list[Process]] = {}
    for process in processes.values():
        grouped.setdefault(process.parent, []).append(process)
    return grouped


def descendants(roots: Iterable[Process], children: dict[int, list[Process]]) -> list[Process]:
    """Return ``roots`` and everything below them, each once."""
    found: dict[int, Process] = {}
    pending = list(roots)
    while pending:
        process = pending.pop()
        if process.pid not in found:
            found[process.pid] = process
            pending.extend(children.get(process.pid, ()))
    return list(found.values())


def own_children() -> list[int]:
    """Return the pids of this single-threaded process's children, zombies included.

    The kernel's list is complete here although it is not in general: only we reap our children,
    and we do not while we read.
    """
    pid = os.getpid()
    listed = _read(f"/proc/{pid}/task/{pid}/children")
    if listed is not None:
        return [int(child) for child in listed.split()]
    # A kernel without CONFIG_PROC_CHILDREN.
    return [process.pid for process in snapshot().values() if process.parent == pid]


def environment_of(pid: int) -> bytes:
    """Return the environment that ``pid`` was started with, NUL between and after entries.

    Empty when it cannot be read, and for the moment in which a process replaces its image.
    """
    return _read(f"/proc/{pid}/environ") or b""


def paths_in_use(pid: int) -> list[str]:
    """Return what the working directory and the standard streams of ``pid`` are, if readable."""
    found: list[str] = []
    for link in ("cwd", "fd/0", "fd/1", "fd/2"):
        try:
            found.append(os.readlink(f"/proc/{pid}/{link}"))  # noqa: PTH115 - see snapshot
        except OSError:
            continue
    return found


def send_signal(process: Process, number: int) -> bool:
    """Signal exactly ``process``, never a successor with its pid.

    Returns:
        Whether the signal was delivered; not so when the process is gone or not ours to signal.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The descriptor now holds the pid's owner, so that the comparison cannot go stale.
        current = read_process(process.pid)
        if current is None or current.start != process.start:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_for_ends(processes: Iterable[Process], seconds: float) -> None:
    """Wait until all of ``processes`` have ended, reaped or not, for at most ``seconds``."""
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:
            continue
        try:
            current = read_process(process.pid)
            if current is not None and current.start == process.start:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        finally:
            os.close(descriptor)


def become_subreaper() -> None:
    """Make this process the parent of every descendant whose own parent has died.

    Raises:
        OSError: The kernel refused.
    """
    import ctypes

    set_child_subreaper = 36
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(set_child_subreaper, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot become a child subreaper: {os.strerror(number)}")


def boot_id() -> str:
    """Return what tells this boot of the machine from all others."""
    return (_read("/proc/sys/kernel/random/boot_id") or b"").decode("ascii").strip()


def _read(path: str) -> bytes | None:
    # os.open is several times cheaper than open(), and /proc is read by the thousand.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts)
