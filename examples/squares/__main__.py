"""A framework with an executor of its own: numbers go out as task data, squares come back.

All tasks of one agent run under one executor process there.

    python -m examples.squares http://127.0.0.1:5050
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tepui.messages import (
    AgentID,
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    Offer,
    TaskID,
    TaskInfo,
    TaskState,
)
from tepui.messages.scheduler import Event
from tepui.sdk import DEFAULT_MASTER, SchedulerClient, SdkError, framework, scalar

NUMBERS = range(1, 6)
INFO = framework("squares")
SCRIPT = Path(__file__).with_name("executor.py")
EXECUTOR = ExecutorInfo(
    type=ExecutorInfo.Type.CUSTOM,
    executor_id=ExecutorID(value="squares"),
    command=CommandInfo(
        value=f"exec {sys.executable} {SCRIPT.name}", uris=[CommandInfo.URI(value=str(SCRIPT))]
    ),
    resources=[scalar("cpus", 0.1), scalar("mem", 64)],
)


def task_for(number: int, agent_id: AgentID) -> TaskInfo:
    """Return the task that squares a number."""
    return TaskInfo(
        name=f"square of {number}",
        task_id=TaskID(value=f"square-{number}"),
        agent_id=agent_id,
        executor=EXECUTOR,
        resources=[scalar("cpus", 0.1), scalar("mem", 16)],
        data=str(number).encode(),
    )


class Squares:
    """The scheduler: all numbers go to the first agent that is offered."""

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client
        self._launched = False
        self._unfinished = {f"square-{number}" for number in NUMBERS}
        self.squares: dict[int, int] = {}

    async def run(self) -> dict[int, int]:
        """Return the squares by number, once all tasks have finished."""
        async for event in self._client:
            match event:
                case Event.Offers(offers=offers):
                    await self._on_offers(offers)
                case Event.Message(data=data):
                    number, square = data.split()
                    self.squares[int(number)] = int(square)
                case Event.Update(status=status):
                    print(f"{status.task_id.value}: {status.state.value}")
                    if status.state is TaskState.TASK_FINISHED:
                        self._unfinished.discard(status.task_id.value)
                    elif status.state not in (TaskState.TASK_STARTING, TaskState.TASK_RUNNING):
                        raise SdkError(f"{status.task_id.value}: {status.message}")
                case _:
                    pass
            if not self._unfinished and len(self.squares) == len(NUMBERS):
                break
        await self._client.teardown()
        return self.squares

    async def _on_offers(self, offers: list[Offer]) -> None:
        if not self._launched:
            self._launched = True
            first, *offers = offers
            await self._client.launch(
                [first], [task_for(number, first.agent_id) for number in NUMBERS]
            )
        if offers:
            await self._client.decline(offers, refuse_seconds=3600)


async def square_on(master: str) -> dict[int, int]:
    """Square the numbers on the cluster of a master."""
    async with SchedulerClient(master, INFO) as client:
        return await Squares(client).run()


def main() -> int:
    """Run the example and return the exit code."""
    master = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MASTER
    try:
        squares = asyncio.run(square_on(master))
    except SdkError as error:
        print(f"squares: {error}", file=sys.stderr)
        return 1
    for number, square in sorted(squares.items()):
        print(f"{number} * {number} = {square}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
