"""Whatever tasks use, what is lent of theirs stays within what the parameters allow."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.agent.core.oversubscription.interface import ExecutorReading, Reading
from tepui.agent.core.oversubscription.laws import FIRST
from tepui.agent.core.oversubscription.usage_estimator import UsageEstimator
from tepui.messages import ResourceStatistics
from tepui.resources import EMPTY, Resources, parse_resources

TOTAL = parse_resources("cpus:8;mem:8000")
PARAMETERS = {"max_share": "0.5", "margin": "0.2", "step": "0.05", "warm_up": "0secs"}

Looks = list[dict[str, tuple[int, float, int]]]
LOOKS = st.lists(
    st.dictionaries(
        st.sampled_from("abc"),
        st.tuples(
            st.integers(1, 4),
            st.floats(0, 1e6, allow_nan=False),
            st.integers(0, 2**63),
        ),
        max_size=3,
    ),
    max_size=40,
)


def reading(look: dict[str, tuple[int, float, int]], lent: Resources) -> Reading:
    executors = [
        ExecutorReading(
            framework_id="f",
            executor_id=name,
            container_id=name,
            allocated=parse_resources(f"cpus:{granted};mem:{granted * 100}"),
            used={
                name: ResourceStatistics(
                    timestamp=0.0, cpus_user_time_secs=spent, mem_rss_bytes=held
                )
            },
        )
        for name, (granted, spent, held) in look.items()
    ]
    borrower = ExecutorReading(
        framework_id="f", executor_id="borrower", container_id="borrower", allocated=lent
    )
    return Reading(total=TOTAL, executors=(*executors, borrower))


@pytest.mark.slow
@given(looks=LOOKS, is_all_taken=st.booleans())
def test_no_more_is_lent_than_the_shares_allow(looks: Looks, is_all_taken: bool) -> None:
    estimator = UsageEstimator(PARAMETERS)
    lent = EMPTY
    for number, look in enumerate(looks):
        estimate = estimator.estimate(reading(look, lent), FIRST.later(15.0 * number))
        granted = sum(each for each, _, _ in look.values())
        for name, amount in estimate.scalars().items():
            free = TOTAL.scalars()[name] // 2 - lent.scalars().get(name, 0)
            assert 0 < amount <= free
            step = TOTAL.scalars()[name] * 0.05
            whole = granted * (1000 if name == "cpus" else 100_000)
            assert amount + lent.scalars().get(name, 0) <= whole * 0.8 + step
        if is_all_taken:
            lent = estimate or lent


@pytest.mark.slow
@given(
    base=st.floats(0, 4, allow_nan=False),
    sways=st.lists(st.floats(-0.14, 0.14), min_size=30, max_size=60),
)
def test_little_changes_of_use_do_not_change_what_is_lent(base: float, sways: list[float]) -> None:
    estimator = UsageEstimator({**PARAMETERS, "names": "cpus", "max_share": "1"})
    spent, told = 0.0, []
    for number, sway in enumerate(sways):
        spent += max(0.0, base + sway) * 15.0
        estimate = estimator.estimate(
            reading({"a": (4, spent, 0)}, EMPTY), FIRST.later(15.0 * number)
        )
        told.append(estimate.get_scalar("cpus"))
    changes = sum(1 for before, after in pairwise(told) if before != after)
    assert changes <= 1, told
