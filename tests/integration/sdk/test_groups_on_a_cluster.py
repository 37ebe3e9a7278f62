"""A task group on a real cluster, seen from the SDK."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tepui.daemons.cluster import Cluster
from tepui.messages import ExecutorID, ExecutorInfo, FrameworkID, TaskState
from tepui.messages.scheduler import Event
from tepui.sdk import (
    Batch,
    OperatorClient,
    Sandboxes,
    SchedulerClient,
    command_task,
    framework,
    group_executor,
    scalar,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sdk")]

NAMES = ("a", "b")
BAD = (TaskState.TASK_ERROR, TaskState.TASK_FAILED, TaskState.TASK_LOST)


async def run_group(client: SchedulerClient) -> FrameworkID:
    """Launch one group of two tasks on the first offer, and see both through."""
    waiting = set(NAMES)
    launched = False
    async for event in client:
        match event:
            case Event.Offers(offers=[offer, *_]) if not launched:
                launched = True
                pod = ExecutorInfo(
                    type=ExecutorInfo.Type.DEFAULT,
                    executor_id=ExecutorID(value="pod"),
                    framework_id=client.framework_id,
                    resources=[scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)],
                )
                tasks = [
                    msgspec.structs.replace(
                        command_task(name, f"echo I am {name}", cpus=0.1, mem=16),
                        agent_id=offer.agent_id,
                    )
                    for name in NAMES
                ]
                await client.launch_group([offer], pod, tasks)
            case Event.Update(status=status):
                assert status.state not in BAD, status.message
                if status.state is TaskState.TASK_FINISHED:
                    waiting.discard(status.task_id.value)
        if not waiting:
            break
    assert client.framework_id is not None
    return client.framework_id


def test_each_task_of_a_group_has_a_sandbox_that_can_be_read(tmp_path: Path) -> None:
    async def main() -> dict[str, bytes]:
        async with (
            asyncio.timeout(100),
            Cluster(work_dir=tmp_path, agents=1, resources="cpus:2;mem:512;disk:512") as cluster,
            SchedulerClient(cluster.url, framework("pods")) as client,
            OperatorClient(cluster.url) as operator,
        ):
            framework_id = await run_group(client)
            sandboxes = Sandboxes(operator)
            found = {}
            for name in NAMES:
                url = cluster.agents[0].url
                sandbox = await sandboxes.find(url, framework_id.value, name)
                found[name] = await sandbox.download("stdout")
            return found

    assert asyncio.run(main()) == {"a": b"I am a\n", "b": b"I am b\n"}


def test_a_batch_runs_its_tasks_as_one_group(tmp_path: Path) -> None:
    tasks = [
        command_task("well", "sleep 100", cpus=0.1, mem=16),
        command_task("ill", "exit 4", cpus=0.1, mem=16),
    ]

    async def main() -> dict[str, TaskState]:
        async with (
            asyncio.timeout(100),
            Cluster(work_dir=tmp_path, agents=2, resources="cpus:2;mem:512;disk:512") as cluster,
            Batch(tasks, masters=cluster.url, group=group_executor("pod")) as batch,
        ):
            results = await batch.wait()
            assert len({change.agent_id for change in results.values()}) == 1
            return {name: change.state for name, change in results.items()}

    # One fails, and the other is killed with it.
    assert asyncio.run(main()) == {"well": TaskState.TASK_KILLED, "ill": TaskState.TASK_FAILED}
