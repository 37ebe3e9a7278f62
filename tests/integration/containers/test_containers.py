"""Exits: each heard of once, and never before it is on disk."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from typing import Any

import pytest

OpenStage = Callable[..., Any]
IsRunning = Callable[[int], bool]
Gone = Callable[[list[int]], list[int]]


@pytest.mark.slow
def test_hundreds_of_short_containers_are_all_heard_of_once(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            in_flight = asyncio.Semaphore(64)

            async def one(code: int) -> None:
                async with in_flight:
                    script = f"exit {code}"
                    assert (await stage.run("/bin/sh", "-c", script))[0] == code

            async with asyncio.TaskGroup() as group:
                for number in range(300):
                    group.create_task(one(number % 100))
            assert len(stage.heard) == len(set(stage.heard)) == 300

    asyncio.run(story())


def test_an_exit_is_not_told_while_the_disk_does_not_take_it(
    open_stage: OpenStage, whistle: Any, wait_until_gone: Gone
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = 'read x < "$1"; exit 6'
            container_id = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            first = stage.containerizer.status(container_id)
            # A bound on the size of files stands for a full disk.
            _, hard = resource.prlimit(stage.supervisor_pid, resource.RLIMIT_FSIZE)
            resource.prlimit(stage.supervisor_pid, resource.RLIMIT_FSIZE, (1, hard))
            whistle.blow()
            assert await asyncio.to_thread(wait_until_gone, [first]) == []
            # An answer would have overtaken nothing: what is told is told in order.
            asked = asyncio.ensure_future(stage.containerizer.destroy("unknown"))
            await asyncio.sleep(0)
            assert stage.heard == []
            assert not asked.done()
            resource.prlimit(stage.supervisor_pid, resource.RLIMIT_FSIZE, (hard, hard))
            exited = await stage.exited(container_id)
            assert os.waitstatus_to_exitcode(exited.status) == 6
            await asked

    asyncio.run(story())
