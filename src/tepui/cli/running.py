"""Run a plan: follow the tasks and their output to the end, and give the exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tepui.cli.display import Display
from tepui.cli.errors import EX_RUN_FAILED
from tepui.cli.request import RunPlan
from tepui.messages import TaskState
from tepui.sdk.core.batch import TaskChange, TooSmall
from tepui.sdk.errors import SdkError
from tepui.sdk.jobs import Batch, exit_code
from tepui.sdk.operator import OperatorClient
from tepui.sdk.sandbox import NoSandbox, Sandbox

PAUSE_SECONDS = 0.1
"""Between two looks at a task's output; more when many tasks are looked at."""

QUIET_TASKS_MAX = 8

PATIENCE_SECONDS = 5.0
"""Without an offer for so long, something is to be said of it."""


async def run_batch(plan: RunPlan, *, quiet: bool) -> int:
    """Run the tasks of a plan and return the exit code of the first that failed, or 0.

    A task that ended badly and without a code, because it could not be started, say, has
    that of a run that failed. Leaving early tears the framework down with its tasks.
    """
    # A subscription waits for a master as long as it takes; a person would rather know.
    operator = OperatorClient(plan.masters)
    batch = Batch(
        plan.tasks,
        masters=plan.masters,
        framework_info=plan.framework,
        content=plan.content,
        group=plan.group,
    )
    async with operator:
        await operator.get_json("/version")
        return await _run(plan, batch, operator, Display(len(plan.tasks), quiet=quiet))


async def _run(plan: RunPlan, batch: Batch, operator: OperatorClient, display: Display) -> int:
    with display:
        display.say(f"waiting for offers from {', '.join(plan.masters)}")
        async with batch, _group() as group:
            run = _Run(batch, plan, display, group)
            watch = group.create_task(run.say_if_nothing_is_offered(operator))
            await run.until_done()
            watch.cancel()
        ends = [batch.results[task.name].status for task in plan.tasks]
        codes = [exit_code(end, EX_RUN_FAILED) for end in ends]
    return next(filter(None, codes), 0)


@asynccontextmanager
async def _group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose single failure comes out as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class _Run:
    """One run: a follower for each task that runs, as long as it runs."""

    def __init__(
        self, batch: Batch, plan: RunPlan, display: Display, group: asyncio.TaskGroup
    ) -> None:
        self._batch = batch
        self._plan = plan
        self._display = display
        self._group = group
        self._over: dict[str, asyncio.Event] = {}
        self._ends: dict[str, TaskChange] = {}
        self._warned = False
        self._heard = asyncio.Event()

    async def until_done(self) -> None:
        async for event in self._batch:
            self._heard.set()
            if isinstance(event, TooSmall):
                self._warn_too_small(event)
            else:
                self._on_change(event)

    def _warn_too_small(self, event: TooSmall) -> None:
        # Once: while other tasks run, small offers are the rule.
        if not self._warned and not self._batch.live:
            self._warned = True
            why = "; ".join(event.shortages) or "none has all that it needs at once"
            self._display.say(f"no offer is large enough for {event.name}: {why}; waiting on")

    async def say_if_nothing_is_offered(self, operator: OperatorClient) -> None:
        """Tell a person who waits for offers whether there is anything to wait for."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), PATIENCE_SECONDS)
        if not self._heard.is_set():
            with suppress(SdkError):
                agents = (await operator.get_agents()).agents
                active = sum(agent.active for agent in agents)
                self._display.say(f"no offers yet; the cluster has {active} active agents")

    def _on_change(self, change: TaskChange) -> None:
        task_id = change.task_id.value
        ended = change.is_last or change.state.value not in _GOING_ON
        if change.state is TaskState.TASK_RUNNING or (ended and task_id not in self._over):
            self._start_following(change)
        if ended:
            # The follower tells of it, after all that the task has written.
            self._ends[task_id] = change
            self._over[task_id].set()
        else:
            self._display.show_change(change)

    def _start_following(self, change: TaskChange) -> None:
        task_id = change.task_id.value
        if task_id in self._over:
            return
        over = self._over[task_id] = asyncio.Event()
        self._group.create_task(self._follow(change, over))
        if self._plan.kill_after_seconds is not None:
            self._group.create_task(self._kill_later(change, over, self._plan.kill_after_seconds))

    async def _follow(self, change: TaskChange, over: asyncio.Event) -> None:
        try:
            sandbox = await self._find_sandbox(change, over)
            if sandbox is not None:
                await asyncio.gather(
                    self._copy(sandbox, "stdout", change.name, over),
                    self._copy(sandbox, "stderr", change.name, over),
                )
        except SdkError as error:
            # The task is none the worse for it.
            self._display.say(f"the output of {change.name} cannot be read: {error}")
        await over.wait()
        self._display.show_change(self._ends.pop(change.task_id.value))

    async def _find_sandbox(self, change: TaskChange, over: asyncio.Event) -> Sandbox | None:
        while True:
            last = over.is_set()
            try:
                return await self._batch.sandbox(change)
            except NoSandbox:
                # A task that was refused or dropped never gets one.
                if last:
                    return None
            await self._pause(over)

    async def _copy(self, sandbox: Sandbox, stream: str, name: str, over: asyncio.Event) -> None:
        async for piece in sandbox.follow(stream, 0, over.is_set, lambda: self._pause(over)):
            self._display.write(name, stream, piece)

    async def _pause(self, over: asyncio.Event) -> None:
        crowd = max(1.0, len(self._batch.live) / QUIET_TASKS_MAX)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), PAUSE_SECONDS * crowd)

    async def _kill_later(self, change: TaskChange, over: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)
        if not over.is_set():
            self._display.say(f"{change.name} has had its {seconds:g} s and is ended")
            await self._batch.kill(change.name)


_GOING_ON = (
    TaskState.TASK_STAGING.value,
    TaskState.TASK_STARTING.value,
    TaskState.TASK_RUNNING.value,
    TaskState.TASK_KILLING.value,
    TaskState.TASK_UNREACHABLE.value,
)
