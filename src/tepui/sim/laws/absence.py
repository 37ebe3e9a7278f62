"""A framework may be away for as long as it said, and no longer; its tasks go on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import ShutdownFramework
from tepui.master.core import effects, events
from tepui.messages import scheduler
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped, FrameworkStopped, LeadershipBegan
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

SLACK_SECONDS = 10.0
"""A leader may stand still for almost as long as its lease lasts."""


class FailoverTimeout(Law):
    """A leader ends a framework when its `failover_timeout` is over, and not before.

    Nor does it have agents end what they run for a framework that has not ended. How long that was
    away from a leader before this one, nobody knows.
    """

    name = "failover timeout"
    look_seconds = 1.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._connections: dict[int, tuple[str, float]] = {}
        # Since when, in the world's seconds, and until when they may be.
        self._away: dict[str, tuple[float, float]] = {}
        # Torn down, or away for too long, under any leader.
        self._over: dict[str, None] = {}
        self._subscribing: scheduler.Call.Subscribe | None = None

    def watches(self) -> Mapping[type, Watch]:
        return {LeadershipBegan: self._on_began, FrameworkStopped: self._on_stopped}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            events.SchedulerCalled: self._on_called,
            events.SchedulerDisconnected: self._on_disconnected,
            events.FrameworkTeardownRequested: self._on_teardown,
            effects.SendToScheduler: self._on_sent,
            ShutdownFramework: self._on_shutdown,
        }

    def _on_began(self, began: LeadershipBegan) -> None:
        self._connections.clear()
        self._away.clear()

    def _on_called(self, step: CoreStepped, event: events.SchedulerCalled) -> None:
        if event.call.type is scheduler.Call.Type.SUBSCRIBE:
            self._subscribing = event.call.subscribe

    def _on_teardown(self, step: CoreStepped, event: events.FrameworkTeardownRequested) -> None:
        self._over[event.framework_id] = None

    def _on_disconnected(self, step: CoreStepped, event: events.SchedulerDisconnected) -> None:
        known = self._connections.pop(event.connection, None)
        # An older stream may end after a newer one was opened.
        if known is not None and known not in self._connections.values():
            self._away[known[0]] = (step.at, step.at + known[1])

    def _on_sent(self, step: CoreStepped, effect: effects.SendToScheduler) -> None:
        subscribed = effect.event.subscribed
        if subscribed is None or self._subscribing is None:
            return
        framework_id = subscribed.framework_id.value
        timeout = self._subscribing.framework_info.failover_timeout
        self._connections = {
            key: each for key, each in self._connections.items() if each[0] != framework_id
        }
        self._connections[effect.connection] = (framework_id, timeout)
        since, until = self._away.pop(framework_id, (step.at, step.at))
        if step.at > until + SLACK_SECONDS:
            what = f"takes {framework_id} back after {step.at - since:g} s without it"
            raise self.broken(step.at, step.node, what)

    def _is_over(self, framework_id: str, at: float) -> bool:
        """Tell whether a framework may be ended, or was."""
        away = self._away.get(framework_id)
        if away is not None and at >= away[1] - SLACK_SECONDS / 10:
            self._over[framework_id] = None
        return framework_id in self._over

    def _on_stopped(self, stopped: FrameworkStopped) -> None:
        framework_id = stopped.framework_id
        if framework_id is not None and not self._is_over(framework_id, stopped.at):
            what = f"was ended ({stopped.message!r}) although it was not away for too long"
            raise self.broken(stopped.at, stopped.node, what)

    def _on_shutdown(self, step: CoreStepped, message: ShutdownFramework) -> None:
        framework_id = message.framework_id
        if step.core == "master" and not self._is_over(framework_id, step.at):
            what = f"has an agent end what it runs for {framework_id}, which is not over"
            raise self.broken(step.at, step.node, what)

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if leader is None:
            return
        for framework_id, (since, until) in self._away.items():
            known = framework_id in leader.state.frameworks
            if known and world.at > until + SLACK_SECONDS:
                what = f"still has {framework_id} after {world.at - since:g} s without it"
                raise self.broken(world.at, "the leader", what)
            if not known and not self._is_over(framework_id, world.at):
                what = f"has ended {framework_id} after {world.at - since:g} s without it"
                raise self.broken(world.at, "the leader", what)
