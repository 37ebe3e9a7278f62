"""``tepui logs``: what a task has written, and goes on writing."""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import DEFAULT_MASTER, MasterOption

if TYPE_CHECKING:
    from tepui.cli.finding import FoundTask
    from tepui.sdk.operator import OperatorClient
    from tepui.sdk.sandbox import Sandbox

PAUSE_SECONDS = 0.25
CHECK_SECONDS = 1.0


def logs(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")],
    master: MasterOption = DEFAULT_MASTER,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the task ends.")
    ] = False,
    stderr: Annotated[
        bool, typer.Option("--stderr", help="Show standard error instead of standard output.")
    ] = False,
    file: Annotated[str | None, typer.Option(help="Show another file of the sandbox.")] = None,
    tail: Annotated[
        int | None, typer.Option(min=0, help="Begin so many bytes before the end.")
    ] = None,
    framework: Annotated[
        str | None, typer.Option(help="Id of its framework, if several have such a task.")
    ] = None,
) -> None:
    """Print what a task has written.

    As long as its sandbox is there: after its end too, until the agent needs the room.
    """
    from tepui.cli.asking import ask

    name = file or ("stderr" if stderr else "stdout")

    async def show(operator: OperatorClient) -> None:
        from tepui.cli.finding import find_task

        found = await find_task(operator, task, framework)
        sandbox = await _sandbox(operator, found)
        if file is not None:
            await _check_there(sandbox, name, task)
        offset = 0 if tail is None else max(0, (await sandbox.read(name, 0, 0)).size - tail)
        if follow:
            await _follow(operator, found, sandbox, name, offset)
        else:
            async for piece in sandbox.read_on(name, offset):
                _write(piece)

    ask(master, show)


async def _check_there(sandbox: Sandbox, name: str, task: str) -> None:
    from tepui.cli.errors import CommandFailed
    from tepui.sdk.errors import CallRejected

    try:
        await sandbox.read(name, 0, 0)
    except CallRejected as error:
        paths = [PurePath(each.path) for each in await sandbox.list_files()]
        found = ", ".join(sorted(path.name for path in paths)) or "nothing"
        raise CommandFailed(
            f"task {task!r} has no file {name!r} in its sandbox; there is {found}"
        ) from error


async def _sandbox(operator: OperatorClient, task: FoundTask) -> Sandbox:
    from tepui.cli.finding import find_agent_url
    from tepui.sdk.sandbox import Sandboxes

    url = await find_agent_url(operator, task.agent_id)
    return await Sandboxes(operator).find(url, task.framework_id, task.id)


async def _follow(
    operator: OperatorClient, task: FoundTask, sandbox: Sandbox, name: str, offset: int
) -> None:
    import asyncio

    from tepui.cli.finding import is_over
    from tepui.sdk.errors import Unreachable

    over = task.is_over
    checked = 0.0

    async def pause() -> None:
        nonlocal over, checked
        await asyncio.sleep(PAUSE_SECONDS)
        now = asyncio.get_running_loop().time()
        if now - checked >= CHECK_SECONDS:
            checked = now
            try:
                over = await is_over(operator, task)
            except Unreachable:
                # A master that is away does not end the task: its agent still has the file.
                return

    async for piece in sandbox.follow(name, offset, lambda: over, pause):
        _write(piece)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
