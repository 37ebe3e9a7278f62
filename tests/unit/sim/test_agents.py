"""A simulated agent does what the real one's driver does."""

from __future__ import annotations

import typing
from typing import Any

from tepui.agent.core import effects
from tepui.base.rng import Rng
from tepui.containers.protocol import LaunchSpec
from tepui.sim.agents import AgentProcess
from tepui.sim.clock import NodeClock
from tepui.sim.disk import CheckpointDisk
from tepui.sim.observations import ContainerEnded, CoreStepped, Ending
from tepui.sim.scenario import Disk, Scenario, ZooKeeper
from tepui.sim.supervisor import command
from tepui.sim.zookeeper import Ensemble


def agent_of(net: Any) -> AgentProcess:
    ensemble = Ensemble(net.clock, net.network, Rng(2), net.observed.append, ZooKeeper(), Disk())
    agent = AgentProcess(
        Scenario().agent_config(0),
        net.clock,
        NodeClock(net.clock),
        net.network,
        ensemble,
        CheckpointDisk(net.clock, Rng(3), (0.001, 0.001)),
        lambda life: Rng(life),
        net.observed.append,
        (0.01, 0.01),
        5050,
    )
    agent.start()
    return agent


def launch(agent: AgentProcess, name: str, seconds: float) -> None:
    argv = ["/bin/sh", "-c", command(seconds, 3)]
    agent.supervisor.launch(LaunchSpec(container_id=name, sandbox="/s", argv=argv), "f", name)


def ends(net: Any) -> dict[str, int | None]:
    return {
        each.container_id: each.status for each in net.observed if isinstance(each, ContainerEnded)
    }


def test_every_effect_of_the_core_is_carried_out(new_net: Any) -> None:
    agent = agent_of(new_net())
    # Checkpoints are merged and committed before the others are carried out.
    assert {*agent._run, effects.Checkpoint} == set(typing.get_args(effects.AgentEffect))


def test_an_agent_recovers_first_of_all(new_net: Any) -> None:
    net = new_net()
    agent_of(net)
    net.run(2.0)
    [step] = [each for each in net.observed if isinstance(each, CoreStepped)]
    assert type(step.event).__name__ == "Recovered"


def test_containers_outlive_their_agent_and_tell_the_next_one_how_they_ended(new_net: Any) -> None:
    net = new_net()
    agent = agent_of(net)
    net.run(2.0)
    launch(agent, "short", 10.0)
    launch(agent, "long", 1000.0)
    agent.end(Ending.KILLED, "killed")
    net.run(20.0)
    assert ends(net) == {"short": 3 << 8}
    found = {each.container_id: each.exited for each in agent.supervisor.start()}
    assert found["long"] is None
    assert found["short"] is not None


def test_a_supervisor_without_an_agent_ends_all_after_its_time(new_net: Any) -> None:
    net = new_net()
    agent = agent_of(net)
    net.run(2.0)
    launch(agent, "long", 1e6)
    agent.end(Ending.KILLED, "killed")
    net.run(agent.config.recovery_timeout_seconds - 5.0)
    assert ends(net) == {}
    net.run(10.0)
    assert ends(net) == {"long": 9}


def test_nobody_knows_how_the_orphans_of_a_dead_supervisor_ended(new_net: Any) -> None:
    net = new_net()
    agent = agent_of(net)
    net.run(2.0)
    launch(agent, "long", 1e6)
    assert agent.supervisor.crash()
    net.run(5.0)
    assert ends(net) == {"long": None}
    assert agent.supervisor.is_alive
