"""What becomes of containers whose supervisor was killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tepui.containers.posix import state_directory
from tepui.containers.protocol import LaunchFailed, SupervisorAlive

OpenStage = Callable[..., Any]
IsRunning = Callable[[int], bool]
Gone = Callable[[list[int]], list[int]]


def test_a_killed_supervisors_containers_are_ended_and_come_back_as_lost(
    open_stage: OpenStage, whistle: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = '(setsid sh -c "echo \\$\\$ > \\"$1\\"; exec sleep 1000" &) ; exec sleep 1000'
            lost = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            pids = [*whistle.hear(1), stage.containerizer.status(lost)]
            ended = await stage.launch("/bin/sh", "-c", "exit 4")
            await stage.exited(ended)
            os.kill(stage.supervisor_pid, signal.SIGKILL)
            await stage.lost.wait()
            assert stage.containerizer.status(lost) is None
            await stage.start()
            assert not any(map(is_running, pids))
            exits = {item.container_id: item.exited for item in stage.recovered}
            assert exits[lost].status is None
            assert os.waitstatus_to_exitcode(exits[ended].status) == 4
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_what_is_launched_without_a_supervisor_waits_for_the_next_one(
    open_stage: OpenStage,
) -> None:
    async def story() -> None:
        async with open_stage() as stage, asyncio.TaskGroup() as group:
            os.kill(stage.supervisor_pid, signal.SIGKILL)
            await stage.lost.wait()
            running = group.create_task(stage.run("/bin/sh", "-c", "exit 7"))
            given_up = group.create_task(reason_of(stage.launch("/bin/true", container_id="c")))
            await asyncio.sleep(0)
            await stage.containerizer.destroy("c")
            assert await given_up == "the container was destroyed before it started"
            await stage.start()
            assert (await running)[0] == 7

    asyncio.run(story())


async def reason_of(launch: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(LaunchFailed) as failed:
        await launch
    return failed.value.reason


def test_an_agent_can_end_orphans_itself(
    open_stage: OpenStage, whistle: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = '(setsid sh -c "echo \\$\\$ > \\"$1\\"; exec sleep 1000" &) ; exec sleep 1000'
            container_id = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            pids = [*whistle.hear(1), stage.containerizer.status(container_id)]
            with pytest.raises(SupervisorAlive):
                await stage.containerizer.kill_orphans()
            os.kill(stage.supervisor_pid, signal.SIGKILL)
            await stage.lost.wait()
            # The journal knows only the first process; the other one is found by its marker.
            (state_directory(stage.work_dir) / "journal").write_bytes(b"")
            assert await stage.containerizer.kill_orphans() == [container_id]
            assert not any(map(is_running, pids))
            assert await stage.containerizer.kill_orphans() == []

    asyncio.run(story())
