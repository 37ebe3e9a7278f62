"""``tepui up``: a cluster on this machine, for as long as this runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tepui.daemons.cluster import Cluster, Daemon


def up(
    agents: Annotated[int, typer.Option("--agents", "-n", min=0, help="How many agents.")] = 2,
    resources: Annotated[
        str | None,
        typer.Option(help="What each agent offers, as cpus:4;mem:2048; by default all there is."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the master; 0 picks a free one.")
    ] = 5050,
    work_dir: Annotated[
        Path | None,
        typer.Option(
            "--work-dir",
            "--work_dir",
            help="Keep state and logs there; by default in a temporary directory, until the end.",
        ),
    ] = None,
) -> int:
    """Run a cluster on this machine.

    A master and some agents, on loopback, until Ctrl-C. One line tells their URLs when they are
    ready.
    """
    import tempfile

    from tepui.cli import asking
    from tepui.cli.errors import EX_USAGE, CommandFailed

    if work_dir is not None:
        try:
            work_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandFailed(f"--work-dir={work_dir}: {error.strerror}", EX_USAGE) from error
        return asking.run(_run(agents, resources, port, work_dir.resolve()))
    with tempfile.TemporaryDirectory(prefix="tepui-") as directory:
        return asking.run(_run(agents, resources, port, Path(directory)))


async def _run(agents: int, resources: str | None, port: int, work_dir: Path) -> int:
    import asyncio
    import os
    import signal
    import sys
    from contextlib import suppress

    from tepui.cli.errors import CommandFailed
    from tepui.daemons.cluster import Cluster, ClusterFailed

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def on_signal(then: Callable[[], object]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, then)

    def interrupt_start() -> None:
        # Once: a second signal must not interrupt the clearing up. What came before we listened
        # has cancelled us already, and the loop hands it over a second time.
        on_signal(asked.set)
        if not task.cancelling():
            task.cancel()

    on_signal(interrupt_start)
    cluster = Cluster(work_dir=work_dir, agents=agents, port=port, resources=resources)
    try:
        async with cluster:
            on_signal(asked.set)
            _say_ready(cluster)
            await _until_asked_or_lost(cluster, asked)
            # The terminal may be gone, as after SIGHUP; nothing is to stay in a buffer then.
            with suppress(OSError):
                os.write(sys.stdout.fileno(), b"ending everything\n")
    except ClusterFailed as error:
        raise CommandFailed(str(error)) from error
    return 0


def _say_ready(cluster: Cluster) -> None:
    agents = ",".join(agent.url for agent in cluster.agents)
    told = f" agents={agents}" if agents else ""
    print(f"ready cluster {cluster.url}{told} work_dir={cluster.work_dir}", flush=True)


async def _until_asked_or_lost(cluster: Cluster, asked: asyncio.Event) -> None:
    """Return when asked to end.

    An agent that ends in good order was told to, by an operator who gave it up or took its
    machine down: the others go on.

    Raises:
        CommandFailed: A daemon has ended by itself.
    """
    import asyncio

    from tepui.cli.errors import CommandFailed

    lost: list[str] = []

    async def watch(daemon: Daemon) -> None:
        code = await daemon.wait()
        if code == 0 and daemon is not cluster.master:
            sys.stderr.write(f"tepui: {daemon.name} has ended, as it was told to\n")
            sys.stderr.flush()
            return
        lost.append(f"{daemon.name} has ended with code {code}; its log is {daemon.log}")
        asked.set()

    async with asyncio.TaskGroup() as group:
        watching = [
            group.create_task(watch(daemon)) for daemon in (cluster.master, *cluster.agents)
        ]
        await asked.wait()
        for task in watching:
            task.cancel()
    if lost:
        raise CommandFailed("; ".join(lost))
