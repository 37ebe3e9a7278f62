"""Run a scenario from a seed, under all laws, and say how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from tepui.messages import TaskState
from tepui.sim.faults import Fault, generate
from tepui.sim.laws import Law, LawBroken, Watching, all_laws
from tepui.sim.laws.agreement import Agreement
from tepui.sim.observations import (
    CoreStepped,
    FaultApplied,
    LeadershipBegan,
    Observation,
    TaskPlanned,
    UpdateHeard,
)
from tepui.sim.processes import rng_for
from tepui.sim.scenario import Scenario
from tepui.sim.trace import Trace
from tepui.sim.world import World

LOOK_SECONDS = 1.0
"""How often laws have a chance to look at the whole."""

Progress = Callable[[float, "Statistics"], None]
"""Told the share of the run that is over, from 0 to 1, every few virtual seconds."""

PROGRESS_SECONDS = 10.0


class Statistics(msgspec.Struct, kw_only=True):
    """What happened in a run, in numbers.

    Attributes:
        seconds: Virtual ones.
        events: That cores took in.
        agreed_after: Seconds from the last fault's end until all agreed, if they did.
    """

    seconds: float = 0.0
    events: int = 0
    tasks_launched: int = 0
    tasks_finished: int = 0
    updates: int = 0
    elections: int = 0
    faults: int = 0
    agreed_after: float | None = None


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A law that does not hold: its name, when in virtual seconds, where and what."""

    law: str
    at: float
    where: str
    what: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went.

    Attributes:
        faults: All that were to be; those after a violation did not happen.
        violation: The law that was broken, if one was.
        fingerprint: Of all that happened; the same for the same scenario and seed.
    """

    scenario: Scenario
    seed: int
    faults: list[Fault]
    statistics: Statistics
    violation: Violation | None = None
    fingerprint: str = ""


class Counting:
    """Keeps the numbers of a run."""

    def __init__(self) -> None:
        self.statistics = Statistics()

    def observe(self, observation: Observation) -> None:
        """Count what happened."""
        counted = self.statistics
        match observation:
            case CoreStepped():
                counted.events += 1
            case TaskPlanned():
                counted.tasks_launched += 1
            case UpdateHeard(status=status):
                counted.updates += 1
                counted.tasks_finished += status.state is TaskState.TASK_FINISHED
            case LeadershipBegan():
                counted.elections += 1
            case FaultApplied():
                counted.faults += 1
            case _:
                pass


def run(
    scenario: Scenario,
    seed: int,
    *,
    laws: Iterable[Law] | None = None,
    progress: Progress | None = None,
    is_traced: bool = True,
    world_type: type[World] = World,
) -> Outcome:
    """Let a world go through a scenario until all agree at its end, or a law is broken.

    Args:
        scenario: What happens.
        seed: All chance comes from it.
        laws: By default all.
        progress: Told how far it is.
        is_traced: Whether to make a fingerprint.
        world_type: A kind of world; tests plant defects by it.
    """
    faults = generate(scenario, rng_for(seed, "faults"))
    watching = Watching(all_laws(scenario) if laws is None else laws)
    counting = Counting()
    trace = Trace() if is_traced else None

    def observe(observation: Observation) -> None:
        counting.observe(observation)
        if trace is not None:
            trace.observe(observation)
        watching.observe(observation)

    violation: Violation | None = None
    world: World | None = None
    try:
        world = world_type(scenario, seed, observe)
        watching.begin(world)
        _go_through(world, faults, watching, counting, progress)
    except LawBroken as broken:
        violation = Violation(law=broken.law, at=broken.at, where=broken.where, what=broken.what)
    counting.statistics.seconds = world.at if world is not None else 0.0
    counting.statistics.agreed_after = _agreed_after(watching, scenario)
    return Outcome(
        scenario=scenario,
        seed=seed,
        faults=faults,
        statistics=counting.statistics,
        violation=violation,
        fingerprint=trace.fingerprint() if trace is not None else "",
    )


def _go_through(
    world: World,
    faults: Sequence[Fault],
    watching: Watching,
    counting: Counting,
    progress: Progress | None,
) -> None:
    scenario = world.scenario
    waiting = list(reversed(faults))
    looks = 0
    while world.at < scenario.end and not _is_settled(watching):
        looks += 1
        until = min(looks * LOOK_SECONDS, scenario.end)
        while waiting and waiting[-1].at <= until:
            fault = waiting.pop()
            world.run_until(fault.at)
            world.apply(fault)
        world.run_until(until)
        watching.look(world)
        if progress is not None and looks % int(PROGRESS_SECONDS / LOOK_SECONDS) == 0:
            counting.statistics.seconds = world.at
            progress(min(1.0, world.at / scenario.end), counting.statistics)
    watching.conclude(world)


def _is_settled(watching: Watching) -> bool:
    """Tell whether there is nothing more to wait for: all agree."""
    return any(isinstance(law, Agreement) and law.is_reached for law in watching.laws)


def _agreed_after(watching: Watching, scenario: Scenario) -> float | None:
    for law in watching.laws:
        if isinstance(law, Agreement) and law.reached_at is not None:
            return law.reached_at - scenario.settle_after
    return None
