"""Operators on the wire: what waits for the registry, and the stream of events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tepui.codec.media import PROTOBUF, codec_for
from tepui.codec.recordio import Decoder
from tepui.ha.memory import MemoryStore
from tepui.ha.store import StoreBatch, StoreError
from tepui.master.operator_streams import QUEUED_BYTES_MAX, OperatorStream
from tepui.messages.master import Event

API = "/api/v1"
TIMEOUT_SECONDS = 20.0
TYPES = {"Content_Type": "application/json", "Accept": "application/json"}
WEIGHTS = {
    "type": "UPDATE_WEIGHTS",
    "update_weights": {"weight_infos": [{"role": "red", "weight": 2.0}]},
}


class SlowStore(MemoryStore):
    """Stores nothing before it is told to, or fails instead."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.may_go_on = threading.Event()
        self.fails = False
        self._loop = asyncio.get_running_loop()

    def write(self, batches: Sequence[StoreBatch]) -> None:
        """Say that something is to be written, and wait: on a thread of the writer's."""
        self._loop.call_soon_threadsafe(self.is_asked.set)
        assert self.may_go_on.wait(TIMEOUT_SECONDS)
        if self.fails:
            raise StoreError("the disk is gone")
        super().write(batches)


@asynccontextmanager
async def listening(master: Any, **types: str) -> AsyncIterator[Any]:
    """Subscribe an operator for the length of a block."""
    exchange = await master.open({"type": "SUBSCRIBE"}, path=API, **(TYPES | types))
    try:
        yield exchange
    finally:
        exchange.close()


@asynccontextmanager
async def scheduler(master: Any, **info: Any) -> AsyncIterator[Any]:
    """Subscribe a framework for the length of a block."""
    exchange = await master.subscribe(**info)
    try:
        yield exchange
    finally:
        exchange.close()


async def operate(master: Any, call: Mapping[str, Any]) -> Any:
    return await master.request(dict(call), path=API, **TYPES)


def test_an_update_of_weights_is_answered_when_it_is_stored(run_master) -> None:
    async def body() -> None:
        store = SlowStore()
        async with run_master(store) as master, asyncio.TaskGroup() as group:
            asked = group.create_task(operate(master, WEIGHTS))
            await store.is_asked.wait()
            assert master.driver.core.state.weights == {}
            # Others are served meanwhile.
            assert (await operate(master, {"type": "GET_WEIGHTS"})).status == 200
            assert not asked.done()
            store.may_go_on.set()
            assert (await asked).status == 200
            assert master.driver.core.state.weights == {"red": 2.0}

    asyncio.run(body())


def test_a_master_that_cannot_store_says_that_it_leads_no_more(run_master) -> None:
    async def body() -> None:
        store = SlowStore()
        store.fails = True
        store.may_go_on.set()
        async with run_master(store) as master:
            assert (await operate(master, WEIGHTS)).status == 503
            assert master.driver.failure is not None
            assert (await operate(master, WEIGHTS)).status == 503
            assert (await operate(master, {"type": "SUBSCRIBE"})).status == 503

    asyncio.run(body())


def test_who_asked_may_leave_before_the_answer(run_master) -> None:
    async def body() -> None:
        store = SlowStore()
        async with run_master(store) as master:
            text = msgspec.json.encode(WEIGHTS)
            head = f"POST {API} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n"
            head += "Content-Type: application/json\r\n\r\n"
            _, writer = await asyncio.open_connection("127.0.0.1", master.port)
            writer.write(head.encode() + text)
            await store.is_asked.wait()
            writer.close()
            await writer.wait_closed()
            store.may_go_on.set()
            async with scheduler(master) as framework:
                assert (await framework.event("SUBSCRIBED"))["subscribed"]
            assert (await operate(master, WEIGHTS)).status == 200

    asyncio.run(body())


