"""Frameworks' processes: the SDK's real subscription core, run as `tepui.sdk.scheduler` runs it.

There is always one outstanding step: a connection that is opened, a stream that is read, or a
wait. Calls go out on connections of their own. What the scheduler itself does is `schedulers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tepui.base.rng import Rng
from tepui.messages import FrameworkID, FrameworkInfo, scheduler
from tepui.sdk.core import subscription as core
from tepui.sdk.core.subscription import State, Subscription
from tepui.sim.calling import Answer
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.masters import CallRequest, SubscribeHello
from tepui.sim.network import CALL_SECONDS, End, Network
from tepui.sim.observations import (
    CallAnswered,
    CallSent,
    CoreStepped,
    Ending,
    FrameworkStopped,
)
from tepui.sim.processes import Observe, Process
from tepui.sim.schedulers import Entry, Scheduler
from tepui.sim.zookeeper import Ensemble, Watcher

Call = scheduler.Call


class FrameworkProcess(Process):
    """One framework, over all its lives.

    Attributes:
        scheduler: What it does, with the ledger that outlives the process.
        is_over: Whether its subscription ended for good.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        times: NodeClock,
        network: Network,
        ensemble: Ensemble,
        scheduler: Scheduler,
        rngs: Callable[[int], Rng],
        observe: Observe,
        master_port: int,
        numbers: Callable[[], int],
    ) -> None:
        super().__init__(name, clock, times, observe)
        self.scheduler = scheduler
        self.is_over = False
        self._network = network
        self._ensemble = ensemble
        self._rngs = rngs
        self._port = master_port
        self._next_number = numbers
        scheduler.attach(self)

    # -- what laws look at --

    @property
    def node(self) -> str:
        """Its name."""
        return self.name

    @property
    def framework_id(self) -> str | None:
        """What it was given; None before it first subscribed."""
        known = self.scheduler.framework_id
        return None if known is None else known.value

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self.is_alive

    @property
    def wants(self) -> int:
        """How many more tasks it would launch."""
        return 0 if self.is_over else self.scheduler.wants

    @property
    def ledger(self) -> Mapping[str, Entry]:
        """What it believes of its tasks."""
        return self.scheduler.ledger

    @property
    def operations(self) -> Mapping[str, object]:
        """Those of which it has not heard the end."""
        reserving = self.scheduler.reserving
        return {} if reserving is None else reserving.open

    # -- life --

    def start(self) -> None:
        """Begin a life, unless there is nothing left to do."""
        if not self.is_over:
            super().start()

    def on_start(self) -> None:
        """Look for the leader, and subscribe."""
        self._core = Subscription((), self._rngs(self.life), self.scheduler.framework_id)
        self._stream: End | None = None
        self._attempt = 0
        self._deadline = 0.0
        self._is_watching_silence = False
        self._is_waiting = False
        self._is_leader_new = False
        self._has_begun = False
        self.scheduler.on_start()
        self._watcher = Watcher(self, self._ensemble, self._network, self._on_leader)
        self._ensemble.watch(self._watcher)

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made now."""
        return self.is_alive and self._core.state is State.SUBSCRIBED

    # -- calls --

    def call(self, call: Call, done: Callable[[Answer | None], None] | None = None) -> bool:
        """Make a call in the framework's name; return whether it went out.

        Args:
            done: Told the answer, or None if nobody knows what became of the call.
        """
        if not self.is_subscribed:
            return False
        number = self._next_number()
        named = msgspec.structs.replace(call, framework_id=self._core.framework_id)
        self.observe(CallSent(at=self.clock.now, node=self.name, number=number, call=named))

        def on_answer(answer: Answer | None, text: str = "") -> None:
            status = None if answer is None else answer.status
            self.observe(
                CallAnswered(
                    at=self.clock.now,
                    node=self.name,
                    number=number,
                    status=status,
                    text=text if answer is None else answer.text,
                )
            )
            if done is not None:
                done(answer)

        self._network.exchange(
            self,
            _host_of(self._core.url),
            CallRequest(named, self._core.stream_id),
            on_answer,
            lambda reason: on_answer(None, reason),
        )
        return True

    # -- the subscription --

    def _on_leader(self, leader: str) -> None:
        self._is_leader_new = True
        url = f"http://{leader}:{self._port}"
        if not self._has_begun:
            self._has_begun = True
            self._is_leader_new = False
            self._step(core.MasterDetected(url=url))
        elif self._is_waiting or self._stream is not None:
            moved = self._moved()
            if moved is not None:
                self._is_leader_new = False
                self._drop_stream("another master leads")
                self._step(moved)

    def _moved(self) -> core.MasterDetected | None:
        leader = self._watcher.leader
        if leader is None or not self._is_leader_new:
            return None
        url = f"http://{leader}:{self._port}"
        if self._core.state is State.SUBSCRIBED and url == self._core.url:
            return None
        return core.MasterDetected(url=url)

    def _step(self, event: core.Event) -> None:
        """Hand one event to the core, and take the step that is left."""
        self._is_waiting = False
        out = self._core.handle(event)
        now = self.times.read()
        self.observe(
            CoreStepped(
                at=self.clock.now,
                node=self.name,
                life=self.life,
                core="subscription",
                event=event,
                effects=out,
                monotonic=now.monotonic,
                wall=now.wall,
            )
        )
        for effect in out:
            match effect:
                case core.Deliver(event=payload):
                    self.scheduler.hear(payload)
                case core.Read(silence_seconds=seconds):
                    self._expect(seconds)
                case core.Connect():
                    self._subscribe(effect)
                case core.Wait(seconds=seconds):
                    self._wait(seconds)
                case core.Stop(status=status, message=message):
                    self._stop(status, message)

    def _subscribe(self, connect: core.Connect) -> None:
        self._attempt += 1
        attempt = self._attempt
        call = Call(
            type=Call.Type.SUBSCRIBE,
            framework_id=connect.framework_id,
            subscribe=self._subscribe_body(connect.framework_id),
        )

        def opened(end: End) -> None:
            if attempt != self._attempt:
                end.close("not wanted any more")
                return
            self._stream = end
            end.on_message = lambda message: self._on_message(end, message)
            end.on_close = lambda reason: self._on_close(end, reason)
            self.after(CALL_SECONDS, self._expect_head, attempt)

        def failed(reason: str) -> None:
            if attempt == self._attempt:
                self._step(core.ConnectionFailed(reason=reason))

        self._network.connect(self, _host_of(connect.url), SubscribeHello(call), opened, failed)

    def _subscribe_body(self, framework_id: FrameworkID | None) -> Call.Subscribe:
        info: FrameworkInfo = msgspec.structs.replace(self.scheduler.info, id=framework_id)
        return Call.Subscribe(
            framework_info=info, suppressed_roles=self.scheduler.suppressed_roles()
        )

    def _expect_head(self, attempt: int) -> None:
        if attempt == self._attempt and self._core.state is State.CONNECTING:
            self._drop_stream("no answer in time")
            self._step(core.ConnectionFailed(reason="no answer in time"))

    def _on_message(self, end: End, message: tuple[str, Any]) -> None:
        if end is not self._stream:
            return
        kind, content = message
        if kind == "event":
            self._step(core.Received(event=content))
        elif kind == "opened":
            self._step(core.Opened(stream_id=content))
        else:
            self._drop_stream("answered")
            answer: Answer = content
            if answer.status == 307:
                self._step(core.Redirected(location=answer.text))
            else:
                self._step(core.Refused(status=answer.status, message=answer.text))

    def _on_close(self, end: End, reason: str) -> None:
        if end is not self._stream:
            return
        self._stream = None
        if self._core.state is State.CONNECTING:
            self._step(core.ConnectionFailed(reason=reason))
        else:
            self._step(core.StreamEnded(reason=reason))

    def _drop_stream(self, reason: str) -> None:
        self._attempt += 1
        end, self._stream = self._stream, None
        if end is not None:
            end.close(reason)

    def _expect(self, seconds: float) -> None:
        """Give the stream up when it was silent for so long."""
        self._deadline = self.times.monotonic + seconds
        if not self._is_watching_silence:
            self._is_watching_silence = True
            self.after(seconds, self._look_at_silence)

    def _look_at_silence(self) -> None:
        self._is_watching_silence = False
        if self._stream is None or self._core.state is State.CONNECTING:
            return
        left = self._deadline - self.times.monotonic
        if left > 0.001:
            self._is_watching_silence = True
            self.after(left, self._look_at_silence)
            return
        moved = self._moved()
        self._drop_stream("silent for too long")
        if moved is not None:
            self._is_leader_new = False
            self._step(moved)
        else:
            self._step(core.StreamEnded(reason="silent for too long"))

    def _wait(self, seconds: float) -> None:
        moved = self._moved()
        self._drop_stream("to be opened anew")
        if moved is not None:
            self._is_leader_new = False
            self._step(moved)
            return
        self._is_waiting = True
        self.after(seconds, self._waited, self._attempt)

    def _waited(self, attempt: int) -> None:
        if self._is_waiting and attempt == self._attempt:
            self._is_leader_new = False
            self._step(core.Waited())

    def _stop(self, status: int | None, message: str) -> None:
        self.is_over = True
        self._drop_stream("it is over")
        self.observe(
            FrameworkStopped(
                at=self.clock.now,
                node=self.name,
                framework_id=self.framework_id,
                status=status,
                message=message,
            )
        )
        self.end(Ending.EXITED, f"its subscription ended: {message}")


def _host_of(url: str) -> str:
    return url.removeprefix("http://").rpartition(":")[0]
