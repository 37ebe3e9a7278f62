"""What the agent serves to operators: the v1 operator API and the legacy endpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from tepui.agent.call_context import CallContext
from tepui.agent.calls import TABLE
from tepui.agent.container_views import ContainerView, Usage, view_containers
from tepui.agent.core.model import AgentState, Model
from tepui.agent.core.volumes import visible_volumes
from tepui.agent.legacy import answers
from tepui.agent.metrics import Metrics, agent_metrics
from tepui.base.errors import Rejected, Unavailable
from tepui.codec.media import RECORDIO, codec_for
from tepui.http.calls import find_call
from tepui.http.daemon_routes import DaemonRoutes
from tepui.http.file_routes import FileRoutes
from tepui.http.files import Files
from tepui.http.jsonp import json_response
from tepui.http.logging_route import LoggingRoute
from tepui.http.messages import Answer, Handler, Request, Response
from tepui.http.negotiation import (
    MESSAGE_TYPES,
    answer_media_type,
    content_type,
    decode_body,
    refuse_message_content_type,
    require_method,
)
from tepui.http.routes import Router
from tepui.messages import VersionInfo
from tepui.messages.agent import Call
from tepui.messages.agent import Response as AgentResponse
from tepui.telemetry.build import version_info
from tepui.telemetry.logs import VERBOSITY, Verbosity
from tepui.telemetry.metrics import PROMETHEUS_CONTENT_TYPE, prometheus_text, system_metrics

_ACTOR = "slave(1)"
_FILE_CALLS = (Call.Type.LIST_FILES, Call.Type.READ_FILE)


class EndpointContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints need beside the core.

    Attributes:
        flags: Names and values as Mesos shows them.
        files: What /files and READ_FILE show; sandboxes are added here.
        usage: Asks the containerizer what a container uses.
        wall_clock: Seconds of the epoch, now.
        extra_metrics: What the process around the core measures.
        version: What this is.
        verbosity: How much is logged.
    """

    flags: Mapping[str, str]
    files: Files
    usage: Usage
    wall_clock: Callable[[], float]
    extra_metrics: Callable[[], Mapping[str, float]] = dict
    version: VersionInfo = msgspec.field(default_factory=version_info)
    verbosity: Verbosity = VERBOSITY


def register(router: Router, model: Model, context: EndpointContext) -> None:
    """Add all of the agent's endpoints for operators to ``router``."""
    OperatorEndpoints(model, context).add_to(router)


