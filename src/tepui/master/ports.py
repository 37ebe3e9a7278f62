"""The master's end of one link, and the numbers that the core knows its channels by."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

import structlog

from tepui.http.link import Link
from tepui.http.messages import Request
from tepui.link.frames import FrameError, choose_version, encode_frames, to_master_decoder
from tepui.link.messages import (
    VERSION_HEADER,
    VERSION_MAX,
    VERSION_MIN,
    ChannelClosed,
    ToAgent,
    ToMaster,
)
from tepui.master.core.events import AgentMessageReceived, AnyEvent

LINK_BITS = 32
"""A channel of the core is the link's number above these bits, the channel's own below."""

FRAME_BROKEN = 4003
"""The close code of a link whose frame could not be read."""

_CHANNEL_MASK = (1 << LINK_BITS) - 1

TURN_SECONDS = 0.01
"""How long messages are taken in before others than agents have their turn."""

_MESSAGES_AT_ONCE = 32
# Of one link, before the next has its turn.

INBOX_BYTES_MAX = 4 * 1024 * 1024
"""With more than this waiting, an agent's link is not read: the agent has to wait."""

_log = structlog.get_logger("tepui.master")


def greet(request: Request) -> dict[str, str]:
    """Name the version that is spoken on a link, if there is one that both sides speak."""
    try:
        chosen = choose_version(request.headers.get(VERSION_HEADER) or "", VERSION_MIN, VERSION_MAX)
    except FrameError:
        return {}  # the link is closed with the reason as soon as it is open
    return {VERSION_HEADER: str(chosen)}


class Turns:
    """Shares the loop's time among links that say more than fits into one turn.

    When all agents come back at once, each tells all that it has. Frameworks and operators are
    not to wait for the last of them, nor the agents of one link for those of another.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[LinkPort] = deque()

    def enter(self, port: LinkPort) -> None:
        """Have messages of ``port`` taken in: now, if nobody waits."""
        self._waiting.append(port)
        if len(self._waiting) == 1:
            self._serve()

    def _serve(self) -> None:
        waiting = self._waiting
        until = time.monotonic() + TURN_SECONDS
        while waiting:
            # It stays the first while it is served: whoever enters meanwhile waits.
            if waiting[0].take_in(until):
                waiting.rotate(-1)
            else:
                waiting.popleft()
            if time.monotonic() >= until:
                break
        if waiting:
            self._loop.call_soon(self._serve)


class LinkPort:
    """Batches what goes out in one turn of the loop; deals out what came in, in order.

    Attributes:
        is_waiting: Whether there is something that was not dealt out yet.
    """

    def __init__(
        self, number: int, link: Link, step: Callable[[AnyEvent], None], turns: Turns
    ) -> None:
        self._base = number << LINK_BITS
        self._link = link
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._decoder = to_master_decoder()
        self._outbox: list[tuple[int, ToAgent | ChannelClosed]] = []
        self._turns = turns
        self._frames: deque[bytes] = deque()
        self._frame_bytes = 0
        self._inbox: deque[tuple[int, ToMaster]] = deque()
        self.is_waiting = False
        self._channels: dict[int, None] = {}

    def channels(self) -> Iterator[int]:
        """Return the core's numbers of the channels that were in use when the link ended."""
        return (self._base | channel for channel in list(self._channels))

    def send(self, channel: int, message: ToAgent) -> None:
        """Send ``message`` at the end of this turn."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append((channel & _CHANNEL_MASK, message))

    def close_channel(self, channel: int, reason: str) -> None:
        """Say that nothing more comes on ``channel``."""
        number = channel & _CHANNEL_MASK
        self._channels.pop(number, None)
        self.send(channel, ChannelClosed(reason=reason))

    def on_frame(self, frame: bytes) -> None:
        """Take a frame from the link."""
        self._frames.append(frame)
        self._frame_bytes += len(frame)
        if self._frame_bytes > INBOX_BYTES_MAX:
            self._link.pause()
        if not self.is_waiting:
            self.is_waiting = True
            self._turns.enter(self)

    def take_in(self, until: float) -> bool:
        """Hand on some messages until a time on the monotonic clock; tell whether there are more.

        Frames are decoded one by one as it is their turn: messages take more room than frames.
        """
        inbox = self._inbox
        peer = self._link.peer
        for _ in range(_MESSAGES_AT_ONCE):
            if not inbox and not self._decode():
                break
            channel, message = inbox.popleft()
            if type(message) is ChannelClosed:
                self._channels.pop(channel, None)
            else:
                self._channels[channel] = None
            self._step(
                AgentMessageReceived(channel=self._base | channel, message=message, peer=peer)
            )
            if time.monotonic() >= until:
                break
        self.is_waiting = bool(inbox or self._frames)
        return self.is_waiting

    def _decode(self) -> bool:
        """Decode frames until there is a message; tell whether there is one."""
        while self._frames and not self._inbox:
            frame = self._frames.popleft()
            self._frame_bytes -= len(frame)
            if self._frame_bytes <= INBOX_BYTES_MAX // 2:
                self._link.resume()
            try:
                self._inbox.extend(self._decoder.decode(frame))
            except FrameError as error:
                _log.warning("link_broken", peer=self._link.peer, reason=str(error))
                self._link.close(FRAME_BROKEN, str(error))
                self._frames.clear()
        return bool(self._inbox)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        try:
            for frame in encode_frames(outbox):
                self._link.send(frame)
        except FrameError as error:
            _log.error("link_message_too_large", peer=self._link.peer, reason=str(error))
            self._link.close(FRAME_BROKEN, str(error))
