"""Many frameworks in one process, which keep a whole cluster busy over real HTTP.

Each has a stream of its own and launches a task on whatever is offered to it; tasks sleep for a
random while, and every status is acknowledged. What they send is put together from text, and of
what they hear only what they need is read: what is measured is the master. Run as ``python -m
bench.crowd --master=HOST:PORT --agents=N`` by ``bench.scalability``: says ``busy`` when nearly
every agent has its task, or that took too long to wait for; answers each line on its standard
input with where it stands, and ends with that.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import os
import random
import sys
import time
from typing import Any

import httptools
import msgspec
import uvloop

from bench.framework import RECORD_BYTES_MAX, Calls, post
from tepui.codec import json as codec
from tepui.codec.recordio import Decoder
from tepui.messages import FrameworkInfo
from tepui.messages.scheduler import Call

BUSY_PART = 0.95
SUBSCRIBED_PER_TURN = 20
CONNECTIONS = 32
CAPABILITIES = [
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.RESERVATION_REFINEMENT),
]
TERMINAL = frozenset(
    f"TASK_{end}"
    for end in ("FINISHED", "FAILED", "ERROR", "LOST", "DROPPED", "KILLED", "GONE", "UNREACHABLE")
)


class Id(msgspec.Struct, gc=False):
    """Any of the ids."""

    value: str


class Offer(msgspec.Struct, gc=False):
    """What has to be known of an offer when all agents and tasks are of one size."""

    id: Id
    agent_id: Id


class Offers(msgspec.Struct, gc=False):
    """The body of OFFERS."""

    offers: list[Offer] = []


class Status(msgspec.Struct, gc=False):
    """What has to be known of a status."""

    task_id: Id
    state: str
    agent_id: Id | None = None
    uuid: str | None = None
    message: str = ""


class Update(msgspec.Struct, gc=False):
    """The body of UPDATE."""

    status: Status


class Subscribed(msgspec.Struct, gc=False):
    """The body of SUBSCRIBED."""

    framework_id: Id


class Event(msgspec.Struct, gc=False):
    """What has to be known of an event."""

    type: str
    offers: Offers | None = None
    update: Update | None = None
    subscribed: Subscribed | None = None


decode = msgspec.json.Decoder(Event).decode


class Sleeps:
    """How long tasks sleep: even between ``mean`` less and plus ``spread``.

    The first on each agent sleep as long as is left, at any moment, of tasks that have always
    been running: the cluster is from the start as it would be after hours.
    """

    def __init__(self, mean: float, spread: float, agents: int) -> None:
        self._low, self._high = mean - spread, mean + spread
        self._first = agents
        self._random = random.Random(1)

    def next(self) -> float:
        """Return the seconds of the next task."""
        seconds = self._random.uniform(self._low, self._high)
        if self._first <= 0:
            return seconds
        self._first -= 1
        # The longer a task, the likelier it is that a moment falls into it.
        while self._random.random() * self._high > seconds:
            seconds = self._random.uniform(self._low, self._high)
        return seconds * self._random.random()


class Crowd:
    """All the frameworks, and what they count together."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.address: str = options.master
        self.calls = Calls()
        self.sleeps = Sleeps(options.mean_seconds, options.spread_seconds, options.agents)
        self.launched = 0
        self.running = 0
        self.finished = 0
        self.ended_badly = 0
        self.subscribed = asyncio.Semaphore(0)
        self._busy_at = int(options.agents * BUSY_PART)
        self._busy_seconds = 0.0
        self._changed_at = time.perf_counter()
        self._is_busy = False
        self._began = self._changed_at

    def be_busy(self) -> None:
        """Say once that the cluster is as busy as it gets."""
        if not self._is_busy:
            self._is_busy = True
            self.tell("busy")

    def count(self, change: int) -> None:
        """Note that a task runs, or does no more."""
        now = time.perf_counter()
        self._busy_seconds += self.running * (now - self._changed_at)
        self._changed_at = now
        self.running += change
        if self.running >= self._busy_at:
            self.be_busy()

    def tell(self, event: str) -> None:
        """Say where things stand."""
        self._busy_seconds += self.running * (time.perf_counter() - self._changed_at)
        self._changed_at = time.perf_counter()
        said = {
            "event": event,
            "seconds": self._changed_at - self._began,
            "launched": self.launched,
            "running": self.running,
            "task_seconds": self._busy_seconds,
            "finished": self.finished,
            "ended_badly": self.ended_badly,
            "calls": self.calls.made,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


class Member(asyncio.Protocol):
    """One framework: its stream, and what it does about each event."""

    def __init__(self, number: int, crowd: Crowd) -> None:
        self._crowd = crowd
        self._number = number
        self._parser: Any = httptools.HttpResponseParser(self)
        self._records = Decoder(RECORD_BYTES_MAX)
        self._tasks = 0
        self._head = ""
        self._stream_id = ""
        self._running: dict[str, None] = {}
        resources = [
            {"name": name, "type": "SCALAR", "scalar": {"value": float(amount)}}
            for name, amount in (part.split(":") for part in crowd.options.resources.split(";"))
        ]
        self._resources = json.dumps(resources)

    # The transport's and the parser's callbacks.

    def connection_made(self, transport: Any) -> None:
        info = FrameworkInfo(
            user="root", name=f"crowd-{self._number}", roles=["*"], capabilities=CAPABILITIES
        )
        call = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
        transport.write(post(self._crowd.address, codec.encode(call)))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._crowd.options.is_over:
            sys.stderr.write(f"the stream of framework {self._number} has ended: {exc}\n")

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"mesos-stream-id":
            self._stream_id = value.decode()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            raise RuntimeError(f"the subscription was answered with {status}")

    def on_body(self, body: bytes) -> None:
        for record in self._records.feed(body):
            self._on_event(decode(record))

    # Steps.

    def _on_event(self, event: Event) -> None:
        if event.update is not None:
            self._on_update(event.update.status)
        elif event.offers is not None:
            for offer in event.offers.offers:
                self._accept(offer)
        elif event.subscribed is not None:
            self._head = f'{{"framework_id":{{"value":"{event.subscribed.framework_id.value}"}}'
            self._crowd.subscribed.release()

    def _on_update(self, status: Status) -> None:
        crowd = self._crowd
        task_id = status.task_id.value
        if status.uuid is not None:
            assert status.agent_id is not None
            self._call(
                f'{self._head},"type":"ACKNOWLEDGE","acknowledge":{{"agent_id":{{"value":"'
                f'{status.agent_id.value}"}},"task_id":{{"value":"{task_id}"}},"uuid":"'
                f'{status.uuid}"}}}}'
            )
        if status.state == "TASK_RUNNING":
            if task_id not in self._running:
                self._running[task_id] = None
                crowd.count(1)
        elif status.state in TERMINAL:
            crowd.finished += 1
            if status.state != "TASK_FINISHED":
                crowd.ended_badly += 1
                sys.stderr.write(f"{status.state}: {status.message}\n")
            if self._running.pop(task_id, task_id) is None:
                crowd.count(-1)

    def _accept(self, offer: Offer) -> None:
        self._crowd.launched += 1
        self._tasks += 1
        seconds = f"{self._crowd.sleeps.next():.3f}"
        self._call(
            f'{self._head},"type":"ACCEPT","accept":{{"offer_ids":[{{"value":"{offer.id.value}"}}],'
            f'"filters":{{"refuse_seconds":0}},"operations":[{{"type":"LAUNCH","launch":{{'
            f'"task_infos":[{{"name":"t","task_id":{{"value":"t{self._tasks}"}},"agent_id":'
            f'{{"value":"{offer.agent_id.value}"}},"resources":{self._resources},"command":'
            f'{{"shell":false,"value":"sleep","arguments":["sleep","{seconds}"]}}}}]}}}}]}}}}'
        )

    def _call(self, body: str) -> None:
        crowd = self._crowd
        crowd.calls.send(post(crowd.address, body.encode(), self._stream_id))


async def keep_busy(options: argparse.Namespace) -> None:
    """Subscribe all, and work until standard input ends."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    crowd = Crowd(options)
    host, _, port = crowd.address.rpartition(":")
    await crowd.calls.open(host, int(port), CONNECTIONS)

    def on_input() -> None:
        read = os.read(0, 4096)
        for _ in range(read.count(b"\n")):
            crowd.tell("here")
        if not read:
            loop.remove_reader(0)
            over.set()

    loop.add_reader(0, on_input)
    for first in range(0, options.frameworks, SUBSCRIBED_PER_TURN):
        numbers = range(first, min(first + SUBSCRIBED_PER_TURN, options.frameworks))
        for number in numbers:
            await loop.create_connection(functools.partial(Member, number, crowd), host, int(port))
        for _ in numbers:
            await crowd.subscribed.acquire()
    gc.collect()
    gc.freeze()
    loop.call_later(options.patience_seconds, crowd.be_busy)
    await over.wait()
    options.is_over = True


def main() -> int:
    """Read the command line and keep the cluster busy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="host:port")
    parser.add_argument("--agents", type=int, required=True, help="how many the cluster has")
    parser.add_argument("--frameworks", type=int, default=200)
    parser.add_argument("--resources", default="cpus:1;mem:1024", help="of one task: an agent's")
    parser.add_argument("--mean_seconds", type=float, default=30.0)
    parser.add_argument("--spread_seconds", type=float, default=10.0)
    parser.add_argument(
        "--patience_seconds", type=float, default=120.0, help="until it is as busy as it gets"
    )
    parser.set_defaults(is_over=False)
    options = parser.parse_args()
    gc.set_threshold(50_000, 50, 100)
    uvloop.run(keep_busy(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
