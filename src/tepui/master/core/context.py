"""What every decision has at hand: the state, the time, chance, and where effects go."""

from __future__ import annotations

from tepui.allocator import Allocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.link.messages import ToAgent
from tepui.master.core.config import MasterConfig
from tepui.master.core.counters import count
from tepui.master.core.effects import (
    AnyEffect,
    CancelTimer,
    Log,
    SendToAgent,
    SendToScheduler,
    StartTimer,
)
from tepui.master.core.events import Timer, TimerKind
from tepui.master.core.model import Agent, Framework, State
from tepui.messages import scheduler


class Context:
    """One master's means of deciding; ``now`` and ``out`` belong to the event at hand."""

    __slots__ = ("allocator", "config", "now", "out", "rng", "state")

    def __init__(self, state: State, allocator: Allocator, rng: Rng, now: Instant) -> None:
        self.state = state
        self.config: MasterConfig = state.config
        self.allocator = allocator
        self.rng = rng
        self.now = now
        self.out: list[AnyEffect] = []

    def tell_framework(self, framework: Framework, event: scheduler.Event) -> None:
        """Send ``event`` if the framework is connected."""
        if framework.connection is None:
            return
        assert event.type is not None
        count(framework.counters.events, event.type._name_)
        self.out.append(SendToScheduler(connection=framework.connection, event=event))

    def tell_agent(self, agent: Agent, message: ToAgent) -> None:
        """Send ``message`` if the agent is connected."""
        if agent.channel is not None:
            self.out.append(SendToAgent(channel=agent.channel, message=message))

    def start_timer(self, kind: TimerKind, key: str, seconds: float) -> None:
        """Have `TimerFired` delivered once, ``seconds`` from now."""
        self.out.append(StartTimer(timer=Timer(kind, key), seconds=seconds))

    def cancel_timer(self, kind: TimerKind, key: str) -> None:
        """Forget a timer, running or not."""
        self.out.append(CancelTimer(timer=Timer(kind, key)))

    def log(self, level: str, event: str, **fields: object) -> None:
        """Tell the operator."""
        self.out.append(Log(level=level, event=event, fields=fields))
