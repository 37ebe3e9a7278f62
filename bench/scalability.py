"""Does a task start as soon on a cluster of 50,000 agents as on one of 1,000?

The experiment of the Mesos paper (6.5, "Scalability"), on one machine. Emulated agents (the real
core and link by the thousand) have room for one task each; 200 frameworks keep all of them busy
with tasks that sleep 30 ± 10 s. Then one more framework comes, again and again: it subscribes,
waits for an offer, launches a task of 10 s, and goes when that has finished. Its overhead is all
the time beyond these 10 s, from opening its connection to reading TASK_FINISHED. The paper's
cluster was 99 machines of EC2, and the overhead stayed below one second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.curves import Curve, Limit, draw_curves
from bench.framework import Calls, Stream, post
from bench.processes import (
    Process,
    cpu_seconds,
    master,
    resident_mb,
    started,
    waited_seconds,
    workspace,
)
from bench.report import Goal, publish
from tepui.codec import json as codec
from tepui.messages import (
    CommandInfo,
    Filters,
    FrameworkID,
    FrameworkInfo,
    Offer,
    TaskID,
    TaskInfo,
    TaskState,
)
from tepui.messages.scheduler import Call, Event
from tepui.resources import parse_resources

PUBLISHED_SECONDS = 1.0
SLOT = "cpus:1;mem:1024"
SIZES = "1000,5000,10000,25000,50000"
QUICK = {"sizes": "200,1000", "probes": 3, "mean_seconds": 4.0, "spread_seconds": 1.0}
OPEN_FILES = 4096
CAPABILITIES = [
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.RESERVATION_REFINEMENT),
]
PICTURE = Path(__file__).parents[1] / "docs" / "performance" / "scalability.svg"
Operation = Offer.Operation
Done = asyncio.Future[None]


class Lap(msgspec.Struct):
    """When a probe got how far, in seconds since it began."""

    subscribed: float = 0.0
    offered: float = 0.0
    running: float = 0.0
    finished: float = 0.0


class Probe:
    """A framework for one task."""

    def __init__(self, number: int, address: str, seconds: float) -> None:
        self.lap = Lap()
        self._number = number
        self._address = address
        self._seconds = seconds
        self._calls = Calls()
        self._framework_id: FrameworkID | None = None
        self._stream: Stream
        self._began = 0.0
        self._done: Done = asyncio.get_running_loop().create_future()

    async def run(self) -> Lap:
        """Come, run the task, and go."""
        loop = asyncio.get_running_loop()
        host, _, port = self._address.rpartition(":")
        info = FrameworkInfo(
            user="root", name=f"probe-{self._number}", roles=["*"], capabilities=CAPABILITIES
        )
        call = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
        request = post(self._address, codec.encode(call))
        self._began = time.perf_counter()
        await self._calls.open(host, int(port), 2)
        transport, self._stream = await loop.create_connection(
            lambda: Stream(request, self._on_event), host, int(port)
        )
        await self._done
        self._call(Call.Type.TEARDOWN)
        await asyncio.sleep(0.1)
        transport.close()
        return self.lap

    def _call(self, kind: Call.Type, **body: Any) -> None:
        call = Call(type=kind, framework_id=self._framework_id, **body)
        self._calls.send(post(self._address, codec.encode(call), self._stream.stream_id))

    def _passed(self) -> float:
        return time.perf_counter() - self._began

    def _on_event(self, event: Event) -> None:
        if event.subscribed is not None:
            self.lap.subscribed = self._passed()
            self._framework_id = event.subscribed.framework_id
        elif event.offers is not None:
            self._on_offers(event.offers.offers)
        elif event.update is not None:
            status = event.update.status
            if status.uuid is not None:
                assert status.agent_id is not None
                acknowledge = Call.Acknowledge(
                    agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
                )
                self._call(Call.Type.ACKNOWLEDGE, acknowledge=acknowledge)
            if status.state is TaskState.TASK_RUNNING:
                self.lap.running = self._passed()
            elif status.state is TaskState.TASK_FINISHED:
                self.lap.finished = self._passed()
                self._done.set_result(None)
            elif status.state is not TaskState.TASK_STARTING:
                self._done.set_exception(RuntimeError(f"{status.state}: {status.message}"))

    def _on_offers(self, offers: list[Offer]) -> None:
        """Take the first; the rest, and all that comes later, is for others."""
        others = offers
        if not self.lap.offered:
            self.lap.offered = self._passed()
            self._launch(offers[0])
            others = offers[1:]
            self._call(Call.Type.SUPPRESS)
        if others:
            decline = Call.Decline(
                offer_ids=[each.id for each in others], filters=Filters(refuse_seconds=3600.0)
            )
            self._call(Call.Type.DECLINE, decline=decline)

    def _launch(self, offer: Offer) -> None:
        words = ["sleep", f"{self._seconds:g}"]
        task = TaskInfo(
            name="probe",
            task_id=TaskID(value="probe"),
            agent_id=offer.agent_id,
            resources=parse_resources(SLOT).to_messages(),
            command=CommandInfo(shell=False, value=words[0], arguments=words),
        )
        launch = Operation(type=Operation.Type.LAUNCH, launch=Operation.Launch(task_infos=[task]))
        accept = Call.Accept(offer_ids=[offer.id], operations=[launch])
        self._call(Call.Type.ACCEPT, accept=accept)


async def probe(options: argparse.Namespace, address: str) -> list[Lap]:
    """Send one probe after the other, each without waiting for the last."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number in range(options.probes):
            if number:
                await asyncio.sleep(options.probe_every_seconds)
            tasks.append(group.create_task(Probe(number, address, options.probe_seconds).run()))
    return [task.result() for task in tasks]


