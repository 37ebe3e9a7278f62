"""Run a master: sockets, timers and the registry on one side, the core on the other.

One event loop owns everything. Whatever happens becomes an event; the core's effects are
run in order before the next event is taken. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from tepui.base.time import Instant
from tepui.codec import recordio
from tepui.codec.media import JSON, Codec, codec_for
from tepui.ha.election import Lease
from tepui.ha.store import StoreBatch, StoreError
from tepui.ha.writer import RegistryWriter
from tepui.http.link import GOING_AWAY, Link
from tepui.http.messages import Answer, Response, StreamResponse, text_response
from tepui.http.streams import StreamWriter
from tepui.link.frames import FrameError, choose_version
from tepui.link.messages import VERSION_HEADER, VERSION_MAX, VERSION_MIN
from tepui.master.core.effects import (
    AnyEffect,
    CancelTimer,
    CloseChannel,
    CloseOperator,
    CloseScheduler,
    ContinueAllocation,
    ContinueReconciliation,
    Log,
    OpenOperatorStream,
    OpenStream,
    Persist,
    Respond,
    SendToAgent,
    SendToOperators,
    SendToScheduler,
    StartTimer,
    StepDown,
)
from tepui.master.core.events import (
    AgentChannelClosed,
    AllocateSlice,
    AnyEvent,
    Persisted,
    PersistFailed,
    ReconcileSlice,
    RegistryRecovered,
    SchedulerCalled,
    SchedulerDisconnected,
    TaskKillRequested,
    Timer,
    TimerFired,
)
from tepui.master.core.master import Master
from tepui.master.core.registry import RegistryDamaged
from tepui.master.garbage import Sweeper
from tepui.master.measured import Measured
from tepui.master.operator_streams import OperatorStreams
from tepui.master.ports import LINK_BITS, LinkPort, Turns
from tepui.master.recording import Recorder
from tepui.messages import scheduler

LINK_REFUSED = 4002
"""The close code of a link whose versions do not meet ours."""

_CLOSED_CHANNELS_PER_TURN = 100

_log = structlog.get_logger("tepui.master")
_ACCEPTED = Response(202)
_OK = Response(200)

NOT_LEADING = text_response(503, "The master is not leading: it starts or it ends")

ROOM_BYTES = 4 * 1024 * 1024
"""With less than this on its way, a scheduler is told more of what it has asked for."""


class SchedulerStream:
    """One scheduler's stream: what one turn of the loop has for it goes out together."""

    __slots__ = ("_codec", "_ended", "_loop", "_on_room", "_records", "_writer")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._loop = asyncio.get_running_loop()
        self._writer: StreamWriter | None = None
        self._records: list[bytes] = []
        self._on_room: Callable[[], None] | None = None
        self._ended = False

    def when_there_is_room(self, on_room: Callable[[], None]) -> None:
        """Call ``on_room`` in another turn, once what was written is mostly read."""
        self._on_room = on_room
        if self._writer is not None:
            self._loop.call_soon(self._offer_room)

    def send(self, event: scheduler.Event) -> None:
        """Write one event as one record, at the end of this turn."""
        if not self._records and self._writer is not None:
            self._loop.call_soon(self._flush)
        self._records.append(recordio.encode(self._codec.encode(event)))

    def open(self, writer: StreamWriter, on_close: Callable[[str], None]) -> None:
        """The head is out: write what has gathered, and go on."""
        self._writer = writer
        self._flush()
        if self._ended:
            writer.close()
        else:
            writer.on_close = on_close
            self._loop.call_soon(self._offer_room)

    def close(self) -> None:
        """End the stream after what was written."""
        self._ended = True
        if self._writer is not None:
            self._flush()
            self._writer.close()

    def _offer_room(self) -> None:
        writer = self._writer
        if self._on_room is None or writer is None or writer.closed:
            return
        if writer.buffered_bytes >= ROOM_BYTES:
            writer.on_writable = self._offer_room_soon
            return
        writer.on_writable = None
        on_room, self._on_room = self._on_room, None
        on_room()

    def _offer_room_soon(self) -> None:
        # The transport may say so from inside a write.
        self._loop.call_soon(self._offer_room)

    def _flush(self) -> None:
        records, self._records = self._records, []
        if records and self._writer is not None:
            self._writer.write_all(records)


