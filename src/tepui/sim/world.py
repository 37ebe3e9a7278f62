"""A world: all nodes of a scenario, run from one seed.

world = World(scenario, seed, observe)
for fault in faults:
    world.run_until(fault.at)
    world.apply(fault)
world.run_until(scenario.end)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tepui.base.rng import Rng
from tepui.master.core.master import Master
from tepui.sim.agents import AgentProcess
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.disk import CheckpointDisk
from tepui.sim.faults import Fault
from tepui.sim.frameworks import FrameworkProcess
from tepui.sim.injection import Injection
from tepui.sim.masters import MasterProcess
from tepui.sim.network import Network
from tepui.sim.nodes import Machine
from tepui.sim.operators import Operator
from tepui.sim.processes import Observe, Process, rng_for
from tepui.sim.scenario import Scenario
from tepui.sim.schedulers import Scheduler
from tepui.sim.zookeeper import Ensemble

DRIFT = 1e-4
"""So far may a machine's clock be off the world's, as a share."""

RESTART_SECONDS = (1.0, 5.0)
"""How long whoever looks after processes takes to start one again that ended by itself."""


class World:
    """Nodes, what is between them, and the time.

    Attributes:
        clock: Its time.
        masters: Their processes; so with ``agents`` and ``frameworks``.
    """

    def __init__(self, scenario: Scenario, seed: int, observe: Observe) -> None:
        self.scenario = scenario
        self.seed = seed
        self.observe = observe
        self.clock = Clock()
        self._numbers = 0
        self.network = Network(self.clock, rng_for(seed, "network"), scenario.network, observe)
        self.ensemble = Ensemble(
            self.clock,
            self.network,
            rng_for(seed, "zookeeper"),
            observe,
            scenario.zookeeper,
            scenario.disk,
        )
        self._chance = rng_for(seed, "world")
        self.masters = [self._master(number) for number in range(scenario.cluster.masters)]
        self.machines = [Machine(self._agent(number)) for number in range(scenario.agent_count)]
        self._frameworks = [self._framework(number) for number in range(scenario.framework_count)]
        self.operator = Operator(
            scenario,
            self.clock,
            self.network,
            self.ensemble,
            self.rng("operator"),
            observe,
            self.next_number,
        )
        self._injection = Injection(self)
        self._processes: dict[str, Process] = {
            each.name: each
            for each in (
                self.ensemble,
                *self.masters,
                *(machine.process for machine in self.machines),
                *self._frameworks,
            )
        }
        self._start()

    # -- running --

    def run_until(self, second: float) -> None:
        """Let time pass until then."""
        self.clock.run_until(second)

    def apply(self, fault: Fault) -> None:
        """Let something go wrong now; it ends by itself."""
        self._injection.apply(fault)

    # -- what laws look at --

    @property
    def at(self) -> float:
        """Its time in seconds."""
        return self.clock.now

    @property
    def leader(self) -> Master | None:
        """The core of the master that leads."""
        process = self.leading
        return None if process is None else process.core

    @property
    def leading(self) -> MasterProcess | None:
        """The master that leads."""
        return next((each for each in self.masters if each.may_lead), None)

    @property
    def agents(self) -> Sequence[Machine]:
        """The agents' machines."""
        return self.machines

    @property
    def frameworks(self) -> Sequence[FrameworkProcess]:
        """The frameworks."""
        return self._frameworks

    @property
    def registry(self) -> Mapping[str, bytes]:
        """What the registry's store holds."""
        return self.ensemble.content.records

    @property
    def faults_active(self) -> int:
        """How many faults have begun and are not over."""
        return self._injection.active

    def process(self, name: str) -> Process:
        """Return the process of a node."""
        return self._processes[name]

    def machine(self, name: str) -> Machine:
        """Return the machine of an agent."""
        return self.machines[int(name.rpartition("-")[2])]

    def next_number(self) -> int:
        """Return a number for a call, used once."""
        self._numbers += 1
        return self._numbers

    def rng(self, name: str) -> Rng:
        """Return the chance of one part of the world."""
        return rng_for(self.seed, name)

    # -- making --

    def _times(self, name: str) -> NodeClock:
        rng = rng_for(self.seed, name, "clock")
        return NodeClock(self.clock, 1.0 + rng.between(-DRIFT, DRIFT), rng.between(-0.5, 0.5))

    def _rngs(self, name: str) -> Callable[[int], Rng]:
        return lambda life: rng_for(self.seed, name, life)

    def _master(self, number: int) -> MasterProcess:
        config = self.scenario.master_config(number)
        name = config.hostname
        process = MasterProcess(
            config,
            self.clock,
            self._times(name),
            self.network,
            self.ensemble,
            self._rngs(name),
            self.observe,
            self.scenario.zookeeper.session_timeout,
        )
        process.on_ended = lambda: self._start_again(process)
        return process

    def _agent(self, number: int) -> AgentProcess:
        config = self.scenario.agent_config(number)
        name = config.hostname
        disk = CheckpointDisk(
            self.clock, rng_for(self.seed, name, "disk"), self.scenario.disk.latency
        )
        process = AgentProcess(
            config,
            self.clock,
            self._times(name),
            self.network,
            self.ensemble,
            disk,
            self._rngs(name),
            self.observe,
            self.scenario.cluster.launch_seconds,
            self.scenario.master_config(0).port,
        )
        process.on_ended = lambda: self._start_again(process)
        return process

    def _framework(self, number: int) -> FrameworkProcess:
        name = f"framework-{number}"
        workload = self.scenario.workload_of(number)
        scheduler = Scheduler(
            name,
            workload,
            self.clock,
            rng_for(self.seed, name, "workload"),
            self.observe,
            self.scenario.quiet_after,
        )
        process = FrameworkProcess(
            name,
            self.clock,
            self._times(name),
            self.network,
            self.ensemble,
            scheduler,
            self._rngs(name),
            self.observe,
            self.scenario.master_config(0).port,
            self.next_number,
        )
        process.on_ended = lambda: self._start_again(process)
        return process

    def _start(self) -> None:
        self.ensemble.start()
        for master in self.masters:
            self.clock.after(self._chance.between(0.0, 0.2), master.start)
        for machine in self.machines:
            seconds = self._chance.between(0.0, self.scenario.cluster.start_seconds)
            self.clock.after(seconds, machine.process.start)
        for number, framework in enumerate(self._frameworks):
            seconds = self.scenario.workload_of(number).start_seconds
            self.clock.after(seconds + self._chance.between(0.0, 0.1), framework.start)
        self.operator.start()

    def _start_again(self, process: Process) -> None:
        """Start a process again, as whoever looks after processes does."""
        self.clock.after(self._chance.between(*RESTART_SECONDS), self._restart, process)

    def _restart(self, process: Process) -> None:
        if not self._injection.keeps_down(process.name):
            process.start()