class Watch:
    """What the processes and frameworks do from now on."""

    def __init__(self, processes: dict[str, Process], crowd: Process) -> None:
        self._processes = processes
        self._crowd = crowd
        self._before = self._look()

    def _look(self) -> dict[str, float]:
        self._crowd.say("how is it?")
        said = self._crowd.next_line()
        found = {"at": time.perf_counter(), **{k: v for k, v in said.items() if k != "event"}}
        for name, process in self._processes.items():
            found[f"{name}_cpu"] = cpu_seconds(process.pid)
            found[f"{name}_waited"] = waited_seconds(process.pid)
        return found

    def result(self) -> dict[str, Any]:
        """Return rates, and percents of one processor."""
        after = self._look()
        passed = {name: after[name] - self._before[name] for name in after}
        seconds = passed["at"]
        if passed["ended_badly"]:
            raise RuntimeError(f"{passed['ended_badly']:g} tasks ended badly")
        row: dict[str, Any] = {
            "launches_per_second": round(passed["launched"] / seconds),
            "running_mean": round(passed["task_seconds"] / passed["seconds"]),
        }
        for name in self._processes:
            row[f"{name}_percent"] = round(passed[f"{name}_cpu"] / seconds * 100)
        row["master_waited_percent"] = round(passed["master_waited"] / seconds * 100)
        return row


