"""What the master serves to operators: the v1 operator API and the legacy endpoints."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from tepui.base.errors import Rejected, Unavailable
from tepui.base.time import Instant
from tepui.codec.assembly import Parts, assembler_for
from tepui.http.calls import find_call
from tepui.http.daemon_routes import DaemonRoutes
from tepui.http.file_routes import FileRoutes
from tepui.http.files import Files
from tepui.http.jsonp import json_response
from tepui.http.logging_route import LoggingRoute
from tepui.http.messages import Answer, Handler, Request, Response
from tepui.http.negotiation import answer_media_type, read_call, require_method
from tepui.http.routes import Router
from tepui.master.call_context import CallContext, Driver
from tepui.master.calls import TABLE
from tepui.master.core.events import (
    FrameworkTeardownRequested,
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
    QuotaRemovalRequested,
    QuotaSettingRequested,
    WeightsUpdateRequested,
)
from tepui.master.core.master import Master
from tepui.master.explaining import Exclusions, Explainer
from tepui.master.legacy import answers, maintenance, requests
from tepui.master.legacy.registry import registry_answer
from tepui.master.metrics import Metrics, master_metrics
from tepui.master.redirects import redirection
from tepui.messages import MasterInfo, Offer, VersionInfo
from tepui.messages.master import Call
from tepui.telemetry.build import version_info
from tepui.telemetry.logs import VERBOSITY, Verbosity
from tepui.telemetry.metrics import PROMETHEUS_CONTENT_TYPE, prometheus_text, system_metrics

OperationType = Offer.Operation.Type

_ACTOR = "master"


class EndpointContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints need beside the core.

    Attributes:
        driver: Brings to the core what changes something.
        flags: Names and values as Mesos shows them.
        files: What /files and READ_FILE show.
        wall_clock: Seconds of the epoch, now.
        monotonic_clock: The clock of the core's timers and filters.
        leader: The leading master, if one is known; this one when it leads.
        extra_metrics: What the process around the core measures.
        are_framework_metrics_shown: The flag ``--publish_per_framework_metrics``.
        version: What this is.
        verbosity: How much is logged.
    """

    driver: Driver
    flags: Mapping[str, str]
    files: Files
    wall_clock: Callable[[], float]
    leader: Callable[[], MasterInfo | None]
    extra_metrics: Callable[[], Mapping[str, float]] = dict
    are_framework_metrics_shown: bool = True
    version: VersionInfo = msgspec.field(default_factory=version_info)
    verbosity: Verbosity = VERBOSITY
    monotonic_clock: Callable[[], float] = time.monotonic


def register(router: Router, master: Master, context: EndpointContext) -> None:
    """Add all of the master's endpoints for operators to ``router``."""
    OperatorEndpoints(master, context).add_to(router)


