"""What an agent and its tasks survive: kill -9 of the agent, of its supervisor, a lost master."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.agent.checkpoint import CheckpointError
from tepui.containers.posix import PosixContainerizer
from tepui.containers.protocol import SupervisorLost
from tepui.link.messages import (
    KillTask,
    Register,
    Reregister,
    RunTaskGroup,
    Shutdown,
    Unregister,
)
from tepui.messages import (
    CommandInfo,
    DurationInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    KillPolicy,
    TaskGroupInfo,
)

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("agent_process.py")


def start_agent(work_dir: Path, master: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, PROGRAM, work_dir, master.address])


def test_tasks_survive_kill_9_of_the_agent(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_master() as master:
            first, second = tmp_path / "first", tmp_path / "second"
            os.mkfifo(first)
            os.mkfifo(second)
            process = start_agent(tmp_path / "work", master)
            try:
                await master.hears(Register)
                master.run("goes-on", f"cat {first}")
                master.run("ends-meanwhile", f"cat {second}; exit 3")
                await master.sees("goes-on", "TASK_RUNNING")
                await master.sees("ends-meanwhile", "TASK_RUNNING")
            finally:
                process.kill()
                process.wait()
            with second.open("wb"):
                pass
            async with open_agent(master, resources=[]):
                (message,) = await master.hears(Reregister)
                assert message.agent_info.id.value == "master-S0"
                assert await master.sees("ends-meanwhile", "TASK_FAILED") == [
                    *("TASK_STARTING", "TASK_RUNNING", "TASK_FAILED")
                ]
                assert "3" in master.last_status("ends-meanwhile").message
                assert "TASK_FAILED" not in master.states["goes-on"]
                with first.open("wb"):
                    pass
                assert await master.sees("goes-on", "TASK_FINISHED") == [
                    *("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED")
                ]

    asyncio.run(story())


def test_a_task_that_ends_while_an_agent_begins_has_ended(
    open_master: Any, open_agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when its end is told behind the list of what runs."""
    told = threading.Event()
    on_exited = PosixContainerizer._on_exited

    def tell(self: Any, message: Any) -> None:
        on_exited(self, message)
        told.set()

    def end_task(work_dir: Path) -> list[Any]:
        with (tmp_path / "fifo").open("wb"):
            pass
        assert told.wait(20.0)
        return []

    async def story() -> None:
        async with open_master() as master:
            os.mkfifo(tmp_path / "fifo")
            async with open_agent(master):
                await master.hears(Register)
                master.run("t1", f"cat {tmp_path / 'fifo'}; exit 3")
                await master.sees("t1", "TASK_RUNNING")
            monkeypatch.setattr(PosixContainerizer, "_on_exited", tell)
            monkeypatch.setattr("tepui.agent.driver.find_leftovers", end_task)
            async with open_agent(master):
                assert await master.sees("t1", "TASK_FAILED") == [
                    *("TASK_STARTING", "TASK_RUNNING", "TASK_FAILED")
                ]
                assert "status 3" in master.last_status("t1").message

    asyncio.run(story())


