"""From a failing run to a smaller one that breaks the same law: what a person can read.

First the faults go that are not needed, then agents, frameworks and masters; then what is left is
tried without the rest of its time. Each try is a run from the same seed, and from a few others:
whatever is left out changes all chance that comes after it, and with it what happens to meet. The
smallest run names the seed that it fails with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from tepui.sim.faults import Fault
from tepui.sim.run import Outcome, run
from tepui.sim.scenario import Scenario

T = TypeVar("T")
RUNS_MAX = 300
OTHER_SEEDS = (1, 2)
"""What is added to the seed for the other tries."""

Runner = Callable[[Scenario, int], Outcome]
Told = Callable[[int, Outcome], None]
"""Told after each run how many there were, and the smallest failing one so far."""


def _run(scenario: Scenario, seed: int) -> Outcome:
    return run(scenario, seed, is_traced=False)


class Shrinking:
    """A search for a smaller run.

    Attributes:
        smallest: The smallest failing run so far.
        runs: How many runs were tried.
    """

    def __init__(
        self,
        failed: Outcome,
        *,
        runner: Runner = _run,
        runs_max: int = RUNS_MAX,
        told: Told | None = None,
        is_time_up: Callable[[], bool] = lambda: False,
    ) -> None:
        assert failed.violation is not None
        self._law = failed.violation.law
        self._runner = runner
        self._runs_max = runs_max
        self._told = told
        self._is_time_up = is_time_up
        self.runs = 0
        explicit = failed.scenario.with_parts(chances=(), faults=tuple(failed.faults))
        self.smallest = msgspec.structs.replace(failed, scenario=explicit)

    def run(self) -> Outcome:
        """Search until nothing can be left out, or the runs or the time are used up."""
        self._drop_later_faults()
        size = -1
        while self._size() != size and not self._is_over():
            size = self._size()
            self._drop_faults()
            self._drop_agents()
            self._drop_frameworks()
            self._drop_masters()
        self._drop_time()
        return self.smallest

    def _is_over(self) -> bool:
        return self.runs >= self._runs_max or self._is_time_up()

    def _size(self) -> int:
        scenario = self.smallest.scenario
        return (
            len(scenario.faults)
            + scenario.agent_count
            + scenario.framework_count
            + scenario.cluster.masters
        )

    def _fails(self, scenario: Scenario) -> bool:
        """Try a smaller one, and keep it if it breaks the same law."""
        if self._is_over():
            return False
        first = self.smallest.seed
        for seed in (first, *(first + each for each in OTHER_SEEDS)):
            self.runs += 1
            outcome = self._runner(scenario, seed)
            if outcome.violation is not None and outcome.violation.law == self._law:
                self.smallest = outcome
                if self._told is not None:
                    self._told(self.runs, outcome)
                return True
            if self._is_over():
                break
        return False

    def _drop_later_faults(self) -> None:
        """What came after the law was broken did not break it."""
        scenario, violation = self.smallest.scenario, self.smallest.violation
        assert violation is not None
        earlier = tuple(each for each in scenario.faults if each.at <= violation.at)
        if len(earlier) < len(scenario.faults):
            self._fails(scenario.with_parts(faults=earlier))

    def _drop_faults(self) -> None:
        def fails(faults: Sequence[Fault]) -> bool:
            return self._fails(self.smallest.scenario.with_parts(faults=tuple(faults)))

        fewest(self.smallest.scenario.faults, fails)

    def _drop_agents(self) -> None:
        for count in _fewer(self.smallest.scenario.agent_count):
            if not self._fails(self.smallest.scenario.with_agents(count)):
                break

    def _drop_frameworks(self) -> None:
        workloads = self.smallest.scenario.workloads
        for at in reversed(range(len(workloads))):
            here = self.smallest.scenario.workloads
            fewer = (*here[:at], *here[at + 1 :])
            if fewer and self._fails(self.smallest.scenario.with_parts(workloads=fewer)):
                continue
            for count in _fewer(here[at].count):
                one = msgspec.structs.replace(here[at], count=count)
                changed = (*here[:at], one, *here[at + 1 :])
                if not self._fails(self.smallest.scenario.with_parts(workloads=changed)):
                    break

    def _drop_masters(self) -> None:
        for count in _fewer(self.smallest.scenario.cluster.masters):
            cluster = msgspec.structs.replace(self.smallest.scenario.cluster, masters=count)
            if not self._fails(self.smallest.scenario.with_parts(cluster=cluster)):
                break

    def _drop_time(self) -> None:
        """Try it with less time before the end of faults: only as much as they take."""
        scenario = self.smallest.scenario
        over = max((each.until for each in scenario.faults), default=0.0) + 30.0
        if over < scenario.settle_after:
            self._fails(scenario.with_parts(settle_after=over))


def _fewer(count: int) -> Iterator[int]:
    """Halve, and then take one away at a time."""
    while count > 3:
        count //= 2
        yield count
    while count > 1:
        count -= 1
        yield count


def fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part of ``items`` that fails, of which no single piece can be left out.

    This is delta debugging: leave out large pieces while that goes, then smaller ones.

    Args:
        items: Which fail together.
        fails: Tells whether some of them do.
    """
    left = list(items)
    if left and fails([]):
        return []
    pieces = 2
    while len(left) >= 2:
        size = -(-len(left) // pieces)
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            if rest and fails(rest):
                left = rest
                pieces = max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(len(left), pieces * 2)
    return left
