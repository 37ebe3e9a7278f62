"""A lean framework over real HTTP: one stream of events, and kept connections for its calls.

It speaks JSON and does what a framework has to do, so that what is measured is the master. Run
as ``python -m bench.framework --master=HOST:PORT --tasks=N`` by other benchmarks; says in lines
of JSON that it is ``warm``, and what it saw when it is ``done``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
import uvloop

from tepui.codec import json as codec
from tepui.codec.recordio import Decoder
from tepui.messages import (
    CommandInfo,
    Filters,
    FrameworkID,
    FrameworkInfo,
    Offer,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
)
from tepui.messages.scheduler import Call, Event
from tepui.resources import Resources, parse_resources

PATH = "/api/v1/scheduler"
RECORD_BYTES_MAX = 64 * 1024 * 1024
Operation = Offer.Operation
TERMINAL = (TaskState.TASK_FINISHED, TaskState.TASK_FAILED, TaskState.TASK_ERROR)


class Stream(asyncio.Protocol):
    """The subscription: bytes to events."""

    def __init__(self, request: bytes, on_event: Callable[[Event], None]) -> None:
        self.stream_id = ""
        self._request = request
        self._on_event = on_event
        self._parser: Any = httptools.HttpResponseParser(self)
        self._records = Decoder(RECORD_BYTES_MAX)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"mesos-stream-id":
            self.stream_id = value.decode()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            raise RuntimeError(f"the subscription was answered with {status}")

    def on_body(self, body: bytes) -> None:
        for record in self._records.feed(body):
            self._on_event(codec.decode(Event, record))


class Caller(asyncio.Protocol):
    """One kept connection with one call in flight."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        if not self._received.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(f"a call was answered with {self._received!r}")
        self._received = b""
        self._calls.answered(self)


class Calls:
    """Calls over some connections; those beyond their number wait."""

    def __init__(self) -> None:
        self.made = 0
        self._idle: list[Caller] = []
        self._waiting: deque[bytes] = deque()

    async def open(self, host: str, port: int, connections: int) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, caller = await loop.create_connection(lambda: Caller(self), host, port)
            self._idle.append(caller)

    def send(self, request: bytes) -> None:
        """Send a request now, or when a connection is free."""
        self.made += 1
        if self._idle:
            self._idle.pop().transport.write(request)
        else:
            self._waiting.append(request)

    def answered(self, caller: Caller) -> None:
        """A connection is free."""
        if self._waiting:
            caller.transport.write(self._waiting.popleft())
        else:
            self._idle.append(caller)


