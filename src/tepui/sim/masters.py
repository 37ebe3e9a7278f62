"""Masters: the real core and allocator, run as `tepui.master.driver` and its daemon run them.

Effects are done in order before the next event; a lease that is over, a write that failed, or an
exception ends the process after what was decided is written. A process that is killed does only
some of the effects of its step, if it is to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tepui.allocator import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.ha.store import StoreBatch, StoreError
from tepui.link.messages import ChannelClosed
from tepui.master.core import effects as wanted
from tepui.master.core.config import MasterConfig
from tepui.master.core.effects import AnyEffect
from tepui.master.core.events import (
    AgentChannelClosed,
    AgentMessageReceived,
    AllocateSlice,
    AnyEvent,
    Persisted,
    PersistFailed,
    ReconcileSlice,
    RegistryRecovered,
    SchedulerCalled,
    SchedulerDisconnected,
    TimerFired,
)
from tepui.master.core.master import Master
from tepui.messages import scheduler
from tepui.sim.calling import Answer
from tepui.sim.clock import Clock, NodeClock, Timers
from tepui.sim.network import End, Network, Server
from tepui.sim.observations import (
    CoreBroke,
    CoreStepped,
    EffectUnknown,
    Ending,
    LeadershipBegan,
    LeadershipEnded,
    StepCutShort,
)
from tepui.sim.processes import Observe
from tepui.sim.zookeeper import Candidacy, Ensemble, RegistryClient, Watcher

LINK_BITS = 32
CHANNEL_MASK = (1 << LINK_BITS) - 1


class LinkHello(msgspec.Struct, frozen=True):
    """An agent opens a link."""


class SubscribeHello(msgspec.Struct, frozen=True):
    """A framework posts SUBSCRIBE; the answer is the first message on the connection."""

    call: scheduler.Call


class CallRequest(msgspec.Struct, frozen=True):
    """A framework posts any other call."""

    call: scheduler.Call
    stream_id: str


class OperatorRequest(msgspec.Struct, frozen=True):
    """An operator posts something; ``make`` gives the event its request's number."""

    make: Callable[[int], AnyEvent]


