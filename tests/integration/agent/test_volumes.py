"""Volumes on a real agent's disk: they outlive tasks and the agent, and end with DESTROY."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.link.messages import (
    AcknowledgeOperation,
    ApplyOperation,
    Register,
    Reregister,
    RunTask,
    RunTaskGroup,
    Shutdown,
    UpdateOperation,
)
from tepui.messages import (
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    Offer,
    OperationState,
    Resource,
    TaskGroupInfo,
    TaskInfo,
    Value,
    Volume,
)
from tepui.messages.executor import Event
from tepui.resources import Resources, parse_resources

pytestmark = pytest.mark.slow

DISK = Resource.DiskInfo
Operation = Offer.Operation
PROGRAM = Path(__file__).with_name("agent_process.py")
RESERVED = Resource(
    name="disk",
    type=Value.Type.SCALAR,
    scalar=Value.Scalar(value=100),
    reservations=[
        Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="dev/web")
    ],
)
TEXT = "disk:1000;cpus:4;mem:1024"
OWN = parse_resources(TEXT).to_messages()
FAILED = OperationState.OPERATION_FAILED
FINISHED = OperationState.OPERATION_FINISHED


def volume(persistence_id: str = "v1", *, value: float = 10, is_shared: bool = False) -> Resource:
    disk = DISK(
        persistence=DISK.Persistence(id=persistence_id),
        volume=Volume(mode=Volume.Mode.RW, container_path="data"),
    )
    return msgspec.structs.replace(
        RESERVED,
        scalar=Value.Scalar(value=value),
        disk=disk,
        shared=Resource.SharedInfo() if is_shared else None,
    )


def reserve() -> Operation:
    wanted = Operation.Reserve(resources=[RESERVED])
    return Operation(type=Operation.Type.RESERVE, reserve=wanted)


def create(*volumes: Resource) -> Operation:
    wanted = Operation.Create(volumes=[*volumes])
    return Operation(type=Operation.Type.CREATE, create=wanted)


def destroy(*volumes: Resource) -> Operation:
    wanted = Operation.Destroy(volumes=[*volumes])
    return Operation(type=Operation.Type.DESTROY, destroy=wanted)


def using(task: TaskInfo, *volumes: Resource) -> TaskInfo:
    return msgspec.structs.replace(task, resources=[*task.resources, *volumes])


class Operator:
    """A master's hand on the agent: does operations and waits for their ends."""

    def __init__(self, master: Any) -> None:
        self.master = master
        self.done = 0

    async def apply(self, operation: Operation) -> Any:
        """Return how the operation went, acknowledged."""
        self.done += 1
        uuid = bytes([self.done]) * 16
        self.master.say(ApplyOperation(uuid=uuid, operation=operation))
        return await self.ended(uuid)

    async def ended(self, uuid: bytes) -> Any:
        count = 1
        while True:
            told = await self.master.hears(UpdateOperation, count)
            found = [each.status for each in told if each.uuid == uuid]
            if found:
                self.master.say(AcknowledgeOperation(uuid=uuid, status_uuid=found[0].uuid.value))
                return found[0]
            count = len(told) + 1

    async def finish(self, *operations: Operation) -> None:
        for operation in operations:
            status = await self.apply(operation)
            assert status.state is FINISHED, status.message

    def run(self, task_id: str, command: str, *volumes: Resource) -> None:
        task = using(self.master.task(task_id, command), *volumes)
        self.master.say(RunTask(framework=self.master.framework(), task=task))


def start_agent(work_dir: Path, master: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, PROGRAM, work_dir, master.address, TEXT])


