"""What an agent wants done.

All effects of one turn of the driver happen in order, and only after every `Checkpoint` of
that turn is committed: nothing is told to anyone, and no process starts, on the strength of
something that a restarted agent would not know.
"""

from __future__ import annotations

import msgspec

from tepui.agent.core.records import Record
from tepui.agent.core.timers import AnyTimer
from tepui.containers.protocol import LaunchSpec, VolumeChange, VolumeLink
from tepui.link.messages import ToMaster
from tepui.messages.executor import Event as ExecutorEvent


class Effect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something to do; in the imperative."""


class Checkpoint(Effect, frozen=True, tag=True):
    """Store ``puts`` and forget ``deletes``, in one transaction with the rest of the turn."""

    puts: dict[str, Record] = {}
    deletes: list[str] = []

    def merge_into(self, puts: dict[str, Record], deletes: dict[str, None]) -> None:
        """Add this to what the same turn stores and forgets already; the later word counts."""
        for key in self.deletes:
            puts.pop(key, None)
            deletes[key] = None
        for key, record in self.puts.items():
            deletes.pop(key, None)
            puts[key] = record


class ForgetEverything(Effect, frozen=True, tag=True):
    """Empty the store: the next start is that of a new agent."""


class Connect(Effect, frozen=True, tag=True):
    """Find the master and open the link; ends in ``LinkOpened`` or ``LinkClosed``."""


class CloseLink(Effect, frozen=True, tag=True):
    """Drop the link without ``LinkClosed`` following."""

    reason: str


class SendToMaster(Effect, frozen=True, tag=True):
    """Put a message on the link; lost if that is closed meanwhile."""

    message: ToMaster


class LaunchContainer(Effect, frozen=True, tag=True):
    """Start a container; ends in ``ContainerLaunched`` or ``ContainerLaunchFailed``."""

    spec: LaunchSpec


class SignalContainer(Effect, frozen=True, tag=True):
    """Send a signal to the process group of a container's first process."""

    container_id: str
    signal: int


class DestroyContainer(Effect, frozen=True, tag=True):
    """End the whole process tree of a container by force."""

    container_id: str


class ChangeVolumes(Effect, frozen=True, tag=True):
    """Make or wipe what an operation is about; ends in ``VolumesChanged``."""

    operation_uuid: bytes
    change: VolumeChange


class LinkVolumes(Effect, frozen=True, tag=True):
    """Show the volumes of a task to the executor it waits for; ends in ``VolumesLinked``."""

    container_id: str
    task_id: str
    sandbox: str
    volumes: list[VolumeLink]
    user: str | None = None


class UnlinkVolumes(Effect, frozen=True, tag=True):
    """Take volumes out of the sandbox of an executor that goes on."""

    sandbox: str
    volumes: list[VolumeLink]


class AcknowledgeExit(Effect, frozen=True, tag=True):
    """The end of a container has been dealt with, durably."""

    container_id: str


class Respond(Effect, frozen=True, tag=True):
    """Answer an executor's call."""

    request_id: str
    status: int
    body: str = ""


class OpenStream(Effect, frozen=True, tag=True):
    """Answer an executor's SUBSCRIBE with a stream; its connection is the request's id."""

    request_id: str


class SendToExecutor(Effect, frozen=True, tag=True):
    """Put an event on an executor's stream."""

    connection: str
    event: ExecutorEvent


class CloseStream(Effect, frozen=True, tag=True):
    """End an executor's stream without ``ExecutorDisconnected`` following."""

    connection: str


class StartTimer(Effect, frozen=True, tag=True):
    """Start a timer, or start it anew."""

    timer: AnyTimer
    seconds: float


class CancelTimer(Effect, frozen=True, tag=True):
    """Stop a timer if it runs."""

    timer: AnyTimer


class ScheduleGc(Effect, frozen=True, tag=True):
    """Remove a directory when it is old enough or the disk is full."""

    path: str


class UnscheduleGc(Effect, frozen=True, tag=True):
    """Keep a directory after all."""

    path: str


class Log(Effect, frozen=True, tag=True):
    """Tell the operator; ``level`` is that of the log."""

    event: str
    level: str = "info"
    fields: dict[str, object] = {}


class Exit(Effect, frozen=True, tag=True):
    """End the agent's process, after what was said before has gone out."""

    reason: str
    is_failure: bool = False


AgentEffect = (
    Checkpoint
    | ForgetEverything
    | Connect
    | CloseLink
    | SendToMaster
    | LaunchContainer
    | SignalContainer
    | DestroyContainer
    | AcknowledgeExit
    | ChangeVolumes
    | LinkVolumes
    | UnlinkVolumes
    | Respond
    | OpenStream
    | SendToExecutor
    | CloseStream
    | StartTimer
    | CancelTimer
    | ScheduleGc
    | UnscheduleGc
    | Log
    | Exit
)

Out = list[AgentEffect]
"""Where the core's functions put what they want done."""
