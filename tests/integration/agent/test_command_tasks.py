"""Command tasks as real processes under a real supervisor."""

from __future__ import annotations

import asyncio
from typing import Any

from tepui.link.messages import Register


def test_a_task_runs_writes_to_its_sandbox_and_finishes(open_master: Any, open_agent: Any) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            master.run("t1", "echo $MESOS_TASK_ID in $PWD")
            states = await master.sees("t1", "TASK_FINISHED")
            assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
            sandbox = agent.sandbox("t1")
            assert (sandbox / "stdout").read_text() == f"t1 in {sandbox}\n"
            assert (sandbox.parent / "latest").resolve() == sandbox

    asyncio.run(story())


def test_an_exit_code_fails_the_task_and_is_told(open_master: Any, open_agent: Any) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master):
            await master.hears(Register)
            master.run("t1", "exit 3")
            await master.sees("t1", "TASK_FAILED")
            assert "3" in master.last_status("t1").message

    asyncio.run(story())
