"""The smallest scheduler: subscribe, launch one task on the first offer, see it through.

python -m examples.hello http://127.0.0.1:5050
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from tepui.messages import TaskState
from tepui.messages.scheduler import Event
from tepui.sdk import DEFAULT_MASTER, SchedulerClient, SdkError, command_task, framework, has_ended

INFO = framework("hello")
TASK = command_task("hello", "echo hello, world", cpus=0.1, mem=32)


async def say_hello(master: str) -> bool:
    """Run the task and return whether it finished."""
    launched = False
    async with SchedulerClient(master, INFO) as client:
        async for event in client:
            match event:
                case Event.Subscribed(framework_id=framework_id):
                    print(f"subscribed as {framework_id.value}")
                case Event.Offers(offers=[offer, *rest]) if not launched:
                    launched = True
                    task = msgspec.structs.replace(TASK, agent_id=offer.agent_id)
                    await client.launch([offer], [task])
                    if rest:
                        await client.decline(rest)
                case Event.Offers(offers=offers):
                    await client.decline(offers, refuse_seconds=3600)
                case Event.Update(status=status):
                    print(f"{status.task_id.value}: {status.state.value}")
                    if has_ended(status.state):
                        await client.teardown()
                        return status.state is TaskState.TASK_FINISHED
                case _:
                    pass
    return False


def main() -> int:
    """Run the example and return the exit code."""
    master = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MASTER
    try:
        return 0 if asyncio.run(say_hello(master)) else 1
    except SdkError as error:
        print(f"hello: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
