"""The controller that goes by the load."""

from __future__ import annotations

import pytest

from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.core.oversubscription.interface import MachineReading, Reading
from tepui.agent.core.oversubscription.laws import FIRST, TOTAL, executor
from tepui.agent.core.oversubscription.load import LoadController
from tepui.resources import parse_resources

LENT = revocable(parse_resources("cpus:1"))
EVERYBODY = (executor("regular", "cpus:4"), executor("a", "", LENT), executor("b", "mem:1", LENT))


def ended(parameters: dict[str, str], five: float, fifteen: float) -> list[str]:
    machine = MachineReading(load_averages=(99.0, five, fifteen))
    reading = Reading(total=TOTAL, executors=EVERYBODY, machine=machine)
    return [each.executor_id for each in LoadController(parameters).corrections(reading, FIRST)]


def test_every_borrower_goes_when_a_threshold_is_exceeded() -> None:
    both = {"load_threshold_5min": "6", "load_threshold_15min": "4"}
    assert ended(both, 6.0, 4.0) == [], "reaching it is not exceeding it"
    assert ended(both, 6.1, 0.0) == ["a", "b"]
    assert ended(both, 0.0, 4.1) == ["a", "b"]
    assert ended({"load_threshold_15min": "4"}, 50.0, 0.0) == []
    assert ended({"load_threshold_5min": "0"}, 0.01, 0.0) == ["a", "b"]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "has to be given"),
        ({"load_threshold_5min": "much"}, "load_threshold_5min: 'much' is not a number"),
        ({"load_threshold_5min": "nan"}, "load_threshold_5min: nan is not in"),
        ({"load_threshold_15min": "-1"}, "load_threshold_15min: -1 is not in"),
        ({"load_threshold_1min": "1"}, "no parameter 'load_threshold_1min'"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(
    parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        LoadController(parameters)
