"""Run a batch of command tasks: offers taken, lost tasks repeated, results collected."""

from __future__ import annotations

import getpass
import re
import signal
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from tepui.messages import (
    AgentID,
    CommandInfo,
    Environment,
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
from tepui.messages.scheduler import Event
from tepui.sdk.core import batch as core
from tepui.sdk.core.addresses import DEFAULT_MASTER
from tepui.sdk.core.batch import TaskChange, TooSmall
from tepui.sdk.errors import NotSubscribed, SdkError, Unreachable
from tepui.sdk.operator import OperatorClient
from tepui.sdk.sandbox import NoSandbox, Sandbox, Sandboxes
from tepui.sdk.scheduler import SchedulerClient
from tepui.sdk.wire import Content

__all__ = [
    "Batch",
    "TaskChange",
    "TooSmall",
    "command_task",
    "exit_code",
    "framework",
    "has_ended",
    "scalar",
]

FAILOVER_SECONDS: Final = 60.0
"""For how long the master keeps a batch's tasks when its stream is lost."""

SIGNALLED: Final = 128
"""What shells add to the number of the signal that ended a process."""


def scalar(name: str, value: float) -> Resource:
    """Return an amount of a resource.

    Example:
        >>> scalar("cpus", 0.5).scalar
        Scalar(value=0.5)
    """
    return Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))


def command_task(
    name: str,
    command: str | Sequence[str],
    *,
    task_id: str | None = None,
    cpus: float = 1.0,
    mem: float = 128.0,
    resources: Iterable[Resource] | None = None,
    uris: Iterable[str | CommandInfo.URI] = (),
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> TaskInfo:
    """Return a task that runs a command, ready for a `Batch`.

    Args:
        name: Of the task; distinct within a batch.
        command: A line for the shell, or a program with its arguments.
        task_id: The name by default.
        cpus: How many processors it may use.
        mem: Memory in megabytes.
        resources: What it needs, instead of ``cpus`` and ``mem``.
        uris: What the agent fetches into the sandbox before the command starts.
        environment: Variables of the command.
        user: Who runs it; the framework's user by default.

    Example:
        >>> task = command_task("greet", ["echo", "hello"], cpus=0.1, mem=32)
        >>> task.command.value, task.command.arguments
        ('echo', ['echo', 'hello'])
    """
    shell = isinstance(command, str)
    variables = [
        Environment.Variable(name=key, value=value) for key, value in (environment or {}).items()
    ]
    info = CommandInfo(
        shell=shell,
        value=command if isinstance(command, str) else command[0],
        # As in Mesos, the first argument is what the program sees as its own name.
        arguments=[] if isinstance(command, str) else list(command),
        uris=[CommandInfo.URI(value=uri) if isinstance(uri, str) else uri for uri in uris],
        environment=Environment(variables=variables) if variables else None,
        user=user,
    )
    needed = [scalar("cpus", cpus), scalar("mem", mem)] if resources is None else list(resources)
    return TaskInfo(
        name=name,
        task_id=TaskID(value=task_id or name),
        # Filled in from the offer that the task is launched with.
        agent_id=AgentID(value=""),
        resources=needed,
        command=info,
    )


def group_executor(name: str) -> ExecutorInfo:
    """Return the executor of a task group, with the least that Mesos lets one have.

    Example:
        >>> group_executor("pod").type.value
        'DEFAULT'
    """
    return ExecutorInfo(
        type=ExecutorInfo.Type.DEFAULT,
        executor_id=ExecutorID(value=name),
        resources=[scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)],
    )


def framework(name: str, *, role: str = "*", user: str | None = None) -> FrameworkInfo:
    """Return what a batch says of itself.

    It does not call itself partition-aware: tasks of agents that are gone count as lost then,
    and are started again elsewhere.
    """
    kind = FrameworkInfo.Capability.Type
    return FrameworkInfo(
        user=user or getpass.getuser(),
        name=name,
        roles=[role],
        failover_timeout=FAILOVER_SECONDS,
        capabilities=[
            FrameworkInfo.Capability(type=kind.MULTI_ROLE),
            FrameworkInfo.Capability(type=kind.RESERVATION_REFINEMENT),
        ],
    )


