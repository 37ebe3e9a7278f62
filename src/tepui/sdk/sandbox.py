"""Find a task's sandbox on its agent, and read the files in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from tepui.messages import FileInfo
from tepui.sdk.errors import BadAnswer, CallRejected, SdkError
from tepui.sdk.operator import AgentFile, OperatorClient


class NoSandbox(SdkError):
    """The agent has no sandbox for the task: it has not started, or has been forgotten."""

    def __init__(self, agent_url: str, task_id: str) -> None:
        super().__init__(f"the agent at {agent_url} has no sandbox of task {task_id!r}")
        self.agent_url = agent_url
        self.task_id = task_id


class Sandbox:
    """The directory of one task, on its agent.

    Attributes:
        agent_url: The agent.
        directory: The path there.
    """

    def __init__(self, operator: OperatorClient, agent_url: str, directory: str) -> None:
        self.agent_url = agent_url
        self.directory = directory
        self._operator = operator

    async def list_files(self) -> list[FileInfo]:
        """Return the files at its top."""
        return await self._operator.list_agent_files(self.agent_url, self.directory)

    async def download(self, name: str) -> bytes:
        """Return a whole file."""
        return await self._operator.download(self.agent_url, f"{self.directory}/{name}")

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> AgentFile:
        """Return a part of a file, and its size."""
        path = f"{self.directory}/{name}"
        return await self._operator.read_agent_file(self.agent_url, path, offset, length)

    async def read_on(self, name: str, offset: int) -> AsyncGenerator[bytes, None]:
        """Yield what a file has from ``offset`` to its present end, piece by piece."""
        while True:
            part = await self.read(name, offset)
            if not part.data:
                return
            yield part.data
            offset += len(part.data)
            if offset >= part.size:
                return

    async def follow(
        self,
        name: str,
        offset: int,
        is_over: Callable[[], bool],
        pause: Callable[[], Awaitable[None]],
    ) -> AsyncGenerator[bytes, None]:
        """Yield what a file has and gets, until nothing more can come.

        Args:
            name: The file; one that is not there yet counts as empty.
            offset: Where to begin.
            is_over: Tells whether the task has ended, after which the file is read once more.
            pause: Waits before the next look, when there was nothing new.
        """
        while True:
            last = is_over()
            found = False
            with suppress(CallRejected):
                async for piece in self.read_on(name, offset):
                    offset += len(piece)
                    found = True
                    yield piece
            if last:
                return
            if not found:
                await pause()


class Sandboxes:
    """Sandboxes by task; what an agent said once is remembered.

    Example:
        >>> async def print_output(operator: OperatorClient, agent_url: str) -> None:
        ...     sandbox = await Sandboxes(operator).find(agent_url, "framework-1", "task-1")
        ...     print((await sandbox.download("stdout")).decode())
    """

    def __init__(self, operator: OperatorClient) -> None:
        self._operator = operator
        self._directories: dict[tuple[str, str, str], str] = {}

    async def find(self, agent_url: str, framework_id: str, task_id: str) -> Sandbox:
        """Return the sandbox of a task that has started, or has ended not too long ago.

        Raises:
            NoSandbox: The agent does not know of one.
            SdkError: The agent could not be asked.
        """
        wanted = (agent_url, framework_id, task_id)
        if wanted not in self._directories:
            state = await self._operator.agent_json(agent_url, "/state")
            try:
                for framework, task, directory in _directories(state):
                    self._directories[agent_url, framework, task] = directory
            except (KeyError, TypeError, AttributeError) as error:
                raise BadAnswer(f"{agent_url}/state is not an agent's: {error!r}") from error
        if wanted not in self._directories:
            raise NoSandbox(agent_url, task_id)
        return Sandbox(self._operator, agent_url, self._directories[wanted])


def _directories(state: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield framework, task and directory for every task that an agent tells of."""
    for framework in _both(state, "completed_frameworks", "frameworks"):
        # The present comes last, so that it wins over what is over.
        for executor in _both(framework, "completed_executors", "executors"):
            directory = executor["directory"]
            for task in _both(executor, "completed_tasks", "queued_tasks", "tasks"):
                own = directory
                if executor.get("type") == "DEFAULT":
                    # Tasks of a group have containers of their own within the group's.
                    container = _nested_container(task)
                    if container is None:
                        continue
                    own = f"{directory}/containers/{container}"
                yield framework["id"], task["id"], own


def _nested_container(task: dict[str, Any]) -> str | None:
    """Return the own part of the id of a task's nested container, once a status told it."""
    for status in task.get("statuses", ()):
        container_id = status.get("container_status", {}).get("container_id", {})
        if "parent" in container_id:
            return str(container_id["value"])
    return None


def _both(holder: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        yield from holder.get(name, ())
