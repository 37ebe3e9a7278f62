"""The controller that ends borrowers one by one while the machine is short."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.core.oversubscription.interface import ExecutorReading, MachineReading, Reading
from tepui.agent.core.oversubscription.laws import CALM, FIRST, TOTAL
from tepui.agent.core.oversubscription.usage_controller import UsageController
from tepui.messages import ResourceStatistics
from tepui.resources import parse_resources

BUSY = msgspec.structs.replace(CALM, cpu_pressure=0.6)
EASING = msgspec.structs.replace(CALM, cpu_pressure=0.3)
FULL = msgspec.structs.replace(CALM, mem_available=CALM.mem_total // 50)


def borrower(name: str, *, spent: float, mem: int, lent: str = "cpus:1;mem:64") -> ExecutorReading:
    statistics = ResourceStatistics(
        timestamp=0.0,
        cpus_user_time_secs=spent,
        cpus_system_time_secs=0.0,
        mem_rss_bytes=mem * 1024 * 1024,
    )
    return ExecutorReading(
        framework_id="f",
        executor_id=name,
        container_id=name,
        allocated=revocable(parse_resources(lent)),
        used={name: statistics},
    )


class Story:
    def __init__(self, **parameters: str) -> None:
        self.controller = UsageController(parameters)
        self.at = FIRST

    def look(self, machine: MachineReading, *executors: ExecutorReading, after: float = 1.0) -> Any:
        """Return who has to go."""
        self.at = self.at.later(after)
        reading = Reading(total=TOTAL, executors=executors, machine=machine)
        return [each.executor_id for each in self.controller.corrections(reading, self.at)]


def test_borrowers_go_one_by_one_with_a_pause_until_the_low_mark() -> None:
    story = Story(pause="10secs")
    a, b, c = (borrower(name, spent=0, mem=1) for name in "abc")
    assert story.look(CALM, a, b, c) == []
    assert story.look(EASING, a, b, c) == [], "the high mark was not reached"
    assert story.look(BUSY, a, b, c) == ["c"], "the youngest of equals"
    assert story.look(BUSY, a, b, after=9.0) == []
    assert story.look(EASING, a, b) == ["b"], "it is not content yet"
    assert story.look(CALM, a, after=10.0) == []
    assert story.look(EASING, a, after=10.0) == []


def test_whoever_uses_most_of_what_is_short_goes_first() -> None:
    story = Story()
    story.look(CALM, borrower("busy", spent=10, mem=1), borrower("fat", spent=50, mem=500))
    busy, fat = borrower("busy", spent=11, mem=1), borrower("fat", spent=50, mem=500)
    assert story.look(BUSY, busy, fat) == ["busy"], "by what it uses now, not by what it has used"
    assert story.look(FULL, busy, fat, after=60.0) == ["fat"]


def test_memory_is_looked_after_before_cpus() -> None:
    story = Story()
    both = msgspec.structs.replace(BUSY, mem_available=0)
    story.look(CALM, borrower("busy", spent=0, mem=1), borrower("fat", spent=0, mem=500))
    assert story.look(
        both, borrower("busy", spent=9, mem=1), borrower("fat", spent=0, mem=500)
    ) == ["fat"]


def test_who_has_borrowed_what_is_short_goes_before_others() -> None:
    story = Story()
    fat = borrower("fat", spent=0, mem=500, lent="cpus:1")
    small = borrower("small", spent=0, mem=5, lent="cpus:1;mem:64")
    assert story.look(FULL, fat, small) == ["small"]
    assert story.look(FULL, fat, after=60.0) == ["fat"]


def test_the_youngest_may_go_first() -> None:
    story = Story(order="youngest")
    old = borrower("old", spent=0, mem=500)
    story.look(CALM, old)
    assert story.look(FULL, borrower("young", spent=0, mem=1), old) == ["young"]


def test_the_load_counts_where_the_kernel_does_not_tell_of_pressure() -> None:
    story = Story(load_high="1.5", load_low="1")
    a = borrower("a", spent=0, mem=1)
    loaded = msgspec.structs.replace(CALM, cpu_pressure=None, load_averages=(13.0, 0.0, 0.0))
    relaxed = msgspec.structs.replace(loaded, load_averages=(11.0, 99.0, 99.0))
    assert story.look(relaxed, a) == []
    assert story.look(loaded, a) == ["a"]


def test_the_correction_says_why() -> None:
    controller = UsageController({})
    reading = Reading(total=TOTAL, executors=(borrower("a", spent=0, mem=1),), machine=FULL)
    [correction] = controller.corrections(reading, FIRST)
    assert correction.container_id == "a"
    assert correction.reason == "98% of the machine's memory is in use"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"mem_low": "0.9", "mem_high": "0.8"}, "mem_low: 0.9 is above mem_high, 0.8"),
        ({"cpu_pressure_high": "50"}, "cpu_pressure_high: 50 is not in 0..1"),
        ({"order": "oldest"}, "order: 'oldest' is not one of largest, youngest"),
        ({"pause": "soon"}, "pause: "),
        ({"mark": "1"}, "no parameter 'mark'"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(
    parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        UsageController(parameters)


def test_a_high_mark_below_the_usual_low_one_takes_its_place() -> None:
    assert Story(mem_high="0.1").look(CALM, borrower("a", spent=0, mem=1)) == ["a"]
