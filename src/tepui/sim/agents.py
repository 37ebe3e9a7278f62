"""Agents: the real core on a simulated machine, run as `tepui.agent.driver` runs it.

A turn takes in all that has happened since the last, commits what is to be stored in one
transaction, and only then carries out the rest. A machine has the clocks, the disk and the
supervisor; the agent's process comes and goes on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tepui.agent.core import effects as wanted
from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import AgentEffect
from tepui.agent.core.events import (
    AgentEvent,
    ContainerExited,
    ContainerLaunched,
    ContainerLaunchFailed,
    LinkClosed,
    LinkOpened,
    MasterDetected,
    MasterMessageReceived,
    Recovered,
    SupervisorReplaced,
    TimerFired,
    VolumesChanged,
    VolumesLinked,
)
from tepui.agent.core.records import Record
from tepui.base.rng import Rng
from tepui.containers.protocol import Exited, LaunchSpec
from tepui.link.messages import ChannelClosed, ToMaster
from tepui.sim.clock import Clock, NodeClock, Timers
from tepui.sim.disk import CheckpointDisk, DiskFailed
from tepui.sim.masters import LinkHello
from tepui.sim.network import End, Network
from tepui.sim.observations import (
    CheckpointCommitted,
    CoreBroke,
    CoreStepped,
    Ending,
    StepCutShort,
)
from tepui.sim.processes import Observe, Process
from tepui.sim.supervisor import Supervisor
from tepui.sim.zookeeper import Ensemble, Watcher

TURN_SECONDS = 0.0002
"""How long the loop takes until it gets to what has just happened."""

SUPERVISOR_SECONDS = 0.001
"""How long a message between agent and supervisor takes."""

RECOVERY_SECONDS = (0.05, 0.5)
VOLUME_SECONDS = (0.001, 0.1)


class AgentProcess(Process):
    """One agent, over all its lives.

    Attributes:
        core: The core of this life; to be read, from the first life on.
        disk: Its checkpoint.
        supervisor: The parent of its containers.
        boot_id: Tells one boot of its machine from others.
    """

    core: Agent

    def __init__(
        self,
        config: AgentConfig,
        clock: Clock,
        times: NodeClock,
        network: Network,
        ensemble: Ensemble,
        disk: CheckpointDisk,
        rngs: Callable[[int], Rng],
        observe: Observe,
        launch_seconds: tuple[float, float],
        master_port: int,
    ) -> None:
        super().__init__(config.hostname, clock, times, observe)
        self.config = config
        self.disk = disk
        self._boots = 0
        self.boot()
        self._network = network
        self._ensemble = ensemble
        self._rngs = rngs
        self._rng = rngs(0)
        self._launch_seconds = launch_seconds
        self._port = master_port
        self.supervisor = Supervisor(self.name, clock, times, self._rng, observe)
        self._dies_in_write = False
        self._run: Mapping[type, Callable[[Any], None]] = self._performers()

    # -- life --

    def on_start(self) -> None:
        """Find out what there is from an earlier life."""
        self.core = Agent(self.config, self._rngs(self.life), self.times.read())
        self._inbox: list[AgentEvent] = []
        self._is_busy = False
        self._dies_in_write = False
        self._link: End | None = None
        self._master = ""
        self._channel = 0
        self._last_channel = 0
        self._wants_channel = False
        self._is_connecting = False
        self._attempt = 0
        self._launching: dict[str, None] = {}
        self._timers = Timers(
            self.clock, self.times, lambda timer: self.run(self.life, self._on_timer, timer)
        )
        self._watcher = Watcher(self, self._ensemble, self._network, self._on_leader)
        self._ensemble.watch(self._watcher)
        self.after(self._rng.between(*RECOVERY_SECONDS), self._recover)

    def on_end(self, ending: Ending) -> None:
        """Leave the containers to the supervisor."""
        self._timers.clear()
        if ending in (Ending.EXITED, Ending.BROKEN):
            self._destroy_unrecoverable()
        if ending is not Ending.POWER_LOST:
            self.supervisor.leave(self.config.recovery_timeout_seconds)

    def _destroy_unrecoverable(self) -> None:
        """End the containers that no later agent would know."""
        for executor in self.core.model.executors():
            if not executor.is_checkpointed:
                for container_id in executor.containers:
                    self.supervisor.destroy(container_id)

    def kill_in_write(self) -> None:
        """Be killed right after the next commit, before all of its effects are done."""
        self._dies_in_write = True

    def _recover(self) -> None:
        checkpointed = self.disk.load()
        containers = self.supervisor.start()
        self.supervisor.on_exit = self._on_exit
        self.supervisor.on_lost = self._on_supervisor_lost
        self.deliver(
            Recovered(checkpointed=checkpointed, containers=containers, boot_id=self.boot_id)
        )

    def boot(self) -> None:
        """Have the machine started anew."""
        self._boots += 1
        self.boot_id = f"{self.name}-boot-{self._boots}"

    # -- turns --

    def deliver(self, event: AgentEvent) -> None:
        """Take in ``event`` with the next turn."""
        self._inbox.append(event)
        if len(self._inbox) == 1 and not self._is_busy:
            self.after(TURN_SECONDS, self._turn)

    def _turn(self) -> None:
        events, self._inbox = self._inbox, []
        now = self.times.read()
        todo: list[AgentEffect] = []
        puts: dict[str, Record] = {}
        deletes: dict[str, None] = {}
        for event in events:
            try:
                out = self.core.handle(event, now)
            except Exception as error:  # the edge of the driver: whatever it is, it is a bug
                self._break(event, error)
                return
            self.observe(
                CoreStepped(
                    at=self.clock.now,
                    node=self.name,
                    life=self.life,
                    core="agent",
                    event=event,
                    effects=out,
                    monotonic=now.monotonic,
                    wall=now.wall,
                )
            )
            for effect in out:
                if type(effect) is wanted.Checkpoint:
                    effect.merge_into(puts, deletes)
                else:
                    todo.append(effect)
        if puts or deletes:
            self._commit(puts, deletes, todo)
        else:
            self._act(todo)

    def _commit(
        self, puts: dict[str, Record], deletes: dict[str, None], todo: list[AgentEffect]
    ) -> None:
        try:
            seconds = self.disk.commit(puts, deletes)
        except DiskFailed as error:
            self.end(Ending.EXITED, str(error))
            return
        self.observe(
            CheckpointCommitted(
                at=self.clock.now,
                node=self.name,
                life=self.life,
                puts=puts,
                deletes=tuple(deletes),
            )
        )
        # The loop stands still until the disk is done. To be killed before the commit is to be
        # killed before the turn: only what lies between it and the effects is of interest.
        self._is_busy = True
        self.after(seconds, self._committed, todo)

    def _committed(self, todo: list[AgentEffect]) -> None:
        self._is_busy = False
        if self._dies_in_write:
            done = self._rng.below(len(todo) + 1)
            for effect in todo[:done]:
                self._run[type(effect)](effect)
            self.observe(
                StepCutShort(
                    at=self.clock.now, node=self.name, life=self.life, undone=len(todo) - done
                )
            )
            self.end(Ending.KILLED, "killed between a commit and its effects")
            return
        self._act(todo)
        if self._inbox:
            self.after(0.0, self._turn)

    def _act(self, todo: list[AgentEffect]) -> None:
        run = self._run
        for effect in todo:
            run[type(effect)](effect)

    def _break(self, event: AgentEvent, error: Exception) -> None:
        self.observe(
            CoreBroke(
                at=self.clock.now, node=self.name, life=self.life, event=event, error=repr(error)
            )
        )
        self.end(Ending.BROKEN, repr(error))

    # -- effects --

    def _performers(self) -> dict[type, Callable[[Any], None]]:
        return {
            wanted.SendToMaster: lambda each: self._send(each.message),
            wanted.LaunchContainer: lambda each: self._launch(each.spec),
            wanted.SignalContainer: lambda each: self.supervisor.kill(
                each.container_id, each.signal
            ),
            wanted.DestroyContainer: lambda each: self._destroy(each.container_id),
            wanted.AcknowledgeExit: lambda each: self.supervisor.acknowledge(each.container_id),
            wanted.ChangeVolumes: lambda each: self.after(
                self._rng.between(*VOLUME_SECONDS),
                self.deliver,
                VolumesChanged(operation_uuid=each.operation_uuid),
            ),
            wanted.LinkVolumes: lambda each: self.after(
                self._rng.between(*VOLUME_SECONDS),
                self.deliver,
                VolumesLinked(container_id=each.container_id, task_id=each.task_id),
            ),
            wanted.UnlinkVolumes: _ignore,
            wanted.StartTimer: lambda each: self._timers.start(each.timer, each.seconds),
            wanted.CancelTimer: lambda each: self._timers.cancel(each.timer),
            wanted.Respond: _ignore,
            wanted.OpenStream: _ignore,
            wanted.SendToExecutor: _ignore,
            wanted.CloseStream: _ignore,
            wanted.Connect: lambda each: self._connect(),
            wanted.CloseLink: lambda each: self._close_channel(each.reason),
            wanted.ScheduleGc: _ignore,
            wanted.UnscheduleGc: _ignore,
            wanted.Log: _ignore,
            wanted.ForgetEverything: lambda each: self._forget_everything(),
            wanted.Exit: self._exit,
        }

    def _forget_everything(self) -> None:
        try:
            self.disk.forget_everything()
        except DiskFailed as error:
            self.end(Ending.EXITED, str(error))

    def _exit(self, effect: wanted.Exit) -> None:
        if not self.is_alive:
            return
        self.end(Ending.EXITED, effect.reason)
        if not effect.is_failure:
            self.supervisor.stop()

    def _on_timer(self, timer: Any) -> None:
        self.deliver(TimerFired(timer=timer))

    # -- containers --

    def _launch(self, spec: LaunchSpec) -> None:
        self._launching[spec.container_id] = None
        found = self.core.model.owner_of(spec.container_id)
        framework_id = found[0].framework_id if found is not None else ""
        task_id = found[2].task_id if found is not None else None
        self.after(
            self._rng.between(*self._launch_seconds), self._start, spec, framework_id, task_id
        )

    def _start(self, spec: LaunchSpec, framework_id: str, task_id: str | None) -> None:
        container_id = spec.container_id
        if container_id not in self._launching:
            reason = "the container was destroyed before it started"
        elif not self.supervisor.is_alive:
            reason = "the supervisor is gone"
        else:
            del self._launching[container_id]
            pid = self.supervisor.launch(spec, framework_id, task_id)
            launched = ContainerLaunched(container_id=container_id, pid=pid)
            self.after(SUPERVISOR_SECONDS, self.deliver, launched)
            return
        self._launching.pop(container_id, None)
        self.deliver(ContainerLaunchFailed(container_id=container_id, reason=reason))

    def _destroy(self, container_id: str) -> None:
        if self._launching.pop(container_id, container_id) is not None:
            self.supervisor.destroy(container_id)

    def _on_exit(self, exited: Exited) -> None:
        self.after(SUPERVISOR_SECONDS, self.deliver, ContainerExited(exited=exited))

    def _on_supervisor_lost(self) -> None:
        self.after(self._rng.between(*RECOVERY_SECONDS), self._replace_supervisor)

    def _replace_supervisor(self) -> None:
        if self.supervisor.is_alive:
            return
        # Set anew afterwards: what ended with the old one is told as a whole.
        self.supervisor.on_exit = None
        containers = self.supervisor.start()
        self.supervisor.on_exit = self._on_exit
        self.deliver(SupervisorReplaced(containers=containers))

    # -- the link, as tepui.agent.master_link has it --

    def _on_leader(self, leader: str) -> None:
        master = f"{leader}:{self._port}"
        link = self._link
        if link is not None and master != self._master:
            link.close("another master leads")
            self._on_close(f"{master} leads now")
        if link is None and self._is_connecting and master != self._master:
            # The last leader may hang, and take the connection without another word.
            self._is_connecting = False
            self._attempt += 1
        self.deliver(MasterDetected(master=master))
        if self._wants_channel:
            self._open_link()

    def _connect(self) -> None:
        if self._link is not None and self._channel:
            return  # asked for before the core had heard of it
        self._wants_channel = True
        if self._link is None:
            self._open_link()
        else:
            self.after(0.0, self._admit)

    def _open_link(self) -> None:
        leader = self._watcher.leader
        if leader is None or self._is_connecting or self._link is not None:
            return
        self._is_connecting = True
        self._attempt += 1
        attempt = self._attempt
        self._master = f"{leader}:{self._port}"
        self._network.connect(
            self,
            leader,
            LinkHello(),
            lambda end: self._opened(end, attempt),
            lambda reason: self._failed(reason, attempt),
        )

    def _opened(self, end: End, attempt: int) -> None:
        if attempt != self._attempt:
            end.close("another master leads")
            return
        self._is_connecting = False
        self._link = end
        end.on_message = self._on_message
        end.on_close = self._on_close
        self._admit()

    def _failed(self, reason: str, attempt: int) -> None:
        if attempt != self._attempt:
            return
        self._is_connecting = False
        if self._wants_channel:
            self._wants_channel = False
            self.deliver(LinkClosed(reason=reason))

    def _admit(self) -> None:
        if self._link is None:
            self._open_link()
        elif self._wants_channel:
            self._wants_channel = False
            self._last_channel += 1
            self._channel = self._last_channel
            self.deliver(LinkOpened(master=self._master))

    def _send(self, message: ToMaster) -> None:
        if self._link is not None and self._channel:
            self._link.send((self._channel, message))

    def _close_channel(self, reason: str) -> None:
        self._wants_channel = False
        if self._channel and self._link is not None:
            self._channel = 0
            link, self._link = self._link, None
            link.close(reason)

    def _on_message(self, pair: tuple[int, Any]) -> None:
        channel, message = pair
        if channel != self._channel:
            return
        if isinstance(message, ChannelClosed):
            self._channel = 0
            self.deliver(LinkClosed(reason=message.reason or "the master closed it"))
        else:
            self.deliver(MasterMessageReceived(message=message))

    def _on_close(self, reason: str) -> None:
        self._link = None
        if self._channel:
            self._channel = 0
            self.deliver(LinkClosed(reason=reason))
        if self._wants_channel:
            self._open_link()


def _ignore(effect: AgentEffect) -> None:
    """Do nothing: it changes nothing that is simulated."""
