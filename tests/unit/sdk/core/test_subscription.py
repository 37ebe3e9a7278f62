"""A scheduler's way to the leader and back, told as a conversation."""

from __future__ import annotations

from tepui.base.rng import Rng
from tepui.messages import FrameworkID, TaskID, TaskState, TaskStatus, scheduler
from tepui.sdk.core.subscription import (
    REDIRECTS_MAX,
    Backoff,
    Connect,
    ConnectionFailed,
    Deliver,
    MasterDetected,
    Opened,
    Read,
    Received,
    Redirected,
    Refused,
    Started,
    State,
    Stop,
    StreamEnded,
    Subscription,
    Wait,
    Waited,
)

A, B = "http://a:5050", "http://b:5050"
F = FrameworkID(value="f-1")
Event = scheduler.Event
SUBSCRIBED = Event(
    type=Event.Type.SUBSCRIBED,
    subscribed=Event.Subscribed(framework_id=F, heartbeat_interval_seconds=2.0),
)
HEARTBEAT = Event(type=Event.Type.HEARTBEAT)


def subscription(*masters: str) -> Subscription:
    return Subscription(masters or (A,), Rng(1), backoff=Backoff(first_seconds=1, max_seconds=8))


def subscribed(*masters: str) -> Subscription:
    it = subscription(*masters)
    it.handle(Started())
    it.handle(Opened(stream_id="s-1"))
    it.handle(Received(event=SUBSCRIBED))
    return it


def wait_of(effects: list[object]) -> float:
    assert len(effects) == 1
    assert isinstance(effects[0], Wait)
    return effects[0].seconds


def test_a_first_subscription_has_no_id_and_learns_one() -> None:
    it = subscription()
    assert it.handle(Started()) == [Connect(url=A, framework_id=None)]
    assert it.handle(Opened(stream_id="s-1")) == [Read(silence_seconds=45.0)]
    assert it.state is State.OPEN
    assert SUBSCRIBED.subscribed is not None
    assert it.handle(Received(event=SUBSCRIBED)) == [
        Deliver(event=SUBSCRIBED.subscribed),
        Read(silence_seconds=6.0),  # three of the master's own heartbeats
    ]
    assert (it.state, it.framework_id, it.stream_id) == (State.SUBSCRIBED, F, "s-1")


def test_heartbeats_and_unknown_events_are_not_delivered() -> None:
    it = subscribed()
    assert it.handle(Received(event=HEARTBEAT)) == [Read(silence_seconds=6.0)]
    assert it.handle(Received(event=Event())) == [Read(silence_seconds=6.0)]


def test_events_are_delivered_as_their_payload() -> None:
    status = TaskStatus(task_id=TaskID(value="t"), state=TaskState.TASK_RUNNING)
    update = Event.Update(status=status)
    effects = subscribed().handle(Received(event=Event(type=Event.Type.UPDATE, update=update)))
    assert effects[0] == Deliver(event=update)


def test_a_lost_stream_is_taken_up_again_with_the_same_framework_id() -> None:
    it = subscribed()
    assert 0 <= wait_of([*it.handle(StreamEnded(reason="closed"))]) <= 1
    assert (it.state, it.stream_id) == (State.WAITING, "")
    assert it.handle(Waited()) == [Connect(url=A, framework_id=F)]


def test_a_redirect_is_followed_at_once_and_keeps_the_scheme() -> None:
    it = subscription()
    it.handle(Started())
    assert it.handle(Redirected(location="//b:5051/api/v1/scheduler")) == [
        Connect(url="http://b:5051", framework_id=None)
    ]


def test_masters_that_redirect_in_a_circle_are_waited_for() -> None:
    it = subscription()
    it.handle(Started())
    for _ in range(REDIRECTS_MAX):
        assert isinstance(it.handle(Redirected(location="//b:5050/"))[0], Connect)
    assert isinstance(it.handle(Redirected(location="//b:5050/"))[0], Wait)


def test_every_master_is_tried_before_waiting_and_waits_double() -> None:
    it = subscription(A, B)
    it.handle(Started())
    assert it.handle(ConnectionFailed(reason="refused")) == [Connect(url=B, framework_id=None)]
    waits = []
    for _ in range(6):
        waits.append(wait_of([*it.handle(Refused(status=503, message="no leader"))]))
        assert it.handle(Waited()) == [Connect(url=A, framework_id=None)]
        it.handle(ConnectionFailed(reason="refused"))
    for seconds, bound in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert bound / 2 <= seconds <= bound


def test_a_subscription_starts_the_backoff_anew() -> None:
    it = subscription()
    it.handle(Started())
    for _ in range(5):
        it.handle(ConnectionFailed(reason="refused"))
        it.handle(Waited())
    it.handle(Opened(stream_id="s"))
    it.handle(Received(event=SUBSCRIBED))
    assert wait_of([*it.handle(StreamEnded(reason="closed"))]) <= 1


def test_a_refusal_that_will_not_pass_ends_it() -> None:
    for status in (400, 401, 403, 404, 415, 501):
        it = subscription()
        it.handle(Started())
        assert it.handle(Refused(status=status, message="why")) == [
            Stop(status=status, message="why")
        ]
        assert it.state is State.STOPPED


def test_an_error_event_ends_it_for_good() -> None:
    it = subscribed()
    error = Event(type=Event.Type.ERROR, error=Event.Error(message="failed over"))
    assert it.handle(Received(event=error)) == [Stop(status=None, message="failed over")]
    assert it.state is State.STOPPED


def test_a_leader_that_is_detected_is_asked_at_once_whatever_goes_on() -> None:
    core = Subscription((), Rng(1), backoff=Backoff(first_seconds=1, max_seconds=8))
    assert core.handle(MasterDetected(url=A)) == [Connect(url=A, framework_id=None)]
    (waiting,) = core.handle(ConnectionFailed(reason="refused"))
    assert isinstance(waiting, Wait)
    assert core.handle(MasterDetected(url=B)) == [Connect(url=B, framework_id=None)]
    core.handle(Opened(stream_id="s"))
    core.handle(Received(event=SUBSCRIBED))
    assert core.state is State.SUBSCRIBED
    # The leader's machine may be gone without a word on the stream.
    assert core.handle(MasterDetected(url=A)) == [Connect(url=A, framework_id=F)]
    assert core.state is State.CONNECTING


def test_a_redirect_does_not_lead_away_from_a_master_that_was_detected() -> None:
    """It is elected and does not know yet: it points to the last leader, which may hang."""
    core = subscription()
    core.handle(MasterDetected(url=A))
    (step,) = core.handle(Redirected(location="//b:5050"))
    assert isinstance(step, Wait)
    assert core.handle(Waited()) == [Connect(url=A, framework_id=None)]
