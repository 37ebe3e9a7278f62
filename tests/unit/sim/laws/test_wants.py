"""Kills and guarantees are kept; both are looked at in worlds that run."""

from __future__ import annotations

import pytest

from tepui.allocator import Quota
from tepui.resources import Quantities
from tepui.sim.laws import LawBroken
from tepui.sim.laws.headroom import HeadroomKept
from tepui.sim.laws.kills import KillsKept
from tepui.sim.scenario import Workload

pytestmark = pytest.mark.slow


@pytest.fixture
def scenario(scenario):
    long = Workload(roles=("red",), tasks=2, run_seconds=(5000.0, 5000.0))
    return scenario.with_parts(settle_seconds=600.0, workloads=(long,))


def test_a_task_that_outlives_its_kill_breaks_the_law(running) -> None:
    run = running(KillsKept)
    run.until(100.0)
    entry = next(iter(run.world.frameworks[0].ledger.values()))
    entry.is_to_die = True
    # The framework asks for it again and again; here, nobody hears.
    run.world.frameworks[0].scheduler._kill = lambda entry: None
    with pytest.raises(LawBroken, match="framework-0: has wanted task framework-0-1 dead for"):
        run.until(280.0)


def test_a_kill_that_is_carried_out_does_not(running) -> None:
    run = running(KillsKept)
    run.until(100.0)
    run.world.frameworks[0].scheduler._want_dead("framework-0-1")
    run.until(250.0)
    assert run.world.frameworks[0].ledger["framework-0-1"].is_terminal


def test_an_offer_out_of_what_others_are_guaranteed_breaks_the_law(running) -> None:
    run = running(HeadroomKept)
    # As if the allocator had never heard of it.
    run.until(1.5)
    run.state.quotas["blue"] = Quota(guarantees=Quantities(cpus=4000))
    run.world.leader.allocator.update_weights({"blue": 1.0})
    with pytest.raises(LawBroken, match=r"an offer to red leaves [0-9.]+ cpus free, and 4 are"):
        run.until(60.0)
