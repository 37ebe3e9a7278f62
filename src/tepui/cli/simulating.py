"""How ``tepui sim`` goes through its runs: in this process or several, and what it shows."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any, Self

import msgspec

from tepui.cli.errors import EX_FAILED, CommandFailed
from tepui.cli.output import print_json, print_table
from tepui.sim.run import Outcome, Statistics, run
from tepui.sim.scenario import Scenario, write_scenario
from tepui.sim.shrinking import Shrinking

SHRINK_SECONDS = 300.0
"""For how long a smaller run is searched for."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run to do.

    Attributes:
        name: What the scenario was called.
        asked: The arguments that say which scenario it was, without the seed.
    """

    name: str
    asked: str
    scenario: Scenario
    seed: int

    @property
    def command(self) -> str:
        """What repeats this run."""
        return f"tepui sim run {self.asked} --seed {self.seed}"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was done, and how many seconds it took."""

    job: Job
    outcome: Outcome
    wall_seconds: float


def simulate(
    found: Iterator[Job],
    jobs: int,
    total: int | None,
    shrunk_dir: Path | None,
    *,
    as_json: bool,
    seconds: float | None = None,
    is_printed: bool = False,
) -> int:
    """Do runs until one breaks a law, there are no more, or the time is up.

    Args:
        found: The runs.
        jobs: How many processes do them.
        total: How many there are, if they end.
        shrunk_dir: Where the scenario of a shrunk run is written; None means not to shrink.
        as_json: Whether to print JSON instead of a table.
        seconds: For how long runs are begun.
        is_printed: Whether to print the scenario of a shrunk run, too, where files are not kept.

    Returns:
        The exit code.
    """
    done: list[Done] = []
    until = time.monotonic() + seconds if seconds is not None else None
    try:
        with _Bar(total, until) as bar:
            each = _one_by_one(found, bar) if jobs == 1 else _in_processes(found, jobs)
            for one in each:
                done.append(one)
                bar.count(one)
                if one.outcome.violation or (until is not None and time.monotonic() >= until):
                    break
    finally:
        # After Ctrl-C, too: what was done is worth knowing.
        if not as_json and done:
            _print_summary(done)
    described: list[dict[str, Any]] = []
    for one in done:
        described.append(_described(one))
        if one.outcome.violation is not None:
            described[-1].update(_tell_of(one, shrunk_dir, as_json=as_json, is_printed=is_printed))
    if as_json:
        print_json(described)
    return EX_FAILED if any(one.outcome.violation for one in done) else 0


def _one_by_one(found: Iterator[Job], bar: _Bar) -> Iterator[Done]:
    for job in found:
        started = time.monotonic()
        bar.begin(job)
        outcome = run(job.scenario, job.seed, progress=bar.progress)
        yield Done(job=job, outcome=outcome, wall_seconds=time.monotonic() - started)


