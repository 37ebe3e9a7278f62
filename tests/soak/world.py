"""The cluster of the soak: a real ZooKeeper, masters, agents and frameworks, each a process.

Whatever ends without having been killed here is started again as an init system would, and is a
fault, but for masters that step down: they say so by exit code 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench import ensemble
from tests.soak import machine
from tests.soak.pace import ask_until, pause

from tepui.daemons.cluster import ClusterFailed, Daemon, start_daemon
from tepui.sdk.masters import ElectedMasters

ROOT = Path(__file__).resolve().parents[2]
SESSION_SECONDS = 4.0
RESOURCES = "cpus:60;mem:4096;disk:1024"
STEPPED_DOWN = 1
BROKEN = "could not be handled"
"""What a master says of an event over which its core has raised."""

RESTART_SECONDS = 1.0
STOP_SECONDS_MAX = 30.0


class Kill(NamedTuple):
    """Something that was done to a process."""

    at: float
    what: str


class Program:
    """One process of the cluster, over all its lives.

    Attributes:
        name: ``master1``, ``agent2``, ``framework3``.
        is_wanted: Whether it is to be started again if it ends.
        is_busy: Whether something is being done to it.
        kills: What was done to it.
    """

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.is_wanted = True
        self.is_busy = False
        self.kills: list[Kill] = []
        self.step_downs = 0
        self.lives = 0
        self.is_up = asyncio.Event()

    # What a kind of program has to have.

    async def start(self) -> None:
        """Start a life."""
        raise NotImplementedError

    async def wait(self) -> int:
        """Return the exit code of this life."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Of this life."""
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        raise NotImplementedError

    async def run(self) -> None:
        """Live, again and again, for as long as it is wanted."""
        while self.is_wanted:
            killed_before = len(self.kills)
            try:
                await self.start()
            except ClusterFailed as error:
                self.world.fault(str(error))
                await pause(RESTART_SECONDS)
                continue
            self.lives += 1
            self.is_up.set()
            await self._stop_if_unwanted()
            code = await self.wait()
            self.is_up.clear()
            done = [kill.what for kill in self.kills[killed_before:]]
            await self._on_end(code, is_killed="SIGKILL" in done)

    async def _stop_if_unwanted(self) -> None:
        if not self.is_wanted:
            await self.stop()

    async def _on_end(self, code: int, *, is_killed: bool) -> None:
        if not self.is_wanted:
            return
        if self.is_deposed(code):
            self.step_downs += 1
            self.world.say(f"{self.name} has stepped down")
        elif not is_killed:
            self.world.fault(f"{self.name} ended by itself with exit code {code}")
            await pause(RESTART_SECONDS)
        await self.world.until_allowed(self)

    async def stop(self) -> None:
        """End it in good order, if it runs."""
        raise NotImplementedError

    def is_deposed(self, code: int) -> bool:
        """Whether an end is one that is meant to happen."""
        return False

    def send(self, number: int, what: str) -> None:
        """Send a signal, and remember it."""
        self.kills.append(Kill(time.time(), what))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class DaemonProgram(Program):
    """A master or an agent.

    Attributes:
        module: What is run.
        stop_signal: Asks it to end.
    """

    module: str
    daemon: Daemon
    stop_signal = signal.SIGTERM

    def arguments(self) -> list[str]:
        """Return its command line."""
        raise NotImplementedError

    async def start(self) -> None:
        self.daemon = await start_daemon(
            self.name,
            self.module,
            ["--ip=127.0.0.1", "--hostname=127.0.0.1", "--port=0", *self.arguments()],
            self.world.directory,
        )

    async def wait(self) -> int:
        return await self.daemon.wait()

    async def stop(self) -> None:
        if not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        try:
            await self.daemon.stop(self.stop_signal)
        except ClusterFailed as error:
            self.world.fault(str(error))

    @property
    def pid(self) -> int:
        return self.daemon.pid

    @property
    def is_running(self) -> bool:
        return self.is_up.is_set() and self.daemon.is_running

    @property
    def url(self) -> str:
        """Where it listens in this life."""
        return self.daemon.url


class Master(DaemonProgram):
    """One of the masters."""

    module = "tepui.daemons.master"

    def arguments(self) -> list[str]:
        return [
            f"--work_dir={self.world.directory / self.name}",
            f"--zk={self.world.zk}",
            "--quorum=1",
            f"--zk_session_timeout={SESSION_SECONDS:g}secs",
            "--max_completed_tasks_per_framework=100000",
        ]

    def is_deposed(self, code: int) -> bool:
        said = machine.tail(self.daemon.log)
        # One whose core breaks steps down as well, and is not meant to.
        return code == STEPPED_DOWN and "master_steps_down" in said and BROKEN not in said


