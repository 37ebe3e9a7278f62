"""A cluster of real processes, and frameworks on it that remember all they hear."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil
import pytest

from tepui.daemons.cluster import Cluster, Daemon
from tepui.http.client import Client
from tepui.messages import (
    AgentID,
    CommandInfo,
    FrameworkInfo,
    Offer,
    Resource,
    TaskID,
    TaskInfo,
    TaskStatus,
    Value,
)
from tepui.messages.scheduler import Event
from tepui.sdk import Backoff, FrameworkEnded, SchedulerClient

DEADLINE_SECONDS = 30.0
TERMINAL = {
    "TASK_FINISHED",
    "TASK_FAILED",
    "TASK_KILLED",
    "TASK_ERROR",
    "TASK_LOST",
    "TASK_DROPPED",
    "TASK_GONE",
}

T = TypeVar("T")


def scalar(name: str, value: float) -> Resource:
    return Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))


def task(
    task_id: str, command: CommandInfo | str | None = None, *, cpus: float = 0.1, **fields: Any
) -> TaskInfo:
    """A command task that still needs its agent's id."""
    return TaskInfo(
        name=task_id,
        task_id=TaskID(value=task_id),
        agent_id=AgentID(value=""),
        resources=[scalar("cpus", cpus), scalar("mem", 32)],
        command=CommandInfo(value=command) if isinstance(command, str) else command,
        **fields,
    )


async def ask_until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
    """Ask again until the answer is as it should be; only where nothing tells of the event."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds(answer := await ask()):
            await asyncio.sleep(0.02)
    return answer


async def eventually(look: Callable[[], T]) -> T:
    """Return what ``look`` gives once it is true."""

    async def ask() -> T:
        return look()

    return await ask_until(ask, bool)


class Framework:
    """A scheduler that keeps every event it has heard, in order."""

    def __init__(self, client: SchedulerClient) -> None:
        self.client = client
        self.events: list[Any] = []
        self.offers: dict[str, Offer] = {}
        self.statuses: dict[str, list[TaskStatus]] = {}
        self.ended: str | None = None
        self.stack: AsyncExitStack
        self.listening: asyncio.Task[None]
        self._changed = asyncio.Event()

    @property
    def id(self) -> str:
        framework_id = self.client.framework_id
        assert framework_id is not None
        return framework_id.value

    async def listen(self) -> None:
        try:
            async for event in self.client:
                self._take(event)
                self._changed.set()
        except FrameworkEnded as error:
            self.ended = error.message
            self._changed.set()

    def _take(self, event: Any) -> None:
        self.events.append(event)
        match event:
            case Event.Subscribed():
                self.offers.clear()
            case Event.Offers(offers=offers):
                self.offers.update((offer.id.value, offer) for offer in offers)
            case Event.Rescind(offer_id=offer_id):
                self.offers.pop(offer_id.value, None)
            case Event.Update(status=status):
                self.statuses.setdefault(status.task_id.value, []).append(status)

    async def until(self, holds: Callable[[], T], seconds: float = DEADLINE_SECONDS) -> T:
        """Wait until an event has made ``holds`` true, and return what it gives."""
        try:
            async with asyncio.timeout(seconds):
                while not (result := holds()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not so in {seconds:g} s; last heard: {self._last()}") from None
        return result

    def _last(self) -> list[str]:
        """What the last events said, short enough to read."""
        return [repr(event)[:500] for event in self.events[-8:]]

    def heard(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self, task_id: str) -> list[str]:
        """The states that a task went through, what was told twice counted once."""
        once = {
            (status.uuid or f"{number}"): status.state.value
            for number, status in enumerate(self.statuses.get(task_id, ()))
        }
        return list(once.values())

    async def sees(self, task_id: str, state: str, seconds: float = DEADLINE_SECONDS) -> TaskStatus:
        """Wait for a task to be told to be in ``state``."""

        def found() -> TaskStatus | None:
            statuses = self.statuses.get(task_id, ())
            return next((each for each in statuses if each.state.value == state), None)

        status = await self.until(found, seconds)
        assert status is not None
        return status

    async def hears(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait for the ``count``-th event of a kind; return them all."""
        await self.until(lambda: len(self.heard(kind)) >= count)
        return self.heard(kind)

    async def offered(self, agent: Callable[[Offer], bool] = lambda offer: True) -> Offer:
        """Take the next offer that is as wanted."""

        def found() -> Offer | None:
            return next((offer for offer in self.offers.values() if agent(offer)), None)

        offer = await self.until(found)
        assert offer is not None
        del self.offers[offer.id.value]
        return offer

    async def launch(self, *tasks: TaskInfo, on: Callable[[Offer], bool] | None = None) -> Offer:
        """Start tasks on the next offer that is as wanted; the rest of it may come again."""
        offer = await self.offered(on or (lambda offer: True))
        await self.client.launch([offer], at(offer, tasks), refuse_seconds=0.0)
        return offer


