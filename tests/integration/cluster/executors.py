"""Custom executors for the tests: ``python executors.py crash | loyal``."""

from __future__ import annotations

import asyncio
import os
import sys

from tepui.messages import TaskState, TaskStatus
from tepui.messages.executor import Event
from tepui.sdk import ExecutorClient


async def run(mode: str) -> None:
    async with ExecutorClient() as client:
        async for event in client:
            match event:
                case Event.Launch(task=task):
                    running = TaskStatus(task_id=task.task_id, state=TaskState.TASK_RUNNING)
                    await client.update(running)
                    if mode == "crash":
                        await client.wait_until_acknowledged()
                        os._exit(7)
                case Event.Kill(task_id=task_id):
                    killed = TaskStatus(task_id=task_id, state=TaskState.TASK_KILLED)
                    await client.update(killed)
                case _:
                    pass


asyncio.run(run(sys.argv[1]))
