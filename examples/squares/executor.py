"""The executor: squares the number in each task's data and sends the square to the framework.

The agent fetches this file and runs it; it needs a Python that has ``tepui``.
"""

from __future__ import annotations

import asyncio

from tepui.messages import TaskInfo, TaskState, TaskStatus
from tepui.messages.executor import Event
from tepui.sdk import ExecutorClient, Shutdown


async def execute(client: ExecutorClient, task: TaskInfo) -> None:
    """Do one task."""
    await client.update(TaskStatus(task_id=task.task_id, state=TaskState.TASK_RUNNING))
    try:
        number = int(task.data or b"")
    except ValueError as error:
        failed = TaskState.TASK_FAILED
        await client.update(TaskStatus(task_id=task.task_id, state=failed, message=str(error)))
        return
    await client.message(f"{number} {number * number}".encode())
    await client.update(TaskStatus(task_id=task.task_id, state=TaskState.TASK_FINISHED))


async def main() -> None:
    """Do tasks until the agent ends this executor."""
    async with ExecutorClient() as client:
        async for event in client:
            match event:
                case Event.Launch(task=task):
                    print(f"doing {task.task_id.value}", flush=True)
                    await execute(client, task)
                case Shutdown(reason=reason):
                    print(f"ending: {reason}", flush=True)
                case _:
                    # Tasks are over before they could be killed.
                    pass


if __name__ == "__main__":
    asyncio.run(main())
