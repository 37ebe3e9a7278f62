"""The estimator that lends what the operator says."""

from __future__ import annotations

import pytest

from tepui.agent.core.oversubscription.fixed import FixedEstimator, revocable
from tepui.agent.core.oversubscription.interface import Reading
from tepui.agent.core.oversubscription.laws import FIRST, TOTAL, executor
from tepui.resources import parse_resources


def test_what_is_left_of_it_is_lent() -> None:
    estimator = FixedEstimator({"resources": "cpus:14;ports:[1-9]"})
    assert estimator.estimate(Reading(total=TOTAL), FIRST) == revocable(
        parse_resources("cpus:14;ports:[1-9]")
    )
    borrower = executor("b", "cpus:8", revocable(parse_resources("cpus:5;ports:[1-4]")))
    assert estimator.estimate(Reading(total=TOTAL, executors=(borrower,)), FIRST) == revocable(
        parse_resources("cpus:9;ports:[5-9]")
    )


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "resources: has to say what may be lent"),
        ({"resources": "cpus"}, "resources: "),
        ({"resources": "cpus:nan"}, "resources: "),
        ({"resources": "cpus(red):1"}, "cpus is reserved"),
        (
            {"resources": "cpus:1", "resource": "cpus:1"},
            "no parameter 'resource'; known: resources",
        ),
    ],
)
def test_what_cannot_be_lent_is_refused(parameters: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FixedEstimator(parameters)
