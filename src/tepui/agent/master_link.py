"""The agent's end of the link: one connection to the master, a channel for each agent on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from tepui.agent.core.events import (
    LinkClosed,
    LinkOpened,
    MasterDetected,
    MasterMessageReceived,
)
from tepui.ha.detector import Detector, address_of
from tepui.http.link import Link, LinkRefused, connect_link
from tepui.link.frames import FrameError, choose_version, encode_frames, to_agent_decoder
from tepui.link.messages import (
    PATH,
    VERSION_HEADER,
    VERSION_MAX,
    VERSION_MIN,
    ChannelClosed,
    Reregister,
    ReregisterPart,
    ToMaster,
)

CONNECT_TIMEOUT_SECONDS = 10.0
SENT_BYTES_TARGET = 8 * 1024 * 1024
"""With more on its way to the master, the rest of a large re-registration waits."""
QUEUED_BYTES_MAX = 64 * 1024 * 1024
"""What may wait behind that; beyond it the link is cut."""
NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002

LinkEvent = LinkOpened | LinkClosed | MasterDetected | MasterMessageReceived

log = structlog.get_logger("tepui.agent.link")


class MasterDetector(Protocol):
    """Knows where the leading master is."""

    async def detect(self) -> str:
        """Return ``host:port`` of the leading master, when there is one.

        Raises:
            OSError: It cannot be found out at the moment.
        """


class FixedMaster:
    """The one master that ``--master=host:port`` names."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def detect(self) -> str:
        """Return the address that was given."""
        return self._address


class ElectedMaster:
    """The master that leads at the moment, as a detector sees it."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    async def detect(self) -> str:
        """Return the leader's address, when one is known."""
        leader = self._detector.leader or await self._detector.detect(None)
        assert leader is not None, "it differs from none"
        return address_of(leader)

    async def follow(self, link: LinkClient) -> None:
        """Tell ``link`` of each new leader, until cancelled."""
        leader = None
        while True:
            leader = await self._detector.detect(leader)
            # While none is known, the last may lead still: its link tells.
            if leader is not None:
                link.on_master_detected(address_of(leader))