def post(address: str, body: bytes, stream_id: str = "") -> bytes:
    """Return a POST as bytes."""
    identity = f"Mesos-Stream-Id: {stream_id}\r\n" if stream_id else ""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\n{identity}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Scheduler:
    """Launches tasks on whatever is offered, until as many as wanted have ended."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._address: str = options.master
        self._calls = Calls()
        self._framework_id: FrameworkID | None = None
        self._stream: Stream
        self._total = options.warm_up + options.tasks
        # As busy at the end of the measurement as at its beginning.
        self._launches_max = self._total if options.until_running else sys.maxsize
        self._cost = parse_resources(options.resources)
        self._resources = self._cost.to_messages()
        words = options.command.split()
        self._command = CommandInfo(shell=False, value=words[0], arguments=words)
        self._offers: list[Offer] = []
        self._launched = 0
        self._finished = 0
        self._ended_badly = 0
        self._accepts = 0
        self._accepted_at: dict[str, float] = {}
        self._latencies: list[float] = []
        self._running = 0
        self._began = 0.0
        self._is_pausing = False
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()

    async def run(self) -> None:
        """Work until done."""
        host, _, port = self._address.rpartition(":")
        info = FrameworkInfo(
            user="root",
            name="bench",
            roles=["*"],
            checkpoint=self._options.checkpoint,
            capabilities=[
                FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
                FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.RESERVATION_REFINEMENT),
            ],
        )
        subscribe = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
        await self._calls.open(host, int(port), self._options.connections)
        request = post(self._address, codec.encode(subscribe))
        _, self._stream = await self._loop.create_connection(
            lambda: Stream(request, self._on_event), host, int(port)
        )
        await self._done
        self._call(Call(type=Call.Type.TEARDOWN, framework_id=self._framework_id))
        await asyncio.sleep(0.1)

    def _call(self, call: Call) -> None:
        self._calls.send(post(self._address, codec.encode(call), self._stream.stream_id))

    def _on_event(self, event: Event) -> None:
        if event.update is not None:
            self._on_update(event.update.status)
        elif event.offers is not None:
            self._offers += event.offers.offers
            self._launch()
        elif event.subscribed is not None:
            self._framework_id = event.subscribed.framework_id
        elif event.rescind is not None:
            gone = event.rescind.offer_id
            self._offers = [offer for offer in self._offers if offer.id != gone]

    def _on_update(self, status: TaskStatus) -> None:
        if status.uuid is not None:
            assert status.agent_id is not None
            acknowledge = Call.Acknowledge(
                agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
            )
            self._call(
                Call(
                    type=Call.Type.ACKNOWLEDGE,
                    framework_id=self._framework_id,
                    acknowledge=acknowledge,
                )
            )
        if status.state is TaskState.TASK_RUNNING:
            self._running += 1
            accepted_at = self._accepted_at.pop(status.task_id.value)
            if self._finished >= self._options.warm_up:
                self._latencies.append(time.perf_counter() - accepted_at)
            if self._options.until_running and self._running == self._total:
                self._tell("done")
        elif status.state in TERMINAL:
            self._on_end(status)

    def _on_end(self, status: TaskStatus) -> None:
        self._finished += 1
        if status.state is not TaskState.TASK_FINISHED:
            self._ended_badly += 1
            sys.stderr.write(f"{status.state}: {status.message}\n")
        if self._finished == self._options.warm_up:
            self._began = time.perf_counter()
            self._tell("warm")
        if self._finished == self._total:
            self._tell("done")
            self._done.set_result(None)
            return
        if self._options.pause_seconds:
            self._is_pausing = True
            self._loop.call_later(self._options.pause_seconds, self._resume)
        else:
            self._launch()

    def _resume(self) -> None:
        self._is_pausing = False
        self._launch()

    def _launch(self) -> None:
        """Use the offers for as many tasks as are wanted now; keep those not needed."""
        offers, self._offers = self._offers, []
        for offer in offers:
            free = Resources.from_messages(offer.resources).unallocated()
            wanted = min(
                self._launches_max - self._launched,
                self._options.in_flight - (self._launched - self._finished),
            )
            count = 0
            while not self._is_pausing and count < wanted and free.contains(self._cost):
                free -= self._cost
                count += 1
            if count:
                self._accept(offer, count)
            else:
                self._offers.append(offer)

    def _accept(self, offer: Offer, count: int) -> None:
        tasks = []
        now = time.perf_counter()
        for _ in range(count):
            self._launched += 1
            task_id = f"task-{self._launched}"
            self._accepted_at[task_id] = now
            tasks.append(
                TaskInfo(
                    name=task_id,
                    task_id=TaskID(value=task_id),
                    agent_id=offer.agent_id,
                    resources=self._resources,
                    command=self._command,
                )
            )
        accept = Call.Accept(
            offer_ids=[offer.id],
            operations=[
                Operation(type=Operation.Type.LAUNCH, launch=Operation.Launch(task_infos=tasks))
            ],
            filters=Filters(refuse_seconds=0.0),
        )
        self._accepts += 1
        self._call(Call(type=Call.Type.ACCEPT, framework_id=self._framework_id, accept=accept))

    def _tell(self, event: str) -> None:
        said = {
            "event": event,
            "seconds": time.perf_counter() - self._began,
            "finished": self._finished,
            "running": self._running,
            "ended_badly": self._ended_badly,
            "accepts": self._accepts,
            "calls": self._calls.made,
        }
        if event == "done":
            said["latencies"] = self._latencies
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


async def schedule(options: argparse.Namespace) -> None:
    """Run one scheduler."""
    await Scheduler(options).run()


def main() -> int:
    """Read the command line and schedule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="host:port")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--warm_up", type=int, default=1000, help="tasks before the measured ones")
    parser.add_argument("--in_flight", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--resources", default="cpus:1;mem:32", help="of one task")
    parser.add_argument("--command", default="/bin/true")
    parser.add_argument("--pause_seconds", type=float, default=0.0, help="between two tasks")
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument(
        "--until_running", action="store_true", help="be done when all run, and stay"
    )
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    uvloop.run(schedule(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
