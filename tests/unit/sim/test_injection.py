"""Faults as they are applied to a world, and what is left of them when they are over."""

from __future__ import annotations

import pytest

from tepui.sim.faults import Fault, FaultKind
from tepui.sim.scenario import read_scenario
from tepui.sim.world import World

SCENARIO = """
about = "One agent, and nothing to do."
[cluster]
masters = 1
agents = [{ count = 1, resources = "cpus:1;mem:64" }]
"""


@pytest.fixture
def world() -> World:
    return World(read_scenario(SCENARIO, "test"), 1, lambda observed: None)


def test_of_faults_that_overlap_the_strongest_counts_until_it_is_over(world) -> None:
    disk = world.machine("agent-0").process.disk
    for seconds, amount in ((10.0, 0.5), (20.0, 2.0), (30.0, 0.1)):
        fault = Fault(
            at=0.0, kind=FaultKind.DISK_SLOW, target="agent-0", seconds=seconds, amount=amount
        )
        world.apply(fault)
    counted = [disk.seconds_more]
    for second in (11.0, 21.0, 31.0):
        world.run_until(second)
        counted.append(disk.seconds_more)
    assert counted == [2.0, 2.0, 0.1, 0.0]


def test_a_disk_fails_until_the_last_of_its_faults_is_over(world) -> None:
    disk = world.machine("agent-0").process.disk
    for seconds in (20.0, 10.0):
        world.apply(Fault(at=0.0, kind=FaultKind.DISK_FAILING, target="agent-0", seconds=seconds))
    world.run_until(11.0)
    assert disk.is_failing
    world.run_until(21.0)
    assert not disk.is_failing
