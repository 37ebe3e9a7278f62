"""Many agents in one process: the real core, driver and link, and containers that only pretend.

Run as ``python -m bench.emulated --master=HOST:PORT --agents=N``, by other benchmarks, so that
the master is measured alone. Prints one line of JSON when all agents are registered, and ends
with its standard input. A task whose command is ``sleep N`` runs for so long, any other as long
as the options say.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
import uvloop

from tepui.agent.core.config import AgentConfig
from tepui.agent.core.model import AgentState
from tepui.agent.driver import AgentDriver
from tepui.agent.master_link import ElectedMaster, FixedMaster, LinkClient
from tepui.base.rng import Rng
from tepui.base.zookeeper_url import SCHEME, parse_url
from tepui.containers.protocol import (
    ContainerID,
    Exited,
    LaunchSpec,
    Recovered,
    VolumeChange,
    VolumeLink,
)
from tepui.ha.zookeeper import ZooKeeperDiscovery
from tepui.messages.statistics import ResourceStatistics
from tepui.resources import parse_resources

FIRST_PID = 100_000
LOOK_SECONDS = 0.05
REGISTERED_PER_TURN = 500


class PretendedContainers:
    """A containerizer without processes: each runs for a given time, and ends well.

    Args:
        launch_seconds: How long a launch takes.
        run_seconds: How long a process runs; ``None`` is until it is killed, or as it says.
    """

    def __init__(self, launch_seconds: float, run_seconds: float | None) -> None:
        self.on_exit: Callable[[Exited], None] | None = None
        self.on_supervisor_lost: Callable[[], None] | None = None
        self._launch_seconds = launch_seconds
        self._run_seconds = run_seconds
        self._last_pid = FIRST_PID
        self._running: dict[ContainerID, int] = {}
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """There is no supervisor to look for."""

    async def recover(self) -> list[Recovered]:
        """Nothing outlives this process."""
        return []

    async def launch(self, spec: LaunchSpec) -> int:
        """Pretend to start a process."""
        if self._launch_seconds:
            await asyncio.sleep(self._launch_seconds)
        self._last_pid += 1
        container_id = spec.container_id
        self._running[container_id] = self._last_pid
        seconds = self._run_seconds
        if seconds is None and spec.argv[0] == "sleep":
            seconds = float(spec.argv[1])
        if seconds:
            self._loop.call_later(seconds, self._end, container_id, 0)
        elif seconds is not None:
            # Not now: no end may be told of before the launch has returned.
            self._loop.call_soon(self._end, container_id, 0)
        return self._last_pid

    def kill(self, container_id: ContainerID, signal: int) -> None:
        """Processes obey at once."""
        self._loop.call_soon(self._end, container_id, signal)

    async def destroy(self, container_id: ContainerID) -> None:
        """Nothing resists."""
        self._end(container_id, 9)

    def acknowledge_exit(self, container_id: ContainerID) -> None:
        """No exit is kept."""

    async def change_volumes(self, change: VolumeChange) -> None:
        """Nothing is kept anywhere."""

    async def link_volumes(
        self, sandbox: str, volumes: Sequence[VolumeLink], user: str | None
    ) -> None:
        """There are no sandboxes."""

    async def unlink_volumes(self, sandbox: str, volumes: Sequence[VolumeLink]) -> None:
        """There are no sandboxes."""

    async def usage(self, container_id: ContainerID) -> ResourceStatistics | None:
        """What does not run uses nothing."""
        return None

    def status(self, container_id: ContainerID) -> int | None:
        """Return the pretended pid."""
        return self._running.get(container_id)

    async def kill_orphans(self) -> list[ContainerID]:
        """There are none."""
        return []

    async def stop(self, *, kill_all: bool) -> None:
        """Nothing is left behind in any case."""

    def _end(self, container_id: ContainerID, status: int) -> None:
        if self._running.pop(container_id, None) is None or self.on_exit is None:
            return
        self.on_exit(Exited(container_id=container_id, status=status, at=time.time()))


async def emulate(options: argparse.Namespace) -> None:
    """Run the agents until standard input ends."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(0, _read_parent, ended)
    per_link = options.agents_per_link or max(1, options.agents)
    links: list[LinkClient] = []
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = []
        drivers: list[AgentDriver] = []
        elected: ElectedMaster | None = None
        if options.master.startswith(SCHEME):
            discovery = ZooKeeperDiscovery(parse_url(options.master), options.session_seconds)
            tasks.append(group.create_task(discovery.run()))
            elected = ElectedMaster(discovery)
        for number in range(options.agents):
            if number % per_link == 0:
                link = LinkClient(elected or FixedMaster(options.master))
                links.append(link)
                if elected is not None:
                    tasks.append(group.create_task(elected.follow(link)))
                tasks.append(group.create_task(link.run()))
            driver = AgentDriver(
                agent_config(number, options),
                containerizer=PretendedContainers(options.launch_seconds, options.run_seconds),
                link=link,
                rng=Rng(number),
            )
            drivers.append(driver)
            tasks.append(group.create_task(driver.run()))
            if number % REGISTERED_PER_TURN == REGISTERED_PER_TURN - 1:
                await wait_until_running(drivers[-REGISTERED_PER_TURN:], ended)
        await wait_until_running(drivers, ended)
        gc.collect()
        gc.freeze()
        sys.stdout.write(json.dumps({"event": "ready", "agents": len(drivers)}) + "\n")
        sys.stdout.flush()
        await ended.wait()
        for task in tasks:
            task.cancel()
    for link in links:
        await link.close()


async def wait_until_running(drivers: Sequence[AgentDriver], ended: asyncio.Event) -> None:
    """Return when all are admitted, or there is nobody left to tell."""
    while not ended.is_set():
        if all(driver.model.state is AgentState.RUNNING for driver in drivers):
            return
        await asyncio.sleep(LOOK_SECONDS)


def agent_config(number: int, options: argparse.Namespace) -> AgentConfig:
    """Return the configuration of one of the agents: all alike, each under a port of its own."""
    return AgentConfig(
        work_dir=f"/nonexistent/emulated-{number}",
        hostname=f"host-{number}",
        port=1 + number,
        resources=parse_resources(options.resources).to_messages(),
        switch_user=False,
        # The master takes its time with thousands: asking again would only make more work.
        registration_backoff_factor_seconds=options.backoff_seconds,
    )


def _read_parent(ended: asyncio.Event) -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        ended.set()


def main() -> int:
    """Read the command line and emulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="host:port, or zk://…")
    parser.add_argument("--session_seconds", type=float, default=10.0)
    parser.add_argument("--backoff_seconds", type=float, default=60.0)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--agents_per_link", type=int, default=0, help="default: all on one")
    parser.add_argument("--resources", default="cpus:10;mem:10240;disk:10240")
    parser.add_argument("--launch_seconds", type=float, default=0.0)
    parser.add_argument("--run_seconds", type=float, help="default: see above")
    options = parser.parse_args()
    # Each task would warn that it has no sandbox.
    level = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(
        wrapper_class=level, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    gc.set_threshold(50_000, 50, 100)
    uvloop.run(emulate(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
