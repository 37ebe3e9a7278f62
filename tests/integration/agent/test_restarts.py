"""What an agent finds that was away: ends in order, other boots of the machine, executors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.agent.checkpoint import CheckpointStore, checkpoint_path
from tepui.agent.core.effects import Exit
from tepui.agent.core.records import AGENT_KEY
from tepui.containers.posix import state_directory
from tepui.containers.supervisor_code import SupervisorCode
from tepui.link.messages import ApplyOperation, Register, Reregister, UpdateOperation, UpdateStatus
from tepui.linux.processes import boot_id, read_process
from tepui.messages import Offer, Resource, TaskID, TaskState, TaskStatus, Value, Volume
from tepui.messages.executor import Call

pytestmark = pytest.mark.slow

UUIDS = [bytes([number]) * 16 for number in range(8)]
Operation = Offer.Operation


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_several_ends_are_told_in_order_with_their_codes(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    """Of each task in order; what it said before that was not acknowledged comes first."""
    names = {"fails": ("exit 7", "TASK_FAILED"), "ends": ("exit 0", "TASK_FINISHED")}
    names["dies"] = ("kill -11 $$", "TASK_FAILED")

    async def story() -> None:
        async with open_master() as master:
            gates = {name: fifo(tmp_path / name) for name in names}
            async with open_agent(master) as agent:
                await master.hears(Register)
                for name, (command, _) in names.items():
                    master.run(name, f"read x < {gates[name]}; {command}")
                for name in names:
                    await master.sees(name, "TASK_RUNNING")
                master.is_acknowledging = False
                master.run("unheard", "exit 5")
                await master.hears(UpdateStatus, 2 * len(names) + 1)
                pids = agent.pids()
            for gate in gates.values():
                gate.write_bytes(b"go\n")
            for pid in pids:
                await agent.wait_until_gone(pid)
            master.is_acknowledging = True
            async with open_agent(master):
                for name, (_, end) in names.items():
                    states = await master.sees(name, end)
                    assert states == ["TASK_STARTING", "TASK_RUNNING", end]
                assert await master.sees("unheard", "TASK_FAILED") == [
                    *("TASK_STARTING", "TASK_RUNNING", "TASK_FAILED")
                ]
                assert "status 7" in master.last_status("fails").message
                assert "status 5" in master.last_status("unheard").message
                assert "SIGSEGV" in master.last_status("dies").message

    asyncio.run(story())


def reboot(work_dir: Path, supervisor: int, innocent: int) -> None:
    """Leave what a restart of the machine leaves: files, of processes that are other people's."""
    os.kill(supervisor, signal.SIGKILL)
    path = state_directory(work_dir) / "journal"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert entries[0]["boot"] == boot_id()
    entries[0]["boot"] = "the boot before"
    process = read_process(innocent)
    assert process is not None
    for entry in entries:
        if "started" in entry:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(entry["pid"], signal.SIGKILL)
            # Its pid is given out again, even at the same tick after the start.
            entry |= {"pid": process.pid, "start": process.start}
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with contextlib.closing(CheckpointStore(checkpoint_path(work_dir))) as store:
        agent = store.load().agent
        assert agent is not None
        assert agent.boot_id == boot_id()
        store.commit({AGENT_KEY: msgspec.structs.replace(agent, boot_id="the boot before")}, [])


@pytest.fixture
def innocent() -> Any:
    """Somebody else's process, which leads a group as containers do."""
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def volume_operations() -> list[Operation]:
    dynamic = Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="dev")
    disk = Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=100),
        reservations=[dynamic],
    )
    volume = msgspec.structs.replace(
        disk,
        disk=Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id="v1"),
            volume=Volume(mode=Volume.Mode.RW, container_path="data"),
        ),
    )
    reserve, create = Operation.Reserve(resources=[disk]), Operation.Create(volumes=[volume])
    return [
        Operation(type=Operation.Type.RESERVE, reserve=reserve),
        Operation(type=Operation.Type.CREATE, create=create),
    ]


def test_after_a_reboot_tasks_have_failed_volumes_are_there_and_nobody_else_is_hurt(
    open_master: Any, open_agent: Any, tmp_path: Path, innocent: subprocess.Popen[bytes]
) -> None:
    resources = [
        Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))
        for name, value in (("cpus", 4), ("mem", 1024), ("disk", 500))
    ]

    async def story() -> None:
        async with open_master() as master:
            async with open_agent(master, resources=resources) as agent:
                await master.hears(Register)
                for number, operation in enumerate(volume_operations()):
                    master.say(ApplyOperation(uuid=UUIDS[number], operation=operation))
                await master.hears(UpdateOperation, 2)
                content = agent.work_dir / "volumes" / "roles" / "dev" / "v1" / "content"
                content.write_text("kept")
                master.run("runs", "exec sleep 1000")
                master.run("killed", "trap '' TERM; exec sleep 1000")
                master.run("custom", None, executor=master.executor("exec sleep 1000"))
                for name in ("runs", "killed"):
                    await master.sees(name, "TASK_RUNNING")
                await agent.has("e1")
                master.is_acknowledging = False
                master.run("unheard", "exit 5")
                await master.hears(UpdateStatus, 5)
                supervisor, work_dir = agent.supervisor_pid, agent.work_dir
            reboot(work_dir, supervisor, innocent.pid)
            master.is_acknowledging = True
            async with open_agent(master, resources=resources):
                (message,) = await master.hears(Reregister)
                assert message.agent_info.id.value == "master-S0"
                kept = [each for each in message.total if each.disk is not None]
                assert [each.disk.persistence.id for each in kept] == ["v1"]
                for name in ("runs", "killed", "custom"):
                    await master.sees(name, "TASK_FAILED")
                    reason = master.last_status(name).reason
                    assert reason is TaskStatus.Reason.REASON_EXECUTOR_TERMINATED
                # Of what was not acknowledged nothing is lost, and its order is kept.
                states = await master.sees("unheard", "TASK_FAILED")
                assert states[0] == "TASK_STARTING"
                assert content.read_text() == "kept"
                master.run("next", "exit 0")
                await master.sees("next", "TASK_FINISHED")
            assert innocent.poll() is None

    asyncio.run(story())


