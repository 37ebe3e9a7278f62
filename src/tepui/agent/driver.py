"""Runs one agent: what happens goes into the core, and what the core wants done is done.

A turn takes in all that has happened since the last, commits what is to be stored in one
transaction, and only then carries out the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tepui.agent.checkpoint import CheckpointError, CheckpointStore
from tepui.agent.core import effects
from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import AgentEffect
from tepui.agent.core.events import (
    AgentEvent,
    ContainerExited,
    ContainerLaunched,
    ContainerLaunchFailed,
    Recovered,
    ShutdownRequested,
    SupervisorReplaced,
    TimerFired,
    VolumesChanged,
    VolumesLinked,
)
from tepui.agent.core.model import Model
from tepui.agent.core.records import Checkpointed, Record
from tepui.agent.core.timers import AnyTimer
from tepui.agent.disks import DiskError, prepare_disks
from tepui.agent.executor_api import ExecutorEndpoint
from tepui.agent.master_link import LinkClient
from tepui.agent.sandboxes import Collector, find_leftovers, link_runs, schedule_leftovers
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.containers.gc import read_clocks
from tepui.containers.protocol import (
    Containerizer,
    DestroyFailed,
    LaunchFailed,
    LaunchSpec,
    SupervisorLost,
    VolumeFailed,
)
from tepui.linux.processes import boot_id as read_boot_id

SUPERVISOR_RETRY_SECONDS = 1.0

log = structlog.get_logger("tepui.agent")


class AgentDriver:
    """One agent and its surroundings; its owner awaits ``run``.

    Args:
        containerizer: Started by ``run``, stopped by the owner.
        link: Shared by all agents of a process; run by the owner.
        store: The agent's records; ``None`` for an agent that need not remember.
        collector: Removes old sandboxes; run by the owner. ``None`` keeps them for ever.
        boot_id: What tells this boot of the machine from others; the kernel's own if not given.

    Attributes:
        is_recovered: Set once the agent knows what it had before it was started, and goes on.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        containerizer: Containerizer,
        link: LinkClient,
        rng: Rng,
        store: CheckpointStore | None = None,
        collector: Collector | None = None,
        clock: Callable[[], Instant] = read_clocks,
        boot_id: str | None = None,
    ) -> None:
        self.executors = ExecutorEndpoint(self.deliver)
        # Containerizers make sandboxes where no symbolic link leads.
        work_dir = str(Path(config.work_dir).resolve())
        self._agent = Agent(msgspec.structs.replace(config, work_dir=work_dir), rng, clock())
        self._containerizer = containerizer
        self._channel = link.channel(self.deliver)
        self._store = store
        self._collector = collector
        self._clock = clock
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self.is_recovered = asyncio.Event()
        self._inbox: list[AgentEvent] = []
        self._timers: dict[AnyTimer, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[effects.Exit] = self._loop.create_future()
        self._group: asyncio.TaskGroup
        self._perform = self._performers()

    @property
    def model(self) -> Model:
        """What the agent knows; to be read only."""
        return self._agent.model

    async def run(self) -> effects.Exit:
        """Recover and work until the core wants to exit, or cannot go on; return why.

        Cancelling it leaves the containers of frameworks with checkpoints as they are; those of
        others end, since no later agent would know them.
        """
        self._containerizer.on_exit = lambda exited: self.deliver(ContainerExited(exited=exited))
        self._containerizer.on_supervisor_lost = self._on_supervisor_lost
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    await self._recover()
                except (CheckpointError, DiskError, SupervisorLost) as error:
                    self._fail(error)
                await asyncio.wait([self._over])
                raise _Over
        except* _Over:
            pass
        finally:
            self._over.cancel()
            self._stop_timers()
            self._channel.close("the agent ends")
            await self._destroy_unrecoverable()
        return self._over.result()

    def deliver(self, event: AgentEvent) -> None:
        """Take in ``event`` with the next turn."""
        if not self._inbox:
            self._loop.call_soon(self._turn)
        self._inbox.append(event)

    def request_shutdown(self, message: str) -> None:
        """End all tasks, unregister and exit (SIGUSR1)."""
        self.deliver(ShutdownRequested(message=message))

    async def _recover(self) -> None:
        config = self.model.config
        # First of all: nothing may fill the disk below one that is not mounted.
        prepare_disks(config.resources, Path(config.work_dir))
        checkpointed = self._store.load() if self._store is not None else Checkpointed()
        await self._containerizer.start()
        if self._collector is not None:
            # Before anything new can be there that would be taken for a leftover.
            work_dir = Path(config.work_dir)
            found = await asyncio.to_thread(find_leftovers, work_dir)
            schedule_leftovers(found, checkpointed, self._collector)
        # Nothing is waited for from here on: an exit that came before what was recovered would be
        # one of an unknown container, and be forgotten.
        containers = await self._containerizer.recover()
        self.deliver(
            Recovered(checkpointed=checkpointed, containers=containers, boot_id=self._boot_id)
        )
        self._loop.call_soon(self._say_recovered)  # behind the turn that takes it in

    def _say_recovered(self) -> None:
        if not self._over.done():
            self.is_recovered.set()

    def _turn(self) -> None:
        """Handle what has happened, commit, and act."""
        events, self._inbox = self._inbox, []
        if self._over.done():
            return
        now = self._clock()
        wanted: list[AgentEffect] = []
        puts: dict[str, Record] = {}
        deletes: dict[str, None] = {}
        try:
            for event in events:
                for effect in self._agent.handle(event, now):
                    if isinstance(effect, effects.Checkpoint):
                        effect.merge_into(puts, deletes)
                    else:
                        wanted.append(effect)
            if self._store is not None and (puts or deletes):
                self._store.commit(puts, deletes)
            for effect in wanted:
                self._perform[type(effect)](effect)
        except CheckpointError as error:
            self._fail(error)
        except Exception as error:
            # An agent that broke a rule of its own must not go on; its tasks do.
            if not self._over.done():
                self._over.set_exception(error)

    def _performers(self) -> dict[type, Callable[[Any], None]]:
        executors, channel = self.executors, self._channel
        return {
            effects.SendToMaster: lambda effect: channel.send(effect.message),
            effects.LaunchContainer: lambda effect: self._spawn(self._launch(effect.spec)),
            effects.SignalContainer: lambda effect: self._containerizer.kill(
                effect.container_id, effect.signal
            ),
            effects.DestroyContainer: lambda effect: self._spawn(
                self._destroy(effect.container_id)
            ),
            effects.AcknowledgeExit: lambda effect: self._containerizer.acknowledge_exit(
                effect.container_id
            ),
            effects.ChangeVolumes: lambda effect: self._spawn(self._change_volumes(effect)),
            effects.LinkVolumes: lambda effect: self._spawn(self._link_volumes(effect)),
            effects.UnlinkVolumes: lambda effect: self._spawn(
                self._containerizer.unlink_volumes(effect.sandbox, effect.volumes)
            ),
            effects.StartTimer: self._start_timer,
            effects.CancelTimer: lambda effect: self._cancel_timer(effect.timer),
            effects.Respond: lambda effect: executors.respond(
                effect.request_id, effect.status, effect.body
            ),
            effects.OpenStream: lambda effect: executors.open_stream(effect.request_id),
            effects.SendToExecutor: lambda effect: executors.send(effect.connection, effect.event),
            effects.CloseStream: lambda effect: executors.close_stream(effect.connection),
            effects.Connect: lambda effect: channel.connect(),
            effects.CloseLink: lambda effect: channel.close(effect.reason),
            effects.ScheduleGc: self._schedule_gc,
            effects.UnscheduleGc: self._unschedule_gc,
            effects.Log: _log,
            effects.ForgetEverything: self._forget_everything,
            effects.Exit: self._exit,
        }

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._group.create_task(work)

    async def _launch(self, spec: LaunchSpec) -> None:
        container_id = spec.container_id
        try:
            pid = await self._containerizer.launch(spec)
        except (LaunchFailed, SupervisorLost) as error:
            self.deliver(ContainerLaunchFailed(container_id=container_id, reason=str(error)))
            return
        if "." not in container_id:
            # Before anybody hears of the task: its framework may look for the link at once.
            for problem in link_runs([spec.sandbox]):
                log.warning("sandbox_link_failed", error=str(problem))
        self.deliver(ContainerLaunched(container_id=container_id, pid=pid))

    async def _destroy(self, container_id: str) -> None:
        try:
            await self._containerizer.destroy(container_id)
        except DestroyFailed as error:
            log.error("container_destroy_failed", container_id=container_id, error=str(error))

    async def _change_volumes(self, effect: effects.ChangeVolumes) -> None:
        problem = None
        try:
            await self._containerizer.change_volumes(effect.change)
        except VolumeFailed as error:
            problem = str(error)
        self.deliver(VolumesChanged(operation_uuid=effect.operation_uuid, problem=problem))

    async def _link_volumes(self, effect: effects.LinkVolumes) -> None:
        problem = None
        try:
            await self._containerizer.link_volumes(effect.sandbox, effect.volumes, effect.user)
        except VolumeFailed as error:
            problem = str(error)
        self.deliver(
            VolumesLinked(container_id=effect.container_id, task_id=effect.task_id, problem=problem)
        )

    async def _destroy_unrecoverable(self) -> None:
        containers = [
            container_id
            for executor in self.model.executors()
            if not executor.is_checkpointed
            for container_id in executor.containers
        ]
        await asyncio.gather(*(self._destroy(container_id) for container_id in containers))

    def _on_supervisor_lost(self) -> None:
        if not self._over.done():
            log.error("supervisor_lost")
            self._spawn(self._replace_supervisor())

    async def _replace_supervisor(self) -> None:
        while True:
            try:
                await self._containerizer.start()
                break
            except SupervisorLost as error:
                log.error("supervisor_start_failed", error=str(error))
                await asyncio.sleep(SUPERVISOR_RETRY_SECONDS)
        containers = await self._containerizer.recover()
        self.deliver(SupervisorReplaced(containers=containers))

    def _start_timer(self, effect: effects.StartTimer) -> None:
        self._cancel_timer(effect.timer)
        self._timers[effect.timer] = self._loop.call_later(
            effect.seconds, self._on_timer, effect.timer
        )

    def _cancel_timer(self, timer: AnyTimer) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def _on_timer(self, timer: AnyTimer) -> None:
        del self._timers[timer]
        self.deliver(TimerFired(timer=timer))

    def _stop_timers(self) -> None:
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()

    def _schedule_gc(self, effect: effects.ScheduleGc) -> None:
        if self._collector is not None:
            self._collector.schedule(Path(effect.path))

    def _unschedule_gc(self, effect: effects.UnscheduleGc) -> None:
        if self._collector is not None:
            self._collector.unschedule(Path(effect.path))

    def _forget_everything(self, effect: effects.ForgetEverything) -> None:
        if self._store is not None:
            self._store.forget_everything()

    def _fail(self, error: Exception) -> None:
        self._exit(effects.Exit(reason=str(error), is_failure=True))

    def _exit(self, effect: effects.Exit) -> None:
        if not self._over.done():
            self._over.set_result(effect)


class _Over(Exception):
    """Ends the task group of a driver, and with it what still waits for containers."""


def _log(effect: effects.Log) -> None:
    getattr(log, effect.level)(effect.event, **effect.fields)
