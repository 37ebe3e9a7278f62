"""The laws that every estimator and every controller keeps, as tests that anybody can run.

Inherit from `EstimatorLaws` or `ControllerLaws` in a test module, under a name that begins with
``Test``, and say how yours is made. They need no test framework.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.core.oversubscription.interface import (
    Correction,
    ExecutorReading,
    MachineReading,
    QoSController,
    Reading,
    ResourceEstimator,
)
from tepui.base.time import Instant
from tepui.messages import ResourceStatistics
from tepui.resources import EMPTY, Resources, parse_resources

TOTAL = parse_resources("cpus:8;mem:8192")
GIGABYTE = 1024**3
CALM = MachineReading(
    cpus=8, mem_total=8 * GIGABYTE, mem_available=7 * GIGABYTE, cpu_pressure=0.0, mem_pressure=0.0
)
FIRST = Instant(1000.0, 2000.0)


def executor(
    name: str, resources: str, lent: Resources = EMPTY, *, spent: float | None = None
) -> ExecutorReading:
    """Return an executor that has taken ``spent`` CPU seconds and holds a few megabytes."""
    used: dict[str, ResourceStatistics] = {}
    if spent is not None:
        used[name] = ResourceStatistics(
            timestamp=0.0,
            cpus_user_time_secs=spent,
            cpus_system_time_secs=0.0,
            mem_rss_bytes=4 * 1024 * 1024,
        )
    allocated = (parse_resources(resources) if resources else EMPTY) + lent
    return ExecutorReading(
        framework_id="f", executor_id=name, container_id=name, allocated=allocated, used=used
    )


def idle_readings(count: int, *, lent: Resources = EMPTY, start: int = 0) -> list[Reading]:
    """Return readings of an agent whose one regular task hardly does anything."""
    borrower = [executor("borrower", "", lent, spent=0.0)] if lent else []
    return [
        Reading(
            total=TOTAL,
            executors=(executor("idle", "cpus:6;mem:4096", spent=0.01 * number), *borrower),
            machine=CALM,
        )
        for number in range(start, start + count)
    ]


class EstimatorLaws(ABC):
    """What any estimator does, whatever it goes by."""

    @abstractmethod
    def make(self) -> ResourceEstimator:
        """Return one that has seen nothing."""

    def _estimates(
        self, estimator: ResourceEstimator, readings: list[Reading], start: int = 0
    ) -> list[Resources]:
        return [
            estimator.estimate(reading, FIRST.later(15.0 * (start + number)))
            for number, reading in enumerate(readings)
        ]

    def test_what_is_lent_can_be_taken_back_and_belongs_to_nobody(self) -> None:
        """Or the master would not take it."""
        for estimate in self._estimates(self.make(), idle_readings(30)):
            for key, _ in estimate.entries():
                assert key.revocable
                assert not key.reservations
                assert key.allocation_role is None

    def test_the_same_readings_give_the_same_estimates(self) -> None:
        """No clock and no chance of its own."""
        readings = idle_readings(30)
        first, second = (self._estimates(self.make(), readings) for _ in range(2))
        assert first == second

    def test_what_is_lent_by_now_is_not_lent_again(self) -> None:
        """The agent adds what is in use to each estimate."""
        estimator = self.make()
        lent = self._estimates(estimator, idle_readings(30))[-1]
        after = self._estimates(estimator, idle_readings(3, lent=lent, start=30), start=30)
        assert all(each == EMPTY for each in after), after

    def test_an_estimate_is_given_when_there_is_nothing_to_go_by(self) -> None:
        """Nobody runs, nothing could be measured, nothing is known of the machine."""
        readings = [
            Reading(total=EMPTY),
            Reading(total=TOTAL, executors=(executor("e", "cpus:1"),)),
            Reading(total=TOTAL, executors=(executor("e", "cpus:2", spent=5.0),)),
            Reading(total=TOTAL, executors=(executor("e", "cpus:2", spent=1.0),)),
            Reading(total=TOTAL),
        ]
        assert len(self._estimates(self.make(), readings)) == len(readings)


class ControllerLaws(ABC):
    """What any controller does, whatever it goes by."""

    @abstractmethod
    def make(self) -> QoSController:
        """Return one that has seen nothing."""

    def _corrections(
        self, machine: MachineReading, executors: tuple[ExecutorReading, ...]
    ) -> list[list[Correction]]:
        controller = self.make()
        reading = Reading(total=TOTAL, executors=executors, machine=machine)
        return [controller.corrections(reading, FIRST.later(60.0 * step)) for step in range(5)]

    def test_nobody_goes_while_there_is_plenty(self) -> None:
        """Being lent is no fault."""
        everybody = (executor("a", "cpus:1"), executor("b", "", _lent("cpus:1"), spent=1.0))
        assert not any(self._corrections(CALM, everybody))

    def test_only_borrowers_that_are_there_go_and_each_once(self) -> None:
        """Whoever holds nothing revocable keeps what it was promised."""
        leaving = executor("leaving", "", _lent("cpus:1"))
        leaving = ExecutorReading(
            framework_id=leaving.framework_id,
            executor_id=leaving.executor_id,
            container_id=leaving.container_id,
            allocated=leaving.allocated,
            is_ending=True,
        )
        everybody = (
            executor("regular", "cpus:8;mem:8000", spent=100.0),
            executor("one", "", _lent("cpus:1;mem:64"), spent=1.0),
            executor("two", "mem:64", _lent("cpus:1")),
            leaving,
        )
        for answer in self._corrections(_OVERLOADED, everybody):
            named = [(each.framework_id, each.executor_id) for each in answer]
            assert len(dict.fromkeys(named)) == len(named)
            for each in answer:
                assert (each.framework_id, each.executor_id) in (("f", "one"), ("f", "two"))
                assert each.container_id in (None, each.executor_id)

    def test_the_same_readings_give_the_same_corrections(self) -> None:
        """No clock and no chance of its own."""
        everybody = tuple(executor(name, "", _lent("cpus:1"), spent=1.0) for name in "abc")
        first, second = (self._corrections(_OVERLOADED, everybody) for _ in range(2))
        assert first == second

    def test_an_answer_is_given_when_there_is_nothing_to_go_by(self) -> None:
        """Nobody runs, and nothing is known of the machine."""
        assert not any(self._corrections(MachineReading(), ()))
        assert not any(self._corrections(_OVERLOADED, ()))
        self._corrections(MachineReading(), (executor("e", "", _lent("cpus:1")),))


_OVERLOADED = MachineReading(
    cpus=8,
    load_averages=(800.0, 800.0, 800.0),
    mem_total=8 * GIGABYTE,
    mem_available=0,
    cpu_pressure=1.0,
    mem_pressure=1.0,
)


def _lent(text: str) -> Resources:
    return revocable(parse_resources(text))
