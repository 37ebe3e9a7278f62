"""``tepui replay``: execute a master's journal anew, and say where it goes another way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tepui.cli.replayed import Report
    from tepui.master.journal import Step
    from tepui.master.replaying import Replay, Run


def replay(
    journal: Annotated[
        Path,
        typer.Argument(
            metavar="JOURNAL",
            help="The directory of --journal, one run in it, or a segment of a run.",
        ),
    ],
    until: Annotated[int | None, typer.Option(min=0, help="Stop after this step of a run.")] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Stop before the first step after this time: 2030-01-31T22:00."),
    ] = None,
    is_printing: Annotated[
        bool, typer.Option("--print", help="Print each step, with what came out of it.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Execute what a master took in anew, and stop at the first step that goes another way.

    Nothing is sent, stored or started. The exit code is 1 if a step goes another way than is
    recorded, or if the journal is damaged.
    """
    from tepui.cli.replayed import JsonReport, TextReport
    from tepui.master.journal import JournalError
    from tepui.master.replaying import Run

    moment = _moment(at)
    try:
        paths = _runs(journal)
        if until is not None and len(paths) > 1:
            names = ", ".join(path.name for path in paths[-5:])
            raise CommandFailed(
                f"--until: {journal} holds several runs; name one: {names}", EX_USAGE
            )
        report = (JsonReport if as_json else TextReport)(is_printing=is_printing)
        for path in paths:
            if not _follow(Run(path), until, moment, report):
                return 1
    except BrokenPipeError:
        raise  # whoever reads what is printed has seen enough
    except (JournalError, OSError) as error:
        raise CommandFailed(str(error)) from error
    return 0


def _moment(at: str | None) -> float | None:
    """Return seconds since 1970."""
    import time

    from tepui.cli.times import NANOSECONDS, parse_moment

    return None if at is None else parse_moment("--at", at, time.time_ns()) / NANOSECONDS


def _runs(journal: Path) -> list[Path]:
    from tepui.master.recording import runs, segments

    if not journal.exists():
        raise CommandFailed(f"{journal} is not there", EX_USAGE)
    if journal.is_file():
        return [journal]
    if found := [run for run in runs(journal) if segments(run)]:
        return found
    if not segments(journal):
        raise CommandFailed(f"{journal} holds no journal of a master")
    return [journal]


def _follow(run: Run, until: int | None, moment: float | None, report: Report) -> bool:
    """Lead a core through a run; return whether all went as it did."""
    report.begin(run)
    replaying = _replay(run) if run.is_whole else None
    if replaying is None and not report.is_printing:
        raise CommandFailed(
            f"{run.path}: its beginning is gone (--journal_max_bytes), so that it cannot be "
            f"executed: it goes on from step {run.header.steps_before + 1}; --print shows it"
        )
    for step in _wanted(run, until, moment):
        divergence = None if replaying is None else replaying.take(step)
        report.tell(step, replaying)
        if divergence is not None:
            report.diverge(divergence)
            return False
    report.end(run, replaying)
    return True


def _wanted(run: Run, until: int | None, moment: float | None) -> Iterator[Step]:
    for step in run.steps() if until != 0 else ():
        if moment is not None and step.now.wall > moment:
            run.ending = "it was followed to that time only"
            return
        yield step
        if step.number == until:
            run.ending = f"it was followed to step {until} only"
            return


def _replay(run: Run) -> Replay:
    from tepui.base.flags import FlagError
    from tepui.daemons.allocators import find_allocator
    from tepui.master.replaying import Replay

    try:
        return Replay(run.header, find_allocator(run.header.allocator))
    except FlagError as error:
        raise CommandFailed(f"{run.path}: the allocator of this journal: {error}") from error
