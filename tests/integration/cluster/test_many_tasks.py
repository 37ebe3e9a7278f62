"""Five hundred tasks on three agents: nothing is lost, nothing is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tepui.messages import Offer, TaskInfo
from tepui.resources import Resources

pytestmark = pytest.mark.slow

TASKS = 500
KINDS = {
    "finish": ("true", "TASK_FINISHED"),
    "fail": ("exit 3", "TASK_FAILED"),
    "die": ("kill -9 $$", "TASK_FAILED"),
    "kill": ("exec sleep 1000", "TASK_KILLED"),
}
NUMBERS = ("cpus", "mem", "disk")


def kind_of(number: int) -> str:
    return {3: "fail", 5: "kill", 8: "die"}.get(number % 10, "finish")


def tasks(new_task: Callable[..., TaskInfo]) -> list[TaskInfo]:
    return [new_task(f"{kind_of(n)}-{n}", KINDS[kind_of(n)][0], cpus=0.1) for n in range(TASKS)]


def room_in(offer: Offer) -> int:
    millis = Resources.from_messages(offer.resources).quantities()
    return min(millis.get("cpus", 0) // 100, millis.get("mem", 0) // 32_000)


async def launch_all(framework: Any, waiting: list[TaskInfo]) -> None:
    while waiting:
        offer = await framework.offered()
        count = room_in(offer)
        batch, waiting = waiting[:count], waiting[count:]
        here = [msgspec.structs.replace(each, agent_id=offer.agent_id) for each in batch]
        await framework.client.launch([offer], here, refuse_seconds=0.0)


async def kill_those(framework: Any, task_ids: list[str]) -> None:
    for task_id in task_ids:
        status = await framework.sees(task_id, "TASK_RUNNING")
        await framework.client.kill(status.task_id, status.agent_id)


def test_every_task_ends_once_and_every_resource_returns(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage(agents=3, resources="cpus:4;mem:4096;disk:1000") as stage:
            framework = await stage.framework()
            everything = tasks(new_task)
            killed = [each.name for each in everything if each.name.startswith("kill")]
            async with asyncio.TaskGroup() as group:
                group.create_task(launch_all(framework, everything))
                group.create_task(kill_those(framework, killed))
            ends = {each.name: KINDS[each.name.split("-")[0]][1] for each in everything}
            for name, end in ends.items():
                await framework.sees(name, end, 60)
            await agree_that_all_is_over(framework, stage, ends)
            await every_resource_is_offered_again(framework)
            await wait_for(lambda: not stage.processes())

    asyncio.run(story())


async def agree_that_all_is_over(framework: Any, stage: Any, ends: dict[str, str]) -> None:
    for name, end in ends.items():
        assert framework.states(name) == ["TASK_STARTING", "TASK_RUNNING", end]
    # The last acknowledgements may still be on their way.
    state = await stage.shows("/state", lambda state: not state["frameworks"][0]["tasks"])
    assert [slave["used_resources"] for slave in state["slaves"]] == [
        {"cpus": 0.0, "disk": 0.0, "gpus": 0.0, "mem": 0.0}
    ] * 3
    (shown,) = state["frameworks"]
    assert shown["tasks"] == []
    assert shown["used_resources"] == {"cpus": 0.0, "disk": 0.0, "gpus": 0.0, "mem": 0.0}
    told = Counter(each["state"] for each in shown["completed_tasks"])
    assert told == Counter(ends.values())


async def every_resource_is_offered_again(framework: Any) -> None:
    """The allocator is whole again when all of each agent is on offer."""
    await framework.client.revive()

    def offered() -> bool:
        totals: Counter[str] = Counter()
        for offer in framework.offers.values():
            totals.update(Resources.from_messages(offer.resources).quantities())
        return [totals[name] for name in NUMBERS] == [12_000, 12_288_000, 3_000_000]

    await framework.until(offered)
