"""Keep one framework subscribed: where to connect, when to wait, what to hand on.

The driver does what the last effect of a step says (`Connect`, `Read`, `Wait` or `Stop`)
and tells how it went; there is always exactly one such step outstanding. The framework's
id, once given, is kept over every reconnect, so that its tasks stay its own.
"""

from __future__ import annotations

import enum
from typing import assert_never

import msgspec

from tepui.base.rng import Rng
from tepui.messages import FrameworkID, scheduler
from tepui.sdk.core.addresses import redirected

HEARTBEAT_SECONDS = 15.0
"""What a master that does not say sends heartbeats by."""

HEARTBEATS_MISSED_MAX = 3
"""A stream that was silent for this many intervals is given up."""

REDIRECTS_MAX = 5
"""Redirects followed in a row before they count as a failure: masters may be electing."""

SchedulerEvent = (
    scheduler.Event.Subscribed
    | scheduler.Event.Offers
    | scheduler.Event.InverseOffers
    | scheduler.Event.Rescind
    | scheduler.Event.RescindInverseOffer
    | scheduler.Event.Update
    | scheduler.Event.UpdateOperationStatus
    | scheduler.Event.Message
    | scheduler.Event.Failure
)
"""What a scheduler sees: the payload of each event, without heartbeats and errors."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happened on the way to the master, or what to do next."""


class Started(Step, frozen=True):
    """The client was opened."""


class Opened(Step, frozen=True):
    """The master answered the subscription with a stream."""

    stream_id: str


class Redirected(Step, frozen=True):
    """The master asked is not the leader."""

    location: str


class Refused(Step, frozen=True):
    """The master answered the subscription with another status."""

    status: int
    message: str


class ConnectionFailed(Step, frozen=True):
    """Nobody answered, or the answer broke off."""

    reason: str


class Received(Step, frozen=True):
    """The stream carried an event."""

    event: scheduler.Event


class StreamEnded(Step, frozen=True):
    """The stream closed, broke, or was silent for too long."""

    reason: str


class Waited(Step, frozen=True):
    """The time of `Wait` is over."""


class MasterDetected(Step, frozen=True):
    """There is a leader, and it is known where; whatever was going on is given up for it."""

    url: str


Event = (
    Started
    | Opened
    | Redirected
    | Refused
    | ConnectionFailed
    | Received
    | StreamEnded
    | Waited
    | MasterDetected
)


class Connect(Step, frozen=True):
    """Post SUBSCRIBE there; answered by `Opened` or one of the failures."""

    url: str
    framework_id: FrameworkID | None


class Read(Step, frozen=True):
    """Read the next event; a longer silence than this is `StreamEnded`."""

    silence_seconds: float


class Wait(Step, frozen=True):
    """Let time pass; answered by `Waited`."""

    seconds: float


class Deliver(Step, frozen=True):
    """Hand the event to the scheduler."""

    event: SchedulerEvent


class Stop(Step, frozen=True):
    """End for good; ``status`` is the HTTP status, or None after an ERROR event."""

    status: int | None
    message: str


Effect = Connect | Read | Wait | Deliver | Stop


class State(enum.Enum):
    """Where the subscription stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    OPEN = "open"  # there is a stream, and SUBSCRIBED has not come yet
    SUBSCRIBED = "subscribed"
    WAITING = "waiting"
    STOPPED = "stopped"


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait between attempts: doubling, with jitter, up to a bound."""

    first_seconds: float = 0.1
    max_seconds: float = 15.0

    def after(self, rounds: int, rng: Rng) -> float:
        """Return the wait after ``rounds`` failed rounds (at least 1)."""
        # The exponent is bounded so that a master down for days does not overflow a float.
        bound = min(self.max_seconds, self.first_seconds * 2.0 ** min(rounds - 1, 30))
        return rng.between(bound / 2, bound)