def at(offer: Offer, tasks: Sequence[TaskInfo]) -> list[TaskInfo]:
    """The tasks, as tasks of the agent that ``offer`` is of."""
    return [msgspec.structs.replace(each, agent_id=offer.agent_id) for each in tasks]


class Stage:
    """A running cluster with its frameworks."""

    at = staticmethod(at)

    def __init__(self, cluster: Cluster, http: Client, group: asyncio.TaskGroup) -> None:
        self.cluster = cluster
        self.http = http
        self.work_dir = cluster.work_dir
        self._group = group
        self._stack = AsyncExitStack()

    async def framework(
        self,
        *,
        capabilities: Sequence[str] = (),
        seed: int = 1,
        acknowledge: bool = True,
        **info: Any,
    ) -> Framework:
        """Subscribe a framework; it listens until the end or until it is dropped."""
        kind = FrameworkInfo.Capability
        fields: dict[str, Any] = {"failover_timeout": 60.0, "checkpoint": True, **info}
        described = FrameworkInfo(
            user=fields.pop("user", os.environ.get("USER", "root")),
            name=fields.pop("name", "integration"),
            roles=fields.pop("roles", ["*"]),
            capabilities=[kind(type=kind.Type[name]) for name in ("MULTI_ROLE", *capabilities)],
            **fields,
        )
        client = SchedulerClient(
            self.cluster.address,
            described,
            auto_acknowledge=acknowledge,
            backoff=Backoff(first_seconds=0.05, max_seconds=0.2),
            seed=seed,
        )
        framework = Framework(client)
        framework.stack = await self._stack.enter_async_context(AsyncExitStack())
        await framework.stack.enter_async_context(client)
        framework.listening = self._group.create_task(framework.listen())
        framework.stack.callback(framework.listening.cancel)
        await client.wait_until_subscribed()
        return framework

    async def drop(self, framework: Framework) -> None:
        """End a framework's connection without a word."""
        await framework.stack.aclose()

    async def close(self) -> None:
        await self._stack.aclose()

    async def get(self, path: str, base: str | None = None) -> Any:
        """The JSON that a daemon answers."""
        answer = await self.http.request("GET", (base or self.cluster.url) + path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return json.loads(answer.body)

    async def shows(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """Ask the master until its answer is as it should be in the end; return the answer."""
        return await ask_until(lambda: self.get(path), holds)

    # Processes.

    def processes(self) -> list[psutil.Process]:
        """Every process of a task or executor of this cluster, found by its environment."""
        return processes_of(self.work_dir)

    async def only_process(self) -> psutil.Process:
        """The one process that runs; a shell that becomes its command has no environment then."""
        (found,) = await eventually(lambda: len(found := self.processes()) == 1 and found)
        return found

    def supervisor(self, number: int = 0) -> psutil.Process:
        """The supervisor of an agent."""
        work_dir = str(self.work_dir / f"agent{number + 1}")
        (found,) = [
            process
            for process in psutil.process_iter()
            if "/supervisor/__main__.py" in (line := _cmdline(process)) and f"{work_dir}/" in line
        ]
        return found

    async def kill(self, daemon: Daemon, number: int) -> None:
        """Send a daemon a signal that ends it, and wait for the end."""
        daemon.signal(number)
        await daemon.wait()


def _cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def processes_of(work_dir: Path) -> list[psutil.Process]:
    """Return what runs with a sandbox below ``work_dir`` in its environment."""
    marker = f"MESOS_SANDBOX={work_dir}/".encode()
    found = []
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            is_dead = process.status() == psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            continue
        if marker in environment and not is_dead:
            found.append(process)
    return found


@asynccontextmanager
async def opened_stage(
    work_dir: Path,
    *,
    agents: int = 1,
    resources: str = "cpus:4;mem:2048;disk:1024;ports:[31000-31999]",
    master_flags: Sequence[str] = (),
    agent_flags: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Stage]:
    cluster = Cluster(
        work_dir=work_dir,
        agents=agents,
        resources=resources,
        master_flags=["--allocation_interval=100ms", *master_flags],
        agent_flags=["--registration_backoff_factor=10ms", *agent_flags],
        **options,
    )
    async with (
        cluster,
        Client(timeout_seconds=30.0) as http,
        asyncio.TaskGroup() as group,
    ):
        stage = Stage(cluster, http, group)
        try:
            yield stage
        finally:
            await stage.close()


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a cluster below a directory of this test; nothing of it may be left afterwards."""

    def opened(**options: Any) -> Any:
        return opened_stage(tmp_path.resolve(), **options)

    yield opened
    left = processes_of(tmp_path.resolve())
    for process in left:
        process.kill()
    assert not left


@pytest.fixture
def new_task() -> Callable[..., TaskInfo]:
    return task


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def ask_again() -> Callable[..., Any]:
    return ask_until
