"""Agents that start again as something else, over bad records, or only to clean up."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tepui.daemons.cluster import ClusterFailed
from tepui.messages import Offer, TaskInfo

pytestmark = pytest.mark.slow

LONG = "exec sleep 1000"
FIRST = "--resources=cpus:1;mem:256;disk:64"
MORE = "--resources=cpus:4;mem:512;disk:64;gpus:1"


async def killed(stage: Any) -> None:
    await stage.kill(stage.cluster.agents[0], signal.SIGKILL)


def cpus_of(offer: Offer) -> float:
    return sum(each.scalar.value for each in offer.resources if each.name == "cpus" and each.scalar)


def checkpoint_of(stage: Any) -> Path:
    path: Path = stage.work_dir / "agent1" / "meta" / "checkpoint.sqlite"
    return path


def test_an_agent_with_more_than_before_is_known_so_to_everybody(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage(agents=0, resources=None) as stage:
            await stage.cluster.start_agent(flags=[FIRST])
            framework = await stage.framework(capabilities=["GPU_RESOURCES"])
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            (slave,) = (await stage.get("/slaves"))["slaves"]
            await killed(stage)

            with pytest.raises(ClusterFailed, match="reconfiguration_policy=additive"):
                await stage.cluster.start_agent(0, [MORE, "--attributes=rack:r1"])
            survivor = await stage.only_process()
            additive = [MORE, "--attributes=rack:r1", "--reconfiguration_policy=additive"]
            await stage.cluster.start_agent(0, additive)
            offer = await framework.offered(lambda offer: cpus_of(offer) > 1)
            assert cpus_of(offer) == pytest.approx(3.9)
            assert [each.name for each in offer.attributes] == ["rack"]
            assert survivor.is_running()
            (now,) = (await stage.get("/slaves"))["slaves"]
            assert now["id"] == slave["id"]
            assert (now["resources"]["cpus"], now["resources"]["gpus"]) == (4.0, 1.0)
            assert now["attributes"] == {"rack": "r1"}
            metrics = await stage.get("/metrics/snapshot")
            assert metrics["master/cpus_total"] == 4.0

            # The next master has read it; the agent, which it has not heard of, is as it was told.
            await killed(stage)
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            await stage.cluster.start_master()
            (known,) = (await stage.get("/slaves"))["recovered_slaves"]
            assert known["attributes"] == {"rack": "r1"}
            # What it was told to be is what it is: this is no change any more.
            await stage.cluster.start_agent(0, [MORE, "--attributes=rack:r1"])
            await stage.shows("/slaves", lambda answer: answer["slaves"])
            assert survivor.is_running()

    asyncio.run(story())


def test_less_than_before_is_never_permitted(
    open_stage: Callable[..., Any], ask_again: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage(agents=0, resources=None) as stage:
            agent = await stage.cluster.start_agent(flags=[MORE])
            # The master knows it a little earlier than it does itself.
            metrics = functools.partial(stage.get, "/metrics/snapshot", agent.url)
            await ask_again(metrics, lambda found: found["slave/registered"] == 1.0)
            await killed(stage)
            with pytest.raises(ClusterFailed, match="resources lack cpus"):
                await stage.cluster.start_agent(0, [FIRST, "--reconfiguration_policy=additive"])
            await stage.cluster.start_agent(0, [MORE])

    asyncio.run(story())


def test_cleanup_ends_the_tasks_and_the_agent_and_the_next_is_a_new_one(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            (slave,) = (await stage.get("/slaves"))["slaves"]
            await killed(stage)
            # As after an incompatible upgrade: it may be anything, and ends what there was.
            cleaning = [
                "--recover=cleanup",
                "--attributes=rack:r1",
                "--reconfiguration_policy=equal",
            ]
            with contextlib.suppress(ClusterFailed):  # it may end before anyone asks where it is
                agent = await stage.cluster.start_agent(0, cleaning)
                assert await agent.wait() == 0
            await wait_for(lambda: not stage.processes())
            assert not (stage.work_dir / "agent1" / "meta" / "supervisor" / "socket").exists()

            await stage.cluster.start_agent(0, ["--attributes=rack:r1"])
            # The master hears of the end when another agent is where the old one was.
            lost = await framework.sees("t", "TASK_LOST")
            assert lost.agent_id.value == slave["id"]
            (now,) = (await stage.shows("/slaves", lambda answer: len(answer["slaves"]) == 1),)
            assert now["slaves"][0]["id"] != slave["id"]
            await framework.launch(new_task("next", "exit 0"))
            await framework.sees("next", "TASK_FINISHED")

    asyncio.run(story())


def test_a_bad_record_keeps_a_strict_agent_down_and_costs_another_one_task(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework(capabilities=["PARTITION_AWARE"])
            await framework.launch(new_task("bad", LONG), new_task("good", LONG))
            for task_id in ("bad", "good"):
                await framework.sees(task_id, "TASK_RUNNING")
            await wait_for(lambda: len(stage.processes()) == 2)
            await killed(stage)
            key = f"task/{framework.id}/bad"
            with contextlib.closing(sqlite3.connect(checkpoint_of(stage))) as connection:
                connection.execute("UPDATE records SET value = x'c1' WHERE key = ?", (key,))
                connection.commit()
            with pytest.raises(ClusterFailed, match=key):
                await stage.cluster.start_agent(0)
            assert len(stage.processes()) == 2
            agent = await stage.cluster.start_agent(0, ["--strict=false"])
            lost = await framework.sees("bad", "TASK_DROPPED")
            assert lost.reason.value == "REASON_RECONCILIATION"
            await stage.only_process()
            metrics = await stage.get("/metrics/snapshot", agent.url)
            assert metrics["slave/recovery_errors"] == 2.0
            assert metrics["slave/recovery_time_secs"] > 0
            await framework.client.kill(new_task("good").task_id)
            await framework.sees("good", "TASK_KILLED")

    asyncio.run(story())


def test_a_damaged_checkpoint_costs_the_tasks_but_leaks_nothing(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            await killed(stage)
            path = checkpoint_of(stage)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            path.write_bytes(json.dumps({"this": "is nothing"}).encode() * 1000)
            with pytest.raises(ClusterFailed, match="no checkpoint"):
                await stage.cluster.start_agent(0)
            await stage.cluster.start_agent(0, ["--strict=false"])
            await framework.sees("t", "TASK_LOST")
            await wait_for(lambda: not stage.processes())
            assert path.with_name(path.name + ".damaged").exists()

    asyncio.run(story())


def test_the_runtime_directory_may_be_another_one_at_any_start(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            task, supervisor = await stage.only_process(), stage.supervisor()
            run = stage.work_dir / "run"
            await killed(stage)
            await stage.cluster.start_agent(0, [f"--runtime_dir={run}"])
            assert [each.name for each in run.glob("*/*")] == ["socket"]
            await stage.shows("/slaves", lambda answer: answer["slaves"][0]["active"])
            assert stage.supervisor().pid == supervisor.pid
            assert task.is_running()
            await framework.client.kill(new_task("t").task_id)
            await framework.sees("t", "TASK_KILLED")

    asyncio.run(story())
