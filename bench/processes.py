"""Processes under measurement: started, read of their time and memory, and stopped by pid."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0
DISK = Path("/var/tmp")
DIRECTORIES = 200
_TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A Python program that tells of itself in lines of JSON on its standard output."""

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self.module = module
        self.pid = self._process.pid

    def next_line(self) -> dict[str, Any]:
        """Wait for the next line and return what it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            log = self._log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(
                f"{self.module} ended with {self._process.returncode}:\n{log[-2000:]}"
            )
        said: dict[str, Any] = json.loads(line)
        return said

    def say(self, line: str) -> None:
        """Write a line to the program's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait(self) -> int:
        """Wait for the end."""
        return self._process.wait()

    def stop(self, number: int) -> None:
        """Send a signal and wait for the end; kill what does not end."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def stop_on_sigterm() -> None:
    """Have SIGTERM stop all that was started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Give a directory for logs and sandboxes, on a disk as an agent's would be.

    ``BENCH_DIRECTORY`` names another place for it. It is removed at the end of the block, and
    not earlier: on ext4, making a file costs up to twenty times as much for half a minute after
    many others were removed.
    """
    place = os.environ.get("BENCH_DIRECTORY") or (DISK if os.access(DISK, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as directory:
        yield Path(directory)


def directory_cost_us(place: Path) -> float:
    """Return what it costs to make a directory in ``place``."""
    began = time.perf_counter()
    for number in range(DIRECTORIES):
        (place / f"cost-{number}").mkdir()
    return (time.perf_counter() - began) / DIRECTORIES * 1e6


@contextlib.contextmanager
def started(
    module: str, *arguments: str, log: Path, stop_signal: int = signal.SIGTERM
) -> Iterator[Process]:
    """Run a program for as long as the block lasts."""
    process = Process(module, arguments, log)
    try:
        yield process
    finally:
        process.stop(stop_signal)


@contextlib.contextmanager
def master(directory: Path, *arguments: str) -> Iterator[tuple[Process, str]]:
    """Run a real master and yield it and its ``host:port``.

    Its registry is not durable, unless ``arguments`` name another.
    """
    flags = ["--ip=127.0.0.1", "--port=0", "--log_format=json", "--exit_with_parent"]
    if not any(each.startswith("--registry=") for each in arguments):
        flags.append("--registry=in_memory")
    quiet = ("--logging_level=WARNING",)
    log = directory / "master.log"
    with started("tepui.daemons.master", *flags, *quiet, *arguments, log=log) as process:
        yield process, process.next_line()["url"].removeprefix("http://")


@contextlib.contextmanager
def agent(directory: Path, address: str, *arguments: str) -> Iterator[Process]:
    """Run a real agent with its supervisor; both end with the block, and all tasks."""
    flags = (
        f"--master={address}",
        f"--work_dir={directory / 'agent'}",
        "--ip=127.0.0.1",
        "--port=0",
        "--log_format=json",
        "--logging_level=WARNING",
    )
    log = directory / "agent.log"
    with started(
        "tepui.daemons.agent", *flags, *arguments, log=log, stop_signal=signal.SIGUSR1
    ) as process:
        process.next_line()
        yield process


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in steps of the kernel's tick."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    # The name in parentheses may hold anything.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def waited_seconds(pid: int) -> float:
    """Return how long a process was ready to run while others had the processors."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[1]) / 1e9


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in megabytes (2²⁰ bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in tasks for child in each.read_text().split()]


def program_of(pid: int) -> str:
    """Return the command line of a process on one line."""
    raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()
