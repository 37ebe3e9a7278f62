"""All that a fault can be done to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tepui.agent.core.agent import Agent
from tepui.base.rng import Rng
from tepui.sim.agents import AgentProcess
from tepui.sim.clock import Clock
from tepui.sim.frameworks import FrameworkProcess
from tepui.sim.network import Network
from tepui.sim.operators import Operator
from tepui.sim.processes import Observe, Process
from tepui.sim.scenario import Scenario
from tepui.sim.supervisor import Container
from tepui.sim.zookeeper import Ensemble


class Machine:
    """An agent's node, as laws look at it."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process

    @property
    def node(self) -> str:
        """Its name."""
        return self.process.name

    @property
    def core(self) -> Agent | None:
        """The core of its process; None while there is none."""
        return self.process.core if self.process.is_alive else None

    @property
    def containers(self) -> Mapping[str, Container]:
        """What really runs, by container id."""
        known = self.process.supervisor.containers
        return {key: each for key, each in known.items() if each.exited is None}


class Nodes(Protocol):
    """A world, as faults see it."""

    scenario: Scenario
    observe: Observe
    clock: Clock
    network: Network
    ensemble: Ensemble
    operator: Operator

    @property
    def frameworks(self) -> Sequence[FrameworkProcess]:
        """The frameworks."""
        ...

    def process(self, name: str) -> Process:
        """Return the process of a node."""
        ...

    def machine(self, name: str) -> Machine:
        """Return the machine of an agent."""
        ...

    def rng(self, name: str) -> Rng:
        """Return the chance of one part of the world."""
        ...
