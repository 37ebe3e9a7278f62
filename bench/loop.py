"""Is the master's event loop ever blocked, while a big cluster registers and its offers move?

Thousands of emulated agents register with one real master, for which many frameworks are
subscribed already; these decline all that they are offered, over and over. Meanwhile a probe asks
``GET /health`` every few milliseconds, and notes how long the answer takes: the longest is the
longest time for which the loop served nobody, plus what the kernel made the processes wait.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.framework import Calls, Stream, post
from bench.processes import cpu_seconds, master, started, waited_seconds, workspace
from bench.report import Goal, percentile, publish
from tepui.codec import json as codec
from tepui.messages import Filters, FrameworkID, FrameworkInfo
from tepui.messages.scheduler import Call, Event

GOAL_MS = 50.0
PROBE_SECONDS = 0.002
SUBSCRIBED_PER_TURN = 20
CAPABILITIES = [
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.RESERVATION_REFINEMENT),
]


class Probe(threading.Thread):
    """Asks for a trifle, again and again, on a connection and a thread of its own."""

    def __init__(self, address: str) -> None:
        super().__init__()
        host, _, port = address.rpartition(":")
        self.latencies: list[float] = []
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(PROBE_SECONDS):
            began = time.perf_counter()
            self._socket.sendall(self._request)
            if not self._socket.recv(65536):
                raise ConnectionError("the master hung up")
            self.latencies.append(time.perf_counter() - began)

    def take(self) -> list[float]:
        """Return what was measured since the last time."""
        taken, self.latencies = self.latencies, []
        return taken

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()
        self._socket.close()


class Decliner:
    """A framework that wants nothing, and says so in one call for each event."""

    def __init__(self, number: int, address: str, calls: Calls, refuse_seconds: float) -> None:
        self.offers = 0
        self._number = number
        self._address = address
        self._calls = calls
        self._filters = Filters(refuse_seconds=refuse_seconds)
        self._framework_id: FrameworkID | None = None
        self._stream: Stream
        self.subscribed = asyncio.Event()

    async def subscribe(self) -> None:
        """Open the stream and wait for its first event."""
        number = self._number
        info = FrameworkInfo(
            user="root",
            name=f"bench-{number}",
            roles=[f"org{number % 4}/team{number % 20}"],
            capabilities=CAPABILITIES,
        )
        call = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
        request = post(self._address, codec.encode(call))
        host, _, port = self._address.rpartition(":")
        _, self._stream = await asyncio.get_running_loop().create_connection(
            lambda: Stream(request, self._on_event), host, int(port)
        )
        await self.subscribed.wait()

    def _on_event(self, event: Event) -> None:
        if event.subscribed is not None:
            self._framework_id = event.subscribed.framework_id
            self.subscribed.set()
        elif event.offers is not None:
            offers = event.offers.offers
            self.offers += len(offers)
            decline = Call.Decline(offer_ids=[each.id for each in offers], filters=self._filters)
            call = Call(type=Call.Type.DECLINE, framework_id=self._framework_id, decline=decline)
            self._calls.send(post(self._address, codec.encode(call), self._stream.stream_id))


class Moment(msgspec.Struct):
    """Where the counts stood."""

    at: float
    offers: int
    cpu: float
    waited: float


async def measure(
    options: argparse.Namespace, address: str, pid: int, directory: Path
) -> list[dict[str, Any]]:
    """Subscribe, register, and watch both the storm and what follows."""
    calls = Calls()
    host, _, port = address.rpartition(":")
    await calls.open(host, int(port), 16)
    frameworks = [
        Decliner(number, address, calls, options.refuse_seconds)
        for number in range(options.frameworks)
    ]
    for first in range(0, len(frameworks), SUBSCRIBED_PER_TURN):
        await asyncio.gather(
            *(each.subscribe() for each in frameworks[first : first + SUBSCRIBED_PER_TURN])
        )

    def moment() -> Moment:
        offers = sum(each.offers for each in frameworks)
        return Moment(time.perf_counter(), offers, cpu_seconds(pid), waited_seconds(pid))

    probe = Probe(address)
    probe.start()
    rows = []
    try:
        before = moment()
        agents = (f"--master={address}", f"--agents={options.agents}")
        with started("bench.emulated", *agents, log=directory / "agents.log") as emulated:
            await asyncio.to_thread(emulated.next_line)
            after = moment()
            rows.append(row("agents register", probe.take(), before, after))
            before = after
            await asyncio.sleep(options.seconds)
            rows.append(row("offers are declined", probe.take(), before, moment()))
    finally:
        probe.stop()
    return rows


def row(what: str, latencies: list[float], before: Moment, after: Moment) -> dict[str, Any]:
    """Return one line of the table."""
    seconds = after.at - before.at
    return {
        "what": what,
        "seconds": round(seconds, 1),
        "probes": len(latencies),
        "median_ms": round(percentile(latencies, 0.5) * 1000, 2),
        "p99_ms": round(percentile(latencies, 0.99) * 1000, 2),
        "longest_ms": round(max(latencies, default=0.0) * 1000, 2),
        "offers_per_second": round((after.offers - before.offers) / seconds),
        "master_busy_percent": round((after.cpu - before.cpu) / seconds * 100),
        "master_waited_percent": round((after.waited - before.waited) / seconds * 100),
    }


def main() -> int:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--frameworks", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of declining")
    parser.add_argument("--refuse_seconds", type=float, default=5.0)
    options = parser.parse_args()
    load = os.getloadavg()
    with workspace() as directory, master(directory) as (running, address):
        rows = uvloop.run(measure(options, address, running.pid, directory))
    longest = max(each["longest_ms"] for each in rows)
    goals = [Goal(what="event loop blocked at most", value=longest, limit=GOAL_MS, unit="ms")]
    publish("loop", rows, goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