def _in_processes(found: Iterator[Job], jobs: int) -> Iterator[Done]:
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow_parent) as pool:
        waiting: dict[Future[Done], None] = {
            pool.submit(_do, job): None for job in islice(found, jobs)
        }
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for each in [future for future in waiting if future in ended]:
                    del waiting[each]
                    for job in islice(found, 1):
                        waiting[pool.submit(_do, job)] = None
                    yield each.result()
        finally:
            # What runs still is of no use to anybody; a pool would wait for it.
            for process in list(getattr(pool, "_processes", {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)


def _follow_parent() -> None:
    """Leave Ctrl-C to the process that people started, and end when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's processes wait for work for ever, also when who gives it was killed."""
    parent = parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(EX_FAILED)


def _do(job: Job) -> Done:
    started = time.monotonic()
    outcome = run(job.scenario, job.seed)
    return Done(job=job, outcome=outcome, wall_seconds=time.monotonic() - started)


def _print_summary(done: list[Done]) -> None:
    columns = (
        "SCENARIO",
        "SEED",
        "LAWS",
        "HOURS",
        "EVENTS",
        "LAUNCHED",
        "FINISHED",
        "ELECTIONS",
        "FAULTS",
        "AGREED",
        "TOOK",
        "TRACE",
    )
    print_table(columns, (_row(one) for one in done))
    hours = sum(one.outcome.statistics.seconds for one in done) / 3600
    took = sum(one.wall_seconds for one in done)
    broken = sum(one.outcome.violation is not None for one in done)
    speed = hours / took if took else 0.0
    print(
        f"{len(done)} runs, {broken} with a broken law; {hours:.2f} virtual hours in"
        f" {took:.1f} s of work, {speed:.3f} a second"
    )


def _row(one: Done) -> tuple[str, ...]:
    outcome, counted = one.outcome, one.outcome.statistics
    agreed = "-" if counted.agreed_after is None else f"{counted.agreed_after:.0f}s"
    return (
        one.job.name,
        str(one.job.seed),
        "kept" if outcome.violation is None else outcome.violation.law,
        f"{counted.seconds / 3600:.2f}",
        str(counted.events),
        str(counted.tasks_launched),
        str(counted.tasks_finished),
        str(counted.elections),
        str(counted.faults),
        agreed,
        f"{one.wall_seconds:.1f}s",
        outcome.fingerprint[:12],
    )


def _described(one: Done) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "scenario": one.job.name,
        "seed": one.job.seed,
        "violation": msgspec.to_builtins(outcome.violation),
        "statistics": msgspec.to_builtins(outcome.statistics),
        "fingerprint": outcome.fingerprint,
        "wall_seconds": round(one.wall_seconds, 3),
    }


def _tell_of(
    one: Done, shrunk_dir: Path | None, *, as_json: bool, is_printed: bool
) -> dict[str, Any]:
    """Say what was broken and how to see it again; shrink it if that is wanted."""
    violation = one.outcome.violation
    assert violation is not None
    say = sys.stderr if as_json else sys.stdout

    def tell(line: str) -> None:
        print(line, file=say, flush=True)

    tell(f"seed {one.job.seed} of {one.job.name} breaks a law: {violation.law}")
    tell(f"  at {violation.at:.3f} s, {violation.where}: {violation.what}")
    tell(f"  again: {one.job.command} --no-shrink")
    told: dict[str, Any] = {"again": one.job.command}
    if shrunk_dir is None:
        return told
    until = time.monotonic() + SHRINK_SECONDS
    shrinking = Shrinking(
        one.outcome, told=_Told(say).tell, is_time_up=lambda: time.monotonic() >= until
    )
    smallest = shrinking.run()
    assert smallest.violation is not None
    path = shrunk_dir / f"{Path(one.job.name).stem}-{one.job.seed}.toml"
    command = f"tepui sim run {shlex.quote(str(path))} --seed {smallest.seed} --no-shrink"
    note = f"Shrunk from: {one.job.command}\nRun it by: {command}\n" + (
        f"Breaks: {violation.law}: {smallest.violation.where}: {smallest.violation.what}"
    )
    text = write_scenario(smallest.scenario, note)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
    left = smallest.scenario
    tell(
        f"  shrunk in {shrinking.runs} runs to {len(left.faults)} faults, {left.agent_count}"
        f" agents, {left.framework_count} frameworks and {left.cluster.masters} masters:"
    )
    for fault in left.faults:
        tell(f"    {fault.at:g} s {fault.kind.value} {fault.target} {fault.to}".rstrip())
    tell(
        f"  then at {smallest.violation.at:.3f} s, {smallest.violation.where}:"
        f" {smallest.violation.what}"
    )
    tell(f"  again: {command}")
    if is_printed:
        tell(text)
    return {**told, "shrunk": str(path), "runs": shrinking.runs}


class _Told:
    """Shows on a terminal how far a search is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def tell(self, runs: int, smallest: Outcome) -> None:
        """Tell of a smaller one."""
        if self._stream.isatty():
            left = smallest.scenario
            print(f"  … {runs} runs: {len(left.faults)} faults left", file=self._stream)


class _Bar:
    """A progress bar on a terminal: of one run, of many, or of the time; else nothing."""

    def __init__(self, total: int | None, until: float | None) -> None:
        self._progress: Any = None
        self._total = total
        self._until = until
        self._begun = time.monotonic()
        self._counted = 0
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                TextColumn("tepui sim"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
            )
            self._id = self._progress.add_task("starting", total=1.0)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, job: Job) -> None:
        """Say which run begins."""
        self._show(self._share(0.0), f"{job.name} {job.seed}")

    def progress(self, share: float, counted: Statistics) -> None:
        """Say how far a run is."""
        what = (
            f"{counted.seconds:.0f} s, {counted.events} events, {counted.tasks_launched} tasks,"
            f" {counted.faults} faults"
        )
        self._show(self._share(share), what)

    def count(self, one: Done) -> None:
        """Say that a run is over."""
        self._counted += 1
        self._show(self._share(0.0), f"{self._counted} runs; last {one.job.name} {one.job.seed}")

    def _share(self, of_run: float) -> float:
        if self._until is not None:
            return (time.monotonic() - self._begun) / max(0.001, self._until - self._begun)
        return (self._counted + of_run) / (self._total or 1)

    def _show(self, share: float, what: str) -> None:
        if self._progress is not None:
            self._progress.update(self._id, completed=min(1.0, share), description=what)