class MasterDriver:
    """Runs one core for as long as it leads.

    Args:
        core: The master that decides.
        writer: Where the registry is kept.
        lease: Until when it may lead, if it can be deposed.
        recorder: Keeps a journal, if one is wanted; who made it closes it.

    Attributes:
        core: For those who read its state.
        is_leading: Whether events still count: from `start` until it ends for any reason.
        failure: Why the master must end, once it must.
        measured: What the core cannot measure by itself.
    """

    def __init__(
        self,
        core: Master,
        writer: RegistryWriter,
        lease: Lease | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.core = core
        self._recorder = recorder
        self._handle = core.handle if recorder is None else recorder.over(core.handle)
        self._lease = lease if lease is not None else Lease()
        self.is_leading = False
        self.failure: str | None = None
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._is_starting = False
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._streams: dict[int, SchedulerStream] = {}
        self._ports: dict[int, LinkPort] = {}
        self._turns = Turns()
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._sweeper = Sweeper()
        self._allocation: asyncio.Handle | None = None
        self.measured = Measured(writer)
        self._numbers_used = 0
        self._answer: Response | StreamResponse | None = None
        self._asked: dict[int, asyncio.Future[Response]] = {}
        self._operators = OperatorStreams(core.state, self.step)
        self._codec: Codec = codec_for(JSON)
        # The types of effects and these methods agree; a dictionary cannot say so.
        self._runners: dict[type[AnyEffect], Callable[[Any], None]] = {
            SendToScheduler: self._send_to_scheduler,
            SendToAgent: self._send_to_agent,
            Respond: self._respond,
            ContinueAllocation: self._continue_allocation,
            ContinueReconciliation: self._continue_reconciliation,
            StartTimer: self._start_timer,
            CancelTimer: self._cancel_timer,
            Persist: self._persist,
            OpenStream: self._open_stream,
            CloseScheduler: self._close_scheduler,
            CloseChannel: self._close_channel,
            SendToOperators: self._operators.send,
            OpenOperatorStream: self._operators.open,
            CloseOperator: self._operators.close,
            Log: self._write_log,
            StepDown: self._step_down,
        }

    # -- life --

    async def start(self) -> None:
        """Read the registry and begin to lead.

        Raises:
            StoreError: The registry cannot be read.
        """
        self._is_starting = True
        try:
            records = await self._writer.open()
            if self._stopped.is_set():
                return  # deposed, or told to stop, meanwhile
            self.is_leading = True
        finally:
            self._is_starting = False
            self._started.set()
        try:
            self.step(RegistryRecovered(records=records))
        except RegistryDamaged as error:
            raise StoreError(str(error)) from error
        self._sweeper.start()

    async def run(self) -> None:
        """Keep the registry written until `stop` is called or the master must end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writer.run())
            await self._stopped.wait()
            self._writer.close()
        self._sweeper.stop()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._allocation is not None:
            self._allocation.cancel()

    def stop(self) -> None:
        """Have `run` return once the registry holds what was decided.

        Nothing counts from here on: streams and links that end because the master does are
        not frameworks and agents that left.
        """
        self.is_leading = False
        self._stopped.set()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_result(NOT_LEADING)

    def metrics(self) -> dict[str, float]:
        """Return what is measured around the core, by name."""
        found = self.measured.metrics()
        return found if self._recorder is None else found | self._recorder.metrics()

    # -- what happens --

    def step(self, event: AnyEvent) -> None:
        """Hand one event to the core and run its effects."""
        if not self.is_leading:
            return
        now = Instant(time.monotonic(), time.time())
        if now.monotonic >= self._lease.until:
            # Asked here, as no timer is sure to fire before what waited while we were paused.
            self.fail("its lease is over: somebody else may lead")
            return
        runners = self._runners
        try:
            for effect in self._handle(event, now):
                runners[type(effect)](effect)
        except Exception as error:
            # The state may be half changed: nobody may build on it.
            self.fail(f"{type(event).__name__} could not be handled: {error!r}")
            raise

    def call_scheduler(
        self, call: scheduler.Call, codec: Codec, *, stream_id: str | None, principal: str | None
    ) -> Response | StreamResponse:
        """Hand a well-formed call to the core and return its answer, which it gives at once.

        Only while `is_leading`.

        Args:
            codec: What a stream that this call opens is encoded with.
        """
        self._numbers_used = number = self._numbers_used + 1
        self._codec = codec
        self.step(
            SchedulerCalled(
                request_id=number,
                call=call,
                stream_id=stream_id,
                principal=principal,
                connection=number,
            )
        )
        answer, self._answer = self._answer, None
        if answer is None:
            assert not self.is_leading, "the core answers every call in the same step"
            return NOT_LEADING
        return answer

    def kill_task(self, framework_id: str, task_id: str) -> Response:
        """Have a task killed on an operator's word, and return the answer to the operator."""
        self._numbers_used = number = self._numbers_used + 1
        self._answer = None
        self.step(TaskKillRequested(request_id=number, framework_id=framework_id, task_id=task_id))
        answer: Response | StreamResponse | None = self._answer
        if answer is None:
            return NOT_LEADING
        assert isinstance(answer, Response)
        return answer

    async def ask(self, make: Callable[[int], AnyEvent]) -> Response:
        """Hand an operator's request to the core, and wait until it answers.

        Args:
            make: Makes the event from the number of the request.
        """
        if not self.is_leading:
            return NOT_LEADING
        self._numbers_used = number = self._numbers_used + 1
        answer: asyncio.Future[Response] = self._loop.create_future()
        self._asked[number] = answer
        try:
            self.step(make(number))
            return await answer
        finally:
            del self._asked[number]

    def subscribe_operator(self, media_type: str) -> Answer:
        """Return the stream of events that begins with all there is now."""
        if not self.is_leading:
            return NOT_LEADING
        self._numbers_used = number = self._numbers_used + 1
        return self._operators.subscribe(number, media_type)

    async def serve_link(self, link: Link) -> None:
        """Take a link from an agent, and return when it has ended."""
        if self._is_starting:
            # Elected, and seen to be: agents do not have to come again.
            await self._started.wait()
        if not self.is_leading:
            link.close(GOING_AWAY, "this master does not lead")
            await link.wait_closed()
            return
        try:
            choose_version(link.headers.get(VERSION_HEADER) or "", VERSION_MIN, VERSION_MAX)
        except FrameError as error:
            _log.warning("link_refused", peer=link.peer, reason=str(error))
            link.close(LINK_REFUSED, str(error))
            await link.wait_closed()
            return
        self._numbers_used = number = self._numbers_used + 1
        port = LinkPort(number, link, self.step, self._turns)
        self._ports[number] = port
        link.deliver_to(port.on_frame)
        await link.wait_closed()
        while port.is_waiting and self.is_leading:
            await asyncio.sleep(0)  # what an agent said before it left counts
        del self._ports[number]
        reason = f"the link ended: {link.close_reason or link.close_code}"
        for index, channel in enumerate(port.channels()):
            if index % _CLOSED_CHANNELS_PER_TURN == _CLOSED_CHANNELS_PER_TURN - 1:
                await asyncio.sleep(0)
            self.step(AgentChannelClosed(channel=channel, reason=reason))

    # -- effects --

    def _send_to_scheduler(self, effect: SendToScheduler) -> None:
        stream = self._streams.get(effect.connection)
        if stream is not None:
            stream.send(effect.event)

    def _close_scheduler(self, effect: CloseScheduler) -> None:
        stream = self._streams.pop(effect.connection, None)
        if stream is not None:
            stream.close()

    def _send_to_agent(self, effect: SendToAgent) -> None:
        port = self._ports.get(effect.channel >> LINK_BITS)
        if port is not None:
            port.send(effect.channel, effect.message)

    def _close_channel(self, effect: CloseChannel) -> None:
        port = self._ports.get(effect.channel >> LINK_BITS)
        if port is not None:
            port.close_channel(effect.channel, effect.reason)

    def _respond(self, effect: Respond) -> None:
        answer: Response
        if effect.status == 202 and not effect.text:
            answer = _ACCEPTED
        elif effect.text:
            answer = text_response(effect.status, effect.text)
        else:
            answer = _OK if effect.status == 200 else Response(effect.status)
        if self._asked:
            asked = self._asked.get(effect.request_id)
            if asked is not None:
                if not asked.done():
                    asked.set_result(answer)
                return
        self._answer = answer

    def _open_stream(self, effect: OpenStream) -> None:
        codec = self._codec
        stream = SchedulerStream(codec)
        self._streams[effect.connection] = stream
        connection = effect.connection

        def on_close(reason: str) -> None:
            if self._streams.pop(connection, None) is not None:
                self.step(SchedulerDisconnected(connection=connection, reason=reason))

        self._answer = StreamResponse(
            status=200,
            opened=lambda writer: stream.open(writer, on_close),
            headers=(("Mesos-Stream-Id", effect.stream_id),),
            content_type=codec.media_type,
        )

    def _persist(self, effect: Persist) -> None:
        token = effect.token

        def done(error: StoreError | None) -> None:
            if error is None:
                self.step(Persisted(token=token))
            else:
                self.step(PersistFailed(token=token, reason=str(error)))

        batch = StoreBatch(puts=dict(effect.puts), deletes=list(effect.deletes))
        self._writer.submit(batch, done)

    def _start_timer(self, effect: StartTimer) -> None:
        old = self._timers.get(effect.timer)
        if old is not None:
            old.cancel()
        self._timers[effect.timer] = self._loop.call_later(
            effect.seconds, self._on_timer, effect.timer
        )

    def _cancel_timer(self, effect: CancelTimer) -> None:
        handle = self._timers.pop(effect.timer, None)
        if handle is not None:
            handle.cancel()

    def _on_timer(self, timer: Timer) -> None:
        del self._timers[timer]
        self.step(TimerFired(timer=timer))

    def _continue_allocation(self, effect: ContinueAllocation) -> None:
        self.measured.on_allocation_asked()
        if effect.seconds > 0:
            self._allocation = self._loop.call_later(effect.seconds, self._allocate)
        else:
            self._allocation = self._loop.call_soon(self._allocate)

    def _continue_reconciliation(self, effect: ContinueReconciliation) -> None:
        connection = effect.connection
        stream = self._streams.get(connection)
        if stream is not None:
            stream.when_there_is_room(lambda: self.step(ReconcileSlice(connection=connection)))

    def _allocate(self) -> None:
        started = time.monotonic()
        self._allocation = None
        self.step(AllocateSlice())
        self.measured.on_slice(started, is_last=self._allocation is None)

    def _write_log(self, effect: Log) -> None:
        getattr(_log, effect.level)(effect.event, **effect.fields)

    def _step_down(self, effect: StepDown) -> None:
        self.fail(effect.reason)

    def fail(self, reason: str) -> None:
        """Lead no more, because of ``reason``, and have `run` return."""
        if self.failure is None:
            self.failure = reason
            _log.error("master_steps_down", reason=reason)
        self.stop()