def measure(options: argparse.Namespace, size: int) -> dict[str, Any]:
    """Build a busy cluster of one size, and probe it."""
    began = time.perf_counter()

    def passed() -> float:
        return round(time.perf_counter() - began, 1)

    mean = options.mean_seconds
    with workspace() as directory, cluster(options, size, directory) as (processes, address):
        registered = passed()
        arguments = (
            f"--master={address}",
            f"--agents={size}",
            f"--frameworks={options.frameworks}",
            f"--resources={SLOT}",
            f"--mean_seconds={mean}",
            f"--spread_seconds={options.spread_seconds}",
        )
        with started("bench.crowd", *arguments, log=directory / "crowd.log") as crowd:
            crowd.next_line()
            busy = passed()
            time.sleep(options.settle_seconds)
            watch = Watch(processes | {"frameworks": crowd}, crowd)
            laps = uvloop.run(probe(options, address))
            load = watch.result()
        memory = round(resident_mb(processes["master"].pid))
    overheads = [lap.finished - options.probe_seconds for lap in laps]
    return {
        "agents": size,
        "task_seconds": mean,
        "overhead_mean_ms": _mean_ms(overheads),
        "overhead_min_ms": round(min(overheads) * 1000, 1),
        "overhead_max_ms": round(max(overheads) * 1000, 1),
        "to_offer_ms": _mean_ms([lap.offered for lap in laps]),
        "to_running_ms": _mean_ms([lap.running for lap in laps]),
        **load,
        "busy_percent": round(load["running_mean"] / size * 100, 1),
        "master_mb": memory,
        "registered_after_seconds": registered,
        "busy_after_seconds": busy,
    }


@contextlib.contextmanager
def cluster(
    options: argparse.Namespace, size: int, directory: Path
) -> Iterator[tuple[dict[str, Process], str]]:
    """Run a master and its agents for as long as the block lasts."""
    with master(directory) as (running, address):
        arguments = (
            f"--master={address}",
            f"--agents={size}",
            f"--agents_per_link={options.agents_per_link}",
            f"--resources={SLOT}",
        )
        with started("bench.emulated", *arguments, log=directory / "agents.log") as agents:
            agents.next_line()
            yield {"master": running, "agents": agents}, address


def _mean_ms(seconds: list[float]) -> float:
    return round(sum(seconds) / len(seconds) * 1000, 1)


def picture(rows: list[dict[str, Any]]) -> str:
    """Return the overhead against the number of agents as an SVG picture."""

    def pick(name: str) -> list[tuple[float, float]]:
        return [(row["agents"], row[name] / 1000) for row in rows]

    return draw_curves(
        "Overhead of a 10 s task on a busy cluster",
        [
            Curve(name="longest", color="#d95f02", points=pick("overhead_max_ms"), is_thin=True),
            Curve(name="mean", color="#1b9e77", points=pick("overhead_mean_ms")),
            Curve(name="shortest", color="#7570b3", points=pick("overhead_min_ms"), is_thin=True),
        ],
        x_name="agents",
        y_name="seconds",
        limit=Limit(PUBLISHED_SECONDS, "published for Mesos: below"),
    )


def raise_open_files() -> None:
    """Let this process and those it starts have a connection for each framework."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Measure, print a table, write the results, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="numbers of agents")
    parser.add_argument("--frameworks", type=int, default=200)
    parser.add_argument("--mean_seconds", type=float, default=30.0, help="of the tasks")
    parser.add_argument("--spread_seconds", type=float, default=10.0)
    parser.add_argument("--settle_seconds", type=float, default=3.0)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--probe_seconds", type=float, default=10.0)
    parser.add_argument("--probe_every_seconds", type=float, default=1.3)
    parser.add_argument("--agents_per_link", type=int, default=1000)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--quick", action="store_true", help="two small sizes and short tasks")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK, picture=None)
    raise_open_files()
    load = os.getloadavg()
    rows = []
    for size in [int(each) for each in options.sizes.split(",")]:
        rows.append(measure(options, size))
        print(f"{size} agents: {rows[-1]['overhead_mean_ms']} ms", flush=True)
    goals = [
        Goal(
            what=f"overhead with {row['agents']} agents, the mean",
            value=row["overhead_mean_ms"] / 1000,
            limit=PUBLISHED_SECONDS,
            unit="s",
        )
        for row in rows
    ]
    parameters = {key: value for key, value in vars(options).items() if key != "picture"}
    publish("scalability", rows, goals=goals, parameters=parameters, load_before=load)
    if options.picture is not None:
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        options.picture.write_text(picture(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
