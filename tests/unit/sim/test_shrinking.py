"""From a failing run to a smaller one that breaks the same law."""

from __future__ import annotations

import msgspec
import pytest

from tepui.sim.faults import Fault, FaultKind
from tepui.sim.run import Outcome, Statistics, Violation
from tepui.sim.scenario import AgentGroup, Cluster, Scenario, Workload
from tepui.sim.shrinking import Shrinking, fewest


def test_what_is_left_fails_and_nothing_of_it_can_go() -> None:
    def fails(items) -> bool:
        return 3 in items and 17 in items

    assert fewest(range(40), fails) == [3, 17]
    assert fewest([3, 17], fails) == [3, 17]
    assert fewest(range(40), lambda items: True) == []
    assert fewest([5], lambda items: 5 in items) == [5]
    assert fewest([], lambda items: True) == []


def crash(at: float, target: str) -> Fault:
    return Fault(at=at, kind=FaultKind.AGENT_CRASH, target=target, seconds=1.0)


LARGE = Scenario(
    cluster=Cluster(agents=(AgentGroup(count=20),)),
    workloads=(Workload(count=3), Workload(count=2, roles=("red",))),
    faults=tuple(crash(float(10 * number), f"agent-{number % 4}") for number in range(1, 40)),
)


def outcome(scenario: Scenario, law: str | None, at: float = 250.0) -> Outcome:
    found = None if law is None else Violation(law=law, at=at, where="there", what="that")
    return Outcome(
        scenario=scenario,
        seed=7,
        faults=list(scenario.faults),
        statistics=Statistics(),
        violation=found,
    )


def two_crashes(scenario: Scenario, seed: int) -> Outcome:
    """A defect that takes two crashes of one agent, and a framework in a role."""
    mine = [each for each in scenario.faults if each.target == "agent-1"]
    is_broken = len(mine) >= 2 and any(each.roles == ("red",) for each in scenario.workloads)
    return outcome(scenario, "planted" if is_broken else None)


def test_only_what_the_defect_needs_is_left() -> None:
    search = Shrinking(outcome(LARGE, "planted"), runner=two_crashes)
    smallest = search.run().scenario
    assert [each.target for each in smallest.faults] == ["agent-1", "agent-1"]
    assert smallest.agent_count == 2
    assert [(each.count, each.roles) for each in smallest.workloads] == [(1, ("red",))]
    assert smallest.cluster.masters == 1
    assert smallest.settle_after < LARGE.settle_after
    assert search.runs < 200


def test_a_run_that_fails_from_another_seed_is_found_and_says_so() -> None:
    def fickle(scenario: Scenario, seed: int) -> Outcome:
        found = outcome(scenario, "planted" if seed % 2 else None)
        return msgspec.structs.replace(found, seed=seed)

    smallest = Shrinking(outcome(LARGE, "planted"), runner=fickle).run()
    assert smallest.scenario.faults == ()
    assert smallest.seed == 7
    failed = msgspec.structs.replace(outcome(LARGE, "planted"), seed=8)
    assert Shrinking(failed, runner=fickle).run().seed == 9


def test_another_law_that_is_broken_does_not_count() -> None:
    def another(scenario: Scenario, seed: int) -> Outcome:
        return outcome(scenario, "another")

    smallest = Shrinking(outcome(LARGE, "planted"), runner=another).run()
    assert len(smallest.scenario.faults) == len(LARGE.faults)


def test_a_search_ends_when_its_runs_or_its_time_are_used_up() -> None:
    search = Shrinking(outcome(LARGE, "planted"), runner=two_crashes, runs_max=3)
    search.run()
    assert search.runs == 3
    late = Shrinking(outcome(LARGE, "planted"), runner=two_crashes, is_time_up=lambda: True)
    assert len(late.run().scenario.faults) == len(LARGE.faults)
    assert late.runs == 0


def test_only_failing_runs_can_be_shrunk() -> None:
    with pytest.raises(AssertionError):
        Shrinking(outcome(LARGE, None))
