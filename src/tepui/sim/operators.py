"""The operator: sets what the scenario plans, and does what faults want of a person.

A request goes to whoever leads, and again until somebody answers it.
"""

from __future__ import annotations

from collections.abc import Callable

from tepui.base.rng import Rng
from tepui.master.core.events import (
    AnyEvent,
    FrameworkTeardownRequested,
    QuotaUpdateRequested,
    WeightsUpdateRequested,
)
from tepui.messages import Value, WeightInfo
from tepui.messages.quota import QuotaConfig
from tepui.resources import parse_resources
from tepui.sim.calling import Answer
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.masters import OperatorRequest
from tepui.sim.network import Network
from tepui.sim.observations import CallAnswered, OperatorAsked
from tepui.sim.processes import Observe, Process
from tepui.sim.scenario import QuotaPlan, Scenario
from tepui.sim.zookeeper import Ensemble

NAME = "operator"
AGAIN_SECONDS = (0.5, 2.0)
FIRST_SECONDS = 0.5

Make = Callable[[int], AnyEvent]


class Operator(Process):
    """One person, who does not give up."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        network: Network,
        ensemble: Ensemble,
        rng: Rng,
        observe: Observe,
        numbers: Callable[[], int],
    ) -> None:
        super().__init__(NAME, clock, NodeClock(clock), observe)
        self._scenario = scenario
        self._network = network
        self._ensemble = ensemble
        self._rng = rng
        self._next_number = numbers

    def on_start(self) -> None:
        """Set what is planned."""
        scenario = self._scenario
        if scenario.quotas:
            self.after(FIRST_SECONDS, self.set_quotas, scenario.quotas, 1.0)
        if scenario.weights:
            weights = tuple(
                WeightInfo(role=role, weight=weight) for role, weight in scenario.weights.items()
            )
            self.after(
                FIRST_SECONDS,
                self.ask,
                lambda number: WeightsUpdateRequested(request_id=number, weights=weights),
            )

    def set_quotas(self, plans: tuple[QuotaPlan, ...], factor: float) -> None:
        """Set quotas, each times ``factor``."""
        configs = tuple(
            QuotaConfig(
                role=plan.role,
                guarantees=_scaled(plan.guarantee, factor),
                limits=_scaled(plan.limit, factor),
            )
            for plan in plans
        )
        self.ask(
            lambda number: QuotaUpdateRequested(request_id=number, configs=configs, is_forced=True)
        )

    def tear_down(self, framework_id: str) -> None:
        """End a framework."""
        self.ask(
            lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
        )

    def ask(self, make: Make, done: Callable[[Answer], None] | None = None) -> None:
        """Ask whoever leads, until somebody answers."""
        leader = self._ensemble.leader
        if leader is None:
            self._again(make, done)
            return
        number = self._next_number()
        self.observe(OperatorAsked(at=self.clock.now, node=self.name, number=number, event=make(0)))

        def on_answer(answer: Answer) -> None:
            self._told(number, answer.status, answer.text)
            if answer.status in (307, 503):
                self._again(make, done)
            elif done is not None:
                done(answer)

        def on_failure(reason: str) -> None:
            self._told(number, None, reason)
            self._again(make, done)

        self._network.exchange(self, leader, OperatorRequest(make), on_answer, on_failure)

    def _told(self, number: int, status: int | None, text: str) -> None:
        self.observe(
            CallAnswered(at=self.clock.now, node=self.name, number=number, status=status, text=text)
        )

    def _again(self, make: Make, done: Callable[[Answer], None] | None) -> None:
        self.after(self._rng.between(*AGAIN_SECONDS), self.ask, make, done)


def _scaled(text: str, factor: float) -> dict[str, Value.Scalar]:
    return {
        name: Value.Scalar(value=amount * factor / 1000)
        for name, amount in parse_resources(text).quantities().items()
    }
