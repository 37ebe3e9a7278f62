"""A framework of the soak: keeps so many tasks running, and its ledger whatever happens.

Run as ``python -m tests.soak.framework``. It tells of itself in lines of JSON on standard output,
ends with its standard input, and launches no more once a line ``settle`` comes there.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import random
import shlex
import sys
import time
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path

import msgspec
from tests.soak.ledger import LAUNCHED, TERMINAL, Entry, Ledger
from tests.soak.machine import TASK_VARIABLE
from tests.soak.pace import pause

from tepui.messages import AgentID, FrameworkID, FrameworkInfo, Offer, TaskID, TaskInfo
from tepui.messages.scheduler import Event
from tepui.resources import Resources, parse_resources
from tepui.sdk import (
    Backoff,
    CallRejected,
    NotSubscribed,
    SchedulerClient,
    Unreachable,
    command_task,
)
from tepui.telemetry import logs

CPUS, MEM = 0.1, 1.0
LONG_SECONDS = 100_000.0
SHORT_SECONDS = (4.0, 12.0)
PLANS = ["exit 0"] * 8 + ["exit 3", "signal 9"]
LONG_SHARE = 0.6
"""Of the tasks that run at a time; these run until the end."""

LAUNCHES_MAX = 25
"""In one ACCEPT, so that there are many."""

TICK_SECONDS = 1.0
SILENCE_SECONDS = 6.0
"""After so long without news of a task that has not started, the master is asked."""

KILLS_PER_TICK_MAX = 2
NO_MORE_SECONDS = 10_000.0


def command(entry: Entry, starts: Path) -> str:
    """Return what a task does: say that it has started, and end as planned."""
    said = f"echo {entry.id} >> {shlex.quote(str(starts))}"
    match entry.plan:
        case "long" | "exit 0":
            return f"{said}; exec sleep {entry.seconds:.1f}"
        case "signal 9":
            return f"{said}; sleep {entry.seconds:.1f}; kill -9 $$"
        case plan:
            return f"{said}; sleep {entry.seconds:.1f}; {plan}"


class Framework:
    """Keeps tasks running."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._rng = random.Random(f"{options.seed}/{options.name}/{os.getpid()}")
        self._ledger = Ledger(Path(options.ledger))
        self._live = {entry.id: entry for entry in self._ledger.entries(only_live=True)}
        self._count = self._ledger.count()
        self._is_settling = False
        self._was_quiet = False
        self._offers: dict[str, Offer] = {}
        self._cost = parse_resources(f"cpus:{CPUS};mem:{MEM}")
        # An answer to a launch, and the question after it, never overtake each other.
        self._calling = asyncio.Lock()
        self._client = SchedulerClient(
            options.zk,
            self._info(),
            backoff=Backoff(first_seconds=0.1, max_seconds=1.0),
        )

    def _info(self) -> FrameworkInfo:
        framework_id = self._ledger.framework_id()
        kind = FrameworkInfo.Capability
        names = ["MULTI_ROLE", "RESERVATION_REFINEMENT"]
        if self._options.partition_aware:
            names.append("PARTITION_AWARE")
        return FrameworkInfo(
            user=getpass.getuser(),
            name=self._options.name,
            id=None if framework_id is None else FrameworkID(value=framework_id),
            roles=["*"],
            failover_timeout=3600.0,
            checkpoint=True,
            capabilities=[kind(type=kind.Type[name]) for name in names],
        )

    async def run(self) -> None:
        """Work until standard input ends."""
        async with self._client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._listen()), group.create_task(self._tick())]
            await self._obey()
            for task in tasks:
                task.cancel()
        self._ledger.close()

    async def _obey(self) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            if line.strip() == b"settle":
                self._is_settling = True
                async with self._calling:
                    await self._decline(list(self._offers.values()))
                self._tell()

    async def _listen(self) -> None:
        async for event in self._client:
            match event:
                case Event.Subscribed(framework_id=framework_id):
                    self._offers.clear()
                    assert framework_id is not None
                    self._ledger.subscribed(framework_id.value)
                    async with self._calling:
                        await self._reconcile(list(self._live.values()))
                    self._tell("subscribed")
                case Event.Offers(offers=offers):
                    self._offers.update((offer.id.value, offer) for offer in offers)
                    async with self._calling:
                        await self._use_offers()
                case Event.Rescind(offer_id=offer_id):
                    self._offers.pop(offer_id.value, None)
                case Event.Update():
                    self._on_update(event)
                case _:
                    pass

    def _on_update(self, event: Event.Update) -> None:
        status = event.status
        self._ledger.heard(status)
        entry = self._live.get(status.task_id.value)
        if entry is None:
            return
        state = status.state.value
        self._live[entry.id] = entry._replace(state=state, changed_at=time.time())
        if state in TERMINAL:
            del self._live[entry.id]
        self._tell_if_quiet()

    async def _tick(self) -> None:
        while True:
            await pause(TICK_SECONDS)
            async with self._calling:
                silent = time.time() - SILENCE_SECONDS
                await self._reconcile(
                    entry
                    for entry in list(self._live.values())
                    if entry.changed_at < silent and entry.state != "TASK_RUNNING"
                )
                await self._kill_again()
                if not self._is_settling:
                    await self._kill_some()
                    await self._use_offers()
            self._tell()

    # -- calls; who makes them holds the lock --

    async def _use_offers(self) -> None:
        for offer_id in list(self._offers):
            # It may be rescinded while another one is used.
            offer = self._offers.pop(offer_id, None)
            if offer is None:
                continue
            wanted = [] if self._is_settling else list(self._fitting(offer))
            if wanted:
                await self._launch(offer, wanted)
            else:
                await self._decline([offer])

    def _fitting(self, offer: Offer) -> Iterator[Entry]:
        """Give the tasks for an offer, one after the other."""
        long = sum(entry.plan == "long" for entry in self._live.values())
        missing = self._options.tasks - len(self._live)
        free = Resources.from_messages(offer.resources).unallocated()
        for number in range(min(missing, LAUNCHES_MAX)):
            if not free.contains(self._cost):
                return
            free -= self._cost
            is_long = long < self._options.tasks * LONG_SHARE
            long += is_long
            now = time.time()
            yield Entry(
                id=f"{self._options.name}-{self._count + number + 1}",
                agent_id=offer.agent_id.value,
                plan="long" if is_long else self._rng.choice(PLANS),
                seconds=LONG_SECONDS if is_long else self._rng.uniform(*SHORT_SECONDS),
                launched_at=now,
                killed_at=None,
                state=LAUNCHED,
                reason=None,
                message=None,
                changed_at=now,
            )

    async def _launch(self, offer: Offer, entries: list[Entry]) -> None:
        self._ledger.launching(entries)
        self._count += len(entries)
        self._live.update((entry.id, entry) for entry in entries)
        try:
            await self._client.launch(
                [offer], [self._task(offer, entry) for entry in entries], refuse_seconds=0.0
            )
        except (NotSubscribed, Unreachable, CallRejected) as error:
            # Whether they run is asked later.
            for entry in entries:
                self._ledger.note(entry.id, f"ACCEPT failed: {error}")

    def _task(self, offer: Offer, entry: Entry) -> TaskInfo:
        task = command_task(
            entry.id,
            command(entry, Path(self._options.starts)),
            cpus=CPUS,
            mem=MEM,
            environment={TASK_VARIABLE: entry.id},
        )
        return msgspec.structs.replace(task, agent_id=offer.agent_id)

    async def _decline(self, offers: list[Offer]) -> None:
        for offer in offers:
            self._offers.pop(offer.id.value, None)
        seconds = NO_MORE_SECONDS if self._is_settling else TICK_SECONDS
        if offers:
            await self._try("DECLINE", self._client.decline(offers, refuse_seconds=seconds))

    async def _reconcile(self, entries: Iterable[Entry]) -> None:
        asked = [(TaskID(value=entry.id), AgentID(value=entry.agent_id)) for entry in entries]
        if asked:
            await self._try(f"RECONCILE of {len(asked)}", self._client.reconcile(asked))

    async def _kill_some(self) -> None:
        live = [entry for entry in self._live.values() if entry.killed_at is None]
        count = min(len(live), self._rng.randint(0, KILLS_PER_TICK_MAX))
        for entry in self._rng.sample(live, count):
            await self._kill(entry)

    async def _kill_again(self) -> None:
        """A KILL may be lost; whoever is to die does."""
        silent = time.time() - SILENCE_SECONDS
        for entry in list(self._live.values()):
            if entry.killed_at is not None and entry.killed_at < silent:
                await self._kill(entry)

    async def _kill(self, entry: Entry) -> None:
        self._ledger.killing(entry.id)
        # What is heard of it meanwhile stays.
        self._live[entry.id] = entry._replace(killed_at=time.time())
        kill = self._client.kill(TaskID(value=entry.id), AgentID(value=entry.agent_id))
        await self._try(f"KILL of {entry.id}", kill)

    async def _try(self, what: str, call: Awaitable[None]) -> None:
        """Make a call that may be lost: the next tick, or the next subscription, makes it good."""
        try:
            await call
        except (NotSubscribed, Unreachable, CallRejected) as error:
            self._ledger.note("", f"{what} failed: {error}")

    # -- words --

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing is under way, and all that is left runs for ever."""
        return self._is_settling and all(
            entry.state == "TASK_RUNNING" and entry.plan == "long" and entry.killed_at is None
            for entry in self._live.values()
        )

    def _tell_if_quiet(self) -> None:
        if self._is_quiet != self._was_quiet:
            self._tell()

    def _tell(self, event: str = "progress") -> None:
        self._was_quiet = self._is_quiet
        running = sum(entry.state == "TASK_RUNNING" for entry in self._live.values())
        said = {
            "event": event,
            "launched": self._count,
            "live": len(self._live),
            "running": running,
            "quiet": self._was_quiet,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zk", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--starts", required=True, help="file to which each task adds its id")
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--partition_aware", action="store_true")
    # Standard output is for what we tell.
    logs.configure(level="INFO", quiet=False, log_file=None, as_json=True)
    asyncio.run(Framework(parser.parse_args()).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