class Batch:
    """A framework that runs the given tasks and ends; use it as an asynchronous context manager.

    Iterating it gives what becomes of the tasks, until all have ended. Leaving it tears the
    framework down, with the tasks that still run.

    Attributes:
        results: The last change of each task that has ended, by name.
        framework_id: The framework's id, once subscribed.

    Example:
        >>> async def count_to(number: int, master: str) -> bool:
        ...     tasks = [command_task(f"t{i}", f"echo {i}", cpus=0.1) for i in range(number)]
        ...     async with Batch(tasks, masters=master) as batch:
        ...         async for change in batch:
        ...             print(change.name, change.state.value)
        ...         return all(result.succeeded for result in batch.results.values())
    """

    def __init__(
        self,
        tasks: Iterable[TaskInfo],
        *,
        masters: str | Sequence[str] = DEFAULT_MASTER,
        framework_info: FrameworkInfo | None = None,
        retries_max: int = 3,
        content: Content = "json",
        group: ExecutorInfo | None = None,
    ) -> None:
        """Prepare; nothing is connected before the batch is entered.

        Args:
            tasks: With distinct names; see `command_task`.
            masters: Addresses of masters.
            framework_info: What the batch says of itself; see `framework`.
            retries_max: How often a task that the cluster lost is started again.
            content: Whether to speak JSON or protobuf.
            group: The executor under which the tasks start together, on one agent, and fail
                together; see `group_executor`. They are not started again.

        Raises:
            ValueError: Two tasks have the same name, or an address is none.
        """
        self._core = core.Batch(tasks, retries_max=retries_max, group=group)
        info = framework_info or framework("batch")
        self._client = SchedulerClient(masters, info, content=content)
        self._operator = OperatorClient(masters)
        self._sandboxes = Sandboxes(self._operator)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._operator)
        await self._stack.enter_async_context(self._client)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # A framework that cannot be torn down now ends with its failover time-out.
            with suppress(SdkError):
                await self._client.teardown()
        finally:
            await self._stack.aclose()

    @property
    def results(self) -> dict[str, TaskChange]:
        """The last change of each task that has ended, by name."""
        return self._core.results

    @property
    def framework_id(self) -> FrameworkID | None:
        """The framework's id, once subscribed."""
        return self._client.framework_id

    @property
    def live(self) -> list[TaskChange]:
        """The newest change of each task that was launched and has not ended."""
        return self._core.live

    @property
    def waiting(self) -> int:
        """How many tasks have no place yet."""
        return self._core.waiting

    async def __aiter__(self) -> AsyncGenerator[TaskChange | TooSmall, None]:
        """Yield what becomes of the tasks, and `TooSmall` when the next one fits no offer.

        Raises:
            SdkError: The framework cannot subscribe, or was ended by the master.
        """
        while not self._core.is_done:
            event = await anext(self._client)
            for effect in self._take_in(event):
                match effect:
                    case core.Changed(change=change):
                        yield change
                    case core.TooSmall():
                        yield effect
                    case _:
                        await self._tell(effect)

    def _take_in(self, event: object) -> list[core.BatchEffect]:
        match event:
            case Event.Subscribed():
                return self._core.on_subscribed()
            case Event.Offers(offers=offers):
                return self._core.on_offers(offers)
            case Event.Update(status=status):
                return self._core.on_update(status)
            case _:
                # Offers are used or declined at once, so that a rescinded one is launched upon
                # already: its tasks come back as lost.
                return []

    async def _tell(
        self,
        effect: core.Launch | core.Decline | core.Suppress | core.Revive | core.Reconcile,
    ) -> None:
        client = self._client
        # A call that does not reach the leader is made good after the next subscription: offers
        # come anew, and reconciliation finds launches that did not arrive.
        with suppress(NotSubscribed, Unreachable):
            match effect:
                case core.Launch(offer=offer, tasks=tasks, executor=executor) if (
                    executor is not None
                ):
                    pod = msgspec.structs.replace(executor, framework_id=self.framework_id)
                    await client.launch_group(
                        [offer], pod, tasks, refuse_seconds=core.REFUSE_SECONDS
                    )
                case core.Launch(offer=offer, tasks=tasks):
                    await client.launch([offer], tasks, refuse_seconds=core.REFUSE_SECONDS)
                case core.Decline(offers=offers, refuse_seconds=seconds):
                    await client.decline(offers, refuse_seconds=seconds)
                case core.Suppress():
                    await client.suppress()
                case core.Revive():
                    await client.revive()
                case core.Reconcile(tasks=tasks_):
                    await client.reconcile(tasks_)

    async def wait(self) -> dict[str, TaskChange]:
        """Run to the end and return the results."""
        async for _ in self:
            pass
        return self.results

    async def kill(self, name: str) -> None:
        """End a task that was launched; its changes tell how that went."""
        for change in self._core.live:
            if change.name == name:
                await self._client.kill(change.task_id, change.agent_id)

    async def sandbox(self, change: TaskChange) -> Sandbox:
        """Return the sandbox of a task that has started.

        Raises:
            NoSandbox: There is none, or none any more.
            SdkError: The agent could not be asked.
        """
        if change.agent_url is None or self.framework_id is None:
            raise NoSandbox(change.agent_url or change.hostname, change.task_id.value)
        return await self._sandboxes.find(
            change.agent_url, self.framework_id.value, change.task_id.value
        )


def has_ended(state: TaskState) -> bool:
    """Return whether a task in this state is over; of a lost one nobody knows more.

    An agent that was cut off may come back, so that `TASK_UNREACHABLE` is not an end.

    Example:
        >>> has_ended(TaskState.TASK_RUNNING), has_ended(TaskState.TASK_FAILED)
        (False, True)
    """
    return state in core.OWN_STATES or state in core.LOST_STATES


_EXITED = re.compile(r"exited with (?:status|code) (\d+)")
_SIGNALLED = re.compile(r"signal (\d+)|\bSIG([A-Z]+)\b|signal ([A-Z][A-Za-z]+)")


def exit_code(status: TaskStatus | None, otherwise: int = 1) -> int:
    """Return the exit code that a shell would report for a command task.

    The API has no field for it; agents say it in the message of the last update.

    Args:
        status: The last update of the task.
        otherwise: What a task counts as that ended badly and without a code, because it could
            not be started, say.

    Example:
        >>> failed = TaskStatus(
        ...     task_id=TaskID(value="t"),
        ...     state=TaskState.TASK_FAILED,
        ...     message="Command exited with status 3",
        ... )
        >>> exit_code(failed)
        3
    """
    if status is not None and status.state is TaskState.TASK_FINISHED:
        return 0
    message = (status.message if status else None) or ""
    if found := _EXITED.search(message):
        return int(found.group(1)) or 1
    if found := _SIGNALLED.search(message):
        return SIGNALLED + _signal_number(*found.groups())
    return otherwise


def _signal_number(number: str | None, name: str | None, text: str | None) -> int:
    if number is not None:
        return int(number)
    # As in SIGKILL, or as strsignal words it: Killed, Terminated.
    by_text = {signal.strsignal(each): each for each in signal.Signals}
    found = signal.Signals.__members__.get(f"SIG{name}") if name else by_text.get(text)
    return int(found) if found is not None else 0
