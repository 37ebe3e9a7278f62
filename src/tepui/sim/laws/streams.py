"""A framework has one stream at a time, and calls count only with its id."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.master.core import effects, events
from tepui.messages import scheduler
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped, LeadershipBegan
from tepui.sim.scenario import Scenario


class OneStream(Law):
    """No call is taken that names another stream than its framework's newest."""

    name = "one stream"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._opened: dict[int, str] = {}
        self._streams: dict[str, str] = {}
        self._called: events.SchedulerCalled | None = None

    def watches(self) -> Mapping[type, Watch]:
        return {LeadershipBegan: self._on_began}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            events.SchedulerCalled: self._on_called,
            effects.OpenStream: self._on_opened,
            effects.SendToScheduler: self._on_sent,
            effects.Respond: self._on_respond,
        }

    def _on_began(self, began: LeadershipBegan) -> None:
        self._opened.clear()
        self._streams.clear()

    def _on_called(self, step: CoreStepped, event: events.SchedulerCalled) -> None:
        self._called = event

    def _on_opened(self, step: CoreStepped, effect: effects.OpenStream) -> None:
        self._opened[effect.connection] = effect.stream_id

    def _on_sent(self, step: CoreStepped, effect: effects.SendToScheduler) -> None:
        subscribed = effect.event.subscribed
        if subscribed is not None and effect.connection in self._opened:
            self._streams[subscribed.framework_id.value] = self._opened.pop(effect.connection)

    def _on_respond(self, step: CoreStepped, effect: effects.Respond) -> None:
        called, self._called = self._called, None
        if called is None or effect.status not in (200, 202):
            return
        call = called.call
        if call.type is scheduler.Call.Type.SUBSCRIBE or call.framework_id is None:
            return
        framework_id = call.framework_id.value
        if called.stream_id != self._streams.get(framework_id):
            kind = "call" if call.type is None else call.type.name
            what = f"takes {kind} of {framework_id} that names an older stream"
            raise self.broken(step.at, step.node, what)
