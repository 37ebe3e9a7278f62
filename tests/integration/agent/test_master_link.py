"""One connection, a channel for each agent on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tepui.agent.core.events import LinkClosed, LinkOpened, MasterMessageReceived
from tepui.agent.master_link import Channel, FixedMaster, LinkClient, LinkEvent
from tepui.http.link import Link
from tepui.http.messages import text_response
from tepui.http.server import Server
from tepui.link.frames import encode_frames, to_master_decoder
from tepui.link.messages import (
    PATH,
    VERSION_HEADER,
    ChannelClosed,
    ExecutorMessage,
    FrameworkState,
    Ping,
    Pong,
    Reregister,
    ReregisterPart,
    ToMaster,
)
from tepui.messages import AgentID, AgentInfo, FrameworkInfo


class Echo:
    """A master that answers each Pong with a Ping on the same channel."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.versions: list[str | None] = []
        self.heard: list[tuple[int, ToMaster]] = []
        self.frames = 0
        self.server = Server(
            lambda request: text_response(404, "nothing"),
            host="127.0.0.1",
            port=0,
            websocket={PATH: self._serve},
        )

    async def _serve(self, link: Link) -> None:
        self.links.append(link)
        self.versions.append(link.headers.get(VERSION_HEADER))
        decoder = to_master_decoder()
        while (frame := await link.receive()) is not None:
            self.frames += 1
            pairs = decoder.decode(frame)
            self.heard += pairs
            answers = [(number, Ping()) for number, message in pairs if isinstance(message, Pong)]
            for out in encode_frames(answers):
                link.send(out)


class Listener:
    """What one channel heard."""

    def __init__(self, client: LinkClient) -> None:
        self._events: asyncio.Queue[LinkEvent] = asyncio.Queue()
        self.channel: Channel = client.channel(self._events.put_nowait)

    async def next(self) -> LinkEvent:
        async with asyncio.timeout(20.0):
            return await self._events.get()

    async def opened(self) -> None:
        self.channel.connect()
        assert isinstance(await self.next(), LinkOpened)


async def with_link(story: Any) -> None:
    master = Echo()
    await master.server.start()
    client = LinkClient(FixedMaster(f"127.0.0.1:{master.server.port}"))
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(client.run())
            await story(client, master)
            running.cancel()
        await client.close()
    finally:
        await master.server.stop(0.0)


def test_many_agents_share_a_connection_and_a_frame() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        listeners = [Listener(client) for _ in range(20)]
        for listener in listeners:
            await listener.opened()
        for listener in listeners:
            listener.channel.send(Pong())
        for listener in listeners:
            assert await listener.next() == MasterMessageReceived(message=Ping())
        assert len(master.links) == 1
        assert master.versions == ["1,1"]
        assert master.frames == 1
        assert len({number for number, _ in master.heard}) == 20

    asyncio.run(with_link(story))


def test_a_channel_that_is_open_is_not_opened_again() -> None:
    """A new leader makes an agent ask while the news of its open channel is on the way."""

    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        first = listener.channel.number
        listener.channel.connect()
        other = Listener(client)
        await other.opened()
        assert (listener.channel.number, other.channel.number) == (first, first + 1)
        listener.channel.send(Pong())
        # Nothing was told twice before this.
        assert await listener.next() == MasterMessageReceived(message=Ping())

    asyncio.run(with_link(story))


def test_a_broken_connection_is_told_to_all_and_opened_again() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        listeners = [Listener(client) for _ in range(2)]
        for listener in listeners:
            await listener.opened()
        master.links[0].abort()
        for listener in listeners:
            assert isinstance(await listener.next(), LinkClosed)
        for listener in listeners:
            await listener.opened()
        assert len(master.links) == 2

    asyncio.run(with_link(story))


def test_one_agent_may_leave_while_others_stay() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        leaving, staying = Listener(client), Listener(client)
        await leaving.opened()
        await staying.opened()
        leaving.channel.close("enough")
        leaving.channel.send(Pong())
        staying.channel.send(Pong())
        assert await staying.next() == MasterMessageReceived(message=Ping())
        assert isinstance(master.heard[0][1], ChannelClosed)
        assert [type(message).__name__ for _, message in master.heard] == [
            *("ChannelClosed", "Pong")
        ]

    asyncio.run(with_link(story))


def test_a_channel_that_the_master_closes_can_be_opened_anew() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        first = listener.channel.number
        for frame in encode_frames([(first, ChannelClosed(reason="not you"))]):
            master.links[0].send(frame)
        assert await listener.next() == LinkClosed(reason="not you")
        await listener.opened()
        assert listener.channel.number != first

    asyncio.run(with_link(story))


def test_nobody_there_is_told_as_a_closed_link() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        await master.server.stop(0.0)
        listener = Listener(client)
        listener.channel.connect()
        assert isinstance(await listener.next(), LinkClosed)

    asyncio.run(with_link(story))


def test_a_message_that_no_frame_can_carry_is_dropped_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tepui.link.frames.FRAME_BYTES_MAX", 1000)

    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        big = ExecutorMessage(framework_id="f", executor_id="e", data=bytes(2000))
        listener.channel.send(big)
        listener.channel.send(Pong())
        assert await listener.next() == MasterMessageReceived(message=Ping())
        assert [type(message).__name__ for _, message in master.heard] == ["Pong"]

    asyncio.run(with_link(story))


@pytest.mark.slow
def test_a_large_re_registration_waits_for_a_master_that_reads_slowly() -> None:
    """It may be larger than what may wait for a peer, and others have to stay behind it."""

    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        master.links[0].pause()
        state = FrameworkState(
            framework_info=FrameworkInfo(user="u", name="x" * (4 << 20)), executors=[]
        )
        agent = AgentInfo(hostname="h", id=AgentID(value="a"))
        final = Reregister(agent_info=agent, version="1.11.0", parts=20)
        for _ in range(2):  # it repeats itself, in vain
            for index in range(20):
                listener.channel.send(ReregisterPart(index=index, frameworks=[state]))
            listener.channel.send(final)
            await asyncio.sleep(0)
        listener.channel.send(Pong())
        await asyncio.sleep(0)
        assert master.links[0].close_code is None
        master.links[0].resume()
        assert await listener.next() == MasterMessageReceived(message=Ping())
        heard = [message for _, message in master.heard]
        parts, rest = heard[:20], heard[20:]
        assert [each.index for each in parts if isinstance(each, ReregisterPart)] == list(range(20))
        assert rest == [final, Pong()]

    asyncio.run(with_link(story))


def test_what_waits_behind_a_large_re_registration_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tepui.agent.master_link.SENT_BYTES_TARGET", 0)
    monkeypatch.setattr("tepui.agent.master_link.QUEUED_BYTES_MAX", 1000)

    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        listener.channel.send(ReregisterPart(index=0, frameworks=[]))
        listener.channel.send(ExecutorMessage(framework_id="f", executor_id="e", data=bytes(900)))
        listener.channel.send(ExecutorMessage(framework_id="f", executor_id="e", data=bytes(900)))
        assert isinstance(await listener.next(), LinkClosed)

    asyncio.run(with_link(story))


def test_what_is_no_frame_ends_the_connection() -> None:
    async def story(client: LinkClient, master: Echo) -> None:
        listener = Listener(client)
        await listener.opened()
        master.links[0].send(b"nonsense")
        assert isinstance(await listener.next(), LinkClosed)

    asyncio.run(with_link(story))
