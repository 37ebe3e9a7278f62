"""``python -m tests.soak --minutes 10 --seed 7``; docs/contributing/soak.md says what it does."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench import ensemble
from tests.soak.agreement import Difference, Judge, settled_books
from tests.soak.chaos import Chaos, plan
from tests.soak.ledger import Ledger
from tests.soak.pace import pause
from tests.soak.world import World, opened

from tepui.telemetry import logs

UP_SECONDS_MAX = 120.0
UP_SHARE = 0.95
"""Of the tasks; some end before others have begun."""

SETTLE_SECONDS_MAX = 120.0
AROUND_SECONDS = 30.0
"""What start and end take of the time that was given."""

CHAOS_SECONDS_MIN = 15.0
GAP_SECONDS = 2.5
STATUS_SECONDS = 5.0
TASKS_SHOWN_MAX = 12
LINES_SHOWN_MAX = 40


class Teller:
    """Says on standard output what happens, and when."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Say something."""
        print(f"{time.monotonic() - self._began:7.1f}  {text}", flush=True)


class Soak:
    """One run."""

    def __init__(self, world: World, options: argparse.Namespace) -> None:
        self.world = world
        self._options = options
        self._chaos = Chaos(world)

    async def run(self) -> list[Difference]:
        """Start, do harm, wait until all is quiet, and compare."""
        await self._come_up()
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_status())
            seconds = max(CHAOS_SECONDS_MIN, self._options.minutes * 60 - AROUND_SECONDS)
            acts = plan(random.Random(self._options.seed), seconds, GAP_SECONDS)
            await self._chaos.run(acts)
            await self._settle()
            telling.cancel()
        return await self._judge()

    async def _come_up(self) -> None:
        """Wait until all the tasks run."""
        async with asyncio.timeout(UP_SECONDS_MAX):
            for framework in self.world.frameworks:
                await framework.until(
                    lambda each: each.said.get("running", 0) >= each.tasks * UP_SHARE
                )
        self.world.say(self._status())

    async def _settle(self) -> None:
        self.world.say("nothing more is done; all is to settle")
        for framework in self.world.frameworks:
            framework.settle()
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                for program in self.world.programs:
                    await program.is_up.wait()
                for framework in self.world.frameworks:
                    await framework.until(lambda each: each.is_quiet)
        except TimeoutError:
            self.world.fault(f"not quiet after {SETTLE_SECONDS_MAX:g} s: {self._status()}")

    async def _judge(self) -> list[Difference]:
        books = await settled_books(self.world)
        if books is None:
            return [Difference("", "not all daemons answer")]
        judge = Judge(self.world, books)
        found = judge.differences()
        remembered = len(books.tasks.completed_tasks)
        self.world.say(
            f"compared {len(judge.entries)} tasks: {len(judge.running)} run, "
            f"{len(judge.entries) - len(judge.running)} have ended, of {remembered} of which the "
            f"leading master knows still: {len(found)} differences"
        )
        return found

    async def _tell_status(self) -> None:
        while True:
            await pause(STATUS_SECONDS)
            self.world.say(self._status())

    def _status(self) -> str:
        frameworks = self.world.frameworks
        running, launched = (
            sum(each.said.get(key, 0) for each in frameworks) for key in ("running", "launched")
        )
        leader = self.world.leader()
        return (
            f"{running} tasks run, {launched} were launched; "
            f"{sum(self._chaos.done.values())} blows; {leader.name if leader else 'nobody'} leads"
        )


def explain(world: World, differences: Sequence[Difference]) -> None:
    """Show what does not agree, task by task, with the history of each from ledgers and logs."""
    by_task: dict[str, list[str]] = defaultdict(list)
    for difference in differences:
        by_task[difference.task].append(difference.what)
    for task, whats in list(by_task.items())[:TASKS_SHOWN_MAX]:
        print(f"\n{task or 'in general'}:")
        for what in whats[:LINES_SHOWN_MAX]:
            print(f"  - {what}")
        if task:
            print("\n".join(history(world, task)))
    if len(by_task) > TASKS_SHOWN_MAX:
        print(f"\nand {len(by_task) - TASKS_SHOWN_MAX} more tasks")


def history(world: World, task: str) -> list[str]:
    """Return what the ledger and the logs say of a task."""
    lines: list[str] = []
    for framework in world.frameworks:
        if task.startswith(f"{framework.name}-"):
            ledger = Ledger(framework.ledger)
            lines += [f"    {at:.3f} {framework.name}: {what}" for at, what in ledger.history(task)]
            ledger.close()
    for log in sorted(world.directory.glob("*.log")):
        with log.open(encoding="utf-8", errors="replace") as file:
            said = [line.rstrip() for line in file if f'"{task}"' in line]
        lines += [f"    {log.stem}: {line}" for line in said[:LINES_SHOWN_MAX]]
    return lines


async def soak(options: argparse.Namespace, directory: Path) -> bool:
    """Run once; return whether all was well."""
    this = asyncio.current_task()
    assert this is not None
    # As Ctrl-C does, so that all is stopped.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    teller = Teller()
    teller.say(f"seed {options.seed}, {options.tasks} tasks, {directory}")
    differences: list[Difference] = []
    async with opened(directory, options.seed, options.tasks, teller.say) as world:
        differences = await Soak(world, options).run()
    if not differences and not world.faults:
        teller.say("all agree, and nothing is left over")
        return True
    explain(world, differences)
    for fault in world.faults:
        print(f"fault: {fault}")
    return False


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="about how long it takes")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--tasks", type=int, default=1000, help="that run at a time")
    parser.add_argument(
        "--if_possible", action="store_true", help="be content where there is no ZooKeeper"
    )
    options = parser.parse_args()
    if not ensemble.is_installed():
        print(f"no soak: {ensemble.MISSING}")
        return 0 if options.if_possible and not os.environ.get("TEPUI_NOTHING_SKIPS") else 1
    if options.seed is None:
        options.seed = secrets.randbits(32)
    logs.configure(level="ERROR", quiet=False, log_file=None, as_json=False)
    directory = Path(tempfile.mkdtemp(prefix="tepui-soak-")).resolve()
    is_well = False
    try:
        is_well = asyncio.run(soak(options, directory))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted")
        shutil.rmtree(directory)
        return 130
    finally:
        if is_well:
            shutil.rmtree(directory)
        elif directory.exists():
            print(f"seed {options.seed}; logs, ledgers and journals are in {directory}")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
