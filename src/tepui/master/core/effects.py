"""What a master wants done, in the imperative. A driver runs effects in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import dataclass_transform

import msgspec

from tepui.link.messages import ToAgent
from tepui.master.core.events import Timer
from tepui.messages import master, scheduler


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Effect(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Something to do."""


class Respond(Effect, kw_only=True):
    """Answer an HTTP exchange; an empty ``text`` is an empty body."""

    request_id: int
    status: int
    text: str = ""


class OpenStream(Effect, kw_only=True):
    """Answer a SUBSCRIBE with a stream that `SendToScheduler` then writes to."""

    request_id: int
    connection: int
    stream_id: str


class SendToScheduler(Effect, kw_only=True):
    """Write one event to a stream."""

    connection: int
    event: scheduler.Event


class CloseScheduler(Effect, kw_only=True):
    """End a stream after what was written to it; no `SchedulerDisconnected` follows."""

    connection: int


class OpenOperatorStream(Effect, kw_only=True):
    """Begin an operator's stream with SUBSCRIBED: all that there is at this very moment."""

    connection: int


class SendToOperators(Effect, kw_only=True):
    """Write one event to the streams of operators."""

    connections: tuple[int, ...]
    event: master.Event


class CloseOperator(Effect, kw_only=True):
    """End an operator's stream; no `OperatorDisconnected` follows."""

    connection: int


class SendToAgent(Effect, kw_only=True):
    """Say something on an agent's channel."""

    channel: int
    message: ToAgent


class CloseChannel(Effect, kw_only=True):
    """Say that nothing more comes on a channel; no `AgentChannelClosed` follows."""

    channel: int
    reason: str = ""


class Persist(Effect, kw_only=True):
    """Store a batch in the registry, all or nothing, then deliver `Persisted`."""

    token: int
    puts: Mapping[str, bytes]
    deletes: tuple[str, ...] = ()


class StartTimer(Effect, kw_only=True):
    """Deliver `TimerFired` after ``seconds``; a timer of the same name starts afresh."""

    timer: Timer
    seconds: float


class CancelTimer(Effect, kw_only=True):
    """Forget a timer if it runs."""

    timer: Timer


class ContinueAllocation(Effect, kw_only=True):
    """Deliver one `AllocateSlice` after ``seconds``, behind whatever waits already."""

    seconds: float


class ContinueReconciliation(Effect, kw_only=True):
    """Deliver `ReconcileSlice` once there is room on a stream; not if it ends before."""

    connection: int


class Log(Effect, kw_only=True):
    """Tell the operator; ``level`` is debug, info, warning or error."""

    level: str
    event: str
    fields: Mapping[str, object]


class StepDown(Effect, kw_only=True):
    """End this master: it may not act as leader any more."""

    reason: str


AnyEffect = (
    Respond
    | OpenStream
    | SendToScheduler
    | CloseScheduler
    | OpenOperatorStream
    | SendToOperators
    | CloseOperator
    | SendToAgent
    | CloseChannel
    | Persist
    | StartTimer
    | CancelTimer
    | ContinueAllocation
    | ContinueReconciliation
    | Log
    | StepDown
)
