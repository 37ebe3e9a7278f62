"""``POST /api/v1/executor``: what executors ask over HTTP, brought to the core and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tepui.agent.core.events import ExecutorCalled, ExecutorDisconnected
from tepui.base.errors import Rejected
from tepui.codec import recordio
from tepui.codec.media import Codec, codec_for
from tepui.http.messages import (
    Answer,
    Request,
    Response,
    StreamResponse,
    text_response,
)
from tepui.http.negotiation import answer_media_type, read_call
from tepui.http.streams import StreamWriter
from tepui.messages.executor import Call, Event

PATH = "/slave(1)/api/v1/executor"


class ExecutorStream:
    """One subscription; events wait in it until the head of the answer is written."""

    def __init__(self, codec: Codec, on_close: Callable[[], None]) -> None:
        self._codec = codec
        self._on_close = on_close
        self._writer: StreamWriter | None = None
        self._waiting: list[bytes] = []
        self._is_closed = False

    def opened(self, writer: StreamWriter) -> None:
        """Begin to write (the server's callback)."""
        self._writer = writer
        writer.on_close = lambda _: self._on_close()
        for record in self._waiting:
            writer.write(record)
        self._waiting.clear()
        if self._is_closed:
            writer.close()

    def send(self, event: Event) -> None:
        """Write one event as one record."""
        record = recordio.encode(self._codec.encode(event))
        if self._writer is None:
            self._waiting.append(record)
        else:
            self._writer.write(record)

    def close(self) -> None:
        """End the stream in order; the executor may have events to read still."""
        self._is_closed = True
        if self._writer is not None:
            self._writer.close()


class ExecutorEndpoint:
    """Checks the form of calls, and keeps the answers that the core owes.

    Args:
        deliver: Takes events for the core.
    """

    def __init__(self, deliver: Callable[[ExecutorCalled | ExecutorDisconnected], None]) -> None:
        self._deliver = deliver
        self._last_request = 0
        self._answers: dict[str, tuple[asyncio.Future[Answer], str]] = {}
        self._streams: dict[str, ExecutorStream] = {}

    def handle(self, request: Request) -> asyncio.Future[Answer]:
        """Take one request to the core; refuse what is not a call.

        Raises:
            Rejected: With the status that Mesos gives for it.
        """
        call, media_type = read_call(request, Call)
        check_form(call)
        if call.type is Call.Type.SUBSCRIBE:
            media_type = answer_media_type(request)
        self._last_request += 1
        request_id = f"executor-{self._last_request}"
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer, media_type
        self._deliver(ExecutorCalled(request_id=request_id, call=call))
        return answer

    def respond(self, request_id: str, status: int, body: str) -> None:
        """Answer a call."""
        answer, _ = self._answers.pop(request_id)
        if not answer.done():
            answer.set_result(text_response(status, body) if body else Response(status))

    def open_stream(self, request_id: str) -> None:
        """Answer a SUBSCRIBE with a stream, whose connection is the request's id."""
        answer, media_type = self._answers.pop(request_id)
        stream = ExecutorStream(codec_for(media_type), lambda: self._on_close(request_id))
        self._streams[request_id] = stream
        if answer.done():
            # The executor hung up before it could be answered.
            asyncio.get_running_loop().call_soon(self._on_close, request_id)
            return
        answer.set_result(StreamResponse(200, stream.opened, content_type=media_type))

    def send(self, connection: str, event: Event) -> None:
        """Put an event on a stream; lost when that has ended."""
        stream = self._streams.get(connection)
        if stream is not None:
            stream.send(event)

    def close_stream(self, connection: str) -> None:
        """End a stream in order."""
        stream = self._streams.pop(connection, None)
        if stream is not None:
            stream.close()

    def _on_close(self, connection: str) -> None:
        if self._streams.pop(connection, None) is not None:
            self._deliver(ExecutorDisconnected(connection=connection))


def check_form(call: Call) -> None:
    """Refuse a call that lacks what its type needs.

    Raises:
        Rejected: 400, or 501 for a type that nobody knows.
    """
    if call.type is None:
        raise Rejected("The executor call has no type, or one that is unknown")
    if call.type is Call.Type.UNKNOWN:
        raise Rejected("Executor calls of type UNKNOWN are not served", 501)
    needed = {
        Call.Type.SUBSCRIBE: call.subscribe,
        Call.Type.UPDATE: call.update,
        Call.Type.MESSAGE: call.message,
        Call.Type.HEARTBEAT: call,
    }
    if needed[call.type] is None:
        field = call.type.value.lower()
        raise Rejected(f"A call of type {call.type.value} needs the field '{field}'")
