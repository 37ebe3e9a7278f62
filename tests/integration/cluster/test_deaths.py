"""Who dies by kill -9 and what becomes of the tasks, as docs/reference/failures.md states it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tepui.messages import TaskInfo
from tepui.messages.scheduler import Event

pytestmark = pytest.mark.slow

LONG = "exec sleep 1000"
NO_GPUS = {"cpus": 0.0, "disk": 0.0, "gpus": 0.0, "mem": 0.0}


def once_there(path: Any, then: str) -> str:
    """A command that waits for a file, and says so in its sandbox when it starts."""
    return f"while [ ! -e {path} ]; do sleep 0.02; done; {then}"


def test_tasks_outlive_their_agent_and_its_successor_tells_how_they_ended(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            go = stage.work_dir / "go"
            names = ["goes-on", "ends-meanwhile", "fails-meanwhile"]
            await framework.launch(
                new_task("goes-on", LONG),
                new_task("ends-meanwhile", once_there(go, "exit 0")),
                new_task("fails-meanwhile", once_there(go, "exit 3")),
            )
            for name in names:
                await framework.sees(name, "TASK_RUNNING")
            (slave,) = (await stage.get("/slaves"))["slaves"]

            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            await wait_for(lambda: "sleep" in {process.name() for process in stage.processes()})
            go.touch()
            survivor = await stage.only_process()
            await stage.cluster.start_agent(0)
            await framework.sees("ends-meanwhile", "TASK_FINISHED")
            failed = await framework.sees("fails-meanwhile", "TASK_FAILED")
            assert "3" in failed.message
            assert survivor.is_running()
            await framework.client.kill(failed.task_id.__class__(value="goes-on"))
            await framework.sees("goes-on", "TASK_KILLED")
            for name, end in zip(
                names, ["TASK_KILLED", "TASK_FINISHED", "TASK_FAILED"], strict=True
            ):
                assert framework.states(name) == ["TASK_STARTING", "TASK_RUNNING", end]
            (again,) = (await stage.get("/slaves"))["slaves"]
            assert (again["id"], again["pid"]) == (slave["id"], slave["pid"])
            # The machine never left: it was only away.
            assert framework.heard(Event.Failure) == []

    asyncio.run(story())


def test_without_checkpoints_tasks_are_lost_with_their_agent_and_ended_by_the_next(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework(checkpoint=False)
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            lost = await framework.sees("t", "TASK_LOST")
            assert lost.reason.value == "REASON_AGENT_DISCONNECTED"
            await stage.cluster.start_agent(0)
            await wait_for(lambda: not stage.processes())
            await framework.launch(new_task("next", "exit 0"))
            await framework.sees("next", "TASK_FINISHED")

    asyncio.run(story())


def test_updates_that_were_not_acknowledged_come_again_in_order(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework(acknowledge=False)
            await framework.launch(new_task("t", "exit 0"))
            starting = await framework.sees("t", "TASK_STARTING")
            await framework.client.acknowledge(starting)
            running = await framework.sees("t", "TASK_RUNNING")
            await wait_for(lambda: not stage.processes())

            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            await stage.cluster.start_agent(0)
            await framework.until(lambda: len(framework.statuses["t"]) == 3)
            repeated = framework.statuses["t"][-1]
            assert (repeated.state.value, repeated.uuid) == ("TASK_RUNNING", running.uuid)
            await framework.client.acknowledge(repeated)
            finished = await framework.sees("t", "TASK_FINISHED")
            await framework.client.acknowledge(finished)
            assert framework.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]

    asyncio.run(story())


def test_a_supervisor_takes_its_containers_along_and_is_replaced(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(
                new_task("one", LONG), new_task("two", "(setsid sleep 1000 &) ; exec sleep 1000")
            )
            for name in ("one", "two"):
                await framework.sees(name, "TASK_RUNNING")
            old = stage.supervisor()
            old.kill()
            for name in ("one", "two"):
                failed = await framework.sees(name, "TASK_FAILED")
                assert failed.reason.value == "REASON_EXECUTOR_TERMINATED"
            await wait_for(lambda: not stage.processes())
            await framework.launch(new_task("next", "exit 0"))
            await framework.sees("next", "TASK_FINISHED")
            assert stage.supervisor().pid != old.pid
            assert stage.cluster.agents[0].is_running

    asyncio.run(story())


def test_agent_and_supervisor_may_die_together(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            supervisor = stage.supervisor()
            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            supervisor.kill()
            assert len(stage.processes()) == 1  # nobody is there to end it
            await stage.cluster.start_agent(0)
            failed = await framework.sees("t", "TASK_FAILED")
            assert failed.reason.value == "REASON_EXECUTOR_TERMINATED"
            await wait_for(lambda: not stage.processes())

    asyncio.run(story())


def test_tasks_outlive_the_master_and_agents_are_offered_only_once_they_are_back(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage(agents=2) as stage:
            framework = await stage.framework()
            offer = await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            process = await stage.only_process()
            held = daemon_of(stage, offer)
            framework_id = framework.id

            held.signal(signal.SIGSTOP)
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            await stage.cluster.start_master()
            await framework.hears(Event.Subscribed, 2)
            assert framework.id == framework_id
            other = await framework.offered()
            assert other.agent_id != offer.agent_id
            assert offer.agent_id not in {each.agent_id for each in framework.offers.values()}
            (recovered,) = (await stage.get("/slaves"))["recovered_slaves"]
            assert recovered["id"] == offer.agent_id.value

            held.signal(signal.SIGCONT)
            await framework.offered(lambda each: each.agent_id == offer.agent_id)
            assert process.is_running()
            (task,) = (await stage.get("/tasks"))["tasks"]
            assert (task["id"], task["state"]) == ("t", "TASK_RUNNING")
            await framework.client.kill(new_task("t").task_id)
            await framework.sees("t", "TASK_KILLED")
            assert framework.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]

    asyncio.run(story())


def daemon_of(stage: Any, offer: Any) -> Any:
    """The agent that an offer is of."""
    return next(
        agent
        for agent in stage.cluster.agents
        if agent.url.rpartition(":")[2] == str(offer.url.address.port)
    )


def test_an_end_that_the_master_slept_through_is_told_by_its_successor(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            go = stage.work_dir / "go"
            await framework.launch(new_task("t", once_there(go, "exit 7")))
            await framework.sees("t", "TASK_RUNNING")
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            go.touch()
            await wait_for(lambda: not stage.processes())
            await stage.cluster.start_master()
            await framework.sees("t", "TASK_FAILED")
            assert framework.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
            await framework.hears(Event.Subscribed, 2)
            state = await stage.shows("/state", lambda state: not state["frameworks"][0]["tasks"])
            assert [each["used_resources"] for each in state["slaves"]] == [NO_GPUS]

    asyncio.run(story())
