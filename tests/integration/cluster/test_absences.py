"""Who is away for a while: frameworks that fail over or never return, agents that fall silent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tepui.messages import FrameworkID, TaskInfo
from tepui.messages.scheduler import Event
from tepui.sdk import FrameworkEnded

pytestmark = pytest.mark.slow

LONG = "exec sleep 1000"


def test_a_second_scheduler_takes_over_and_the_first_is_told(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            first = await stage.framework()
            await first.launch(new_task("t", LONG))
            await first.sees("t", "TASK_RUNNING")
            second = await stage.framework(id=FrameworkID(value=first.id))
            await first.until(lambda: first.ended)
            assert "failed over" in first.ended.lower()
            assert second.id == first.id
            await second.client.kill(new_task("t").task_id)
            await second.sees("t", "TASK_KILLED")
            assert first.states("t") == ["TASK_STARTING", "TASK_RUNNING"]
            (shown,) = (await stage.get("/frameworks"))["frameworks"]
            assert (shown["id"], shown["active"]) == (first.id, True)

    asyncio.run(story())


def test_a_framework_that_stays_away_is_over_with_all_its_tasks(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework(failover_timeout=0.5)
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            await stage.drop(framework)
            shown = await stage.shows("/frameworks", lambda shown: shown["completed_frameworks"])
            assert shown["frameworks"] == []
            (task,) = shown["completed_frameworks"][0]["completed_tasks"]
            assert task["state"] == "TASK_KILLED"
            await wait_for(lambda: not stage.processes())
            with pytest.raises(FrameworkEnded):
                await stage.framework(id=FrameworkID(value=framework.id))
            # What it had belongs to whoever comes next.
            heir = await stage.framework()
            offer = await heir.offered()
            assert {each.name: each.scalar.value for each in offer.resources if each.scalar}[
                "cpus"
            ] == 4.0

    asyncio.run(story())


def test_a_framework_that_returns_in_time_finds_its_tasks_and_missed_updates(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            first = await stage.framework(failover_timeout=60.0)
            go = stage.work_dir / "go"
            command = f"while [ ! -e {go} ]; do sleep 0.02; done"
            await first.launch(new_task("t", command))
            await first.sees("t", "TASK_RUNNING")
            await stage.drop(first)
            go.touch()
            await wait_for(lambda: not stage.processes())
            second = await stage.framework(id=FrameworkID(value=first.id))
            await second.sees("t", "TASK_FINISHED")
            assert second.states("t") == ["TASK_FINISHED"]

    asyncio.run(story())


def test_a_silent_agent_becomes_unreachable_and_returns_with_its_tasks(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    flags = ["--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=1"]

    async def story() -> None:
        async with open_stage(master_flags=flags) as stage:
            aware = await stage.framework(capabilities=["PARTITION_AWARE"])
            await aware.launch(new_task("t", LONG))
            await aware.sees("t", "TASK_RUNNING")
            (agent,) = stage.cluster.agents
            process = await stage.only_process()

            agent.signal(signal.SIGSTOP)
            unreachable = await aware.sees("t", "TASK_UNREACHABLE")
            assert unreachable.unreachable_time is not None
            (failure,) = await aware.hears(Event.Failure)
            assert failure.agent_id == unreachable.agent_id
            assert failure.executor_id is None
            assert (await stage.get("/slaves"))["slaves"] == []
            assert aware.offers == {}

            agent.signal(signal.SIGCONT)
            await aware.until(lambda: aware.statuses["t"][-1].state.value == "TASK_RUNNING")
            assert process.is_running()
            (slave,) = (await stage.get("/slaves"))["slaves"]
            assert slave["id"] == failure.agent_id.value
            await aware.client.kill(new_task("t").task_id)
            await aware.sees("t", "TASK_KILLED")

    asyncio.run(story())
