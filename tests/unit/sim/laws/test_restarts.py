"""Agents that are started again know what they knew, and end what is to end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.agent.core.events import MasterMessageReceived
from tepui.link.messages import ShutdownFramework
from tepui.resources import parse_resources
from tepui.sim.laws import LawBroken
from tepui.sim.laws.kills import ShutdownsKept
from tepui.sim.laws.restarts import DurableAgents
from tepui.sim.observations import Ending
from tepui.sim.scenario import Workload

pytestmark = pytest.mark.slow


@pytest.fixture
def scenario(scenario):
    long = Workload(roles=("red",), tasks=4, run_seconds=(5000.0, 5000.0))
    return scenario.with_parts(settle_seconds=600.0, workloads=(long,))


def killed(run: Any) -> Any:
    """Kill an agent that runs tasks; its supervisor keeps them."""
    machine = run.world.machines[0]
    assert machine.containers
    machine.process.end(Ending.KILLED, "killed")
    return machine.process


def test_who_is_started_again_has_what_it_had(running) -> None:
    run = running(DurableAgents)
    run.until(20.0)
    killed(run).start()
    run.until(40.0)
    assert run.world.machines[0].core.model.frameworks


def test_a_task_without_a_record_is_missed(running) -> None:
    run = running(DurableAgents)
    run.until(20.0)
    process = killed(run)
    process.disk.forget_everything()
    process.start()
    with pytest.raises(LawBroken, match="agent-0: was started again and takes itself for None"):
        run.until(40.0)


def test_what_was_known_is_compared_with_the_life_before(running) -> None:
    run = running(DurableAgents)
    run.until(20.0)
    process = killed(run)
    model = process.core.model
    model.total = model.total + parse_resources("cpus:1")
    process.start()
    with pytest.raises(LawBroken, match="agent-0: was started again and has "):
        run.until(40.0)


def test_what_is_left_of_a_framework_ends(running, stepped) -> None:
    run = running(ShutdownsKept)
    run.until(20.0)
    framework_id = run.world.frameworks[0].framework_id
    message = MasterMessageReceived(message=ShutdownFramework(framework_id=framework_id))
    # As if the agent had heard of it and done nothing.
    step = stepped("agent", message, node="agent-0")
    run.watching.observe(msgspec.structs.replace(step, at=run.world.at))
    with pytest.raises(LawBroken, match=r"agent-0: still runs what framework .* has left"):
        run.until(160.0)
