"""The estimator that lends what was given and is not used."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.core.oversubscription.interface import ExecutorReading, Reading
from tepui.agent.core.oversubscription.laws import FIRST
from tepui.agent.core.oversubscription.usage_estimator import SAMPLES_MAX, UsageEstimator
from tepui.messages import ResourceStatistics
from tepui.resources import EMPTY, Resources, parse_resources

TOTAL = parse_resources("cpus:10;mem:10000")
EVERY = 15.0


class Machine:
    """One agent whose executors use what the test says, looked at every 15 seconds."""

    def __init__(self, **parameters: str) -> None:
        self.estimator = UsageEstimator(parameters)
        self.at = FIRST
        self.spent: dict[str, float] = {}

    def look(self, *executors: ExecutorReading) -> Resources:
        self.at = self.at.later(EVERY)
        return self.estimator.estimate(Reading(total=TOTAL, executors=executors), self.at)

    def executor(
        self, name: str, resources: str, cpus: float, mem: int, lent: Resources = EMPTY
    ) -> ExecutorReading:
        """One that used ``cpus`` since the last look and holds ``mem`` megabytes."""
        spent = self.spent[name] = self.spent.get(name, 0.0) + cpus * EVERY
        statistics = ResourceStatistics(
            timestamp=0.0,
            cpus_user_time_secs=spent / 2,
            cpus_system_time_secs=spent / 2,
            mem_rss_bytes=mem * 1024 * 1024,
        )
        return ExecutorReading(
            framework_id="f",
            executor_id=name,
            container_id=name,
            allocated=parse_resources(resources) + lent if resources else lent,
            used={name: statistics},
        )

    def looks(self, count: int, *args: Any, **fields: Any) -> list[Resources]:
        return [self.look(self.executor(*args, **fields)) for _ in range(count)]


def told(estimates: list[Resources]) -> list[tuple[float, float]]:
    """The estimates without repetitions, as cpus and mem."""
    pairs = [(each.get_scalar("cpus"), each.get_scalar("mem")) for each in estimates]
    return [pair for pair, _ in itertools.groupby(pairs)]


def test_slack_is_lent_after_the_warm_up_less_the_margin() -> None:
    machine = Machine(margin="0.1", warm_up="1mins")
    estimates = machine.looks(20, "idle", "cpus:4;mem:1000", 1.0, 100)
    assert told(estimates) == [(0.0, 0.0), (2.6, 800.0)]
    assert estimates.index(revocable(parse_resources("cpus:2.6;mem:800"))) == 4, "a minute later"


def test_no_more_than_a_share_of_the_total_is_lent() -> None:
    estimates = Machine(max_share="0.2").looks(20, "idle", "cpus:10;mem:10000", 0.0, 0)
    assert told(estimates)[-1] == (2.0, 2000.0)


def test_a_task_that_becomes_busy_gets_it_back_soon_and_lends_again_late() -> None:
    machine = Machine(margin="0", window="5mins", percentile="0.95", names="cpus")
    machine.looks(25, "t", "cpus:4;mem:100", 0.5, 10)
    busy = machine.looks(3, "t", "cpus:4;mem:100", 4.0, 10)
    assert told(busy) == [(3.5, 0.0), (0.0, 0.0)], "one outlier among twenty is let pass"
    idle = machine.looks(25, "t", "cpus:4;mem:100", 0.5, 10)
    assert told(idle) == [(0.0, 0.0), (3.5, 0.0)]
    assert idle[10].get_scalar("cpus") == 0.0


def test_the_estimate_stays_while_use_sways_a_little() -> None:
    machine = Machine(step="0.1", names="cpus")
    estimates = [
        machine.look(machine.executor("t", "cpus:8;mem:64", 2.0 + 0.4 * (number % 2), 1))
        for number in range(60)
    ]
    assert len(told(estimates)) == 2, "nothing, and then one estimate for good"


def test_nothing_is_told_however_little_it_was_before() -> None:
    machine = Machine(margin="0", max_share="1", step="0.3", names="cpus")
    estimates = [
        estimate
        for used in (4.0, 7.5, 10.0)
        for estimate in machine.looks(25, "t", "cpus:10;mem:64", used, 1)
    ]
    assert told(estimates) == [(0.0, 0.0), (6.0, 0.0), (2.5, 0.0), (0.0, 0.0)]


def test_what_is_lent_and_used_by_borrowers_is_no_slack_of_anybodys() -> None:
    machine = Machine(margin="0", names="cpus")
    machine.looks(25, "t", "cpus:4;mem:64", 1.0, 1)
    lent = revocable(parse_resources("cpus:2"))
    estimate = EMPTY
    for _ in range(25):
        regular = machine.executor("t", "cpus:4;mem:64", 1.0, 1)
        borrower = machine.executor("b", "mem:10", 0.1, 1, lent=lent)
        estimate = machine.look(regular, borrower)
    assert estimate == revocable(parse_resources("cpus:1"))


def test_what_was_not_measured_is_not_lent() -> None:
    machine = Machine()
    unmeasured = ExecutorReading(
        framework_id="f",
        executor_id="e",
        container_id="e",
        allocated=parse_resources("cpus:4;mem:1000"),
    )
    assert {machine.look(unmeasured) for _ in range(30)} == {EMPTY}
    without_cpus = ResourceStatistics(timestamp=0.0, mem_rss_bytes=0)
    partly = ExecutorReading(
        framework_id="f",
        executor_id="e",
        container_id="e",
        allocated=parse_resources("cpus:4;mem:1000"),
        used={"e": without_cpus},
    )
    assert [machine.look(partly) for _ in range(30)][-1] == revocable(parse_resources("mem:900"))


def test_an_executor_that_takes_on_more_is_looked_at_anew() -> None:
    machine = Machine(names="cpus", margin="0")
    machine.looks(25, "t", "cpus:4;mem:64", 0.0, 1)
    assert machine.looks(1, "t", "cpus:5;mem:64", 0.0, 1) == [EMPTY]
    assert machine.looks(25, "t", "cpus:5;mem:64", 0.0, 1)[-1].get_scalar("cpus") == 5.0


def test_nothing_is_lent_of_what_nobody_holds_any_more() -> None:
    machine = Machine()
    assert machine.looks(25, "t", "cpus:4;mem:1000", 0.0, 1)[-1]
    assert machine.look() == EMPTY
    assert machine.estimator._records == {}


def test_samples_are_bounded() -> None:
    machine = Machine(window="1days")
    machine.looks(SAMPLES_MAX + 20, "t", "cpus:4;mem:1000", 0.0, 1)
    assert len(machine.estimator._records["t"].samples) == SAMPLES_MAX


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"names": "cpus,gpus"}, "names: 'gpus' is not one of cpus, mem"),
        ({"percentile": "95"}, "percentile: 95 is not in 0.5..1"),
        ({"margin": "inf"}, "margin: inf is not in"),
        ({"window": "5"}, "window: "),
        ({"window": "2days"}, "window: 2days is not in"),
        ({"shares": "1"}, "no parameter 'shares'; known: names, window"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(
    parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        UsageEstimator(parameters)
