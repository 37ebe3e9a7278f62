"""A whole cluster on this machine: a master, or several, and some agents as child processes.

For ``tepui up``, the demo and the tests. Everything listens on loopback, everything it
starts it also ends, and the children end by themselves when this process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class ClusterFailed(Exception):
    """A daemon did not start or did not stop; the text says which, and what it said."""


class Daemon:
    """One child process that has said it is ready."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self.url = ""
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Return the exit code once there is one."""
        return await self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal; a process that has ended already is no error."""
        # Not by the process object, which would look whether it has ended, and take the news
        # from under asyncio, which looks for it, too.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def wait_until_ready(self) -> None:
        """Read the ready line.

        Raises:
            ClusterFailed: The process ended first, or took too long.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ClusterFailed(f"{self.name} was not ready in {START_SECONDS_MAX:g} s") from None
        if not line:
            await self._process.wait()
            raise ClusterFailed(f"{self.name} ended at its start: {self._last_words()}")
        self.url = str(json.loads(line)["url"])

    async def stop(self, number: int) -> None:
        """Send ``number`` and wait for the end.

        Raises:
            ClusterFailed: It had to be killed.
        """
        if not self.is_running:
            return
        self.signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self._process.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
            raise ClusterFailed(
                f"{self.name} did not stop in {STOP_SECONDS_MAX:g} s and was killed"
            ) from None

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"


def _log_file(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{name}.log"


async def start_daemon(name: str, module: str, arguments: Sequence[str], directory: Path) -> Daemon:
    """Start ``python -m module`` and wait until it is ready.

    Its log goes to ``<directory>/<name>.log``. It ends when this process does.

    Raises:
        ClusterFailed: It did not start.
    """
    log = _log_file(directory, name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MESOS_")}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            "--exit_with_parent",
            "--log_format=json",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            env=environment,
            # Ctrl-C in the terminal is for us; we tell the children in good order.
            start_new_session=True,
        )
    daemon = Daemon(name, process, log)
    try:
        await daemon.wait_until_ready()
    except BaseException:
        # For good: a supervisor that an agent may have by now ends with it.
        await daemon.stop(signal.SIGUSR1)
        raise
    return daemon


def _first_of(error: BaseException) -> BaseException:
    """Return what a task group failed of; the other daemons fail for the same reason."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Cluster:
    """A master and ``agents`` agents, from ``async with`` to its end."""

    def __init__(
        self,
        *,
        work_dir: Path,
        agents: int = 2,
        port: int = 0,
        resources: str | None = None,
        master_flags: Sequence[str] = (),
        agent_flags: Sequence[str] = (),
        zk: str | None = None,
        masters: int = 1,
    ) -> None:
        """Describe the cluster; nothing starts yet.

        Args:
            work_dir: Holds the daemons' logs and work directories.
            agents: How many agents.
            port: The master's; 0 picks a free one.
            resources: What each agent offers; the machine's own if not given.
            master_flags: More flags for the master.
            agent_flags: More flags for each agent.
            zk: URL of the ZooKeeper in which a leader is elected.
            masters: How many masters; more than one need ``zk``.
        """
        self.work_dir = work_dir
        self._agents: dict[int, Daemon] = {}
        self._agent_ports: dict[int, str] = {}
        self._flags_of: dict[int, Sequence[str]] = {}
        self._numbers = itertools.count()
        self._agents_wanted = agents
        self._port = port
        self._resources = resources
        self._master_flags = master_flags
        self._agent_flags = agent_flags
        self._zk = zk
        self._masters_wanted = masters
        self._masters: dict[int, Daemon] = {}
        self._master_ports: dict[int, str] = {}

    @property
    def master(self) -> Daemon:
        """The first master, once started."""
        assert self._masters, "the cluster has not been started"
        return self._masters[0]

    @property
    def masters(self) -> list[Daemon]:
        """The masters that were started, by number."""
        return [self._masters[number] for number in sorted(self._masters)]

    @property
    def address(self) -> str:
        """What agents and frameworks are given to find the master."""
        return self._zk or self.url.removeprefix("http://")

    @property
    def agents(self) -> list[Daemon]:
        """The agents that were started, by number."""
        return [self._agents[number] for number in sorted(self._agents)]

    @property
    def url(self) -> str:
        """The master's URL."""
        return self.master.url

    async def start(self) -> None:
        """Start everything; what had started already is stopped if something fails.

        Raises:
            ClusterFailed: A daemon did not start.
        """
        try:
            for number in range(self._masters_wanted):
                await self.start_master(number)
            async with asyncio.TaskGroup() as group:
                for _ in range(self._agents_wanted):
                    group.create_task(self.start_agent())
        except BaseException as error:
            # A start that is interrupted leaves as little behind as one that fails.
            await self.stop()
            raise _first_of(error) from None

    async def start_master(self, number: int = 0) -> Daemon:
        """Start a master, again after its end if need be, on the same port."""
        name = f"master{number + 1}" if number else "master"
        port = self._master_ports.get(number, "0" if number else str(self._port))
        daemon = await start_daemon(
            name,
            "tepui.daemons.master",
            [
                "--ip=127.0.0.1",
                "--hostname=127.0.0.1",
                f"--port={port}",
                f"--work_dir={self.work_dir / name}",
                *([] if self._zk is None else [f"--zk={self._zk}"]),
                *self._master_flags,
            ],
            self.work_dir,
        )
        self._masters[number] = daemon
        self._master_ports[number] = daemon.url.rpartition(":")[2]
        return daemon

    async def start_agent(self, number: int | None = None, flags: Sequence[str] = ()) -> Daemon:
        """Start one more agent, or agent ``number`` again with what it left on disk.

        Args:
            number: Of the agent that is to start again.
            flags: More flags, instead of those that it was given before; it keeps them when it
                starts again.
        """
        if number is None:
            number = next(self._numbers)
        if flags:
            self._flags_of[number] = flags
        name = f"agent{number + 1}"
        resources = [] if self._resources is None else [f"--resources={self._resources}"]
        daemon = await start_daemon(
            name,
            "tepui.daemons.agent",
            [
                "--ip=127.0.0.1",
                "--hostname=127.0.0.1",
                f"--port={self._agent_ports.get(number, '0')}",
                f"--master={self.address}",
                f"--work_dir={self.work_dir / name}",
                *resources,
                *self._agent_flags,
                *self._flags_of.get(number, ()),
            ],
            self.work_dir,
        )
        self._agents[number] = daemon
        self._agent_ports[number] = daemon.url.rpartition(":")[2]
        return daemon

    async def stop(self) -> None:
        """End all tasks, agents and masters, in this order.

        Raises:
            ClusterFailed: Something had to be killed.
        """
        failures = await asyncio.gather(
            # To leave for good, so that the agent ends its tasks and its supervisor.
            *(agent.stop(signal.SIGUSR1) for agent in self.agents),
            return_exceptions=True,
        )
        for master in self.masters:
            await master.stop(signal.SIGTERM)
        for failure in failures:
            if failure is not None:
                raise failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