class OperatorEndpoints:
    """Answers operators from the core's state; what changes something goes through the driver."""

    def __init__(self, master: Master, context: EndpointContext) -> None:
        self._master = master
        self._state = master.state
        self._context = context
        self._explainer = Explainer(
            master.state,
            master.allocator,
            lambda: Instant(context.monotonic_clock(), context.wall_clock()),
        )
        self._exclusions = Exclusions(master.state, master.state.config.allocator.pattern_limits)
        self._calls = CallContext(
            state=master.state,
            allocator=master.allocator,
            files=context.files,
            version=context.version,
            flags=context.flags,
            metrics=self.metrics,
            driver=context.driver,
            verbosity=context.verbosity,
        )

    def add_to(self, router: Router) -> None:
        """Put each endpoint where Mesos has it."""
        context = self._context
        common = DaemonRoutes(version=context.version, flags=context.flags, metrics=self.metrics)
        common.add_to(router, _ACTOR)
        LoggingRoute(context.verbosity).add_to(router)
        FileRoutes(context.files).add_to(router)
        router.add("/metrics/prometheus", self.prometheus)
        router.add(f"/{_ACTOR}/api/v1", self.call)
        router.add(f"/{_ACTOR}/api/explain", self.explain, exact=True)
        router.add(f"/{_ACTOR}/api/explain/roles", self.reasons, exact=True)
        router.add(f"/{_ACTOR}/redirect", self.redirect, exact=True)
        router.add("/registrar(1)/registry", self.registry)
        router.add("/allocator/offer_constraints_debug", self.exclusions, exact=True)
        for path, answer in (
            ("state", self._state_answer),
            ("state-summary", lambda _: answers.summary_answer(self._state)),
            ("frameworks", self._frameworks_answer),
            ("slaves", self._slaves_answer),
            ("tasks", self._tasks_answer),
            ("roles", self._roles_answer),
        ):
            router.add(f"/{_ACTOR}/{path}", self._reading(answer))
        changing: tuple[tuple[str, Callable[[], Parts] | None, dict[str, Handler]], ...] = (
            ("weights", self._weights, {"PUT": self._put_weights}),
            ("quota", self._quota, {"POST": self._post_quota, "DELETE": self._delete_quota}),
            (
                "maintenance/schedule",
                lambda: maintenance.schedule_answer(self._state),
                {"POST": self._post_schedule},
            ),
            ("maintenance/status", lambda: maintenance.status_answer(self._state), {}),
            ("machine/down", None, {"POST": self._take_down}),
            ("machine/up", None, {"POST": self._bring_up}),
            ("teardown", None, {"POST": self._teardown}),
            ("reserve", None, {"POST": self._operation(OperationType.RESERVE)}),
            ("unreserve", None, {"POST": self._operation(OperationType.UNRESERVE)}),
            ("create-volumes", None, {"POST": self._operation(OperationType.CREATE)}),
            ("destroy-volumes", None, {"POST": self._operation(OperationType.DESTROY)}),
        )
        for path, body, changes in changing:
            router.add(f"/{_ACTOR}/{path}", self._by_method(body, changes))

    def call(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one call of the v1 operator API, checked in Mesos' order."""
        elsewhere = self._elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        if not self._state.is_recovered:
            raise Unavailable("The master is still reading its registry")
        call, _ = read_call(request, Call)
        found = find_call(TABLE, call)
        media_type = answer_media_type(request)
        if found.handler is None:
            assert call.type is not None
            raise Rejected(f"{call.type.name} is not supported yet", 501)
        answer = found.handler(call, self._calls, assembler_for(media_type))
        if isinstance(answer, list):
            return Response(200, b"".join(answer), content_type=media_type)
        return answer

    def explain(self, request: Request) -> Answer | Awaitable[Answer]:
        """Say why a framework or a role waits."""
        return self._elsewhere(request) or self._explainer.explain(request)

    def reasons(self, request: Request) -> Answer:
        """Say of each role, in short, why it may be waiting."""
        return self._elsewhere(request) or self._explainer.reasons(request)

    def exclusions(self, request: Request) -> Answer | Awaitable[Answer]:
        """Say which agents the frameworks' offer constraints exclude."""
        return self._elsewhere(request) or self._exclusions.answer(request)

    def redirect(self, request: Request) -> Answer:
        """Send whoever asks to the leading master, even if that is this one."""
        del request
        return redirection(self._context.leader())

    def metrics(self) -> Metrics:
        """Compute all metrics."""
        master = self._master
        return {
            **master_metrics(
                self._state,
                master.allocator.statistics(),
                master.allocator.roles(),
                self._context.wall_clock(),
                are_frameworks_shown=self._context.are_framework_metrics_shown,
            ),
            **system_metrics(),
            **self._context.extra_metrics(),
        }

    def prometheus(self, request: Request) -> Answer:
        """Show all metrics in the format of Prometheus."""
        del request
        return Response(200, prometheus_text(self.metrics()), content_type=PROMETHEUS_CONTENT_TYPE)

    def registry(self, request: Request) -> Answer:
        """Show what this master's registry holds, whether it leads or not."""
        return json_response(request, b"".join(registry_answer(self._state)))

    def _reading(self, answer: Callable[[Request], Parts]) -> Handler:
        """Return the handler of a legacy endpoint, which takes any method as Mesos does."""

        def handle(request: Request) -> Answer:
            elsewhere = self._elsewhere(request)
            if elsewhere is not None:
                return elsewhere
            return json_response(request, b"".join(answer(request)))

        return handle

    def _by_method(
        self, body: Callable[[], Parts] | None, changes: Mapping[str, Handler]
    ) -> Handler:
        """Return the handler of a legacy endpoint that tells methods apart.

        Args:
            body: What GET answers, if that is allowed.
            changes: What the other methods do.
        """
        methods = (*changes,) if body is None else ("GET", *changes)

        def handle(request: Request) -> Answer | Awaitable[Answer]:
            elsewhere = self._elsewhere(request)
            if elsewhere is not None:
                return elsewhere
            require_method(request, *methods)
            change = changes.get(request.method)
            if change is not None:
                return change(request)
            assert body is not None
            return json_response(request, b"".join(body()))

        return handle

    def _state_answer(self, request: Request) -> Parts:
        del request
        return answers.state_answer(
            self._state, version=_fields(self._context.version), flags=self._context.flags
        )

    def _frameworks_answer(self, request: Request) -> Parts:
        return answers.frameworks_answer(self._state, request.param("framework_id"))

    def _slaves_answer(self, request: Request) -> Parts:
        return answers.slaves_answer(self._state, request.param("slave_id"))

    def _tasks_answer(self, request: Request) -> Parts:
        return answers.tasks_answer(
            self._state,
            framework_id=request.param("framework_id"),
            task_id=request.param("task_id"),
            limit=_number(request, "limit", answers.TASKS_LIMIT_DEFAULT),
            offset=_number(request, "offset", 0),
            is_ascending=request.param("order") == "asc",
        )

    def _roles_answer(self, request: Request) -> Parts:
        del request
        return answers.roles_answer(self._state, self._master.allocator.roles())

    def _weights(self) -> Parts:
        return answers.weights_answer(self._state.weights)

    def _quota(self) -> Parts:
        return answers.quota_answer(self._state.quotas)

    def _post_quota(self, request: Request) -> Awaitable[Answer]:
        wanted = requests.read_quota(request.body)
        return self._context.driver.ask(
            lambda number: QuotaSettingRequested(request_id=number, request=wanted)
        )

    def _delete_quota(self, request: Request) -> Awaitable[Answer]:
        role = request.rest
        if not role:
            raise Rejected("The path names no role: it has to be /quota/ROLE")
        return self._context.driver.ask(
            lambda number: QuotaRemovalRequested(request_id=number, role=role, must_exist=True)
        )

    def _put_weights(self, request: Request) -> Awaitable[Answer]:
        weights = requests.read_weights(request.body)
        return self._context.driver.ask(
            lambda number: WeightsUpdateRequested(request_id=number, weights=weights)
        )

    def _post_schedule(self, request: Request) -> Awaitable[Answer]:
        plan = maintenance.read_schedule(request.body)
        return self._context.driver.ask(
            lambda number: MaintenanceScheduleUpdateRequested(request_id=number, schedule=plan)
        )

    def _take_down(self, request: Request) -> Awaitable[Answer]:
        machine_ids = maintenance.read_machines(request.body)
        return self._context.driver.ask(
            lambda number: MachinesDownRequested(request_id=number, machine_ids=machine_ids)
        )

    def _bring_up(self, request: Request) -> Awaitable[Answer]:
        machine_ids = maintenance.read_machines(request.body)
        return self._context.driver.ask(
            lambda number: MachinesUpRequested(request_id=number, machine_ids=machine_ids)
        )

    def _operation(self, kind: OperationType) -> Handler:
        """Return the handler of an endpoint that does operations of one kind."""

        def handle(request: Request) -> Awaitable[Answer]:
            agent_id, operation = requests.read_operation(request.body, kind)
            return self._calls.operate(agent_id, operation)

        return handle

    def _teardown(self, request: Request) -> Awaitable[Answer]:
        framework_id = requests.read_framework_id(request.body)
        return self._context.driver.ask(
            lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
        )

    def _elsewhere(self, request: Request) -> Response | None:
        """Return where to ask instead, if this master does not lead."""
        if self._state.elected_time is not None:
            return None
        return redirection(self._context.leader(), request.raw_target)


def _fields(version: VersionInfo) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(version)
    return fields


def _number(request: Request, name: str, default: int) -> int:
    """Return a parameter that is a whole number; one that is not counts as absent."""
    text = request.param(name)
    try:
        return default if text is None else max(int(text), 0)
    except ValueError:
        return default
