"""What runs on this machine for a directory: looked up in /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TASK_VARIABLE = "SOAK_TASK"
"""Names its task in the environment of each process."""

TAIL_BYTES = 64 * 1024


class Process(NamedTuple):
    """A process of a container, or of the cluster itself.

    Attributes:
        container: The container that marks its environment, if one does.
        task: The task that does.
    """

    pid: int
    session: int
    words: list[str]
    container: str | None
    task: str | None


def processes(directory: Path) -> Iterator[Process]:
    """Give all that runs with something of ``directory`` in its command line or environment."""
    marker = f"{directory}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
            if marker not in words and marker not in environment:
                continue
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            if stat[0] in "ZX":
                continue
            yield Process(
                int(entry.name),
                int(stat[3]),
                [word.decode(errors="replace") for word in words.split(b"\0")],
                _variable(environment, b"TEPUI_CONTAINER_ID"),
                _variable(environment, TASK_VARIABLE.encode()),
            )


def _variable(environment: bytes, name: bytes) -> str | None:
    for each in environment.split(b"\0"):
        key, _, value = each.partition(b"=")
        if key == name:
            return value.decode()
    return None


def supervisor_of(work_dir: Path) -> int | None:
    """Return the pid of the supervisor of an agent, if there is one."""
    for process in processes(work_dir):
        if process.container is None and any(
            word.endswith("/supervisor/__main__.py") for word in process.words
        ):
            return process.pid
    return None


def sweep(directory: Path) -> list[str]:
    """End what is left, each by its pid, and say what that was; nothing should be."""
    found = []
    for process in processes(directory):
        found.append(f"process {process.pid} was left over: {' '.join(process.words)[:200]}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    sockets = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    found += [
        f"a socket was left over: {line}"
        for line in sockets.splitlines()
        if f"{directory}/" in line
    ]
    return found


def tail(path: Path) -> str:
    """Return the end of a log."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")