class Agent(DaemonProgram):
    """One of the agents, with its supervisor.

    Attributes:
        supervisor_kills: When its supervisor was killed.
    """

    module = "tepui.daemons.agent"
    # To leave for good, so that it ends its tasks and its supervisor.
    stop_signal = signal.SIGUSR1

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, world)
        self.work_dir = world.directory / name
        self.supervisor_kills: list[float] = []

    def arguments(self) -> list[str]:
        return [
            f"--work_dir={self.work_dir}",
            f"--master={self.world.zk}",
            f"--zk_session_timeout={SESSION_SECONDS:g}secs",
            f"--resources={RESOURCES}",
            "--registration_backoff_factor=200ms",
            "--gc_delay=30secs",
        ]

    def supervisor(self) -> int | None:
        """Return the pid of its supervisor, if it has one now."""
        return machine.supervisor_of(self.work_dir)

    async def end_supervisor(self) -> None:
        """End a supervisor that has been left without its agent, with all that it runs."""
        pid = self.supervisor()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

        async def ask() -> int | None:
            return self.supervisor()

        await ask_until(ask, lambda pid: pid is None, STOP_SECONDS_MAX)

    def kill_supervisor(self) -> None:
        """Kill its supervisor."""
        pid = self.supervisor()
        if pid is not None:
            self.supervisor_kills.append(time.time())
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Framework(Program):
    """One of the frameworks.

    Attributes:
        tasks: How many it keeps running.
        said: What it told last.
    """

    process: asyncio.subprocess.Process

    def __init__(self, name: str, world: World, tasks: int, *, is_partition_aware: bool) -> None:
        super().__init__(name, world)
        self.ledger = world.directory / f"{name}.sqlite"
        self.starts = world.directory / f"{name}.starts"
        self.said: dict[str, Any] = {}
        self.is_subscribed = False
        self.tasks = tasks
        self._is_partition_aware = is_partition_aware
        self._is_settling = False
        self._changed = asyncio.Event()

    async def start(self) -> None:
        arguments = [
            f"--zk={self.world.zk}",
            f"--name={self.name}",
            f"--ledger={self.ledger}",
            f"--starts={self.starts}",
            f"--tasks={self.tasks}",
            f"--seed={self.world.seed}/{self.lives}",
            *(["--partition_aware"] if self._is_partition_aware else []),
        ]
        self.said, self.is_subscribed = {}, False
        with (self.world.directory / f"{self.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.soak.framework",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        # It may have been decided while the process was made.
        self._say_settle()

    async def wait(self) -> int:
        assert self.process.stdout is not None
        # The last line of one that was killed may be cut short.
        while (line := await self.process.stdout.readline()).endswith(b"\n"):
            self.said = json.loads(line)
            self.is_subscribed = self.is_subscribed or self.said["event"] == "subscribed"
            self._changed.set()
        return await self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.is_up.is_set() and self.process.returncode is None

    @property
    def is_quiet(self) -> bool:
        """Whether all its tasks run, and none will end."""
        return self.is_subscribed and bool(self.said.get("quiet"))

    async def until(self, holds: Callable[[Framework], bool]) -> None:
        """Wait until it has said what makes something true."""
        while not holds(self):
            self._changed.clear()
            await self._changed.wait()

    def settle(self) -> None:
        """Tell it to launch no more."""
        self._is_settling = True
        if self.is_running:
            self._say_settle()

    def _say_settle(self) -> None:
        if self._is_settling and self.process.stdin is not None:
            self.process.stdin.write(b"settle\n")

    async def stop(self) -> None:
        if not self.is_running:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self.process.wait()
        except TimeoutError:
            self.world.fault(f"{self.name} did not stop and was killed")
            self.send(signal.SIGKILL, "SIGKILL")
            await self.process.wait()


class World:
    """All of it.

    Attributes:
        faults: What should not have happened.
    """

    def __init__(
        self, directory: Path, zk: str, seed: int, tasks: int, say: Callable[[str], None]
    ) -> None:
        self.directory = directory
        self.zk = zk
        self.seed = seed
        self.say = say
        self.faults: list[str] = []
        self.masters = [Master(f"master{number + 1}", self) for number in range(3)]
        self.agents = [Agent(f"agent{number + 1}", self) for number in range(4)]
        self.frameworks = [
            Framework(f"framework{number + 1}", self, share, is_partition_aware=bool(number % 2))
            for number, share in enumerate(_shares(tasks, 3))
        ]
        self.elected = ElectedMasters(zk, SESSION_SECONDS)
        self._allowed: dict[str, asyncio.Event] = {}

    @property
    def programs(self) -> list[Program]:
        """Everything that is started."""
        return [*self.masters, *self.agents, *self.frameworks]

    def fault(self, text: str) -> None:
        """Note what should not have happened."""
        self.say(f"FAULT: {text}")
        self.faults.append(text)

    def leader(self) -> Master | None:
        """Return the master that leads, as ZooKeeper has it, if it runs."""
        leading = [m for m in self.masters if m.is_running and m.url == self.elected.url]
        return leading[0] if leading else None

    # -- killed programs come back when they may --

    def hold(self, program: Program) -> None:
        """Keep a program from coming back until `allow`."""
        self._allowed[program.name] = asyncio.Event()

    def allow(self, program: Program) -> None:
        """Let a program come back."""
        if program.name in self._allowed:
            self._allowed.pop(program.name).set()

    async def until_allowed(self, program: Program) -> None:
        """Wait until a killed program may come back."""
        if program.name in self._allowed:
            await self._allowed[program.name].wait()

    # -- the end --

    async def stop(self) -> None:
        """End everything; what resists is a fault."""
        for program in self.programs:
            program.is_wanted = False
            self.allow(program)
        await asyncio.gather(*(framework.stop() for framework in self.frameworks))
        await asyncio.gather(*(agent.stop() for agent in self.agents))
        await asyncio.gather(*(master.stop() for master in self.masters))
        await asyncio.gather(*(agent.end_supervisor() for agent in self.agents))


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (number < total % parts) for number in range(parts)]


@contextlib.asynccontextmanager
async def opened(
    directory: Path, seed: int, tasks: int, say: Callable[[str], None]
) -> AsyncIterator[World]:
    """Give a cluster that starts; nothing of it runs afterwards."""
    is_orderly = False
    try:
        with ensemble.started(directory / "zookeeper", 1) as servers:
            world = World(directory, servers.url("/soak"), seed, tasks, say)
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(world.elected.run())
                for program in world.programs:
                    group.create_task(program.run())
                try:
                    yield world
                    is_orderly = True
                finally:
                    await world.stop()
                    looking.cancel()
    finally:
        left = machine.sweep(directory)
        if is_orderly:
            world.faults += left