def test_an_operator_hears_in_json_and_in_protobuf(run_master) -> None:
    async def body() -> None:
        async with (
            run_master() as master,
            listening(master) as in_json,
            listening(master, Accept=PROTOBUF) as in_protobuf,
        ):
            assert "Mesos-Stream-Id" not in in_json.headers
            assert in_json.headers["Content-Type"] == "application/json"
            assert in_protobuf.headers["Content-Type"] == PROTOBUF
            subscribed = (await in_json.event("SUBSCRIBED"))["subscribed"]
            assert subscribed["heartbeat_interval_seconds"] == 15.0
            assert subscribed["get_state"]["get_agents"] == {"agents": [], "recovered_agents": []}
            await in_json.event("HEARTBEAT")
            async with scheduler(master) as framework:
                greeting = await framework.event("SUBSCRIBED")
                added = (await in_json.event("FRAMEWORK_ADDED"))["framework_added"]
            framework_id = greeting["subscribed"]["framework_id"]
            assert added["framework"]["framework_info"]["id"] == framework_id
            decoder = Decoder(1 << 20)
            events: list[Event] = []
            while len(events) < 3:
                chunk = await in_protobuf.chunk()
                assert chunk is not None
                decode = codec_for(PROTOBUF).decode
                events += [decode(Event, record) for record in decoder.feed(chunk)]
            kinds = [event.type.name for event in events if event.type is not None]
            assert kinds[:3] == ["SUBSCRIBED", "HEARTBEAT", "FRAMEWORK_ADDED"]

    asyncio.run(body())


def test_an_operator_who_hangs_up_is_forgotten(run_master) -> None:
    async def body() -> None:
        async with run_master() as master:
            operators = master.driver.core.state.operators
            async with listening(master) as stream:
                await stream.event("HEARTBEAT")
                assert len(operators) == 1
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while operators:
                    await asyncio.sleep(0)

    asyncio.run(body())


def test_a_new_subscriber_beyond_the_limit_ends_the_oldest_stream(run_master) -> None:
    async def body() -> None:
        async with (
            run_master(max_operator_event_stream_subscribers=1) as master,
            listening(master) as first,
        ):
            await first.event("HEARTBEAT")
            async with listening(master) as second:
                await second.event("HEARTBEAT")
                assert await first.chunk() is None
                assert len(master.driver.core.state.operators) == 1

    asyncio.run(body())


def test_a_subscriber_who_reads_nothing_is_cut_and_nobody_else(run_master) -> None:
    async def body() -> None:
        async with (
            run_master() as master,
            listening(master) as slow,
            listening(master) as quick,
        ):
            operators = master.driver.core.state.operators
            labels = {"labels": [{"key": "x", "value": "y" * 400_000}]}
            for _ in range(100):  # a subscriber may not go on reading nothing for ever
                async with scheduler(master, labels=labels):
                    await quick.event("FRAMEWORK_ADDED")
                await quick.event("FRAMEWORK_REMOVED")
                if len(operators) < 2:
                    break
            assert len(operators) == 1
            assert slow.status == 200

    asyncio.run(body())


def test_a_snapshot_that_is_larger_than_the_queue_arrives_whole() -> None:
    class Peer:
        """The end of a stream that takes a bit at a time."""

        def __init__(self) -> None:
            self.closed = False
            self.on_close: Any = None
            self.on_writable: Any = None
            self.buffered_bytes = 0
            self.taken = bytearray()

        def write_all(self, chunks: list[bytes]) -> bool:
            self.taken += b"".join(chunks)
            self.buffered_bytes += sum(map(len, chunks))
            return True

        def abort(self) -> None:
            self.closed = True

    async def body() -> None:
        ended: list[str] = []
        stream = OperatorStream(codec_for("application/json"), ended.append)
        snapshot = bytes(range(256)) * (QUEUED_BYTES_MAX // 128)
        peer: Any = Peer()
        stream.begin(snapshot)
        stream.open(peer)
        stream.send(b"event")
        largest = 0
        while len(peer.taken) < len(snapshot) + len(b"event"):
            largest = max(largest, peer.buffered_bytes)
            peer.buffered_bytes = 0
            peer.on_writable()
        assert bytes(peer.taken) == snapshot + b"event"
        assert largest < QUEUED_BYTES_MAX
        assert ended == []
        peer.buffered_bytes = QUEUED_BYTES_MAX
        for _ in range(3):
            stream.send(snapshot)
        await asyncio.sleep(0)
        assert peer.closed
        assert ended == ["slow subscriber"]

    asyncio.run(body())
