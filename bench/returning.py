"""Agents that come back all at once: what each tells was written before, so that it costs nothing.

One agent is played in earnest: the real core is admitted, runs its tasks, loses its master and
finds it again. What it then tells, in the link's encoding, is what all others tell, each with
names of its own. Run as ``python -m bench.returning`` by ``bench.reregistration``: writes the
registry of the master that was, says ``prepared``, waits for a line with the address of the
master that is, and says ``done`` when every agent has been answered.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import AgentEffect, LaunchContainer, SendToMaster
from tepui.agent.core.events import (
    AgentEvent,
    ContainerLaunched,
    LinkClosed,
    LinkOpened,
    MasterMessageReceived,
    Recovered,
)
from tepui.agent.core.records import Checkpointed
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import StoreBatch
from tepui.http.link import Link, connect_link
from tepui.link.frames import FRAME_BYTES_TARGET, to_agent_decoder
from tepui.link.messages import (
    PATH,
    VERSION_HEADER,
    VERSION_MAX,
    VERSION_MIN,
    AcknowledgeStatus,
    Ping,
    Pong,
    Register,
    Registered,
    Reregister,
    Reregistered,
    RunTask,
    Shutdown,
    UpdateStatus,
)
from tepui.master.core.registry import PREFIX, AgentRecord
from tepui.messages import (
    AgentID,
    CommandInfo,
    FrameworkID,
    FrameworkInfo,
    TaskID,
    TaskInfo,
)
from tepui.resources import parse_resources

AGENTS_MAX = 50_000
FRAMEWORKS_MAX = 1_000
FIRST_PORT = 10_000
AGENT_MARK = "@@@@@"
"""Stands for five digits in what the agent that is played tells."""
MASTER_MARK = "20200131-120000-16777343-5050-1"
PING_TIMEOUT_SECONDS = 75.0
CLOSED_NORMALLY = 1000
_encode = msgspec.msgpack.Encoder().encode


class Played:
    """One agent, in earnest, up to what it tells a second master."""

    def __init__(self, resources: str) -> None:
        self._now = Instant(0.0, 1.6e9)
        config = AgentConfig(
            work_dir=f"/var/lib/mesos/agent-{AGENT_MARK}",
            hostname=f"host-{AGENT_MARK}.example.com",
            ip="10.9.0.1",
            resources=parse_resources(resources).to_messages(),
            switch_user=False,
        )
        self._core = Agent(config, Rng(1), self._now)
        self._said: list[Any] = []
        self._happen(Recovered(checkpointed=Checkpointed()))
        self._happen(LinkOpened(master="192.0.2.1:5050"))
        registering = self._said.pop()
        assert isinstance(registering, Register)
        agent_id = f"{MASTER_MARK}-S{AGENT_MARK}"
        self._hear(Registered(agent_id=agent_id, ping_timeout_seconds=PING_TIMEOUT_SECONDS))
        self._agent_id = AgentID(value=agent_id)

    def run(self, task: TaskInfo, framework: FrameworkInfo) -> None:
        """Have a task started, and all that is said of it acknowledged."""
        assert framework.id is not None
        task = msgspec.structs.replace(task, agent_id=self._agent_id)
        self._hear(RunTask(framework=framework, task=task))
        while self._said:
            told = self._said.pop(0)
            if isinstance(told, UpdateStatus) and told.status.uuid is not None:
                self._hear(
                    AcknowledgeStatus(
                        framework_id=framework.id.value,
                        task_id=task.task_id.value,
                        uuid=told.status.uuid,
                    )
                )

    def come_back(self) -> Reregister:
        """Lose the master, find another, and return what is told."""
        self._happen(LinkClosed(reason="the master has ended"))
        self._happen(LinkOpened(master="192.0.2.2:5050"))
        told = self._said.pop()
        assert isinstance(told, Reregister)
        # The real port is a number, and numbers have no fixed width.
        return msgspec.structs.replace(told, pid=f"slave(1)@10.9.0.1:{AGENT_MARK}")

    def _hear(self, message: Any) -> None:
        self._happen(MasterMessageReceived(message=message))

    def _happen(self, event: AgentEvent) -> None:
        self._now = self._now.later(0.01)
        for effect in self._core.handle(event, self._now):
            self._perform(effect)

    def _perform(self, effect: AgentEffect) -> None:
        if isinstance(effect, SendToMaster):
            self._said.append(effect.message)
        elif isinstance(effect, LaunchContainer):
            self._happen(ContainerLaunched(container_id=effect.spec.container_id, pid=4711))


def framework_id(number: int) -> str:
    """Return the id of one of the frameworks, all of one width."""
    return f"{MASTER_MARK}-{number:04}"


def told(options: argparse.Namespace) -> Reregister:
    """Return what an agent tells, with marks for what differs."""
    played = Played(options.resources)
    cost = parse_resources(options.task_resources).to_messages()
    words = ["/bin/sleep", "100000"]
    for number in range(options.tasks):
        group = number % options.frameworks_per_agent
        framework = FrameworkInfo(
            id=FrameworkID(value=f"{MASTER_MARK}-#{group:03}"),
            user="root",
            name=f"framework-#{group:03}",
            roles=["*"],
            checkpoint=True,
            failover_timeout=604_800.0,
            hostname="scheduler.example.com",
            principal="scheduler",
            capabilities=[
                FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
                FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.RESERVATION_REFINEMENT),
                FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.PARTITION_AWARE),
            ],
        )
        task = TaskInfo(
            name=f"task-{AGENT_MARK}-{number:03}",
            task_id=TaskID(value=f"task-{AGENT_MARK}-{number:03}"),
            agent_id=AgentID(value=""),
            resources=cost,
            command=CommandInfo(shell=False, value=words[0], arguments=words),
        )
        played.run(task, framework)
    return played.come_back()


class Copies:
    """What each of the agents tells, made from what one told."""

    def __init__(self, template: Reregister, options: argparse.Namespace) -> None:
        self._body = _encode(template)
        self._record = _encode(AgentRecord(info=template.agent_info))
        self._groups = options.frameworks_per_agent
        self._frameworks = options.frameworks

    def record(self, number: int) -> tuple[str, bytes]:
        """Return what the registry holds of an agent, and under which key."""
        digits = f"{FIRST_PORT + number:05}"
        key = f"{PREFIX}{MASTER_MARK}-S{digits}"
        return key, self._record.replace(AGENT_MARK.encode(), digits.encode())

    def pair(self, channel: int, number: int) -> bytes:
        """Return one entry of a frame: the channel, and what the agent says on it."""
        body = self._body.replace(AGENT_MARK.encode(), f"{FIRST_PORT + number:05}".encode())
        for group in range(self._groups):
            framework = (number * self._groups + group) % self._frameworks
            body = body.replace(f"#{group:03}".encode(), f"{framework:04}".encode())
        return b"\x92" + _encode(channel) + body


def frames(copies: Copies, numbers: range) -> Iterator[bytes]:
    """Yield what some agents tell on one link, on channels from 1."""
    pairs: list[bytes] = []
    size = 0
    for channel, number in enumerate(numbers, 1):
        pairs.append(copies.pair(channel, number))
        size += len(pairs[-1])
        if size > FRAME_BYTES_TARGET or channel == len(numbers):
            yield b"\xdc" + len(pairs).to_bytes(2, "big") + b"".join(pairs)
            pairs, size = [], 0


class Connection:
    """One link with many agents on it, who answer pings and count their answers."""

    def __init__(self, link: Link, agents: int, over: asyncio.Event) -> None:
        self.answered: dict[int, None] = {}
        self.last_at = 0.0
        self._link = link
        self._agents = agents
        self._over = over
        self._decoder = to_agent_decoder()

    def on_frame(self, frame: bytes) -> None:
        """Take in what the master says."""
        pongs = []
        for channel, message in self._decoder.decode(frame):
            if isinstance(message, Reregistered):
                assert not message.tasks, f"the master thinks of tasks more: {message.tasks}"
                self.answered[channel] = None
            elif isinstance(message, Ping):
                pongs.append(b"\x92" + _encode(channel) + _encode(Pong()))
            elif isinstance(message, Shutdown):
                raise RuntimeError(f"an agent was turned away: {message.message}")
        if pongs:
            self._link.send(b"\xdc" + len(pongs).to_bytes(2, "big") + b"".join(pongs))
        if len(self.answered) == self._agents and not self.last_at:
            self.last_at = time.perf_counter()
            self._over.set()


def write_registry(path: Path, copies: Copies, agents: int) -> None:
    """Leave the registry that a master with these agents would have left."""
    store = SqliteStore(path)
    store.open()
    store.write([StoreBatch(puts=dict(copies.record(number) for number in range(agents)))])
    store.close()


async def come_back(address: str, links: list[list[bytes]], sizes: list[int]) -> None:
    """Connect, tell all, and say how long it took until the last was answered."""
    began = time.perf_counter()
    connections: list[Connection] = []
    overs: list[asyncio.Event] = []
    opened: list[Link] = []
    for told_frames, size in zip(links, sizes, strict=True):
        over = asyncio.Event()
        link = await connect_link(
            f"ws://{address}{PATH}",
            headers={VERSION_HEADER: f"{VERSION_MIN},{VERSION_MAX}"},
            timeout_seconds=60.0,
        )
        connection = Connection(link, size, over)
        link.on_close = lambda code, reason: _fail(f"the link has ended: {reason} ({code})")
        link.deliver_to(connection.on_frame)
        for frame in told_frames:
            link.send(frame)
        connections.append(connection)
        overs.append(over)
        opened.append(link)
    for over in overs:
        await over.wait()
    seconds = max(each.last_at for each in connections) - began
    _say({"event": "done", "seconds": seconds})
    await asyncio.to_thread(sys.stdin.readline)  # the agents stay while the master is looked at
    for link in opened:
        link.on_close = None
        link.close(CLOSED_NORMALLY, "over")


def _fail(reason: str) -> None:
    sys.stderr.write(reason + "\n")
    sys.stderr.flush()
    os._exit(1)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Read the command line, prepare, and come back when told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registry", type=Path, required=True, help="the file to write")
    parser.add_argument("--agents", type=int, default=40_000)
    parser.add_argument("--tasks", type=int, default=10, help="on each agent")
    parser.add_argument("--frameworks", type=int, default=200)
    parser.add_argument("--frameworks_per_agent", type=int, default=5)
    parser.add_argument("--agents_per_link", type=int, default=1000)
    parser.add_argument("--resources", default="cpus:16;mem:65536;disk:102400")
    parser.add_argument("--task_resources", default="cpus:1;mem:1024")
    options = parser.parse_args()
    if not 0 < options.agents <= AGENTS_MAX or not 0 < options.frameworks <= FRAMEWORKS_MAX:
        parser.error(f"at most {AGENTS_MAX} agents and {FRAMEWORKS_MAX} frameworks")
    copies = Copies(told(options), options)
    write_registry(options.registry, copies, options.agents)
    groups = [
        range(first, min(first + options.agents_per_link, options.agents))
        for first in range(0, options.agents, options.agents_per_link)
    ]
    links = [list(frames(copies, group)) for group in groups]
    gc.collect()
    gc.freeze()
    _say({"event": "prepared", "megabytes": sum(len(f) for each in links for f in each) / 2**20})
    address = sys.stdin.readline().strip()
    if address:
        uvloop.run(come_back(address, links, [len(group) for group in groups]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
