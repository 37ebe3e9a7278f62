"""The master's end of one link, and the numbers that the core knows its channels by."""

from __future__ import annotations

import asyncio
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
# Some 10 ms of work: others have their turn before the rest of a big frame.
_MESSAGES_PER_TURN = 200

INBOX_MESSAGES_MAX = 10_000
"""With more messages than this waiting, an agent's link is not read: the agent has to wait."""

_log = structlog.get_logger("tepui.master")


def greet(request: Request) -> dict[str, str]:
    """Name the version that is spoken on a link, if there is one that both sides speak."""
    try:
        chosen = choose_version(request.headers.get(VERSION_HEADER) or "", VERSION_MIN, VERSION_MAX)
    except FrameError:
        return {}  # the link is closed with the reason as soon as it is open
    return {VERSION_HEADER: str(chosen)}


class LinkPort:
    """Batches what goes out in one turn of the loop; deals out what came in, in order."""

    def __init__(self, number: int, link: Link, step: Callable[[AnyEvent], None]) -> None:
        self._base = number << LINK_BITS
        self._link = link
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._decoder = to_master_decoder()
        self._outbox: list[tuple[int, ToAgent | ChannelClosed]] = []
        self._inbox: deque[tuple[int, ToMaster]] = deque()
        self._draining = False
        self._channels: dict[int, None] = {}

    def channels(self) -> Iterator[int]:
        """Return the core's numbers of the channels that were in use when the link ended."""
        self._inbox.clear()
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
        try:
            pairs = self._decoder.decode(frame)
        except FrameError as error:
            _log.warning("link_broken", peer=self._link.peer, reason=str(error))
            self._link.close(FRAME_BROKEN, str(error))
            return
        self._inbox.extend(pairs)
        if len(self._inbox) > INBOX_MESSAGES_MAX:
            self._link.pause()
        if not self._draining:
            self._drain()

    def _drain(self) -> None:
        self._draining = False
        inbox = self._inbox
        peer = self._link.peer
        for _ in range(min(len(inbox), _MESSAGES_PER_TURN)):
            channel, message = inbox.popleft()
            if type(message) is ChannelClosed:
                self._channels.pop(channel, None)
            else:
                self._channels[channel] = None
            self._step(
                AgentMessageReceived(channel=self._base | channel, message=message, peer=peer)
            )
        if len(inbox) <= INBOX_MESSAGES_MAX // 2:
            self._link.resume()
        if inbox:
            self._draining = True
            self._loop.call_soon(self._drain)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        try:
            for frame in encode_frames(outbox):
                self._link.send(frame)
        except FrameError as error:
            _log.error("link_message_too_large", peer=self._link.peer, reason=str(error))
            self._link.close(FRAME_BROKEN, str(error))
