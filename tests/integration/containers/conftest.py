"""A stage on which real containers are played: a work directory, a containerizer, its exits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.fetcher import Fetcher
from tepui.containers.posix import PosixContainerizer
from tepui.containers.protocol import Exited, LaunchSpec, Recovered
from tepui.linux.processes import read_process, wait_for_ends


class Stage:
    """One agent's containerizer, and what it was told."""

    def __init__(self, work_dir: Path, **options: Any) -> None:
        self.work_dir = work_dir
        options.setdefault("recovery_timeout", 30.0)
        self.containerizer = PosixContainerizer(work_dir, Fetcher(stall_seconds=5.0), **options)
        self.recovered: list[Recovered] = []
        self.lost = asyncio.Event()
        self.heard: list[str] = []
        self._exits: dict[str, asyncio.Future[Exited]] = {}
        self.containerizer.on_exit = self._on_exit
        self.containerizer.on_supervisor_lost = self.lost.set

    async def start(self) -> None:
        await self.containerizer.start()
        self.recovered = await self.containerizer.recover()

    async def launch(self, *argv: str, **fields: Any) -> str:
        container_id = fields.pop("container_id", None) or str(uuid.uuid4())
        fields.setdefault("environment", {"PATH": "/usr/bin:/bin"})
        sandbox = str(self.sandbox(container_id))
        spec = LaunchSpec(container_id=container_id, sandbox=sandbox, argv=[*argv], **fields)
        await self.containerizer.launch(spec)
        return container_id

    async def exited(self, container_id: str) -> Exited:
        return await self._exit(container_id)

    async def run(self, *argv: str, **fields: Any) -> tuple[int, Path]:
        """Launch, wait for the end, and return the exit code (or minus the signal) and sandbox."""
        container_id = await self.launch(*argv, **fields)
        status = (await self.exited(container_id)).status
        assert status is not None
        return os.waitstatus_to_exitcode(status), self.sandbox(container_id)

    def sandbox(self, container_id: str) -> Path:
        return self.work_dir.resolve() / "sandboxes" / container_id

    @property
    def supervisor_pid(self) -> int:
        return self.containerizer._supervisor_pid

    def _exit(self, container_id: str) -> asyncio.Future[Exited]:
        if container_id not in self._exits:
            self._exits[container_id] = asyncio.get_running_loop().create_future()
        return self._exits[container_id]

    def _on_exit(self, exited: Exited) -> None:
        self.heard.append(exited.container_id)
        self._exit(exited.container_id).set_result(exited)


OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[OpenStage]:
    """A stage that leaves neither a supervisor nor a container behind, whatever happens."""
    supervisors: list[int] = []

    @asynccontextmanager
    async def opened(work_dir: Path = tmp_path / "work", **options: Any) -> AsyncIterator[Stage]:
        stage = Stage(work_dir, **options)
        await stage.start()
        supervisors.append(stage.supervisor_pid)
        try:
            yield stage
        finally:
            await stage.containerizer.stop(kill_all=True)

    yield opened
    for pid in supervisors:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Whistle:
    """A named pipe over which processes tell their pids, and wait to be let go."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        path.chmod(0o666)
        self.path = path
        # Open both ways, so that nobody's opening or closing is ever waited for.
        self._descriptor = os.open(path, os.O_RDWR)

    def hear(self, count: int) -> list[int]:
        """Wait for ``count`` lines, a pid each."""
        said = b""
        while said.count(b"\n") < count:
            said += os.read(self._descriptor, 4096)
        return [int(line) for line in said.split()]

    def blow(self) -> None:
        os.write(self._descriptor, b"go\n")

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def whistle(tmp_path: Path) -> Iterator[Whistle]:
    made = Whistle(tmp_path / "whistle")
    yield made
    made.close()


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Tell whether a process still runs code; one being torn down is granted a moment."""

    def check(pid: int) -> bool:
        process = read_process(pid)
        return process is not None and process.is_alive

    return check


@pytest.fixture
def wait_until_gone() -> Callable[[list[int]], list[int]]:
    """Wait until processes have ended, and return those that have not within some seconds."""

    def wait(pids: list[int]) -> list[int]:
        known = [process for pid in pids if (process := read_process(pid)) is not None]
        wait_for_ends(known, 20.0)
        left = [(process, read_process(process.pid)) for process in known]
        return [old.pid for old, new in left if new and new.start == old.start and new.is_alive]

    return wait
