"""A real agent with a real supervisor, and a master that says what the test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from tepui.agent.checkpoint import CheckpointStore, checkpoint_path
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import Exit
from tepui.agent.driver import AgentDriver
from tepui.agent.executor_api import PATH as EXECUTOR_PATH
from tepui.agent.master_link import FixedMaster, LinkClient
from tepui.base.rng import Rng
from tepui.codec import recordio
from tepui.codec.media import JSON, codec_for
from tepui.containers.core.gc import GcPolicy
from tepui.containers.fetcher import Fetcher
from tepui.containers.gc import SandboxCollector
from tepui.containers.posix import PosixContainerizer
from tepui.http.client import Client
from tepui.http.link import Link
from tepui.http.messages import text_response
from tepui.http.routes import Router
from tepui.http.server import Server
from tepui.link.frames import encode_frames, to_master_decoder
from tepui.link.messages import (
    PATH,
    AcknowledgeStatus,
    LinkMessage,
    Register,
    Registered,
    Reregister,
    Reregistered,
    RunTask,
    UpdateStatus,
)
from tepui.linux.processes import read_process, wait_for_ends
from tepui.messages import (
    AgentID,
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Resource,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    Value,
)
from tepui.messages.executor import Call, Event

AGENT_ID = "master-S0"
M = TypeVar("M", bound=LinkMessage)


def scalar(name: str, value: float) -> Resource:
    return Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))


class ScriptedMaster:
    """Admits whoever asks, acknowledges every update, and remembers all that it hears."""

    def __init__(self) -> None:
        self.heard: list[LinkMessage] = []
        self.states: dict[str, list[str]] = {}
        self.is_acknowledging = True
        self.link: Link | None = None
        self.channel = 0
        self._uuids: set[bytes] = set()
        self._changed = asyncio.Event()
        self._decoder = to_master_decoder()
        self.server = Server(
            lambda request: text_response(404, "nothing"),
            host="127.0.0.1",
            port=0,
            websocket={PATH: self._serve},
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    async def _serve(self, link: Link) -> None:
        self.link = link
        while (frame := await link.receive()) is not None:
            answers = []
            for channel, message in self._decoder.decode(frame):
                self.channel = channel
                self.heard.append(message)
                answer = self._answer(message)
                if answer is not None:
                    answers.append((channel, answer))
            for out in encode_frames(answers):
                link.send(out)
            self._changed.set()
        if self.link is link:
            self.link = None

    def _answer(self, message: LinkMessage) -> LinkMessage | None:
        match message:
            case Register():
                return Registered(agent_id=AGENT_ID, ping_timeout_seconds=75.0)
            case Reregister():
                return Reregistered(agent_id=AGENT_ID, ping_timeout_seconds=75.0)
            case UpdateStatus(status=status) if self.is_acknowledging:
                task_id = status.task_id.value
                assert status.uuid is not None
                if status.uuid not in self._uuids:
                    self._uuids.add(status.uuid)
                    self.states.setdefault(task_id, []).append(status.state.value)
                return AcknowledgeStatus(
                    framework_id=message.framework_id, task_id=task_id, uuid=status.uuid
                )
        return None

    def say(self, *messages: LinkMessage) -> None:
        assert self.link is not None
        for frame in encode_frames([(self.channel, message) for message in messages]):
            self.link.send(frame)

    async def hears(self, kind: type[M], count: int = 1) -> list[M]:
        """Wait until ``count`` messages of a kind were heard, and return them."""
        while True:
            found = [message for message in self.heard if isinstance(message, kind)]
            if len(found) >= count:
                return found
            await self._wait()

    async def sees(self, task_id: str, state: str) -> list[str]:
        """Wait until a task has reached ``state``, and return all that it was in."""
        while state not in self.states.get(task_id, ()):
            await self._wait()
        return self.states[task_id]

    def last_status(self, task_id: str) -> Any:
        statuses = [
            message.status
            for message in self.heard
            if isinstance(message, UpdateStatus) and message.status.task_id.value == task_id
        ]
        return statuses[-1]

    async def _wait(self) -> None:
        self._changed.clear()
        async with asyncio.timeout(20.0):
            await self._changed.wait()

    # What tests say most.

    def framework(self, *capabilities: str, checkpoint: bool = True) -> FrameworkInfo:
        capability = FrameworkInfo.Capability
        return FrameworkInfo(
            user="root",
            name="test",
            id=FrameworkID(value="f1"),
            checkpoint=checkpoint,
            capabilities=[capability(type=capability.Type[name]) for name in capabilities],
        )

    def task(self, task_id: str, command: str | None, **fields: Any) -> TaskInfo:
        return TaskInfo(
            name=task_id,
            task_id=TaskID(value=task_id),
            agent_id=AgentID(value=AGENT_ID),
            resources=[scalar("cpus", 0.1), scalar("mem", 32)],
            command=CommandInfo(value=command) if command is not None else None,
            **fields,
        )

    def run(self, task_id: str, command: str | None, **fields: Any) -> None:
        framework = fields.pop("framework", None) or self.framework()
        self.say(RunTask(framework=framework, task=self.task(task_id, command, **fields)))

    def run_command(self, task_id: str, command: CommandInfo) -> None:
        task = msgspec.structs.replace(self.task(task_id, None), command=command)
        self.say(RunTask(framework=self.framework(), task=task))

    def executor(self, command: str, executor_id: str = "e1") -> ExecutorInfo:
        return ExecutorInfo(
            type=ExecutorInfo.Type.CUSTOM,
            executor_id=ExecutorID(value=executor_id),
            framework_id=FrameworkID(value="f1"),
            command=CommandInfo(value=command),
        )


class RunningAgent:
    """An agent in this process, which can be let die as by kill -9 of it alone."""

    def __init__(self, work_dir: Path, master: str, **config: Any) -> None:
        self.work_dir = work_dir.resolve()
        self._master = master
        self._config = config
        self._tasks: asyncio.TaskGroup | None = None
        self.exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningAgent]:
        self.containerizer = PosixContainerizer(
            self.work_dir, Fetcher(stall_seconds=5.0), recovery_timeout=30.0
        )
        self.store = CheckpointStore(checkpoint_path(self.work_dir))
        router = Router("slave(1)")
        server = Server(router, host="127.0.0.1", port=0)
        await server.start()
        self._config.setdefault("resources", [scalar("cpus", 4), scalar("mem", 1024)])
        self._config.setdefault("registration_backoff_factor_seconds", 0.01)
        config = AgentConfig(
            work_dir=str(self.work_dir), hostname="localhost", port=server.port, **self._config
        )
        self.port = server.port
        link = self.link = LinkClient(FixedMaster(self._master))
        self.driver = AgentDriver(
            config,
            containerizer=self.containerizer,
            link=link,
            rng=Rng(int.from_bytes(os.urandom(8))),
            store=self.store,
            collector=SandboxCollector(self.work_dir, GcPolicy()),
        )
        router.add(EXECUTOR_PATH, self.driver.executors.handle)
        try:
            async with asyncio.TaskGroup() as group:
                linking = group.create_task(link.run())
                running = group.create_task(self._run())
                try:
                    yield self
                finally:
                    running.cancel()
                    linking.cancel()
        finally:
            await link.close()
            await server.stop(0.0)
            await self.containerizer.stop(kill_all=False)
            self.store.close()

    async def _run(self) -> None:
        self.exit.set_result(await self.driver.run())

    @property
    def supervisor_pid(self) -> int:
        return self.containerizer._supervisor_pid

    async def has(self, executor_id: str) -> None:
        """Wait until the process of an executor runs."""
        async with asyncio.timeout(20.0):
            while True:
                executor = self.driver.model.executor("f1", executor_id)
                if executor is not None and executor.pid is not None:
                    return
                await asyncio.sleep(0)

    def end_process(self, executor_id: str) -> None:
        executor = self.driver.model.executor("f1", executor_id)
        assert executor is not None
        assert executor.pid is not None
        os.kill(executor.pid, signal.SIGTERM)

    def model_tasks(self) -> list[str]:
        executors = self.driver.model.executors()
        return sorted(task.task_id for executor in executors for task in executor.tasks())

    def pids(self) -> list[int]:
        """Return the pids of the first processes of all containers."""
        containers = [c for e in self.driver.model.executors() for c in e.containers.values()]
        return [container.pid for container in containers if container.pid is not None]

    async def wait_until_gone(self, pid: int) -> None:
        process = read_process(pid)
        if process is not None:
            await asyncio.to_thread(wait_for_ends, [process], 20.0)
        process = read_process(pid)
        assert process is None or not process.is_alive

    def processes_in_sandboxes(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(
                    self.work_dir / "slaves"
                ):
                    found.append(int(entry.name))
        return found

    async def number_in(self, task_id: str, name: str) -> int:
        """Return the number that a task writes into a file of its sandbox."""
        async with asyncio.timeout(20.0):
            while True:
                with contextlib.suppress(OSError, ValueError):
                    return int((self.sandbox(task_id) / name).read_text())
                await asyncio.sleep(0)

    def sandbox(self, task_id: str) -> Path:
        (run,) = self.work_dir.glob(f"slaves/*/frameworks/*/executors/{task_id}/runs/*-*")
        return run


OpenMaster = Callable[[], AbstractAsyncContextManager[ScriptedMaster]]
OpenAgent = Callable[..., AbstractAsyncContextManager[RunningAgent]]


@pytest.fixture
def open_master() -> OpenMaster:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ScriptedMaster]:
        master = ScriptedMaster()
        await master.server.start()
        try:
            yield master
        finally:
            await master.server.stop(0.0)

    return opened


@pytest.fixture
def open_agent(tmp_path: Path) -> Iterator[OpenAgent]:
    """Agents of one work directory, one after the other; no supervisor outlives the test."""
    supervisors: list[int] = []

    @asynccontextmanager
    async def opened(
        master: ScriptedMaster, *, leave_running: bool = False, **config: Any
    ) -> AsyncIterator[RunningAgent]:
        agent = RunningAgent(tmp_path / "work", master.address, **config)
        async with agent.running():
            yield agent
            if agent.supervisor_pid:  # 0 would be this process' own group
                supervisors.append(agent.supervisor_pid)

    yield opened
    for pid in supervisors:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class ExecutorSession:
    """An executor's end of the executor API, in JSON or protobuf."""

    def __init__(self, client: Client, port: int, media_type: str, executor_id: str) -> None:
        self._client = client
        self._url = f"http://127.0.0.1:{port}/api/v1/executor"
        self._codec = codec_for(media_type)
        self._headers = (("Content-Type", media_type), ("Accept", media_type))
        self._ids = {
            "executor_id": ExecutorID(value=executor_id),
            "framework_id": FrameworkID(value="f1"),
        }
        self._decoder = recordio.Decoder(1 << 20)
        self._events: list[Event] = []

    async def call(self, **fields: Any) -> int:
        body = self._codec.encode(Call(**self._ids, **fields))
        answer = await self._client.request("POST", self._url, body, self._headers)
        return answer.status

    async def update(self, task_id: str, state: str, uuid: bytes) -> int:
        status = TaskStatus(
            task_id=TaskID(value=task_id),
            state=TaskState[state],
            source=TaskStatus.Source.SOURCE_EXECUTOR,
            uuid=uuid,
        )
        return await self.call(type=Call.Type.UPDATE, update=Call.Update(status=status))

    @asynccontextmanager
    async def subscribed(self, **fields: Any) -> AsyncIterator[Callable[[], Awaitable[Event]]]:
        """Subscribe, and give a function that returns the next event."""
        subscribe = Call.Subscribe(**fields)
        body = self._codec.encode(Call(**self._ids, type=Call.Type.SUBSCRIBE, subscribe=subscribe))
        async with self._client.stream("POST", self._url, body, self._headers) as stream:
            assert stream.status == 200
            assert stream.headers.get("Content-Type") == self._codec.media_type
            pieces = aiter(stream)

            async def next_event() -> Event:
                while not self._events:
                    async with asyncio.timeout(20.0):
                        piece = await anext(pieces)
                    records = self._decoder.feed(piece)
                    self._events += [self._codec.decode(Event, record) for record in records]
                return self._events.pop(0)

            yield next_event


@pytest.fixture
def open_executor() -> Callable[..., AbstractAsyncContextManager[ExecutorSession]]:
    @asynccontextmanager
    async def opened(
        port: int, media_type: str = JSON, executor_id: str = "e1"
    ) -> AsyncIterator[ExecutorSession]:
        async with Client(timeout_seconds=20.0) as client:
            yield ExecutorSession(client, port, media_type, executor_id)

    return opened
