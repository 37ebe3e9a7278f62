"""A master that says what a test has it say, on a real socket."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from tepui.codec import recordio
from tepui.codec.media import Codec, codec_for
from tepui.http.messages import Answer, Request, Response, StreamResponse
from tepui.http.server import Server
from tepui.http.streams import StreamWriter
from tepui.messages import FrameworkID, Message, scheduler

FRAMEWORK_ID = FrameworkID(value="f-1")
Event = scheduler.Event


class ScriptedMaster:
    """Subscribes whoever asks, keeps the calls, and sends the events that it is told to."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[scheduler.Call] = asyncio.Queue()
        self.requests: list[Request] = []
        self.refusals: list[Response] = []
        """Answers for the next requests, instead of the usual ones."""
        self.greets = True
        """Whether a new stream begins with SUBSCRIBED."""
        self.streams = 0
        self._server = Server(self._answer, host="127.0.0.1", port=0)
        self._writer: StreamWriter | None = None
        self._codec: Codec

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        self._codec = codec_for(request.headers.get("Content-Type") or "")
        call = self._codec.decode(scheduler.Call, request.body)
        self.calls.put_nowait(call)
        if call.type is not scheduler.Call.Type.SUBSCRIBE:
            return Response(202)
        self.streams += 1
        return StreamResponse(
            200,
            self._opened,
            headers=(("Mesos-Stream-Id", f"s-{self.streams}"),),
            content_type=self._codec.media_type,
        )

    def _opened(self, writer: StreamWriter) -> None:
        self._writer = writer
        if self.greets:
            subscribed = Event.Subscribed(
                framework_id=FRAMEWORK_ID, heartbeat_interval_seconds=15.0
            )
            self.send(Event(type=Event.Type.SUBSCRIBED, subscribed=subscribed))

    def send(self, message: Message) -> None:
        assert self._writer is not None
        self._writer.write(recordio.encode(self._codec.encode(message)))

    def send_bytes(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.close()


@pytest.fixture
def scripted_master() -> type[ScriptedMaster]:
    return ScriptedMaster
