"""A leader that accepts connections and says nothing, and another that is elected meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tepui.agent.core.events import LinkOpened, MasterDetected
from tepui.agent.master_link import ElectedMaster, LinkClient, LinkEvent
from tepui.base.zookeeper_url import parse_url
from tepui.ha.zookeeper import ZooKeeperDiscovery, candidates
from tepui.http.link import Link
from tepui.http.messages import Answer, Request, text_response
from tepui.http.server import Server
from tepui.link.messages import PATH
from tepui.master.core.config import MasterConfig, master_info
from tepui.messages import FrameworkInfo
from tepui.sdk import SchedulerClient

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zookeeper")]


class Masters:
    """Two masters on sockets, of which the first hangs, and their election by hand."""

    def __init__(self, zookeeper: Any, path: str, client: Any) -> None:
        self.url = zookeeper.url(path)
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        self.port = 0
        self._path = path
        self._client = client

    def elect(self, number: int, port: int) -> None:
        """Put a candidate in the first place, and the one before it away."""
        self._client.ensure_path(self._path)
        for name in self._client.get_children(self._path):
            self._client.delete(f"{self._path}/{name}")
        content = candidates.encode(master_info(MasterConfig(port=port), f"m-{number}"))
        self._client.create(f"{self._path}/json.info_{number:010}", content)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hang."""
        self.asked.set()
        try:
            await reader.read()
        finally:
            writer.close()

    async def serve_link(self, link: Link) -> None:
        self.answered.set()
        await link.receive()

    def answer(self, request: Request) -> Answer:
        self.answered.set()
        return text_response(503, "it has been elected and reads its registry")


@pytest.fixture
def open_masters(zookeeper: Any, zookeeper_paths: Callable[[], str]) -> Callable[[], Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Masters]:
        with zookeeper.client() as client:
            masters = Masters(zookeeper, zookeeper_paths(), client)
            hanging = await asyncio.start_server(masters.take, "127.0.0.1", 0)
            server = Server(
                masters.answer, host="127.0.0.1", port=0, websocket={PATH: masters.serve_link}
            )
            await server.start()
            masters.port = server.port
            try:
                masters.elect(1, hanging.sockets[0].getsockname()[1])
                async with asyncio.timeout(8.0):  # nobody waits for the time-outs of 10 s
                    yield masters
            finally:
                hanging.close()
                await server.stop(0.0)

    return opened


def test_a_framework_does_not_wait_for_a_leader_that_hangs(open_masters: Callable[[], Any]) -> None:
    async def story() -> None:
        async with open_masters() as masters:
            described = FrameworkInfo(user="nobody", name="f", roles=["*"])
            async with SchedulerClient(masters.url, described):
                await masters.asked.wait()
                for number in (2, 3, 4):  # one may be told of before the last is taken in
                    masters.elect(number, masters.port)
                await masters.answered.wait()

    asyncio.run(story())


def test_an_agent_does_not_wait_for_a_leader_that_hangs(open_masters: Callable[[], Any]) -> None:
    async def story() -> None:
        async with open_masters() as masters:
            discovery = ZooKeeperDiscovery(parse_url(masters.url), 10.0)
            elected = ElectedMaster(discovery)
            link = LinkClient(elected)
            events: asyncio.Queue[LinkEvent] = asyncio.Queue()
            channel = link.channel(events.put_nowait)
            async with asyncio.TaskGroup() as group:
                running = [
                    group.create_task(discovery.run()),
                    group.create_task(elected.follow(link)),
                    group.create_task(link.run()),
                ]
                channel.connect()
                await masters.asked.wait()
                for number in (2, 3, 4):
                    masters.elect(number, masters.port)
                while not isinstance(event := await events.get(), LinkOpened):
                    assert isinstance(event, MasterDetected)
                assert event.master == f"127.0.0.1:{masters.port}"
                await link.close()
                for each in running:
                    each.cancel()

    asyncio.run(story())
