"""How faults are done to a world, and undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tepui.master.core.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentReactivationRequested,
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.messages import DrainConfig, DurationInfo, MachineID, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window
from tepui.sim.agents import AgentProcess
from tepui.sim.faults import Fault, FaultKind
from tepui.sim.masters import MasterProcess
from tepui.sim.nodes import Nodes
from tepui.sim.observations import CheckpointLost, Ending, FaultApplied, MachineRebooted
from tepui.sim.zookeeper import NAME as ZOOKEEPER

EXPIRY_FACTOR = 1.6
"""A session expires when nothing of its client arrives for so many of its timeouts."""

STEP_EFFECTS_MAX = 4
"""A master that crashes does at most so many effects of its last step, if it dies within one."""

RETURN_SHARE = 0.5
RETURN_SECONDS = (30.0, 150.0)
"""Of the agents that are given up for good, some come back nevertheless, after so long."""

Done = tuple[str, Callable[[], None] | None]
"""What was done, in words, and what undoes it."""


class Injection:
    """Faults that were applied to a world.

    Attributes:
        active: How many are not over.
    """

    def __init__(self, world: Nodes) -> None:
        self.active = 0
        self._world = world
        self._rng = world.rng("faults")
        self._down: dict[str, int] = {}
        self._amounts: dict[tuple[FaultKind, str], list[float]] = {}
        kinds = FaultKind
        self._apply: dict[FaultKind, Callable[[Fault], Done]] = {
            kinds.MASTER_CRASH: self._crash_master,
            kinds.AGENT_CRASH: self._crash,
            kinds.FRAMEWORK_CRASH: self._crash,
            kinds.SUPERVISOR_CRASH: self._crash_supervisor,
            kinds.MACHINE_REBOOT: self._reboot,
            kinds.PAUSE: self._pause,
            kinds.PARTITION: self._partition,
            kinds.PARTITION_ONE_WAY: self._partition_one_way,
            kinds.LINK_CUT: self._cut_links,
            kinds.CALL_LOSS: self._lose,
            kinds.CALL_DOUBLING: self._double,
            kinds.DELAY: self._delay,
            kinds.DISK_SLOW: self._slow_disk,
            kinds.DISK_FAILING: self._fail_disk,
            kinds.TORN_WRITE: self._tear_write,
            kinds.CLOCK_JUMP: self._jump_clock,
            kinds.SESSION_EXPIRY: self._expire_session,
            kinds.ENSEMBLE_DOWN: self._crash,
            kinds.FLAPPING: self._flap,
            kinds.MAINTENANCE: self._maintain,
            kinds.DRAIN: self._drain,
            kinds.DEACTIVATE: self._deactivate,
            kinds.GONE: self._mark_gone,
            kinds.QUOTA_CHANGE: self._change_quota,
            kinds.TEARDOWN: self._tear_down,
        }

    def apply(self, fault: Fault) -> None:
        """Do it now, and undo it when it is over."""
        world = self._world
        done, undo = self._apply[fault.kind](fault)
        world.observe(FaultApplied(at=world.clock.now, node=fault.target, fault=fault, done=done))
        if undo is not None:
            self.active += 1
            world.clock.after(fault.seconds, self._end, undo)

    def keeps_down(self, name: str) -> bool:
        """Return whether a fault still keeps a node from running."""
        return name in self._down

    def _end(self, undo: Callable[[], None]) -> None:
        self.active -= 1
        undo()

    def _last(self, fault: Fault, amount: float, put: Callable[[float], None]) -> Done:
        """Put an amount in force; where faults of a kind overlap, the strongest counts."""
        amounts = self._amounts.setdefault((fault.kind, fault.target), [])
        amounts.append(amount)
        put(max(amounts))

        def over() -> None:
            amounts.remove(amount)
            put(max(amounts, default=0.0))

        return f"at {max(amounts):g}", over

    # -- processes --

    def _stay_down(self, name: str) -> Callable[[], None]:
        """Keep a node from running until what is returned is called as often as this."""
        self._down[name] = self._down.get(name, 0) + 1

        def back() -> None:
            self._down[name] -= 1
            if not self._down[name]:
                del self._down[name]
                self._world.process(name).start()

        return back

    def _crash(self, fault: Fault) -> Done:
        process = self._world.process(fault.target)
        was_alive = process.is_alive
        process.end(Ending.KILLED, "killed")
        return "killed" if was_alive else "it was down", self._stay_down(fault.target)

    def _crash_master(self, fault: Fault) -> Done:
        process = self._world.process(fault.target)
        assert isinstance(process, MasterProcess)
        if not process.is_leading or self._rng.unit() < 0.5:
            return self._crash(fault)
        process.kill_in_step(self._rng.below(STEP_EFFECTS_MAX + 1))
        return "killed within its next step", self._stay_down(fault.target)

    def _crash_supervisor(self, fault: Fault) -> Done:
        was_alive = self._world.machine(fault.target).process.supervisor.crash()
        return "killed" if was_alive else "it was down", None

    def _reboot(self, fault: Fault) -> Done:
        process = self._agent(fault)
        process.end(Ending.POWER_LOST, "the machine lost power")
        process.supervisor.lose_power()
        lost = process.disk.lose_power()
        world = self._world
        world.observe(CheckpointLost(at=world.clock.now, node=fault.target, transactions=lost))
        back = self._stay_down(fault.target)

        def up() -> None:
            process.boot()
            world.observe(
                MachineRebooted(at=world.clock.now, node=fault.target, boot_id=process.boot_id)
            )
            back()

        return f"rebooted, with {lost} transactions lost", up

    def _pause(self, fault: Fault) -> Done:
        self._world.process(fault.target).pause(fault.seconds)
        return "paused", _nothing

    # -- the network --

    def _partition(self, fault: Fault) -> Done:
        network, one, other = self._world.network, fault.target, fault.to
        network.cut(one, other)
        network.cut(other, one)

        def heal() -> None:
            network.heal(one, other)
            network.heal(other, one)

        return "cut off", heal

    def _partition_one_way(self, fault: Fault) -> Done:
        network, one, other = self._world.network, fault.target, fault.to
        network.cut(one, other)
        return "not heard any more", lambda: network.heal(one, other)

    def _cut_links(self, fault: Fault) -> Done:
        count = self._world.network.break_connections(fault.target, fault.to)
        return f"{count} connections cut", None

    def _lose(self, fault: Fault) -> Done:
        network = self._world.network
        return self._last(fault, fault.amount, partial(network.lose, fault.target))

    def _double(self, fault: Fault) -> Done:
        network = self._world.network
        return self._last(fault, fault.amount, partial(network.double, fault.target))

    def _delay(self, fault: Fault) -> Done:
        network = self._world.network
        return self._last(fault, fault.amount, partial(network.delay, fault.target))

    def _flap(self, fault: Fault) -> Done:
        world = self._world
        until = fault.at + fault.seconds

        def cut() -> None:
            if world.clock.now < until:
                world.network.break_connections(fault.target, fault.to)
                world.clock.after(fault.amount, cut)

        cut()
        return "flapping", _nothing

    def _expire_session(self, fault: Fault) -> Done:
        world = self._world
        network, name = world.network, fault.target
        network.cut(name, ZOOKEEPER)
        seconds = world.scenario.zookeeper.session_timeout * EXPIRY_FACTOR
        self.active += 1
        world.clock.after(seconds, self._end, lambda: network.heal(name, ZOOKEEPER))
        return "not heard by ZooKeeper until its session has expired", None

    # -- disks and clocks --

    def _slow_disk(self, fault: Fault) -> Done:
        process = self._world.process(fault.target)
        if isinstance(process, AgentProcess):
            return self._last(fault, fault.amount, partial(setattr, process.disk, "seconds_more"))
        slow = self._world.ensemble.write_seconds_more
        return self._last(fault, fault.amount, partial(slow.__setitem__, fault.target))

    def _fail_disk(self, fault: Fault) -> Done:
        process = self._world.process(fault.target)
        if isinstance(process, AgentProcess):
            disk = process.disk
            return self._last(fault, 1.0, lambda some: setattr(disk, "is_failing", some > 0))
        failing = self._world.ensemble.is_failing
        return self._last(fault, 1.0, lambda some: failing.update({fault.target: some > 0}))

    def _tear_write(self, fault: Fault) -> Done:
        process = self._world.process(fault.target)
        assert isinstance(process, AgentProcess | MasterProcess)
        if not process.is_alive:
            return "it was down", None
        process.kill_in_write()
        return "killed in its next write", self._stay_down(fault.target)

    def _jump_clock(self, fault: Fault) -> Done:
        self._world.process(fault.target).times.jump_wall(fault.amount)
        return "set", None

    # -- what a person does --

    def _agent(self, fault: Fault) -> AgentProcess:
        return self._world.machine(fault.target).process

    def _agent_id(self, fault: Fault) -> str | None:
        process = self._agent(fault)
        return process.core.model.agent_id if process.life else None

    def _drain(self, fault: Fault) -> Done:
        agent_id = self._agent_id(fault)
        if agent_id is None:
            return "it is not registered", None
        operator = self._world.operator
        config = DrainConfig(max_grace_period=DurationInfo(nanoseconds=5_000_000_000))
        operator.ask(
            lambda number: AgentDrainRequested(request_id=number, agent_id=agent_id, config=config)
        )
        return "drained", lambda: self._reactivate(agent_id)

    def _deactivate(self, fault: Fault) -> Done:
        agent_id = self._agent_id(fault)
        if agent_id is None:
            return "it is not registered", None
        self._world.operator.ask(
            lambda number: AgentDeactivationRequested(request_id=number, agent_id=agent_id)
        )
        return "deactivated", lambda: self._reactivate(agent_id)

    def _reactivate(self, agent_id: str) -> None:
        self._world.operator.ask(
            lambda number: AgentReactivationRequested(request_id=number, agent_id=agent_id)
        )

    def _mark_gone(self, fault: Fault) -> Done:
        agent_id = self._agent_id(fault)
        if agent_id is None:
            return "it is not registered", None
        process = self._agent(fault)
        process.end(Ending.POWER_LOST, "the machine is gone")
        process.supervisor.lose_power()
        back = self._stay_down(fault.target)

        def return_() -> None:
            process.boot()
            back()

        if self._rng.unit() < RETURN_SHARE:
            # Whoever said so was wrong.
            self._world.clock.after(self._rng.between(*RETURN_SECONDS), return_)
        self._world.operator.ask(
            lambda number: AgentGoneRequested(request_id=number, agent_id=agent_id)
        )
        return f"{agent_id} is gone for good", None

    def _maintain(self, fault: Fault) -> Done:
        config = self._agent(fault).config
        machine = MachineID(hostname=config.hostname, ip=config.ip)
        operator, wall = self._world.operator, self._world.operator.times.read().wall
        nanoseconds = round(wall) * 1_000_000_000
        window = Window(
            machine_ids=[machine],
            unavailability=Unavailability(start=TimeInfo(nanoseconds=nanoseconds)),
        )
        operator.ask(
            lambda number: MaintenanceScheduleUpdateRequested(
                request_id=number, schedule=Schedule(windows=[window])
            ),
            lambda answer: operator.ask(
                lambda number: MachinesDownRequested(request_id=number, machine_ids=(machine,))
            ),
        )

        def up() -> None:
            operator.ask(
                lambda number: MachinesUpRequested(request_id=number, machine_ids=(machine,))
            )

        return "in maintenance", up

    def _change_quota(self, fault: Fault) -> Done:
        world = self._world
        plans = tuple(plan for plan in world.scenario.quotas if plan.role == fault.target)
        world.operator.set_quotas(plans, fault.amount)
        return "changed", lambda: world.operator.set_quotas(plans, 1.0)

    def _tear_down(self, fault: Fault) -> Done:
        framework = self._world.frameworks[int(fault.target.rpartition("-")[2])]
        if framework.framework_id is None:
            return "it has not subscribed", None
        self._world.operator.tear_down(framework.framework_id)
        return f"{framework.framework_id} is torn down", None


def _nothing() -> None:
    """A fault that ends by itself."""
