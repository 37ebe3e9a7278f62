"""How tasks end: killed with their whole tree, with their pod, with their executor, unfetched."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tepui.messages import CommandInfo, ExecutorID, ExecutorInfo, FrameworkID, TaskInfo
from tepui.messages.scheduler import Event
from tepui.sdk import scalar

pytestmark = pytest.mark.slow

EXECUTORS = Path(__file__).with_name("executors.py")

# Nobody in it listens to SIGTERM; one has left the session and lost its parent.
STUBBORN = """
trap '' TERM
setsid sh -c "trap '' TERM; (sleep 1001 & echo there > there; wait) &" &
while :; do sleep 0.1; done
"""


def custom(executor_id: str, command: str, framework_id: str) -> ExecutorInfo:
    return ExecutorInfo(
        type=ExecutorInfo.Type.CUSTOM,
        executor_id=ExecutorID(value=executor_id),
        framework_id=FrameworkID(value=framework_id),
        command=CommandInfo(value=command),
        resources=[scalar("cpus", 0.1), scalar("mem", 32)],
    )


def sandbox_of(stage: Any, executor_id: str) -> Path:
    pattern = f"agent1/slaves/*/frameworks/*/executors/{executor_id}/runs/latest"
    (run,) = stage.work_dir.glob(pattern)
    return Path(run)


def test_a_tree_that_ignores_the_polite_signal_is_gone_after_the_grace(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            await framework.launch(new_task("stubborn", STUBBORN))
            running = await framework.sees("stubborn", "TASK_RUNNING")
            await wait_for((sandbox_of(stage, "stubborn") / "there").exists)
            await wait_for(lambda: len(stage.processes()) >= 3)
            asked = asyncio.get_running_loop().time()
            await framework.client.kill(running.task_id, running.agent_id, grace_seconds=0.5)
            await framework.sees("stubborn", "TASK_KILLED")
            assert asyncio.get_running_loop().time() - asked >= 0.5
            assert stage.processes() == []

    asyncio.run(story())


def test_what_a_stubborn_task_of_a_framework_that_is_gone_has_is_used_after_its_end(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    """The master offers it at once; the agent waits until nothing of the old task runs."""

    async def story() -> None:
        async with open_stage(agent_flags=["--executor_shutdown_grace_period=1secs"]) as stage:
            first = await stage.framework(name="first")
            await first.launch(new_task("stubborn", STUBBORN, cpus=3.0))
            await first.sees("stubborn", "TASK_RUNNING")
            await wait_for((sandbox_of(stage, "stubborn") / "there").exists)
            old = stage.processes()
            assert old
            second = await stage.framework(name="second", seed=2)
            await first.client.teardown()
            look = "; ".join(f"test ! -e /proc/{process.pid} || exit 3" for process in old)
            await second.launch(
                new_task("next", f"{look}; exit 0", cpus=3.0),
                on=lambda offer: any(
                    each.name == "cpus" and each.scalar is not None and each.scalar.value >= 3
                    for each in offer.resources
                ),
            )
            await second.sees("next", "TASK_FINISHED")

    asyncio.run(story())


def test_a_pod_fails_together(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            offer = await framework.offered()
            executor = ExecutorInfo(
                type=ExecutorInfo.Type.DEFAULT,
                executor_id=ExecutorID(value="pod"),
                framework_id=FrameworkID(value=framework.id),
                resources=[scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)],
            )
            go = stage.work_dir / "go"
            tasks = [
                new_task("web", "exec sleep 1000"),
                new_task("log", "exec sleep 1000"),
                new_task("bad", f"while [ ! -e {go} ]; do sleep 0.02; done; exit 4"),
            ]
            await framework.client.launch_group([offer], executor, stage.at(offer, tasks))
            for task in tasks:
                await framework.sees(task.name, "TASK_RUNNING")
            go.touch()
            await framework.sees("bad", "TASK_FAILED")
            for name in ("web", "log"):
                await framework.sees(name, "TASK_KILLED")
            (failure,) = await framework.hears(Event.Failure)
            assert failure.executor_id == executor.executor_id
            assert stage.processes() == []

    asyncio.run(story())


def test_an_executor_that_never_subscribes_runs_out_of_time(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage(agent_flags=["--executor_registration_timeout=500ms"]) as stage:
            framework = await stage.framework()
            mute = custom("mute", "exec sleep 1000", framework.id)
            await framework.launch(new_task("t", executor=mute))
            failed = await framework.sees("t", "TASK_FAILED")
            assert failed.reason.value == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
            await framework.hears(Event.Failure)
            assert stage.processes() == []

    asyncio.run(story())


def test_tasks_end_with_an_executor_that_crashes(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            command = f"exec {sys.executable} {EXECUTORS} crash"
            crashing = custom("crashing", command, framework.id)
            await framework.launch(new_task("t", executor=crashing))
            failed = await framework.sees("t", "TASK_FAILED")
            assert failed.reason.value == "REASON_EXECUTOR_TERMINATED"
            assert framework.states("t") == ["TASK_RUNNING", "TASK_FAILED"]
            (failure,) = await framework.hears(Event.Failure)
            assert failure.executor_id == crashing.executor_id
            assert os.waitstatus_to_exitcode(failure.status) == 7

    asyncio.run(story())


def test_a_custom_executor_outlives_its_agent_and_is_found_again(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            command = f"exec {sys.executable} {EXECUTORS} loyal"
            loyal = custom("loyal", command, framework.id)
            await framework.launch(new_task("t", executor=loyal))
            await framework.sees("t", "TASK_RUNNING")
            process = await stage.only_process()
            await stage.kill(stage.cluster.agents[0], 9)
            await stage.cluster.start_agent(0)
            await framework.client.kill(new_task("t").task_id)
            await framework.sees("t", "TASK_KILLED")
            assert process.is_running()
            assert framework.states("t") == ["TASK_RUNNING", "TASK_KILLED"]
            assert framework.heard(Event.Failure) == []

    asyncio.run(story())


def test_what_cannot_be_fetched_fails_the_task_and_is_named(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            uris = [f"file://{stage.work_dir}/nothing.tgz", "http://127.0.0.1:9/nothing"]
            for number, uri in enumerate(uris):
                command = CommandInfo(value="true", uris=[CommandInfo.URI(value=uri)])
                await framework.launch(new_task(f"t{number}", command))
                failed = await framework.sees(f"t{number}", "TASK_FAILED")
                assert failed.reason.value == "REASON_CONTAINER_LAUNCH_FAILED"
                assert uri in failed.message

    asyncio.run(story())


def test_sandboxes_lie_where_mesos_has_them_until_their_time_is_over(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage(agent_flags=["--gc_delay=1secs"]) as stage:
            framework = await stage.framework()
            await framework.launch(new_task("t", "echo out; echo err >&2; exec sleep 1000"))
            running = await framework.sees("t", "TASK_RUNNING")
            container_id = running.container_status.container_id.value
            executor = (
                stage.work_dir
                / f"agent1/slaves/{running.agent_id.value}/frameworks/{framework.id}/executors/t"
            )
            sandbox = executor / "runs" / container_id
            await wait_for(lambda: (sandbox / "stderr").read_text() == "err\n")
            assert (sandbox / "stdout").read_text() == "out\n"
            await wait_for((executor / "runs" / "latest").exists)
            assert (executor / "runs" / "latest").readlink() == sandbox
            await framework.client.kill(running.task_id)
            await framework.sees("t", "TASK_KILLED")
            assert sandbox.exists()
            await wait_for(lambda: not executor.exists())

    asyncio.run(story())