class LinkClient:
    """Connects to the master while any channel wants it; its owner awaits ``run``."""

    def __init__(
        self,
        detector: MasterDetector,
        *,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> None:
        self._detector = detector
        self._connect_timeout_seconds = connect_timeout_seconds
        self._link: Link | None = None
        self._master = ""
        self._connecting: asyncio.Timeout | None = None
        self._is_overtaken = False
        self._open: dict[int, Channel] = {}
        self._waiting: dict[Channel, None] = {}
        self._channels: list[Channel] = []
        self._wanted = asyncio.Event()
        self._outgoing: list[tuple[int, ToMaster]] = []
        # Behind parts of a re-registration, which are encoded when there is room for them.
        self._queue: deque[bytes | tuple[int, ReregisterPart]] = deque()
        self._queued_bytes = 0
        self._parts_queued: dict[int, int] = {}  # by channel
        self._last_channel = 0
        self._decoder = to_agent_decoder()

    def channel(self, deliver: Callable[[LinkEvent], None]) -> Channel:
        """Return a channel, not open yet, whose events go to ``deliver``."""
        channel = Channel(self, deliver)
        self._channels.append(channel)
        return channel

    def on_master_detected(self, master: str) -> None:
        """Leave a master that leads no more, and tell all channels that there is another."""
        link = self._link
        if link is None and self._connecting is not None and master != self._master:
            # The last leader may hang, and take the connection without another word.
            self._is_overtaken = True
            if not self._connecting.expired():
                self._connecting.reschedule(asyncio.get_running_loop().time())
        if link is not None and master != self._master:
            link.on_close = None
            # The machine may be gone, so nothing waits for its answer.
            link.close(NORMAL_CLOSURE, "another master leads")
            self._on_close(NORMAL_CLOSURE, f"{master} leads now")
        for channel in self._channels:
            channel.deliver(MasterDetected(master=master))

    async def run(self) -> None:
        """Connect whenever a channel asks for it, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._link is None and self._waiting:
                await self._connect()

    async def close(self) -> None:
        """Send what waits, and end the connection."""
        self._flush()
        self._forget_unsent()
        link, self._link = self._link, None
        self._open.clear()
        self._waiting.clear()
        if link is not None:
            link.on_close = None
            link.close(NORMAL_CLOSURE, "the agent ends")
            await link.wait_closed()

    # For the channels.

    def open_channel(self, channel: Channel) -> None:
        """Connect ``channel`` now, or when there is a connection."""
        if self._open.get(channel.number) is channel:
            # Asked for before its owner had heard of it. On a second channel it would be taken
            # for another agent, and be given another id.
            return
        self._waiting[channel] = None
        if self._link is None:
            self._wanted.set()
        else:
            asyncio.get_running_loop().call_soon(self._admit_waiting)

    def close_channel(self, channel: Channel, reason: str) -> None:
        """Let go of ``channel``; the connection goes with the last one."""
        self._waiting.pop(channel, None)
        if self._open.pop(channel.number, None) is None or self._link is None:
            return
        if self._open:
            self._put(channel.number, ChannelClosed(reason=reason))
            return
        self._flush()
        self._forget_unsent()
        link, self._link = self._link, None
        link.on_close = None
        # A master that says nothing may not hear either: whatever waits for it is dropped.
        link.close(NORMAL_CLOSURE, reason)

    def send(self, number: int, message: ToMaster) -> None:
        """Put a message into the frame that goes out at the end of this turn of the loop."""
        if number not in self._open:
            return
        if number in self._parts_queued and isinstance(message, Reregister | ReregisterPart):
            return  # the agent repeats itself before it has said all
        self._put(number, message)

    # Steps.

    def _put(self, number: int, message: ToMaster) -> None:
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append((number, message))

    async def _connect(self) -> None:
        try:
            self._master = master = await self._detector.detect()
            self._is_overtaken = False
            async with asyncio.timeout(self._connect_timeout_seconds) as self._connecting:
                link = await connect_link(
                    f"ws://{master}{PATH}",
                    headers={VERSION_HEADER: f"{VERSION_MIN},{VERSION_MAX}"},
                    timeout_seconds=self._connect_timeout_seconds,
                )
            chosen = link.headers.get(VERSION_HEADER)
            if chosen is not None:
                choose_version(f"{chosen},{chosen}", VERSION_MIN, VERSION_MAX)
        except (OSError, LinkRefused, FrameError, ValueError) as error:
            if self._is_overtaken:
                self._wanted.set()
            else:
                self._fail_waiting(str(error) or type(error).__name__)
            return
        finally:
            self._connecting = None
        if self._is_overtaken:
            # It answered in the same moment.
            link.close(NORMAL_CLOSURE, "another master leads")
            self._wanted.set()
            return
        self._link = link
        link.on_close = self._on_close
        link.on_writable = self._send_more
        link.deliver_to(self._on_frame)
        self._admit_waiting()

    def _fail_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for channel in waiting:
            channel.deliver(LinkClosed(reason=reason))

    def _admit_waiting(self) -> None:
        if self._link is None:
            # It broke meanwhile; whoever waits is served by the next.
            self._wanted.set()
            return
        waiting, self._waiting = self._waiting, {}
        for channel in waiting:
            # A number is used once: what comes late for an old one meets nobody.
            self._last_channel += 1
            channel.number = self._last_channel
            self._open[channel.number] = channel
            channel.deliver(LinkOpened(master=self._master))

    def _on_frame(self, frame: bytes) -> None:
        try:
            pairs = self._decoder.decode(frame)
        except FrameError as error:
            log.error("link_frame_refused", error=str(error))
            if self._link is not None:
                self._link.close(PROTOCOL_ERROR, str(error))
            return
        for number, message in pairs:
            channel = self._open.get(number)
            if channel is None:
                continue
            if isinstance(message, ChannelClosed):
                del self._open[number]
                channel.deliver(LinkClosed(reason=message.reason or "the master closed it"))
            else:
                channel.deliver(MasterMessageReceived(message=message))

    def _on_close(self, code: int, reason: str) -> None:
        self._link = None
        self._forget_unsent()
        channels, self._open = self._open, {}
        for channel in channels.values():
            channel.deliver(LinkClosed(reason=f"{reason} ({code})"))
        if self._waiting:
            self._wanted.set()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._link is None or not outgoing:
            return
        small: list[tuple[int, ToMaster]] = []
        for number, message in outgoing:
            if isinstance(message, ReregisterPart):
                self._enqueue(small)
                small = []
                self._queue.append((number, message))
                self._parts_queued[number] = self._parts_queued.get(number, 0) + 1
            else:
                small.append((number, message))
        self._enqueue(small)
        self._send_more()

    def _enqueue(self, pairs: list[tuple[int, ToMaster]]) -> None:
        for frame in encode_frames(pairs, self._on_oversized):
            self._queue.append(frame)
            self._queued_bytes += len(frame)

    def _send_more(self) -> None:
        """Send what waits, for as long as the master takes it."""
        link = self._link
        while link is not None and self._queue and link.buffered_bytes < SENT_BYTES_TARGET:
            first = self._queue.popleft()
            if isinstance(first, bytes):
                self._queued_bytes -= len(first)
                link.send(first)
                continue
            number = first[0]
            self._parts_queued[number] -= 1
            if not self._parts_queued[number]:
                del self._parts_queued[number]
            if number in self._open:
                for frame in encode_frames([first], self._on_oversized):
                    link.send(frame)
        if link is not None and self._queued_bytes > QUEUED_BYTES_MAX:
            log.error("link_cut", reason=f"{self._queued_bytes} bytes wait for the master")
            link.abort()

    def _forget_unsent(self) -> None:
        self._outgoing.clear()
        self._queue.clear()
        self._queued_bytes = 0
        self._parts_queued.clear()

    def _on_oversized(self, number: int, error: FrameError) -> None:
        log.error("link_message_dropped", channel=number, error=str(error))


class Channel:
    """One agent's way to the master."""

    __slots__ = ("_client", "deliver", "number")

    def __init__(self, client: LinkClient, deliver: Callable[[LinkEvent], None]) -> None:
        self._client = client
        self.deliver = deliver
        self.number = 0

    def connect(self) -> None:
        """Open the channel; ``LinkOpened`` or ``LinkClosed`` follows."""
        self._client.open_channel(self)

    def close(self, reason: str) -> None:
        """Close the channel; no event follows."""
        self._client.close_channel(self, reason)

    def send(self, message: ToMaster) -> None:
        """Send a message; lost when the channel is not open."""
        self._client.send(self.number, message)
