"""A whole cluster in one process, in virtual time: the real cores, and nothing between them.

The master's core with its allocator, and the core of each agent, decide all that they decide in
a real cluster. What is emulated: frameworks; containers, which run for a given time and end
well; and what carries messages, which takes a moment and loses nothing. The registry stores at
once. No bytes are encoded, and no time passes but the clock's here: minutes take seconds, and
the same seed gives the same cluster.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from tepui.agent.core import effects as wanted
from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.events import (
    ContainerExited,
    ContainerLaunched,
    LinkOpened,
    MasterMessageReceived,
)
from tepui.agent.core.events import Recovered as AgentRecovered
from tepui.agent.core.events import TimerFired as AgentTimerFired
from tepui.agent.core.records import Checkpointed
from tepui.allocator import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.containers.protocol import Exited
from tepui.master.core import effects
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import (
    AgentMessageReceived,
    AllocateSlice,
    AnyEvent,
    Persisted,
    ReconcileSlice,
    RegistryRecovered,
    SchedulerCalled,
    TimerFired,
)
from tepui.master.core.master import Master
from tepui.messages.scheduler import Call, Event
from tepui.resources import parse_resources

ADDRESS = "192.0.2.1:5050"
MESSAGE_SECONDS = 0.0005
LAUNCH_SECONDS = 0.05
FIRST_PID = 100_000


class Clock:
    """What is due when, and what time it is."""

    def __init__(self) -> None:
        self.now = Instant(0.0, 1e9)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something later; what is due at one moment happens in the order it was asked for."""
        self._numbers += 1
        heapq.heappush(self._queue, (self.now.monotonic + seconds, self._numbers, act))

    def run_until(self, second: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= second:
            due, _, act = heapq.heappop(self._queue)
            self.now = self.now.later(due - self.now.monotonic)
            act()
        self.now = self.now.later(second - self.now.monotonic)


class Timers:
    """The timers of one core; each name runs once at a time."""

    def __init__(self, clock: Clock, fire: Callable[[Any], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._rounds: dict[Hashable, int] = {}
        self._last = 0

    def start(self, timer: Hashable, seconds: float) -> None:
        """Start a timer, or start it anew."""
        self._last += 1
        this = self._rounds[timer] = self._last
        self._clock.after(seconds, lambda: self._end(timer, this))

    def cancel(self, timer: Hashable) -> None:
        """Forget a timer if it runs."""
        self._rounds.pop(timer, None)

    def _end(self, timer: Hashable, this: int) -> None:
        if self._rounds.get(timer) == this:
            del self._rounds[timer]
            self._fire(timer)


class Cluster:
    """One master, its agents, and the frameworks that subscribe.

    Attributes:
        clock: Its time; the owner lets it pass.
        core: The master; to be read.
        allocator: The master's; to be read.
    """

    def __init__(self, config: MasterConfig, rng: Rng) -> None:
        self.clock = Clock()
        self.allocator = HierarchicalAllocator(config.allocator, rng)
        self.core = Master(config, self.allocator, rng, self.clock.now)
        self._timers = Timers(self.clock, lambda timer: self.step(TimerFired(timer=timer)))
        self._agents: list[AgentProcess] = []
        self._frameworks: list[Framework] = []
        self._run: Mapping[type, Callable[[Any], None]] = {
            effects.SendToScheduler: self._tell_framework,
            effects.SendToAgent: self._tell_agent,
            effects.ContinueAllocation: lambda each: self._later(each.seconds, AllocateSlice()),
            effects.ContinueReconciliation: lambda each: self._later(
                0.0, ReconcileSlice(connection=each.connection)
            ),
            effects.Persist: lambda each: self._later(0.0, Persisted(token=each.token)),
            effects.StartTimer: lambda each: self._timers.start(each.timer, each.seconds),
            effects.CancelTimer: lambda each: self._timers.cancel(each.timer),
            effects.OpenStream: lambda each: None,
            effects.Respond: _refuse_refusals,
            effects.Log: lambda each: None,
        }
        self.step(RegistryRecovered(records={}))

    def step(self, event: AnyEvent) -> None:
        """Let something happen to the master, and see to what it wants."""
        for effect in self.core.handle(event, self.clock.now):
            self._run[type(effect)](effect)

    def add_agent(
        self, resources: str, run_seconds: tuple[float, float], *, after_seconds: float = 0.0
    ) -> None:
        """Start an agent; each task on it runs for a time from this range."""
        number = len(self._agents)
        config = AgentConfig(
            work_dir=f"/nonexistent/virtual-{number}",
            hostname=f"host-{number}",
            port=1 + number,
            resources=parse_resources(resources).to_messages(),
            switch_user=False,
        )
        process = AgentProcess(self, number, config, run_seconds)
        self._agents.append(process)
        self.clock.after(after_seconds, process.start)

    def subscribe(self, framework: Framework, call: Call) -> None:
        """Give a framework its stream."""
        self._frameworks.append(framework)
        self._call(call, connection=len(self._frameworks))

    def call(self, call: Call) -> None:
        """Bring a subscribed framework's call to the master."""
        assert call.framework_id is not None
        stream_id = self.core.state.frameworks[call.framework_id.value].stream_id
        self.clock.after(MESSAGE_SECONDS, lambda: self._call(call, stream_id=stream_id))

    def to_master(self, channel: int, message: Any) -> None:
        """Bring an agent's message to the master."""
        event = AgentMessageReceived(channel=channel, message=message, peer="192.0.2.2")
        self._later(MESSAGE_SECONDS, event)

    def _call(self, call: Call, *, stream_id: str | None = None, connection: int = 0) -> None:
        self.step(
            SchedulerCalled(request_id=0, call=call, stream_id=stream_id, connection=connection)
        )

    def _later(self, seconds: float, event: AnyEvent) -> None:
        self.clock.after(seconds, lambda: self.step(event))

    def _tell_framework(self, effect: effects.SendToScheduler) -> None:
        framework = self._frameworks[effect.connection - 1]
        self.clock.after(MESSAGE_SECONDS, lambda: framework.hear(effect.event))

    def _tell_agent(self, effect: effects.SendToAgent) -> None:
        event = MasterMessageReceived(message=effect.message)
        process = self._agents[effect.channel]
        self.clock.after(MESSAGE_SECONDS, lambda: process.step(event))


class Framework:
    """Hears the events of its stream."""

    def hear(self, event: Event) -> None:
        """Take in an event."""
        raise NotImplementedError


class AgentProcess:
    """An agent's core, with containers that only pretend; its number is that of its channel."""

    def __init__(
        self, cluster: Cluster, number: int, config: AgentConfig, run_seconds: tuple[float, float]
    ) -> None:
        self._cluster = cluster
        self._number = number
        self._clock = cluster.clock
        self._run_seconds = run_seconds
        self._pids = FIRST_PID
        # Of its own, so that how long tasks run does not hang on what the core draws.
        self._rng = Rng(number)
        self._core = Agent(config, Rng(number), self._clock.now)
        self._timers = Timers(self._clock, lambda timer: self.step(AgentTimerFired(timer=timer)))
        self._run: Mapping[type, Callable[[Any], None]] = {
            wanted.SendToMaster: lambda each: cluster.to_master(number, each.message),
            wanted.LaunchContainer: lambda each: self._launch(each.spec.container_id),
            wanted.StartTimer: lambda each: self._timers.start(each.timer, each.seconds),
            wanted.CancelTimer: lambda each: self._timers.cancel(each.timer),
            wanted.Connect: lambda each: self._later(MESSAGE_SECONDS, LinkOpened(master=ADDRESS)),
            wanted.Checkpoint: lambda each: None,
            wanted.AcknowledgeExit: lambda each: None,
            wanted.ScheduleGc: lambda each: None,
            wanted.UnscheduleGc: lambda each: None,
            wanted.Log: lambda each: None,
        }

    def start(self) -> None:
        """Begin as an agent that has never run."""
        self.step(AgentRecovered(checkpointed=Checkpointed()))

    def step(self, event: Any) -> None:
        """Let something happen to the agent, and see to what it wants."""
        for effect in self._core.handle(event, self._clock.now):
            self._run[type(effect)](effect)

    def _launch(self, container_id: str) -> None:
        self._pids += 1
        launched = ContainerLaunched(container_id=container_id, pid=self._pids)
        self._later(LAUNCH_SECONDS, launched)
        runs = self._rng.between(*self._run_seconds)
        self._clock.after(LAUNCH_SECONDS + runs, lambda: self._end(container_id))

    def _end(self, container_id: str) -> None:
        exited = Exited(container_id=container_id, status=0, at=self._clock.now.wall)
        self.step(ContainerExited(exited=exited))

    def _later(self, seconds: float, event: Any) -> None:
        self._clock.after(seconds, lambda: self.step(event))


def _refuse_refusals(effect: effects.Respond) -> None:
    if effect.status >= 300:
        raise RuntimeError(f"the master answered {effect.status}: {effect.text}")
