"""What ``tepui run`` shows: the tasks' output, and how far they are."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO, Self

from tepui.messages import TaskState
from tepui.sdk.core.batch import TaskChange
from tepui.sdk.jobs import exit_code

LINE_BYTES_MAX = 64 * 1024
"""Of several tasks, a line that is longer without an end is shown in pieces."""


class Display:
    """Output of tasks as it is, or line by line with their names if there are several.

    What tepui itself has to say goes to standard error.
    """

    def __init__(self, tasks: int, *, quiet: bool) -> None:
        self._tasks = tasks
        self._quiet = quiet
        self._ended = 0
        self._unfinished_lines: dict[tuple[str, str], bytes] = {}
        self._bar: _Bar | None = None
        if tasks > 1 and not quiet and sys.stderr.isatty():
            self._bar = _Bar(tasks)

    def __enter__(self) -> Self:
        self._live: AbstractContextManager[object] = self._bar or nullcontext()
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for (name, stream), rest in self._unfinished_lines.items():
            if rest:
                self._put(stream, f"[{name}] ".encode() + rest + b"\n")
        self._unfinished_lines.clear()
        self._live.__exit__(None, None, None)

    def say(self, message: str) -> None:
        """Say something in tepui's own name."""
        if not self._quiet:
            self._put("stderr", f"tepui: {message}\n".encode())

    def write(self, name: str, stream: str, data: bytes) -> None:
        """Show what a task has written to ``stdout`` or ``stderr``."""
        if self._tasks == 1:
            self._put(stream, data)
            return
        rest = self._unfinished_lines.pop((name, stream), b"")
        *lines, unfinished = (rest + data).split(b"\n")
        if len(unfinished) > LINE_BYTES_MAX:
            lines.append(unfinished)
            unfinished = b""
        self._unfinished_lines[name, stream] = unfinished
        label = f"[{name}] ".encode()
        self._put(stream, b"".join(label + line + b"\n" for line in lines))

    def show_change(self, change: TaskChange) -> None:
        """Show what became of a task."""
        self._ended += change.is_last
        if self._quiet:
            self._show_why_it_did_not_run(change)
            return
        if self._bar is not None:
            self._bar.show(self._ended, change)
        if change.state is TaskState.TASK_RUNNING:
            if self._tasks == 1:
                self.say(f"{change.name} is running on {change.hostname}")
            return
        if change.is_last and not change.succeeded:
            self.say(_end_of(change))
        elif change.is_last and self._tasks > 1 and self._bar is None:
            self.say(f"{change.name} finished ({self._ended} of {self._tasks})")
        elif change.status is not None and not change.is_last and _is_trouble(change):
            self.say(f"{change.name} is {change.state.value}{_because(change)}")

    def _show_why_it_did_not_run(self, change: TaskChange) -> None:
        """Say what nothing else tells: a task that ran has had its output and has its code."""
        ran = exit_code(change.status, otherwise=-1) >= 0
        if change.is_last and not ran:
            self._put("stderr", f"tepui: {_end_of(change)}\n".encode())

    def _put(self, stream: str, data: bytes) -> None:
        if not data:
            return
        if self._bar is not None and (stream == "stderr" or sys.stdout.isatty()):
            self._bar.print_above(data)
            return
        out: BinaryIO = sys.stderr.buffer if stream == "stderr" else sys.stdout.buffer
        out.write(data)
        out.flush()


def _end_of(change: TaskChange) -> str:
    return f"{change.name} ended as {change.state.value}{_because(change)}"


def _because(change: TaskChange) -> str:
    message = change.status.message if change.status else None
    return f": {message}" if message else ""


def _is_trouble(change: TaskChange) -> bool:
    return change.state not in (
        TaskState.TASK_STAGING,
        TaskState.TASK_STARTING,
        TaskState.TASK_KILLING,
    )


class _Bar:
    """A progress bar at the bottom of the terminal."""

    def __init__(self, tasks: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("tepui"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._id = self._progress.add_task("waiting for offers", total=tasks)

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, ended: int, change: TaskChange) -> None:
        latest = f"{change.name} {change.state.value}"
        self._progress.update(self._id, completed=ended, description=latest)

    def print_above(self, data: bytes) -> None:
        from rich.text import Text

        text = data.decode(errors="replace").removesuffix("\n")
        self._progress.console.print(Text(text), soft_wrap=True)
