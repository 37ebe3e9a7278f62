"""``POST /api/v1/scheduler``: from a request to a call for the core, and its answer back."""

from __future__ import annotations

from tepui.codec.errors import DecodeError, quote
from tepui.codec.json import parse
from tepui.codec.media import JSON, PROTOBUF, codec_for, negotiate
from tepui.http.messages import Answer, Request, Response, text_response
from tepui.http.negotiation import require_method
from tepui.master.driver import NOT_LEADING, MasterDriver
from tepui.master.redirects import Elsewhere
from tepui.master.validation.calls import validate_call
from tepui.messages.scheduler import Call

BODY_BYTES_MAX = 7 * 1024 * 1024
"""A call that is larger might not fit into one frame of a link, with its framework's info."""

_ANSWERING = (Call.Type.SUBSCRIBE, Call.Type.RECONCILE_OPERATIONS)


def _nowhere(request: Request) -> Response | None:
    """There is no other master."""
    del request
    return None


class SchedulerEndpoint:
    """Answers schedulers, in the order of checks that Mesos has."""

    def __init__(self, driver: MasterDriver, elsewhere: Elsewhere = _nowhere) -> None:
        self._driver = driver
        self._elsewhere = elsewhere

    def __call__(self, request: Request) -> Answer:
        """Answer one request; never waits."""
        if not self._driver.is_leading:
            return self._elsewhere(request) or NOT_LEADING
        if request.method != "POST":
            return text_response(
                405, f"{request.method} is not answered here, only POST", (("Allow", "POST"),)
            )
        content_type = request.headers.get("Content-Type")
        if content_type is None:
            return text_response(400, "The Content-Type header is missing")
        if content_type not in (JSON, PROTOBUF):
            return text_response(
                415, f"Content-Type {content_type!r} is neither {JSON} nor {PROTOBUF}"
            )
        if len(request.body) > BODY_BYTES_MAX:
            return text_response(
                413, f"The call has {len(request.body)} bytes; at most {BODY_BYTES_MAX} are taken"
            )
        codec = codec_for(content_type)
        try:
            call = codec.decode(Call, request.body)
        except DecodeError as error:
            return text_response(400, f"The body is no scheduler call: {error}")
        found = validate_call(call, request.principal)
        if found is not None:
            return text_response(found.status, found.message)
        if call.type in _ANSWERING:
            accepted = negotiate(request.headers.get("Accept"))
            if accepted is None:
                return text_response(406, f"The Accept header allows neither {JSON} nor {PROTOBUF}")
            codec = codec_for(accepted)
        return self._driver.call_scheduler(
            call,
            codec,
            stream_id=request.headers.get("Mesos-Stream-Id"),
            principal=request.principal,
        )


class KillEndpoint:
    """``POST /api/kill``, ours alone: end a task on an operator's word.

    202 when its agent was told, 404 when there is no such task that has not ended.
    """

    def __init__(self, driver: MasterDriver, elsewhere: Elsewhere = _nowhere) -> None:
        self._driver = driver
        self._elsewhere = elsewhere

    def __call__(self, request: Request) -> Answer:
        """Answer one request; never waits."""
        if (there := self._elsewhere(request)) is not None:
            return there
        require_method(request, "POST")
        try:
            ids = _read_ids(parse(request.body))
        except DecodeError as error:
            return text_response(400, f"The body is no object of framework_id and task_id: {error}")
        return self._driver.kill_task(*ids)


def _read_ids(body: object) -> tuple[str, str]:
    if not isinstance(body, dict):
        raise DecodeError(f"expected an object, got {quote(body)}")
    for name in ("framework_id", "task_id"):
        if name not in body:
            raise DecodeError("is required", name)
        if not isinstance(body[name], str):
            raise DecodeError(f"expected a text, got {quote(body[name])}", name)
    return body["framework_id"], body["task_id"]