class Subscription:
    """The state of one framework's subscription.

    Without masters, it begins with `MasterDetected` instead of `Started`.

    Attributes:
        state: Where it stands.
        framework_id: The framework's id, once it is known.
        stream_id: What every call has to carry while subscribed.
        url: The master that was asked last: the leader, while subscribed.
    """

    def __init__(
        self,
        masters: tuple[str, ...],
        rng: Rng,
        framework_id: FrameworkID | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.state = State.IDLE
        self.framework_id = framework_id
        self.stream_id = ""
        self.url = masters[0] if masters else ""
        self._masters = masters
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._candidate = 0
        self._failures = 0
        self._redirects = 0
        self._is_detected = False
        self._silence_seconds = HEARTBEAT_SECONDS * HEARTBEATS_MISSED_MAX

    def handle(self, event: Event) -> list[Effect]:
        """Take in what happened and return what to do, the outstanding step last."""
        match event:
            case Started() | Waited():
                return [self._connect(self.url)]
            case MasterDetected(url=url):
                self._masters = (url,)
                self._candidate = self._failures = self._redirects = 0
                self._is_detected = True
                return [self._connect(url)]
            case Opened(stream_id=stream_id):
                self.state = State.OPEN
                self.stream_id = stream_id
                return [self._read()]
            case Redirected(location=location):
                return [self._on_redirected(location)]
            case Refused(status=status, message=message):
                return [self._on_refused(status, message)]
            case ConnectionFailed():
                return [self._try_next()]
            case Received(event=received):
                return self._on_received(received)
            case StreamEnded():
                return [self._on_stream_ended()]
            case _:
                assert_never(event)

    def _connect(self, url: str) -> Connect:
        self.state = State.CONNECTING
        self.stream_id = ""
        self.url = url
        return Connect(url=url, framework_id=self.framework_id)

    def _read(self) -> Read:
        return Read(silence_seconds=self._silence_seconds)

    def _on_redirected(self, location: str) -> Effect:
        if self._is_detected:
            # We know of the election before the elected one does, who still points to the last
            # leader: that one may hang, and not even refuse us.
            return self._try_next()
        leader = redirected(self.url, location)
        self._redirects += 1
        if leader is None or self._redirects > REDIRECTS_MAX:
            return self._try_next()
        return self._connect(leader)

    def _on_refused(self, status: int, message: str) -> Effect:
        # 408, 429 and 5xx pass by themselves; 501 and the other 4xx are about the request.
        if status in (408, 429) or (status >= 500 and status != 501):
            return self._try_next()
        self.state = State.STOPPED
        return Stop(status=status, message=message)

    def _try_next(self) -> Effect:
        """Go to the next master at once, and wait when all of them have failed."""
        self._redirects = 0
        self._failures += 1
        self._candidate = (self._candidate + 1) % len(self._masters)
        following = self._masters[self._candidate]
        rounds, rest = divmod(self._failures, len(self._masters))
        if rest:
            return self._connect(following)
        self.url = following
        return self._wait(self._backoff.after(rounds, self._rng))

    def _wait(self, seconds: float) -> Wait:
        self.state = State.WAITING
        self.stream_id = ""
        return Wait(seconds=seconds)

    def _on_stream_ended(self) -> Effect:
        if self.state is not State.SUBSCRIBED:
            return self._try_next()
        # The leader is most likely still the leader. Every framework lost its stream at the
        # same moment if it restarted, so they come back spread over a while.
        self._failures = 0
        return self._wait(self._rng.between(0, self._backoff.first_seconds))

    def _on_received(self, received: scheduler.Event) -> list[Effect]:
        if received.error is not None:
            self.state = State.STOPPED
            return [Stop(status=None, message=received.error.message)]
        if received.subscribed is not None:
            self._on_subscribed(received.subscribed)
        payload = payload_of(received)
        out: list[Effect] = [] if payload is None else [Deliver(event=payload)]
        out.append(self._read())
        return out

    def _on_subscribed(self, subscribed: scheduler.Event.Subscribed) -> None:
        self.state = State.SUBSCRIBED
        self.framework_id = subscribed.framework_id
        self._failures = 0
        self._redirects = 0
        interval = subscribed.heartbeat_interval_seconds or HEARTBEAT_SECONDS
        self._silence_seconds = interval * HEARTBEATS_MISSED_MAX


def payload_of(event: scheduler.Event) -> SchedulerEvent | None:
    """Return what an event carries; None for heartbeats, and for kinds that we do not know."""
    return (
        event.subscribed
        or event.offers
        or event.update
        or event.rescind
        or event.message
        or event.failure
        or event.inverse_offers
        or event.rescind_inverse_offer
        or event.update_operation_status
    )
