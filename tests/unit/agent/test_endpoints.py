"""What operators read from an agent, compared with what a real Mesos answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tepui.agent.calls import TABLE
from tepui.agent.endpoints import EndpointContext, register
from tepui.base.errors import Rejected, Unavailable
from tepui.codec import protobuf
from tepui.codec.json import from_builtins, to_builtins
from tepui.codec.media import PROTOBUF
from tepui.http.files import Files
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router
from tepui.link.messages import ApplyOperation
from tepui.messages import (
    FrameworkInfo,
    Offer,
    Resource,
    ResourceStatistics,
    TaskInfo,
    Value,
    Volume,
)
from tepui.messages.agent import Call
from tepui.messages.agent import Response as AgentResponse
from tepui.resources import Resources, parse_attributes, parse_resources
from tepui.telemetry.logs import VERBOSITY

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


async def usage(container_id: str) -> ResourceStatistics | None:
    """What each container uses, if it is asked."""
    assert container_id
    return ResourceStatistics(
        timestamp=5.0,
        processes=2,
        threads=3,
        cpus_user_time_secs=1.0,
        cpus_system_time_secs=0.5,
        mem_rss_bytes=1000,
    )


class Operator:
    """Asks the endpoints of an agent."""

    def __init__(self, agent: Any, files: Files | None = None) -> None:
        self.router = Router("slave(1)")
        context = EndpointContext(
            flags={"port": "5051", "work_dir": "/w"},
            files=files or Files(),
            usage=usage,
            wall_clock=lambda: agent.now.wall,
        )
        register(self.router, agent.model, context)

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """Return the answer; a refusal as the server would turn it into one."""
        return asyncio.run(self._ask(Request(method, target, Headers.of(headers or {}), body)))

    async def _ask(self, request: Request) -> Response:
        try:
            answer = self.router(request)
            if not isinstance(answer, Response):
                answer = await answer  # type: ignore[misc]
        except Rejected as error:
            return Response(error.status, error.message.encode(), error.headers)
        except Unavailable as error:
            return Response(503, str(error).encode())
        assert isinstance(answer, Response)
        return answer

    def get(self, target: str) -> Response:
        """Make a GET request."""
        return self.ask("GET", target)

    def json(self, target: str) -> Any:
        """Return what a legacy endpoint says."""
        answer = self.get(target)
        assert (answer.status, answer.content_type) == (200, "application/json")
        return json.loads(answer.body)

    def call(self, call: dict[str, Any], **headers: str) -> Response:
        """Make a call of the v1 API."""
        return self.ask("POST", "/api/v1", json.dumps(call).encode(), JSON_HEADERS | headers)


FRAMEWORK = {
    "user": "root",
    "name": "golden",
    "id": {"value": "f1"},
    "roles": ["dev"],
    "capabilities": [{"type": "MULTI_ROLE"}],
    "principal": "somebody",
    "hostname": "h",
    "webui_url": "http://127.0.0.1:1/",
    "labels": {"labels": [{"key": "k", "value": "v"}, {"key": "only"}]},
}


def described(task: TaskInfo, **fields: Any) -> TaskInfo:
    """Give a task what those that were recorded had."""
    resources = parse_resources("cpus:0.1;mem:32").allocated_to("dev").to_messages()
    extra = from_builtins(TaskInfo, to_builtins(task) | fields)
    return replace(extra, resources=resources)


@pytest.fixture
def busy(open_conversation: Any) -> Any:
    """Return an agent like those that were recorded."""
    agent = open_conversation(
        resources=parse_resources(
            "cpus:4;mem:1024;disk:1000;ports:[31000-32000];cpus(static):1"
        ).to_messages(),
        attributes=parse_attributes("rack:a;zone:b;n:1"),
    ).registered()
    framework = from_builtins(FrameworkInfo, FRAMEWORK)
    agent.running(
        described(
            agent.task("sleep-1"),
            labels={"labels": [{"key": "a", "value": "b"}]},
            kill_policy={"grace_period": {"nanoseconds": 1}},
            discovery={
                "visibility": "FRAMEWORK",
                "name": "d",
                "ports": {"ports": [{"number": 80, "name": "http", "protocol": "tcp"}]},
            },
        ),
        by=framework,
    )
    over = agent.running(described(agent.task("true-1")), by=framework)
    agent.acknowledge(agent.exited(over))
    gone = replace(agent.framework("f2", "PARTITION_AWARE"), role="*")
    ended = agent.running(described(agent.task("once")), by=gone)
    agent.acknowledge(agent.exited(ended))
    return agent


LEGACY = {
    "agent_GET_state": "/state",
    "agent_GET_slave_1_state": "/slave(1)/state",
    "agent_GET_containers": "/containers",
    "agent_GET_monitor_statistics": "/monitor/statistics",
    "agent_GET_slave_1_monitor_statistics": "/slave%281%29/monitor/statistics",
    "agent_GET_version": "/version",
    "agent_GET_flags": "/flags",
    "agent_GET_containerizer_debug": "/containerizer/debug",
}


@pytest.mark.parametrize(("name", "target"), LEGACY.items())
def test_a_legacy_answer_has_the_recorded_key_tree(
    busy: Any, golden: Any, name: str, target: str
) -> None:
    answer = Operator(busy).get(target)
    assert answer.status == golden.rows[name]["status"]
    assert golden.differences(name, answer.body) == []


V1 = [
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_LOGGING_LEVEL",
    "GET_STATE",
    "GET_CONTAINERS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_TASKS",
    "GET_AGENT",
    "GET_RESOURCE_PROVIDERS",
]


# Where the agent plays the executor there is none with arguments of its own, and none that is
# asked to end; the first status of a task is sent before there is a process.
BUILT_IN = (
    ".executor_info.command.arguments is missing",
    ".executor_info.shutdown_grace_period is missing",
    ".statuses[0].container_status.executor_pid is missing",
)


@pytest.mark.parametrize("kind", V1)
def test_an_answer_of_the_v1_api_has_the_recorded_key_tree(
    busy: Any, golden: Any, kind: str
) -> None:
    answer = Operator(busy).call({"type": kind})
    assert (answer.status, answer.content_type) == (200, "application/json")
    differences = golden.differences(f"agent_v1_{kind}", answer.body)
    assert [each for each in differences if not each.endswith(BUILT_IN)] == []


@pytest.mark.parametrize("kind", [*V1, "GET_OPERATIONS"])
def test_protobuf_says_the_same_as_json(busy: Any, kind: str) -> None:
    operator = Operator(busy)
    in_json = from_builtins(AgentResponse, json.loads(operator.call({"type": kind}).body))
    answer = operator.call({"type": kind}, Accept=PROTOBUF)
    assert answer.content_type == PROTOBUF
    assert protobuf.decode(AgentResponse, answer.body) == in_json


def test_lists_are_written_even_if_they_are_empty(agent: Any) -> None:
    body = json.loads(Operator(agent).call({"type": "GET_STATE"}).body)["get_state"]
    kinds = ("pending", "queued", "launched", "terminated", "completed")
    assert body == {
        "get_tasks": {f"{kind}_tasks": [] for kind in kinds},
        "get_executors": {"executors": [], "completed_executors": []},
        "get_frameworks": {"frameworks": [], "completed_frameworks": []},
    }


def test_an_agent_that_recovers_asks_for_patience(open_conversation: Any) -> None:
    operator = Operator(open_conversation())
    assert operator.get("/state").status == 503
    assert operator.call({"type": "GET_HEALTH"}).status == 503
    assert operator.get("/health") == Response(200)


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("agent_v1_err_missing_sub", {"type": "READ_FILE"}, {}),
        ("agent_v1_err_UNKNOWN", {"type": "UNKNOWN"}, {}),
        ("agent_v1_err_unknown_type", {"type": "BOGUS"}, {}),
        ("agent_v1_err_no_type", {}, {}),
        ("agent_v1_err_ctype", {}, {"Content-Type": "text/plain"}),
        ("agent_v1_err_accept", {"type": "GET_HEALTH"}, {"Accept": "text/plain"}),
        ("agent_v1_err_accept_star", {"type": "GET_HEALTH"}, {"Accept": "*/*"}),
    ],
)
def test_calls_end_with_the_recorded_status(
    agent: Any, golden: Any, name: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = Operator(agent).call(body, **headers)
    assert answer.status == golden.rows[name]["status"]


def test_requests_that_are_no_calls_end_with_the_recorded_status(agent: Any, golden: Any) -> None:
    operator = Operator(agent)
    get = operator.get("/api/v1")
    assert (get.status, get.headers) == (405, (("Allow", "POST"),))
    for name, body, headers in (
        ("agent_v1_err_bad_json", b"{", JSON_HEADERS),
        ("agent_v1_err_empty", b"", JSON_HEADERS),
        ("agent_v1_err_no_ctype", b'{"type":"GET_HEALTH"}', {}),
    ):
        answer = operator.ask("POST", "/api/v1", body, headers)
        assert answer.status == golden.rows[name]["status"]


def test_headers_for_streams_are_refused_where_nothing_streams(agent: Any) -> None:
    operator = Operator(agent)
    call = {"type": "GET_HEALTH"}
    assert operator.call(call, **{"Message-Content-Type": "application/json"}).status == 415
    assert operator.call(call, **{"Message-Accept": "application/json"}).status == 406


def test_every_type_of_call_is_in_the_table(agent: Any) -> None:
    assert set(Call.Type) - set(TABLE) == {Call.Type.UNKNOWN}
    answer = Operator(agent).call({"type": "PRUNE_IMAGES"})
    assert (answer.status, answer.body) == (501, b"PRUNE_IMAGES is not supported yet")


def test_containers_are_selected_by_their_owner(busy: Any) -> None:
    operator = Operator(busy)
    [container] = operator.json("/containers?framework_id=f1&executor_id=sleep-1")
    assert operator.json(f"/containers?container_id={container['container_id']}") == [container]
    assert operator.json("/containers?framework_id=other") == []
    assert operator.get("/containers?executor_id=sleep-1").status == 400
    assert operator.get("/containers?container_id=c&framework_id=f1").status == 400


def test_a_container_may_use_what_its_executor_and_tasks_asked_for(busy: Any) -> None:
    [container] = Operator(busy).json("/containers")
    statistics = container["statistics"]
    assert statistics["cpus_user_time_secs"] == 1.0
    assert statistics["cpus_soft_limit"] == pytest.approx(0.2)
    assert statistics["mem_limit_bytes"] == 64 * 1024 * 1024


def test_nested_containers_are_shown_on_request(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    for spec in agent.launches(effects):
        agent.launched(spec.container_id)
    operator = Operator(agent)

    def containers(**fields: bool) -> list[dict[str, Any]]:
        call = {"type": "GET_CONTAINERS", "get_containers": fields}
        return json.loads(operator.call(call).body)["get_containers"]["containers"]  # type: ignore[no-any-return]

    [pod] = containers()
    assert pod["resource_statistics"]["cpus_user_time_secs"] == 2.0
    [again, *nested] = containers(show_nested=True)
    assert again == pod
    statuses = [each["container_status"]["container_id"] for each in nested]
    assert [status["parent"] for status in statuses] == [pod["container_id"]] * 2
    # As Mesos shows them: by their own name, and not whose they are.
    assert [each["container_id"] for each in nested] == [{"value": s["value"]} for s in statuses]
    assert not any("executor_id" in each for each in nested)


def test_a_queued_task_is_shown_as_such(agent: Any) -> None:
    agent.run_task(agent.task("t1", None, executor=agent.executor("e1")))
    operator = Operator(agent)
    [framework] = operator.json("/state")["frameworks"]
    [executor] = framework["executors"]
    [queued] = executor["queued_tasks"]
    assert (queued["id"], queued["executor_id"], executor["tasks"]) == ("t1", "e1", [])
    tasks = json.loads(operator.call({"type": "GET_TASKS"}).body)["get_tasks"]
    assert [each["task_id"]["value"] for each in tasks["queued_tasks"]] == ["t1"]


def test_metrics_have_the_recorded_keys(busy: Any, golden: Any) -> None:
    operator = Operator(busy)
    snapshot = operator.json("/metrics/snapshot?timeout=1secs")
    recorded = golden.rows["agent_GET_metrics_snapshot"]["shape"]
    # Those the process around the core hands in.
    outside = {
        "containerizer/fetcher/task_fetches_failed",
        "containerizer/fetcher/task_fetches_succeeded",
        "containerizer/mesos/container_destroy_errors",
        "gc/path_removals_failed",
        "gc/path_removals_pending",
        "gc/path_removals_succeeded",
        "slave/executor_directory_max_allowed_age_secs",
        "slave/recovery_time_secs",
    }
    assert set(recorded) - set(snapshot) == outside
    assert snapshot["slave/tasks_running"] == 1.0
    assert snapshot["slave/tasks_finished"] == 2.0
    assert snapshot["slave/cpus_total"] == 5.0
    assert operator.get("/metrics/snapshot?timeout=bad").status == 400
    assert b"mesos_slave_registered 1.0" in operator.get("/metrics/prometheus").body


def test_sandboxes_are_read_at_their_own_path_and_at_that_of_their_executor(
    open_conversation: Any, tmp_path: Path
) -> None:
    agent = open_conversation()
    agent.config = replace(agent.config, work_dir=str(tmp_path))
    agent.restart()
    agent.registered()
    agent.running()
    [executor] = agent.model.executors()
    sandbox = Path(executor.directory)
    operator = Operator(agent)
    assert operator.get(f"/files/browse?path={sandbox}").status == 404
    sandbox.mkdir(parents=True)
    (sandbox / "stdout").write_text("hello")
    (sandbox.parent / "latest").symlink_to(sandbox)
    [listed] = operator.json(f"/files/browse?path={sandbox}")
    assert listed["path"] == f"{sandbox}/stdout"
    latest = "/frameworks/f1/executors/t1/runs/latest/stdout"
    assert operator.json(f"/files/read?path={latest}&offset=1")["data"] == "ello"
    call = {"type": "READ_FILE", "read_file": {"path": f"{sandbox}/stdout", "offset": 0}}
    assert json.loads(operator.call(call).body)["read_file"]["size"] == 5
    assert operator.get(f"/files/browse?path={tmp_path}/meta").status == 404


def disk(persistence_id: str | None = None) -> Resource:
    info = None
    if persistence_id is not None:
        info = Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id=persistence_id),
            volume=Volume(mode=Volume.Mode.RW, container_path="data"),
        )
    return Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=64),
        reservations=[
            Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="dev")
        ],
        disk=info,
    )


def test_volumes_are_read_where_tasks_find_them(open_conversation: Any, tmp_path: Path) -> None:
    agent = open_conversation()
    agent.config = replace(agent.config, work_dir=str(tmp_path))
    agent.restart()
    agent.registered()
    agent.model.total += Resources.from_messages([disk("v1")])
    task = agent.task()
    agent.running(replace(task, resources=[*task.resources, disk("v1")]))
    [executor] = agent.model.executors()
    sandbox = Path(executor.directory)
    place = tmp_path / "volumes" / "roles" / "dev" / "v1"
    for directory in (sandbox, place):
        directory.mkdir(parents=True)
    (sandbox / "data").symlink_to(place)
    (place / "file").write_text("kept")
    (place / "passwd").symlink_to("/etc/passwd")
    operator = Operator(agent)
    run = f"/frameworks/f1/executors/t1/runs/{executor.container_id}"
    for path in (f"{sandbox}/data", f"{run}/data"):
        listed = operator.json(f"/files/browse?path={path}")
        assert [each["path"] for each in listed] == [f"{path}/file", f"{path}/passwd"]
        assert operator.json(f"/files/read?path={path}/file&offset=0")["data"] == "kept"
        assert operator.get(f"/files/read?path={path}/passwd&offset=0").status == 400
    agent.exited(executor.container_id)
    assert operator.get(f"/files/browse?path={sandbox}/data").status == 400


def test_what_operations_have_made_is_shown(agent: Any) -> None:
    operator = Operator(agent)
    agent.model.total += Resources.from_messages([replace(disk(), reservations=[])])
    reserve = Offer.Operation.Reserve(resources=[disk()])
    operation = Offer.Operation(type=Offer.Operation.Type.RESERVE, reserve=reserve)
    agent.hear(ApplyOperation(uuid=b"u" * 16, operation=operation, framework_id="f1"))
    state = operator.json("/state")
    assert state["reserved_resources"]["dev"]["disk"] == 64
    [shown] = state["reserved_resources_full"]["dev"]
    assert shown["reservations"] == [{"type": "DYNAMIC", "role": "dev"}]
    answer = json.loads(operator.call({"type": "GET_OPERATIONS"}).body)
    [told] = answer["get_operations"]["operations"]
    assert told["framework_id"] == {"value": "f1"}
    assert told["latest_status"]["state"] == "OPERATION_FINISHED"
    assert told["info"]["type"] == "RESERVE"
    assert operator.json("/metrics/snapshot")["slave/disk_total"] == 64


def test_the_level_of_logging_is_raised_until_its_time_is_over(agent: Any) -> None:
    operator = Operator(agent)
    body = {"level": 1, "duration": {"nanoseconds": 60 * 10**9}}
    call = Request(
        "POST",
        "/api/v1",
        Headers.of({"Content-Type": "application/json", "Accept": "application/json"}),
        json.dumps({"type": "SET_LOGGING_LEVEL", "set_logging_level": body}).encode(),
    )

    async def change() -> int:
        answer = operator.router(call)
        assert isinstance(answer, Response)
        assert (answer.status, answer.body) == (200, b"")
        level = VERBOSITY.level
        VERBOSITY.set(0, 0.0)
        return level

    assert asyncio.run(change()) == 1
    assert operator.call({"type": "GET_LOGGING_LEVEL"}).status == 200