def test_tasks_of_frameworks_without_checkpoints_do_not(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_master() as master:
            process = start_agent(tmp_path / "work", master)
            try:
                await master.hears(Register)
                framework = master.framework(checkpoint=False)
                master.run("t1", "echo $$ > pid; exec sleep 1000", framework=framework)
                await master.sees("t1", "TASK_RUNNING")
            finally:
                process.kill()
                process.wait()
            async with open_agent(master, resources=[]) as agent:
                await master.hears(Reregister)
                assert agent.model_tasks() == []
                await agent.wait_until_gone(await agent.number_in("t1", "pid"))

    asyncio.run(story())


def test_an_agent_that_stops_leaves_only_tasks_that_will_be_known_again(
    open_master: Any, open_agent: Any
) -> None:
    async def story() -> None:
        async with open_master() as master:
            async with open_agent(master) as agent:
                await master.hears(Register)
                master.run("stays", "exec sleep 1000")
                other = msgspec.structs.replace(
                    master.framework(checkpoint=False), id=FrameworkID(value="f2")
                )
                master.run("goes", "exec sleep 1000", framework=other)
                await master.sees("stays", "TASK_RUNNING")
                await master.sees("goes", "TASK_RUNNING")
                stays, goes = agent.pids()
            await agent.wait_until_gone(goes)
            os.kill(stays, 0)
            async with open_agent(master) as agent:
                await master.hears(Reregister)
                assert agent.model_tasks() == ["stays"]

    asyncio.run(story())


def test_kill_9_of_the_supervisor_fails_its_tasks_and_the_next_ones_run(
    open_master: Any, open_agent: Any
) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            master.run("t1", "exec sleep 1000")
            await master.sees("t1", "TASK_RUNNING")
            (pid,) = agent.pids()
            os.kill(agent.supervisor_pid, signal.SIGKILL)
            await master.sees("t1", "TASK_FAILED")
            status = master.last_status("t1")
            assert status.reason.value == "REASON_EXECUTOR_TERMINATED"
            assert status.source.value == "SOURCE_AGENT"
            await agent.wait_until_gone(pid)
            master.run("t2", "true")
            await master.sees("t2", "TASK_FINISHED")

    asyncio.run(story())


def test_a_killed_tree_that_ignores_sigterm_is_gone(open_master: Any, open_agent: Any) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            stubborn = "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 1000' &) ; sleep 1000"
            policy = KillPolicy(grace_period=DurationInfo(nanoseconds=10**8))
            master.run("t1", stubborn, kill_policy=policy)
            await master.sees("t1", "TASK_RUNNING")
            (pid,) = agent.pids()
            master.say(KillTask(framework_id="f1", task_id="t1"))
            await master.sees("t1", "TASK_KILLED")
            await agent.wait_until_gone(pid)
            assert agent.processes_in_sandboxes() == []

    asyncio.run(story())


def test_a_pod_runs_in_nested_sandboxes_and_fails_together(
    open_master: Any, open_agent: Any
) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            pod = ExecutorInfo(
                type=ExecutorInfo.Type.DEFAULT,
                executor_id=ExecutorID(value="pod"),
                framework_id=FrameworkID(value="f1"),
            )
            tasks = [master.task("a", "echo a; sleep 1000"), master.task("b", "exit 1")]
            group = TaskGroupInfo(tasks=tasks)
            framework = master.framework("TASK_KILLING_STATE")
            master.say(RunTaskGroup(framework=framework, executor=pod, task_group=group))
            assert (await master.sees("b", "TASK_FAILED"))[-1] == "TASK_FAILED"
            assert (await master.sees("a", "TASK_KILLED"))[-2:] == ["TASK_KILLING", "TASK_KILLED"]
            nested = sorted(agent.sandbox("pod").glob("containers/*/stdout"))
            assert sorted(path.read_text() for path in nested) == ["", "a\n"]

    asyncio.run(story())


def test_a_uri_that_cannot_be_fetched_fails_the_task_and_is_named(
    open_master: Any, open_agent: Any
) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master):
            await master.hears(Register)
            uri = CommandInfo.URI(value="/no/such/file")
            master.run_command("t1", CommandInfo(value="true", uris=[uri]))
            assert await master.sees("t1", "TASK_FAILED") == ["TASK_FAILED"]
            status = master.last_status("t1")
            assert status.reason.value == "REASON_CONTAINER_LAUNCH_FAILED"
            assert "/no/such/file" in status.message

    asyncio.run(story())


def test_a_lost_link_is_opened_again(open_master: Any, open_agent: Any) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master):
            await master.hears(Register)
            master.run("t1", "exec sleep 1000")
            await master.sees("t1", "TASK_RUNNING")
            master.link.abort()
            (message,) = await master.hears(Reregister)
            assert len(message.frameworks) == 1

    asyncio.run(story())


def test_an_agent_that_is_sent_away_ends_its_tasks_and_itself(
    open_master: Any, open_agent: Any
) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            master.run("t1", "exec sleep 1000")
            await master.sees("t1", "TASK_RUNNING")
            (pid,) = agent.pids()
            master.say(Shutdown(message="not wanted"))
            async with asyncio.timeout(20.0):
                assert "not wanted" in (await agent.exit).reason
            await agent.wait_until_gone(pid)
            assert agent.store.load().agent is None

    asyncio.run(story())


def test_an_agent_that_is_told_to_leaves_the_cluster(open_master: Any, open_agent: Any) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            master.run("t1", "true")
            await master.sees("t1", "TASK_FINISHED")
            agent.driver.request_shutdown("SIGUSR1")
            async with asyncio.timeout(20.0):
                await agent.exit
            await master.hears(Unregister)

    asyncio.run(story())


def test_an_agent_without_a_supervisor_says_so(
    open_master: Any, open_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Any) -> None:
        raise SupervisorLost("there is none")

    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            exit_ = await agent.exit
            assert exit_.is_failure
            assert exit_.reason == "there is none"

    monkeypatch.setattr("tepui.containers.posix.PosixContainerizer.start", fail)
    asyncio.run(story())


def test_an_agent_that_cannot_write_ends_and_leaves_its_tasks(
    open_master: Any, open_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise CheckpointError("the disk is full")

    async def story() -> None:
        async with open_master() as master, open_agent(master) as agent:
            await master.hears(Register)
            master.run("t1", "exec sleep 1000")
            await master.sees("t1", "TASK_RUNNING")
            (pid,) = agent.pids()
            monkeypatch.setattr("tepui.agent.checkpoint.CheckpointStore.commit", fail)
            master.run("t2", "true")
            exit_ = await agent.exit
            assert exit_.is_failure
            assert exit_.reason == "the disk is full"
            assert agent.pids() == [pid]
            os.kill(pid, 0)
            assert "t2" not in master.states

    asyncio.run(story())
