"""The timers that an agent sets; each is its own key."""

from __future__ import annotations

import msgspec


class Timer(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Something to look at later. Starting a timer again replaces it."""


class Connect(Timer, frozen=True, tag=True):
    """Open the link to the master again."""


class RegistrationRetry(Timer, frozen=True, tag=True):
    """Ask the master again to be admitted."""


class MasterSilence(Timer, frozen=True, tag=True):
    """See whether the master has said anything."""


class UpdateRetry(Timer, frozen=True, tag=True):
    """Send the unacknowledged updates that are due."""


class OperationRetry(Timer, frozen=True, tag=True):
    """Send the unacknowledged operations that are due."""


class ExecutorHeartbeat(Timer, frozen=True, tag=True):
    """Tell subscribed executors that the agent is there."""


class ExecutorRegistration(Timer, frozen=True, tag=True):
    """A new custom executor must have subscribed by now."""

    container_id: str


class ExecutorReregistration(Timer, frozen=True, tag=True):
    """Executors that ran before this agent started must have subscribed by now."""


class ExecutorShutdown(Timer, frozen=True, tag=True):
    """An executor that was asked to end is destroyed."""

    container_id: str


class KillEscalation(Timer, frozen=True, tag=True):
    """A task that was asked to end is destroyed."""

    container_id: str


class MaxCompletion(Timer, frozen=True, tag=True):
    """A task has had all the time that it was given."""

    container_id: str


AnyTimer = (
    Connect
    | RegistrationRetry
    | MasterSilence
    | UpdateRetry
    | OperationRetry
    | ExecutorHeartbeat
    | ExecutorRegistration
    | ExecutorReregistration
    | ExecutorShutdown
    | KillEscalation
    | MaxCompletion
)