class MasterProcess(Server):
    """One master, over all its lives.

    Attributes:
        core: The core of this life; to be read, from the first life on.
        is_leading: Whether events count.
    """

    core: Master

    def __init__(
        self,
        config: MasterConfig,
        clock: Clock,
        times: NodeClock,
        network: Network,
        ensemble: Ensemble,
        rngs: Callable[[int], Rng],
        observe: Observe,
        session_timeout: float,
    ) -> None:
        super().__init__(config.hostname, clock, times, observe)
        self.config = config
        self.is_leading = False
        self._network = network
        self._ensemble = ensemble
        self._rngs = rngs
        self._session_timeout = session_timeout
        self._effects_left: int | None = None
        self._breaks_in_write = False
        self._run: Mapping[type[AnyEffect], Callable[[Any], None]] = self._performers()
        network.servers[self.name] = self

    # -- life --

    def on_start(self) -> None:
        """Wait to be elected."""
        now = self.times.read()
        rng = self._rngs(self.life)
        self.core = Master(self.config, HierarchicalAllocator(self.config.allocator, rng), rng, now)
        self.is_leading = False
        self._is_starting = False
        self._is_stopping = False
        self._numbers = 0
        self._links: dict[int, End] = {}
        self._channels: dict[int, dict[int, None]] = {}
        self._streams: dict[int, End] = {}
        self._asked: dict[int, Callable[[Any], None]] = {}
        self._waiting_links: list[End] = []
        self._answer: Answer | tuple[End, str] | None = None
        self._subscribing: End | None = None
        self._effects_left = None
        self._breaks_in_write = False
        self._timers = Timers(
            self.clock, self.times, lambda timer: self.run(self.life, self._on_timer, timer)
        )
        self._registry = RegistryClient(self, self._network, self._ensemble, self._session_timeout)
        self._candidacy = Candidacy(
            self, self._network, self._session_timeout, self._lead, self._lose_leadership
        )
        self._watcher = Watcher(self, self._ensemble, self._network, lambda leader: None)
        self._ensemble.watch(self._watcher)
        self._candidacy.ask()

    def on_end(self, ending: Ending) -> None:
        """Be forgotten by its own timers."""
        self._timers.clear()
        self._end_leadership(ending.value)

    def kill_in_step(self, effects: int) -> None:
        """Be killed in the next step that has effects, after so many of them."""
        self._effects_left = effects

    def kill_in_write(self) -> None:
        """Be killed after the next commit was sent, before its answer."""
        self._breaks_in_write = True

    def _lead(self) -> None:
        self._is_starting = True
        self._registry.open(self._has_lease, self._recovered, self.fail)

    def _has_lease(self) -> bool:
        return self.times.monotonic < self._candidacy.lease_until

    def _recovered(self, records: dict[str, bytes]) -> None:
        self._is_starting = False
        if self._is_stopping:
            return
        self.is_leading = True
        self.observe(
            LeadershipBegan(
                at=self.clock.now, node=self.name, life=self.life, epoch=self._registry.epoch
            )
        )
        self.step(RegistryRecovered(records=records))
        waiting, self._waiting_links = self._waiting_links, []
        for end in waiting:
            self._serve_link(end)

    def _lose_leadership(self, reason: str) -> None:
        self.fail(f"it leads no more: {reason}")

    def fail(self, reason: str) -> None:
        """Lead no more, and end once the registry holds what was decided."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._reason = reason
        self._end_leadership(reason)
        if self._registry.is_idle:
            self.after(0.0, self._finish)
        else:
            self._registry.on_idle = self._finish

    def _finish(self) -> None:
        self._candidacy.leave()
        self.end(Ending.EXITED, self._reason)

    def _end_leadership(self, reason: str) -> None:
        if self.is_leading:
            self.is_leading = False
            self.observe(
                LeadershipEnded(at=self.clock.now, node=self.name, life=self.life, reason=reason)
            )
            for reply in self._asked.values():
                reply(Answer(503, "it leads no more"))
            self._asked.clear()

    # -- what happens --

    @property
    def may_lead(self) -> bool:
        """Whether it leads and its lease lasts, by its own clock."""
        return (
            self.is_alive and self.is_leading and self.times.monotonic < self._candidacy.lease_until
        )

    def step(self, event: AnyEvent) -> None:
        """Hand one event to the core and run its effects."""
        if not self.is_leading:
            return
        now = self.times.read()
        if now.monotonic >= self._candidacy.lease_until:
            self.fail("its lease is over: somebody else may lead")
            return
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
                core="master",
                event=event,
                effects=out,
                monotonic=now.monotonic,
                wall=now.wall,
            )
        )
        if self._effects_left is not None and out:
            self._die_within(out)
            return
        run = self._run
        for effect in out:
            run[type(effect)](effect)

    def _die_within(self, out: list[AnyEffect]) -> None:
        done = min(self._effects_left or 0, len(out))
        for effect in out[:done]:
            self._run[type(effect)](effect)
        self.observe(
            StepCutShort(at=self.clock.now, node=self.name, life=self.life, undone=len(out) - done)
        )
        self.end(Ending.KILLED, "killed within a step")

    def _break(self, event: AnyEvent, error: Exception) -> None:
        self.observe(
            CoreBroke(
                at=self.clock.now, node=self.name, life=self.life, event=event, error=repr(error)
            )
        )
        self._end_leadership("its core broke")
        self.end(Ending.BROKEN, repr(error))

    # -- who connects --

    def accept(self, hello: Any, end: End) -> None:
        """Take a link or a SUBSCRIBE."""
        if isinstance(hello, LinkHello):
            if self._is_starting:
                self._waiting_links.append(end)
                end.on_close = lambda reason: None
            else:
                self._serve_link(end)
        else:
            assert isinstance(hello, SubscribeHello)
            self._serve_subscription(hello.call, end)

    def answer(self, request: Any, reply: Callable[[Any], None]) -> None:
        """Answer a call or an operator's request."""
        if not self.is_leading:
            reply(self._elsewhere())
        elif isinstance(request, CallRequest):
            reply(self._call(request.call, request.stream_id))
        else:
            assert isinstance(request, OperatorRequest)
            self._numbers += 1
            self._asked[self._numbers] = reply
            self.step(request.make(self._numbers))

    def _elsewhere(self) -> Answer:
        leader = self._watcher.leader
        if leader is None or leader == self.name:
            return Answer(503, "No leading master is known")
        return Answer(307, f"//{leader}:{self.config.port}/master/api/v1/scheduler")

    def _call(self, call: scheduler.Call, stream_id: str) -> Answer:
        self._numbers += 1
        number = self._numbers
        self._answer = None
        self.step(
            SchedulerCalled(request_id=number, call=call, stream_id=stream_id, connection=number)
        )
        answer, self._answer = self._answer, None
        return answer if isinstance(answer, Answer) else Answer(503, "it is not leading")

    def _serve_subscription(self, call: scheduler.Call, end: End) -> None:
        if not self.is_leading:
            end.send(("refused", self._elsewhere()))
            end.close("answered")
            return
        self._numbers += 1
        number = self._numbers
        self._answer, self._subscribing = None, end
        self.step(SchedulerCalled(request_id=number, call=call, connection=number))
        answer, self._answer, self._subscribing = self._answer, None, None
        if number in self._streams or not self.is_alive:
            return
        refusal = answer if isinstance(answer, Answer) else Answer(503, "it is not leading")
        end.send(("refused", refusal))
        end.close("answered")

    def _serve_link(self, end: End) -> None:
        if not end.is_open:
            return
        if not self.is_leading:
            end.close("this master does not lead")
            return
        self._numbers += 1
        number = self._numbers
        base = number << LINK_BITS
        self._links[number] = end
        channels = self._channels[number] = {}
        peer = end.target

        def on_message(pair: tuple[int, Any]) -> None:
            channel, message = pair
            if type(message) is ChannelClosed:
                channels.pop(channel, None)
            else:
                channels[channel] = None
            self.step(AgentMessageReceived(channel=base | channel, message=message, peer=peer))

        def on_close(reason: str) -> None:
            self._links.pop(number, None)
            for channel in list(self._channels.pop(number, {})):
                self.step(
                    AgentChannelClosed(channel=base | channel, reason=f"the link ended: {reason}")
                )

        end.on_message = on_message
        end.on_close = on_close

    # -- effects --

    def _performers(self) -> dict[type[AnyEffect], Callable[[Any], None]]:
        return {
            wanted.SendToScheduler: self._send_to_scheduler,
            wanted.SendToAgent: self._send_to_agent,
            wanted.Respond: self._respond,
            wanted.ContinueAllocation: self._continue_allocation,
            wanted.ContinueReconciliation: lambda each: self.after(
                0.0, self.step, ReconcileSlice(connection=each.connection)
            ),
            wanted.StartTimer: lambda each: self._timers.start(each.timer, each.seconds),
            wanted.CancelTimer: lambda each: self._timers.cancel(each.timer),
            wanted.Persist: self._persist,
            wanted.OpenStream: self._open_stream,
            wanted.CloseScheduler: self._close_scheduler,
            wanted.CloseChannel: self._close_channel,
            wanted.SendToOperators: self._unknown,
            wanted.OpenOperatorStream: self._unknown,
            wanted.CloseOperator: self._unknown,
            wanted.Log: lambda each: None,
            wanted.StepDown: lambda each: self.fail(each.reason),
        }

    def _unknown(self, effect: AnyEffect) -> None:
        self.observe(
            EffectUnknown(at=self.clock.now, node=self.name, life=self.life, effect=effect)
        )

    def _send_to_scheduler(self, effect: wanted.SendToScheduler) -> None:
        stream = self._streams.get(effect.connection)
        if stream is not None:
            stream.send(("event", effect.event))

    def _send_to_agent(self, effect: wanted.SendToAgent) -> None:
        link = self._links.get(effect.channel >> LINK_BITS)
        if link is not None:
            link.send((effect.channel & CHANNEL_MASK, effect.message))

    def _close_channel(self, effect: wanted.CloseChannel) -> None:
        number, channel = effect.channel >> LINK_BITS, effect.channel & CHANNEL_MASK
        link = self._links.get(number)
        if link is not None:
            self._channels[number].pop(channel, None)
            link.send((channel, ChannelClosed(reason=effect.reason)))

    def _respond(self, effect: wanted.Respond) -> None:
        answer = Answer(effect.status, effect.text)
        reply = self._asked.pop(effect.request_id, None)
        if reply is not None:
            reply(answer)
        else:
            self._answer = answer

    def _open_stream(self, effect: wanted.OpenStream) -> None:
        end = self._subscribing
        assert end is not None
        connection = effect.connection
        self._streams[connection] = end
        end.send(("opened", effect.stream_id))

        def on_close(reason: str) -> None:
            if self._streams.pop(connection, None) is not None:
                self.step(SchedulerDisconnected(connection=connection, reason=reason))

        end.on_close = on_close

    def _close_scheduler(self, effect: wanted.CloseScheduler) -> None:
        stream = self._streams.pop(effect.connection, None)
        if stream is not None:
            stream.close("the master closed the stream")

    def _persist(self, effect: wanted.Persist) -> None:
        token = effect.token

        def done(error: StoreError | None) -> None:
            if error is None:
                self.step(Persisted(token=token))
            else:
                self.step(PersistFailed(token=token, reason=str(error)))

        self._registry.submit(
            StoreBatch(puts=dict(effect.puts), deletes=list(effect.deletes)), done
        )
        if self._breaks_in_write:
            # The commit goes out at the end of this turn, and nobody waits for its answer.
            self.after(0.0, self.end, Ending.KILLED, "killed while it wrote")

    def _on_timer(self, timer: Any) -> None:
        self.step(TimerFired(timer=timer))

    def _continue_allocation(self, effect: wanted.ContinueAllocation) -> None:
        self.after(effect.seconds, self.step, AllocateSlice())