def test_what_one_task_writes_another_reads_after_kill_9_until_it_is_destroyed(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    place = tmp_path / "work" / "volumes" / "roles" / "dev web" / "v1"

    async def story() -> None:
        async with open_master() as master:
            operator = Operator(master)
            process = start_agent(tmp_path / "work", master)
            try:
                await master.hears(Register)
                await operator.finish(reserve(), create(volume()))
                operator.run("writes", "echo kept > data/file", volume())
                await master.sees("writes", "TASK_FINISHED")
                # Not acknowledged: the next agent tells it again.
                grown = Operation.GrowVolume(
                    volume=volume(),
                    addition=msgspec.structs.replace(RESERVED, scalar=Value.Scalar(value=5)),
                )
                uuid = b"g" * 16
                grow = Operation(type=Operation.Type.GROW_VOLUME, grow_volume=grown)
                master.say(ApplyOperation(uuid=uuid, operation=grow))
                await master.hears(UpdateOperation, 3)
            finally:
                process.kill()
                process.wait()
            async with open_agent(master, resources=OWN) as agent:
                message = (await master.hears(Reregister))[-1]
                total = Resources.from_messages(message.total)
                assert total.contains(Resources.from_messages([volume(value=15)]))
                assert [report.uuid for report in message.operations] == [uuid]
                assert (await operator.ended(uuid)).state is FINISHED
                await master.hears(UpdateOperation, 4)
                operator.run("reads", "grep kept data/file > found", volume(value=15))
                await master.sees("reads", "TASK_FINISHED")
                assert (agent.sandbox("reads") / "found").read_text() == "kept\n"
                assert (place / "file").read_text() == "kept\n"
                await operator.finish(destroy(volume(value=15)))
                assert not place.exists()
                operator.run("comes-late", "true", volume(value=15))
                await master.sees("comes-late", "TASK_LOST")
                await operator.finish(create(volume()))
                assert list(place.iterdir()) == []

    asyncio.run(story())


def test_an_agent_killed_while_it_wipes_leaves_the_rest_to_the_next(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    place = tmp_path / "work" / "volumes" / "roles" / "dev web" / "v1"

    async def story() -> None:
        async with open_master() as master:
            operator = Operator(master)
            process = start_agent(tmp_path / "work", master)
            try:
                await master.hears(Register)
                await operator.finish(reserve(), create(volume()))
                for number in range(200):
                    (place / f"{number}" / "below").mkdir(parents=True)
                uuid = b"d" * 16
                master.say(ApplyOperation(uuid=uuid, operation=destroy(volume())))
                async with asyncio.timeout(20.0):
                    while all((place / f"{number}").exists() for number in range(200)):
                        await asyncio.sleep(0)
            finally:
                process.kill()
                process.wait()
            async with open_agent(master, resources=OWN):
                assert (await operator.ended(uuid)).state is FINISHED
                assert not place.exists()
                message = (await master.hears(Reregister))[-1]
                assert volume() not in message.total

    asyncio.run(story())


def test_a_volume_that_cannot_be_wiped_is_not_destroyed(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_master() as master, open_agent(master, resources=OWN) as agent:
            operator = Operator(master)
            await master.hears(Register)
            await operator.finish(reserve(), create(volume()))
            place = agent.work_dir / "volumes" / "roles" / "dev web" / "v1"
            place.rmdir()
            place.write_text("no directory")
            status = await operator.apply(destroy(volume()))
            assert status.state is FAILED
            assert str(place) in status.message
            place.unlink()
            await operator.finish(destroy(volume()))

    asyncio.run(story())


def test_tasks_share_a_volume_and_members_of_a_group_find_theirs(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    shared = volume("shared", is_shared=True)
    pipe = tmp_path / "pipe"

    async def story() -> None:
        async with open_master() as master, open_agent(master, resources=OWN) as agent:
            operator = Operator(master)
            await master.hears(Register)
            await operator.finish(reserve(), create(shared), create(volume()))
            os.mkfifo(pipe)
            operator.run("writes", f"echo one > data/file; cat {pipe}", shared)
            pod = ExecutorInfo(
                type=ExecutorInfo.Type.DEFAULT,
                executor_id=ExecutorID(value="pod"),
                framework_id=FrameworkID(value="f1"),
                resources=[volume()],
            )
            await master.sees("writes", "TASK_RUNNING")
            wait = "until grep one data/file; do :; done; echo two > ../../data/theirs"
            reads = using(master.task("reads", wait), shared)
            other = master.task("other", "until grep two ../../data/theirs; do :; done")
            group = TaskGroupInfo(tasks=[reads, other])
            master.say(RunTaskGroup(framework=master.framework(), executor=pod, task_group=group))
            await master.sees("reads", "TASK_FINISHED")
            await master.sees("other", "TASK_FINISHED")
            with pipe.open("wb"):
                pass
            await master.sees("writes", "TASK_FINISHED")
            kept = agent.work_dir / "volumes" / "roles" / "dev web"
            assert (kept / "v1" / "theirs").read_text() == "two\n"

    asyncio.run(story())


def test_a_volume_may_not_lie_where_something_was_fetched(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("fetched")

    async def story() -> None:
        async with open_master() as master, open_agent(master, resources=OWN) as agent:
            operator = Operator(master)
            await master.hears(Register)
            await operator.finish(reserve(), create(volume()))
            command = CommandInfo(value="true", uris=[CommandInfo.URI(value=f"{tmp_path}/data")])
            task = using(master.task("t1", None), volume())
            task = msgspec.structs.replace(task, command=command)
            master.say(RunTask(framework=master.framework(), task=task))
            await master.sees("t1", "TASK_FAILED")
            status = master.last_status("t1")
            assert status.reason.value == "REASON_CONTAINER_LAUNCH_FAILED"
            assert "'data'" in status.message
            place = agent.work_dir / "volumes" / "roles" / "dev web" / "v1"
            assert list(place.iterdir()) == []

    asyncio.run(story())


def test_an_executor_sees_the_volumes_of_its_tasks_while_they_run(
    open_master: Any, open_agent: Any, open_executor: Any, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"

    async def story() -> None:
        async with (
            open_master() as master,
            open_agent(master, resources=OWN) as agent,
            open_executor(agent.port) as session,
        ):
            operator = Operator(master)
            await master.hears(Register)
            await operator.finish(reserve(), create(volume()))
            os.mkfifo(pipe)
            executor = master.executor(f"exec cat {pipe}")
            task = using(master.task("t1", None, executor=executor), volume())
            master.say(RunTask(framework=master.framework(), task=task))
            await agent.has("e1")
            async with session.subscribed() as next_event:
                assert (await next_event()).type is Event.Type.SUBSCRIBED
                assert (await next_event()).type is Event.Type.LAUNCH
                link = agent.sandbox("e1") / "data"
                assert link.is_symlink()
                (link / "file").write_text("kept")
                await session.update("t1", "TASK_FINISHED", b"u" * 16)
                await master.sees("t1", "TASK_FINISHED")
                async with asyncio.timeout(20.0):
                    while link.is_symlink():
                        await asyncio.sleep(0)
            agent.end_process("e1")
            place = agent.work_dir / "volumes" / "roles" / "dev web" / "v1"
            assert (place / "file").read_text() == "kept"

    asyncio.run(story())


def test_a_new_agent_in_the_old_place_has_the_volumes(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_master() as master:
            operator = Operator(master)
            async with open_agent(master, resources=OWN) as agent:
                await master.hears(Register)
                await operator.finish(reserve(), create(volume()))
                master.say(Shutdown(message="start over"))
                await agent.exit
            async with open_agent(master, resources=OWN) as agent:
                await master.hears(Register, 2)
                operator.run("uses", "echo kept > data/file", volume())
                await master.sees("uses", "TASK_FINISHED")

    asyncio.run(story())


def disks(*roots: tuple[str, Path]) -> list[Resource]:
    kinds = DISK.Source.Type
    return [
        msgspec.structs.replace(
            OWN[0],
            scalar=Value.Scalar(value=100),
            disk=DISK(
                source=DISK.Source(
                    type=kinds[kind],
                    path=DISK.Source.Path(root=str(root)) if kind == "PATH" else None,
                    mount=DISK.Source.Mount(root=str(root)) if kind == "MOUNT" else None,
                )
            ),
        )
        for kind, root in roots
    ]


def on(source: Resource, persistence_id: str | None, value: float) -> Resource:
    """Return reserved disk of a source, or a volume on it."""
    assert source.disk is not None
    held = RESERVED if persistence_id is None else volume(persistence_id)
    disk = held.disk or DISK()
    return msgspec.structs.replace(
        held,
        scalar=Value.Scalar(value=value),
        disk=msgspec.structs.replace(disk, source=source.disk.source),
    )


def test_a_path_disk_is_carved_into_volumes(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    (path,) = disks(("PATH", tmp_path / "ssd"))

    async def story() -> None:
        async with open_master() as master, open_agent(master, resources=[*OWN[1:], path]):
            operator = Operator(master)
            await master.hears(Register)
            wanted = Operation.Reserve(resources=[on(path, None, 100)])
            await operator.finish(
                Operation(type=Operation.Type.RESERVE, reserve=wanted),
                create(on(path, "v1", 40), on(path, "v2", 30)),
            )
            operator.run("writes", "echo kept > data/file", on(path, "v1", 40))
            await master.sees("writes", "TASK_FINISHED")
            kept = tmp_path / "ssd" / "volumes" / "roles" / "dev web"
            assert (kept / "v1" / "file").read_text() == "kept\n"
            await operator.finish(destroy(on(path, "v1", 40)))
            assert [each.name for each in kept.iterdir()] == ["v2"]

    asyncio.run(story())


def test_an_agent_does_not_start_on_a_disk_that_is_not_mounted(
    open_master: Any, open_agent: Any, tmp_path: Path
) -> None:
    async def story() -> None:
        given = disks(("MOUNT", tmp_path))
        async with open_master() as master, open_agent(master, resources=given) as agent:
            exit_ = await agent.exit
            assert exit_.is_failure
            assert exit_.reason == f"nothing is mounted at {tmp_path}, the root of a MOUNT disk"

    asyncio.run(story())
