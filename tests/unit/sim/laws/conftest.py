"""What tests of laws share: things to be seen, and a world that is small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tepui.sim.laws import Law, Watching
from tepui.sim.observations import CoreStepped
from tepui.sim.scenario import AgentGroup, Cluster, Scenario, Workload
from tepui.sim.world import World

SMALL = Scenario(
    settle_after=60.0,
    settle_seconds=120.0,
    starvation_seconds=20.0,
    cluster=Cluster(masters=1, agents=(AgentGroup(count=2, resources="cpus:2;mem:1024"),)),
    workloads=(Workload(roles=("red",), tasks=2, run_seconds=(20.0, 30.0)),),
)


@pytest.fixture
def scenario() -> Scenario:
    return SMALL


@pytest.fixture
def watched(scenario: Scenario) -> Callable[..., None]:
    """Return what shows observations to one law."""

    def watch(law: type[Law], *observations: Any) -> None:
        watching = Watching([law(scenario)])
        for each in observations:
            watching.observe(each)

    return watch


class Running:
    """A small world that one law watches."""

    def __init__(self, scenario: Scenario, law: type[Law]) -> None:
        self.law = law(scenario)
        self.watching = Watching([self.law])
        self.world = World(scenario, 1, self.watching.observe)
        self.watching.begin(self.world)

    def until(self, second: float) -> None:
        """Let time pass, with looks at the whole."""
        while self.world.at < second:
            self.world.run_until(min(second, self.world.at + 1.0))
            self.watching.look(self.world)

    @property
    def state(self) -> Any:
        """What the leader has in mind."""
        assert self.world.leader is not None
        return self.world.leader.state


@pytest.fixture
def running(scenario: Scenario) -> Callable[[type[Law]], Running]:
    return lambda law: Running(scenario, law)


@pytest.fixture
def stepped() -> Callable[..., CoreStepped]:
    """Return what makes a step of a core."""

    def step(
        core: str, event: Any, *effects: Any, node: str | None = None, life: int = 1
    ) -> CoreStepped:
        return CoreStepped(
            at=5.0,
            node=node or f"{core}-0",
            life=life,
            core=core,
            event=event,
            effects=list(effects),
            monotonic=5.0,
            wall=5.0,
        )

    return step
