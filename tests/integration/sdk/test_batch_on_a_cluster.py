"""A batch goes on when the master, or an agent, does not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tepui.daemons.cluster import Cluster
from tepui.messages import TaskState
from tepui.sdk import Batch, TaskChange, TooSmall, command_task, framework

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sdk")]

RESOURCES = "cpus:2;mem:512;disk:512;ports:[31000-31999]"


@asynccontextmanager
async def cluster_in(directory: Path, *, agents: int, master_flags: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    async with (
        asyncio.timeout(100),
        Cluster(
            work_dir=directory, agents=agents, resources=RESOURCES, master_flags=master_flags
        ) as cluster,
    ):
        yield cluster


async def changes_of(batch: Batch) -> AsyncIterator[TaskChange]:
    async for change in batch:
        if not isinstance(change, TooSmall):
            yield change


def until(gate: Path) -> str:
    """Return a command that ends when the gate is there, and says so."""
    return f"while [ ! -e {gate} ]; do sleep 0.02; done; echo through"


def test_a_batch_outlives_a_restart_of_the_master(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    tasks = [command_task(f"t{n}", until(gate), cpus=0.5, mem=32) for n in range(6)]

    async def main() -> None:
        async with (
            cluster_in(tmp_path / "work", agents=2) as cluster,
            Batch(tasks, masters=cluster.url, framework_info=framework("steady")) as batch,
        ):
            running = 0
            ids = set()
            async for change in changes_of(batch):
                running += change.state is TaskState.TASK_RUNNING
                if change.state is TaskState.TASK_RUNNING and running == len(tasks):
                    ids.add(batch.framework_id)
                    await cluster.master.stop(signal.SIGKILL)
                    await cluster.start_master()
                    gate.touch()
                if change.is_last:
                    ids.add(batch.framework_id)
                    sandbox = await batch.sandbox(change)
                    assert await sandbox.download("stdout") == b"through\n"
            assert len(ids) == 1
            assert len(batch.results) == len(tasks)
            assert all(result.succeeded for result in batch.results.values())
            assert {result.attempt for result in batch.results.values()} == {1}

    asyncio.run(main())


def test_what_a_lost_agent_had_is_run_elsewhere(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    tasks = [command_task(f"t{n}", until(gate), cpus=0.5, mem=32) for n in range(4)]
    hasty = ("--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=1")

    async def main() -> None:
        async with cluster_in(tmp_path / "work", agents=2, master_flags=hasty) as cluster:
            async with Batch(tasks, masters=cluster.url) as batch:
                running: dict[str, TaskChange] = {}
                lost: set[str] = set()
                async for change in changes_of(batch):
                    if change.state is TaskState.TASK_RUNNING:
                        running[change.name] = change
                    if change.state is TaskState.TASK_LOST:
                        lost.add(change.name)
                    if len(running) == len(tasks) and not lost:
                        # Of the two agents either may have come first, and have got all.
                        number, victim = next(
                            (number, agent)
                            for number, agent in enumerate(cluster.agents)
                            if agent.url == change.agent_url
                        )
                        victims = {
                            name for name, each in running.items() if each.agent_url == victim.url
                        }
                        await victim.stop(signal.SIGKILL)
                    if lost and len(lost) == len(victims):
                        gate.touch()
                assert lost == victims
                for name, result in batch.results.items():
                    assert result.succeeded
                    assert result.attempt == (2 if name in victims else 1)
                    assert result.agent_url == cluster.agents[1 - number].url
            # Its tasks still run: back again, it hears that they are not wanted, and ends.
            await cluster.start_agent(number)

    asyncio.run(main())