def test_after_a_reboot_a_machine_that_is_another_one_is_a_new_agent(
    open_master: Any, open_agent: Any, tmp_path: Path, innocent: subprocess.Popen[bytes]
) -> None:
    async def story() -> None:
        async with open_master() as master:
            async with open_agent(master) as agent:
                await master.hears(Register)
                master.run("t", "exec sleep 1000")
                await master.sees("t", "TASK_RUNNING")
                supervisor, work_dir = agent.supervisor_pid, agent.work_dir
            # Without a reboot it is refused.
            async with open_agent(master, resources=[]) as agent:
                exit_ = await agent.exit
                assert isinstance(exit_, Exit)
                assert exit_.is_failure
            reboot(work_dir, supervisor, innocent.pid)
            async with open_agent(master, resources=[]):
                await master.hears(Register, 2)
            assert innocent.poll() is None

    asyncio.run(story())


def test_an_executor_that_comes_back_brings_what_was_lost_and_another_does_not_come(
    open_master: Any, open_agent: Any, open_executor: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_master() as master:
            async with open_agent(master) as agent, open_executor(agent.port) as session:
                await master.hears(Register)
                for task_id in ("heard", "unheard", "ended"):
                    master.run(task_id, None, executor=master.executor("exec sleep 1000"))
                master.run("other", None, executor=master.executor("exec sleep 1000", "e2"))
                await agent.has("e1")
                await agent.has("e2")
                async with (
                    session.subscribed() as next_event,
                    open_executor(agent.port, executor_id="e2") as second,
                    second.subscribed() as next_of_second,
                ):
                    for _ in range(4):
                        await next_event()
                    for _ in range(2):
                        await next_of_second()
                    await session.update("heard", "TASK_RUNNING", UUIDS[0])
                    await second.update("other", "TASK_RUNNING", UUIDS[1])
                    await master.sees("heard", "TASK_RUNNING")
                    await master.sees("other", "TASK_RUNNING")
            infos = {task_id: master.task(task_id, None) for task_id in ("unheard", "ended")}
            ended = TaskStatus(
                task_id=TaskID(value="ended"),
                state=TaskState.TASK_FINISHED,
                source=TaskStatus.Source.SOURCE_EXECUTOR,
                uuid=UUIDS[2],
            )
            async with open_agent(master, executor_reregistration_timeout_seconds=1.0) as agent:
                await master.hears(Reregister)
                async with (
                    open_executor(agent.port) as session,
                    session.subscribed(
                        unacknowledged_tasks=[infos["ended"]],
                        unacknowledged_updates=[Call.Update(status=ended)],
                    ) as next_event,
                ):
                    assert (await next_event()).type.value == "SUBSCRIBED"
                    assert (await next_event()).acknowledged.uuid == UUIDS[2]
                    assert await master.sees("ended", "TASK_FINISHED") == ["TASK_FINISHED"]
                    # It was launched, but the executor has never heard of it.
                    await master.sees("unheard", "TASK_LOST")
                    assert master.last_status("unheard").reason.value == ("REASON_AGENT_RESTARTED")
                    await master.sees("other", "TASK_LOST")
                    assert master.last_status("other").reason.value == (
                        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
                    )
                    assert master.states["heard"] == ["TASK_RUNNING"]

    asyncio.run(story())


def test_tasks_go_on_under_a_supervisor_of_the_next_release(
    open_master: Any, open_agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with open_master() as master:
            gate = fifo(tmp_path / "gate")
            async with open_agent(master) as agent:
                await master.hears(Register)
                master.run("t", f"read x < {gate}; exit 7")
                await master.sees("t", "TASK_RUNNING")
                supervisor, (pid,) = agent.supervisor_pid, agent.pids()
            own = SupervisorCode.own()
            # The same code by another name is another code to it.
            monkeypatch.setattr(SupervisorCode, "own", lambda: own._replace(identity="next"))
            async with open_agent(master) as agent:
                await master.hears(Reregister)
                assert (agent.supervisor_pid, agent.pids()) == (supervisor, [pid])
                gate.write_bytes(b"go\n")
                assert await master.sees("t", "TASK_FAILED") == [
                    *("TASK_STARTING", "TASK_RUNNING", "TASK_FAILED")
                ]
                assert "status 7" in master.last_status("t").message

    asyncio.run(story())
