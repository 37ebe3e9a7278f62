"""What can happen to an agent."""

from __future__ import annotations

import msgspec

from tepui.agent.core.oversubscription import Correction
from tepui.agent.core.records import Checkpointed
from tepui.agent.core.timers import AnyTimer
from tepui.containers import protocol
from tepui.link.messages import ToAgent
from tepui.messages.executor import Call
from tepui.resources import Resources


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened; in the past tense."""


class Recovered(Event, frozen=True, tag=True):
    """The first event: what was stored, and which containers there are.

    Attributes:
        boot_id: What tells this boot of the machine from others; empty when nobody knows.
    """

    checkpointed: Checkpointed
    containers: list[protocol.Recovered] = []
    boot_id: str = ""


class LinkOpened(Event, frozen=True, tag=True):
    """There is a channel to ``master`` (``host:port``)."""

    master: str


class LinkClosed(Event, frozen=True, tag=True):
    """The channel is gone, or could not be opened."""

    reason: str


class MasterDetected(Event, frozen=True, tag=True):
    """``master`` (``host:port``) has begun to lead; it may be the one that we are linked to."""

    master: str


class MasterMessageReceived(Event, frozen=True, tag=True):
    """The master said something on the channel."""

    message: ToAgent


class ContainerLaunched(Event, frozen=True, tag=True):
    """The first process of a container runs."""

    container_id: str
    pid: int


class ContainerLaunchFailed(Event, frozen=True, tag=True):
    """A container did not start, and nothing of it runs."""

    container_id: str
    reason: str


class ContainerExited(Event, frozen=True, tag=True):
    """A container is over; may come before its `ContainerLaunched`."""

    exited: protocol.Exited


class SupervisorReplaced(Event, frozen=True, tag=True):
    """The supervisor was lost and with it every container; ``containers`` is what is known."""

    containers: list[protocol.Recovered]


class VolumesChanged(Event, frozen=True, tag=True):
    """What an operation needs on the disk is done, unless there is a ``problem``."""

    operation_uuid: bytes
    problem: str | None = None


class VolumesLinked(Event, frozen=True, tag=True):
    """The volumes of a task are in its executor's sandbox, unless there is a ``problem``."""

    container_id: str
    task_id: str
    problem: str | None = None


class ExecutorCalled(Event, frozen=True, tag=True):
    """An executor made a call that is well formed; answered by `Respond` or `OpenStream`."""

    request_id: str
    call: Call


class ExecutorDisconnected(Event, frozen=True, tag=True):
    """A subscription stream has ended at the executor's side, or could not be written to."""

    connection: str


class LendingEstimated(Event, frozen=True, tag=True):
    """So much may be lent beyond ``lent``, which was in use when that was estimated."""

    estimate: Resources
    lent: Resources


class CorrectionsWanted(Event, frozen=True, tag=True):
    """Some executors on revocable resources have to go."""

    corrections: list[Correction]


class TimerFired(Event, frozen=True, tag=True):
    """A timer that was started and not cancelled."""

    timer: AnyTimer


class ShutdownRequested(Event, frozen=True, tag=True):
    """The operator wants the agent to end its tasks, unregister, and exit."""

    message: str


AgentEvent = (
    Recovered
    | LinkOpened
    | LinkClosed
    | MasterDetected
    | MasterMessageReceived
    | ContainerLaunched
    | ContainerLaunchFailed
    | ContainerExited
    | SupervisorReplaced
    | VolumesChanged
    | VolumesLinked
    | ExecutorCalled
    | LendingEstimated
    | CorrectionsWanted
    | ExecutorDisconnected
    | TimerFired
    | ShutdownRequested
)