class OperatorEndpoints:
    """Answers operators from the core's model; nothing here changes anything."""

    def __init__(self, model: Model, context: EndpointContext) -> None:
        self._model = model
        self._context = context
        self._volumes: dict[str, str] = {}
        self._calls = CallContext(
            model=model,
            files=context.files,
            version=context.version,
            flags=context.flags,
            metrics=self.metrics,
            usage=context.usage,
            verbosity=context.verbosity,
        )

    def add_to(self, router: Router) -> None:
        """Put each endpoint where Mesos has it."""
        context = self._context
        common = DaemonRoutes(version=context.version, flags=context.flags, metrics=self.metrics)
        common.add_to(router, _ACTOR)
        LoggingRoute(context.verbosity).add_to(router)
        files = FileRoutes(context.files)
        router.add("/files/browse", self._with_sandboxes(files.browse))
        router.add("/files/read", self._with_sandboxes(files.read))
        router.add("/files/download", self._with_sandboxes(files.download))
        router.add("/files/debug", self._with_sandboxes(files.debug))
        router.add("/metrics/prometheus", self.prometheus)
        router.add(f"/{_ACTOR}/api/v1", self.call)
        router.add(f"/{_ACTOR}/state", self.state)
        router.add(f"/{_ACTOR}/containers", self.containers)
        router.add(f"/{_ACTOR}/monitor/statistics", self.statistics)
        router.add(f"/{_ACTOR}/containerizer/debug", self.pending_operations)

    def call(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one call of the v1 operator API, checked in Mesos' order."""
        self._refuse_while_recovering()
        require_method(request, "POST")
        body_type = content_type(request, (*MESSAGE_TYPES, RECORDIO))
        if body_type == RECORDIO:
            # The one call that streams its request is not there yet.
            raise Rejected("ATTACH_CONTAINER_INPUT is not supported yet", 501)
        refuse_message_content_type(request)
        media_type = answer_media_type(request)
        if request.headers.get("Message-Accept") is not None:
            raise Rejected(f"Message-Accept needs Accept to be {RECORDIO}", 406)
        call = decode_body(request, body_type, Call)
        found = find_call(TABLE, call)
        if found.handler is None:
            assert call.type is not None
            raise Rejected(f"{call.type.name} is not supported yet", 501)
        if call.type in _FILE_CALLS:
            self._attach_sandboxes()
        answer = found.handler(call, self._calls)
        if answer is None:
            return Response(200)
        if isinstance(answer, AgentResponse):
            return _encoded(answer, media_type)
        return _awaited(answer, media_type)

    def state(self, request: Request) -> Answer:
        """Show all that the agent knows."""
        self._refuse_while_recovering()
        version: dict[str, object] = msgspec.to_builtins(self._context.version)
        body = answers.state_answer(self._model, version=version, flags=self._context.flags)
        return json_response(request, body)

    async def containers(self, request: Request) -> Answer:
        """Show the containers of executors, or those that the query selects."""
        is_selected = _selection(request)
        views = await view_containers(self._model, self._context.usage)
        body = answers.containers_answer([view for view in views if is_selected(view)])
        return json_response(request, body)

    async def statistics(self, request: Request) -> Answer:
        """Show what the containers of executors use."""
        views = await view_containers(self._model, self._context.usage)
        return json_response(request, answers.statistics_answer(views))

    def pending_operations(self, request: Request) -> Answer:
        """Show what the containerizer has waited for too long: ours keeps no such list."""
        return json_response(request, b'{"pending":[]}')

    def metrics(self) -> Metrics:
        """Compute all metrics."""
        return {
            **agent_metrics(self._model, self._context.wall_clock()),
            **system_metrics(),
            **self._context.extra_metrics(),
        }

    def prometheus(self, request: Request) -> Answer:
        """Show all metrics in the format of Prometheus."""
        del request
        return Response(200, prometheus_text(self.metrics()), content_type=PROMETHEUS_CONTENT_TYPE)

    def _refuse_while_recovering(self) -> None:
        if self._model.state is AgentState.RECOVERING:
            raise Unavailable("The agent is still recovering")

    def _with_sandboxes(self, handler: Handler) -> Handler:
        def handle(request: Request) -> Answer | Awaitable[Answer]:
            self._attach_sandboxes()
            return handler(request)

        return handle

    def _attach_sandboxes(self) -> None:
        """Let sandboxes be seen at their own paths, and at those that name no agent.

        Both directories appear with the first sandbox, the second under the agent's id.
        """
        slaves = Path(self._model.config.work_dir) / "slaves"
        own = slaves / (self._model.agent_id or "") / "frameworks"
        attached = self._context.files.attached
        for virtual, real in ((str(slaves), slaves), ("/frameworks", own)):
            if attached.get(virtual) != real and real.is_dir():
                self._context.files.attach(virtual, real)
        self._attach_volumes(slaves, own)

    def _attach_volumes(self, slaves: Path, own: Path) -> None:
        """Let volumes be seen where they are linked: a link itself is not followed out."""
        files = self._context.files
        shown: dict[str, str] = {}
        for link, place in visible_volumes(self._model):
            if link.startswith(f"{slaves}/"):
                shown[link] = place
            if link.startswith(f"{own}/"):
                shown[f"/frameworks{link.removeprefix(str(own))}"] = place
        for link in self._volumes.keys() - shown.keys():
            files.detach(link)
            del self._volumes[link]
        for link, place in shown.items():
            if self._volumes.get(link) != place:
                # Whoever asks for one that is not there hears of it by its name.
                with contextlib.suppress(OSError):
                    files.attach(link, place)
                    self._volumes[link] = place


def _encoded(answer: AgentResponse, media_type: str) -> Response:
    return Response(200, codec_for(media_type).encode_lists(answer), content_type=media_type)


async def _awaited(answer: Awaitable[AgentResponse], media_type: str) -> Answer:
    return _encoded(await answer, media_type)


def _selection(request: Request) -> Callable[[ContainerView], bool]:
    """Return which containers the query of /containers asks for."""
    container_id = request.param("container_id")
    framework_id = request.param("framework_id")
    executor_id = request.param("executor_id")
    if container_id is not None and (framework_id is not None or executor_id is not None):
        raise Rejected("container_id goes with neither framework_id nor executor_id")
    if executor_id is not None and framework_id is None:
        raise Rejected(f"executor_id {executor_id!r} needs a framework_id")

    def is_selected(view: ContainerView) -> bool:
        return (
            container_id in (None, view.container_id.value)
            and framework_id in (None, view.framework_id)
            and executor_id in (None, view.executor_id)
        )

    return is_selected
