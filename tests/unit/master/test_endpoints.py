"""What operators read from a master, compared with what a real Mesos answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tepui.codec import protobuf
from tepui.codec.json import to_builtins
from tepui.codec.media import PROTOBUF
from tepui.http.files import Files
from tepui.http.messages import Response
from tepui.link.messages import UpdateStatus
from tepui.master.calls import TABLE
from tepui.master.core.events import AgentMessageReceived
from tepui.messages.master import Call
from tepui.messages.master import Response as MasterResponse
from tepui.resources import parse_attributes

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def with_attributes(agent: Any) -> Any:
    """Give an agent, before it registers, the attributes of those that were recorded."""
    attributes = parse_attributes("rack:a;zone:b;n:1")
    agent.info = replace(agent.info, attributes=attributes)
    return agent


def launch(scheduler: Any, offer: dict[str, Any], *tasks: dict[str, Any]) -> None:
    """Launch tasks on an offer."""
    scheduler.accept([offer], [{"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}])


@pytest.fixture
def busy(make_cluster: Any) -> Any:
    """Return a cluster like the one that was recorded."""
    cluster = make_cluster(cluster="test")
    agents = [
        with_attributes(cluster.agent("cpus:8;mem:8192;disk:10000;cpus(static):1")).register(),
        with_attributes(cluster.agent("cpus:8;mem:8192;disk:10000", port=5052)).register(),
    ]
    scheduler = cluster.scheduler(
        "dev",
        "test",
        capabilities=["PARTITION_AWARE", "RESERVATION_REFINEMENT"],
        hostname="127.0.0.1",
        webui_url="http://127.0.0.1:1/",
        principal="somebody",
        labels={"labels": [{"key": "k", "value": "v"}, {"key": "only"}]},
    ).subscribe()
    offers = {offer["agent_id"]["value"]: offer for offer in scheduler.offers()}
    [first, second] = [offers[agent.agent_id] for agent in agents]
    described = cluster.task(
        "running",
        first,
        labels={"labels": [{"key": "a", "value": "b"}]},
        kill_policy={"grace_period": {"nanoseconds": 1}},
        discovery={
            "visibility": "FRAMEWORK",
            "name": "d",
            "ports": {"ports": [{"number": 80, "name": "http", "protocol": "tcp"}]},
        },
    )
    launch(scheduler, first, described)
    launch(scheduler, second, cluster.task("finished", second), cluster.task("other", second))
    container = {
        "container_id": {"value": "c-1"},
        "executor_pid": 77,
        "network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.1"}]}],
    }
    for agent, task, states in (
        (agents[0], "running", ("TASK_STARTING", "TASK_RUNNING")),
        (agents[1], "other", ("TASK_STARTING", "TASK_RUNNING")),
        (agents[1], "finished", ("TASK_STARTING", "TASK_FINISHED")),
    ):
        for state in states:
            fields = {"message": "done"} if state == "TASK_FINISHED" else {}
            agent.update(
                scheduler.framework_id,
                task,
                state,
                container_status=container,
                executor_id={"value": task},
                **fields,
            )
            for status in scheduler.statuses():
                scheduler.acknowledge(status)
    cluster.allocate()
    over = cluster.scheduler("dev", principal="somebody", hostname="h").subscribe()
    over.call("TEARDOWN")
    cluster.allocate()
    return cluster


LEGACY = {
    "master_GET_state": "/state",
    "master_alias_GET_master_state": "/master/state",
    "after_teardown_master_GET_state": "/state",
    "master_GET_state_summary": "/state-summary",
    "master_GET_slaves": "/slaves",
    "master_GET_frameworks": "/frameworks",
    "master_GET_tasks": "/tasks",
    "master_GET_roles": "/roles",
    "master_GET_weights": "/weights",
    "master_GET_version": "/version",
    "master_GET_flags": "/flags",
    "master_alias_GET_slaves_slave_id_nope": "/slaves?slave_id=nope",
    "master_alias_GET_tasks_limit_abc": "/tasks?limit=abc",
    "master_GET_maintenance_schedule": "/maintenance/schedule",
    "master_GET_maintenance_status": "/maintenance/status",
    "empty_master_GET_quota": "/quota",
}


@pytest.mark.parametrize(("name", "target"), LEGACY.items())
def test_a_legacy_answer_has_the_recorded_key_tree(
    busy: Any, golden: Any, name: str, target: str, make_operator: Any
) -> None:
    answer = make_operator(busy).get(target)
    assert answer.status == golden.rows[name]["status"]
    assert golden.differences(name, answer.body) == []


V1 = [
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_LOGGING_LEVEL",
    "GET_STATE",
    "GET_AGENTS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_TASKS",
    "GET_ROLES",
    "GET_MASTER",
    "GET_MAINTENANCE_SCHEDULE",
    "GET_MAINTENANCE_STATUS",
]


@pytest.mark.parametrize("kind", V1)
def test_an_answer_of_the_v1_api_has_the_recorded_key_tree(
    busy: Any, golden: Any, kind: str, make_operator: Any
) -> None:
    answer = make_operator(busy).call({"type": kind})
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert golden.differences(f"master_v1_{kind}", answer.body) == []


@pytest.mark.parametrize("kind", [*V1, "GET_WEIGHTS", "GET_QUOTA", "GET_OPERATIONS"])
def test_protobuf_says_the_same_as_json(busy: Any, kind: str, make_operator: Any) -> None:
    operator = make_operator(busy)
    in_json = json.loads(operator.call({"type": kind}).body)
    answer = operator.call({"type": kind}, Accept=PROTOBUF)
    assert answer.content_type == PROTOBUF
    in_protobuf = to_builtins(protobuf.decode(MasterResponse, answer.body))
    assert in_protobuf == without_what_protobuf_cannot_say(in_json)


def without_what_protobuf_cannot_say(value: Any) -> Any:
    """Leave out empty lists, and the field of agents that only version 0 declares."""
    if isinstance(value, dict):
        return {
            key: without_what_protobuf_cannot_say(child)
            for key, child in value.items()
            if child != [] and not (key == "checkpoint" and "hostname" in value and "port" in value)
        }
    if isinstance(value, list):
        return [without_what_protobuf_cannot_say(child) for child in value]
    return value


def test_empty_lists_are_written(cluster: Any, make_operator: Any) -> None:
    body = make_operator(cluster).call({"type": "GET_STATE"}).body
    assert json.loads(body)["get_state"] == {
        "get_tasks": {"tasks": [], "unreachable_tasks": [], "completed_tasks": []},
        "get_executors": {"executors": []},
        "get_frameworks": {"frameworks": [], "completed_frameworks": []},
        "get_agents": {"agents": [], "recovered_agents": []},
    }


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("master_v1_GET_METRICS_missing", {"type": "GET_METRICS"}, {}),
        ("master_v1_err_missing_sub", {"type": "READ_FILE"}, {}),
        ("master_v1_err_UNKNOWN", {"type": "UNKNOWN"}, {}),
        ("master_v1_err_unknown_type", {"type": "BOGUS"}, {}),
        ("master_v1_err_no_type", {}, {}),
        ("master_v1_err_ctype", {}, {"Content-Type": "text/plain"}),
        ("master_v1_err_accept", {"type": "GET_HEALTH"}, {"Accept": "text/plain"}),
        ("master_v1_err_accept_star", {"type": "GET_HEALTH"}, {"Accept": "*/*"}),
        (
            "master_v1_LIST_FILES_nope",
            {"type": "LIST_FILES", "list_files": {"path": "/nope"}},
            {},
        ),
        (
            "master_v1_READ_FILE_nope",
            {"type": "READ_FILE", "read_file": {"path": "/nope", "offset": 0, "length": 10}},
            {},
        ),
    ],
)
def test_calls_end_with_the_recorded_status(
    cluster: Any,
    golden: Any,
    name: str,
    body: dict[str, Any],
    headers: dict[str, str],
    make_operator: Any,
) -> None:
    answer = make_operator(cluster).call(body, **headers)
    assert answer.status == golden.rows[name]["status"]


def test_requests_that_are_no_calls_end_with_the_recorded_status(
    cluster: Any, golden: Any, make_operator: Any
) -> None:
    operator = make_operator(cluster)
    get = operator.get("/api/v1")
    assert (get.status, get.headers) == (405, (("Allow", "POST"),))
    for name, body, headers in (
        ("master_v1_err_bad_json", b"{", JSON_HEADERS),
        ("master_v1_err_empty", b"", JSON_HEADERS),
        ("master_v1_err_no_ctype", b'{"type":"GET_HEALTH"}', {}),
    ):
        answer = operator.ask("POST", "/api/v1", body, headers)
        assert answer.status == golden.rows[name]["status"]


def test_every_type_of_call_is_in_the_table(cluster: Any, make_operator: Any) -> None:
    assert list(TABLE)
    assert set(Call.Type) - set(TABLE) == {Call.Type.UNKNOWN}
    operator = make_operator(cluster)
    for kind, row in TABLE.items():
        if row.handler is None and row.payload is None:
            answer = operator.call({"type": kind.name})
            assert (answer.status, answer.body) == (
                501,
                f"{kind.name} is not supported yet".encode(),
            )


def test_a_method_that_an_endpoint_does_not_take_is_refused(
    cluster: Any, make_operator: Any
) -> None:
    operator = make_operator(cluster)
    assert operator.ask("POST", "/weights").status == 405
    assert operator.ask("PUT", "/quota").headers == (("Allow", "GET, POST, DELETE"),)


def test_weights_are_set_and_shown_in_both_ways(
    cluster: Any, golden: Any, make_operator: Any
) -> None:
    operator = make_operator(cluster)
    infos = {"weight_infos": [{"role": "dev", "weight": 2.0}]}
    answer = operator.call({"type": "UPDATE_WEIGHTS", "update_weights": infos})
    assert (answer.status, answer.body) == (200, b"")
    answer = operator.ask("PUT", "/weights", b'[{"role": "ops", "weight": 3.5}]')
    assert (answer.status, answer.body) == (200, b"")
    assert operator.json("/weights") == [
        {"role": "dev", "weight": 2.0},
        {"role": "ops", "weight": 3.5},
    ]
    shown = operator.call({"type": "GET_WEIGHTS"}).body
    assert golden.differences("master_v1_GET_WEIGHTS", shown) == []
    roles = json.loads(operator.call({"type": "GET_ROLES"}).body)["get_roles"]["roles"]
    assert [(each["name"], each["weight"]) for each in roles] == [("dev", 2.0), ("ops", 3.5)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[[]]",
        b"[" * 100_000,
        b'[{"role":',
        b'[{"role": "a"}]',
        b'[{"role": 5, "weight": 1}]',
        b'[{"role": "a", "weight": 1e999}]',
        b'[{"weight": 1}]',
        b'[{"role": "a", "weight": 0}]',
        b"\xff",
    ],
)
def test_what_is_no_list_of_weights_is_refused(
    cluster: Any, body: bytes, make_operator: Any
) -> None:
    answer = make_operator(cluster).ask("PUT", "/weights", body)
    assert answer.status == 400
    assert answer.body
    assert cluster.state.weights == {}


def test_a_framework_is_torn_down_in_both_ways(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    first, second = [cluster.scheduler("red").subscribe() for _ in range(2)]
    body = {"framework_id": {"value": first.framework_id}}
    assert operator.call({"type": "TEARDOWN", "teardown": body}).status == 200
    form = f"frameworkId={second.framework_id}".encode()
    assert operator.ask("POST", "/teardown", form).status == 200
    assert first.is_closed
    assert second.is_closed
    assert operator.call({"type": "TEARDOWN", "teardown": body}).status == 400
    for form in (b"", b"frameworkId=", b"frameworkId=nope", b"x=y", b"\xff"):
        assert operator.ask("POST", "/master/teardown", form).status == 400
    assert operator.get("/teardown").headers == (("Allow", "POST"),)


def test_the_level_of_logging_is_raised_for_a_while(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    asked: dict[str, Any] = {"level": 1, "duration": {"nanoseconds": 100_000_000}}

    def level() -> int:
        answer = json.loads(operator.call({"type": "GET_LOGGING_LEVEL"}).body)
        return int(answer["get_logging_level"]["level"])

    async def change() -> list[int]:
        seen = [level()]
        for each in (1, 0):
            asked["level"] = each
            answer = operator.call({"type": "SET_LOGGING_LEVEL", "set_logging_level": asked})
            assert (answer.status, answer.body) == (200, b"")
            seen.append(level())
        return seen

    assert asyncio.run(change()) == [0, 1, 0]


def test_a_subscription_goes_to_the_driver_in_the_encoding_asked_for(
    cluster: Any, make_operator: Any
) -> None:
    operator = make_operator(cluster)
    operator.call({"type": "SUBSCRIBE"})
    operator.call({"type": "SUBSCRIBE"}, Accept=PROTOBUF)
    assert operator.driver.streams == ["application/json", PROTOBUF]
    assert operator.call({"type": "SUBSCRIBE"}, Accept="text/plain").status == 406


def test_tasks_are_selected_ordered_and_counted_off(busy: Any, make_operator: Any) -> None:
    operator = make_operator(busy)

    def ids(query: str) -> list[str]:
        return [each["id"] for each in operator.json(f"/tasks?{query}")["tasks"]]

    [framework] = [each for each in busy.state.frameworks.values() if each.tasks]
    assert sorted(ids("")) == ["finished", "other", "running"]
    assert ids("task_id=running") == ["running"]
    assert ids(f"framework_id={framework.framework_id}&task_id=finished") == ["finished"]
    assert ids("framework_id=other") == []
    assert ids("limit=1") + ids("limit=1&offset=1") == ids("limit=2")
    assert ids("order=asc") == ids("order=asc&limit=abc")
    assert len(ids("limit=-3&offset=-1")) == 0


def test_the_summary_counts_tasks_by_state(busy: Any, make_operator: Any) -> None:
    summary = make_operator(busy).json("/state-summary")
    [framework] = summary["frameworks"]
    assert (framework["TASK_RUNNING"], framework["TASK_FINISHED"]) == (2, 1)
    assert sorted(framework["slave_ids"]) == sorted(each["id"] for each in summary["slaves"])
    assert [each["framework_ids"] for each in summary["slaves"]] == [[framework["id"]]] * 2
    assert [each["TASK_FINISHED"] for each in summary["slaves"]] == [0, 1]


def test_what_is_shown_follows_every_change(busy: Any, make_operator: Any) -> None:
    operator = make_operator(busy)

    def seen() -> tuple[list[str], list[float], float]:
        state = operator.json("/state")
        [framework] = state["frameworks"]
        used = [each["used_resources"]["cpus"] for each in state["slaves"]]
        states = [task["state"] for task in framework["tasks"]]
        return states, used, framework["used_resources"]["cpus"]

    assert seen() == (["TASK_RUNNING", "TASK_RUNNING"], [1.0, 1.0], 2.0)
    [framework] = busy.state.frameworks.values()
    agent = busy.state.agents[framework.tasks["running"].agent_id]
    status = busy.status("running", "TASK_FAILED", agent_id=agent.agent_id, uuid=b"f" * 16)
    busy.handle(
        AgentMessageReceived(
            channel=agent.channel,
            message=UpdateStatus(
                framework_id=framework.framework_id,
                status=status,
                latest_state=status.state,
            ),
        )
    )
    assert seen() == (["TASK_FAILED", "TASK_RUNNING"], [0.0, 1.0], 1.0)
    assert (
        json.loads(operator.call({"type": "GET_TASKS"}).body)["get_tasks"]["tasks"][0]["state"]
        == "TASK_FAILED"
    )


def test_a_callback_wraps_the_answer(cluster: Any, make_operator: Any) -> None:
    answer = make_operator(cluster).get("/state?jsonp=cb")
    assert answer.content_type == "text/javascript"
    assert answer.body.startswith(b"cb({")
    assert answer.body.endswith(b"})")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_legacy_reads_take_any_method(cluster: Any, method: str, make_operator: Any) -> None:
    assert make_operator(cluster).ask(method, "/state").status == 200


def test_paths_that_mesos_does_not_know_are_not_found(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    for target in ("/state.json", "/master/state.json", "/roles.json", "/nope", "/redirect/x"):
        assert operator.get(target).status == 404


def test_redirect_names_the_leader_even_if_it_is_this_one(cluster: Any, make_operator: Any) -> None:
    answer = make_operator(cluster).get("/redirect")
    assert (answer.status, answer.headers) == (307, (("Location", "//localhost:5050"),))


def test_a_master_that_does_not_lead_sends_people_on(cluster: Any, make_operator: Any) -> None:
    cluster.state.elected_time = None
    operator = make_operator(cluster)
    answer = operator.get("/slaves?slave_id=x")
    assert answer.status == 307
    assert answer.headers == (("Location", "//localhost:5050/master/slaves?slave_id=x"),)
    assert operator.call({"type": "GET_STATE"}).status == 307
    assert operator.get("/health").status == 200
    assert operator.get("/version").status == 200


def test_health_is_an_empty_answer(cluster: Any, make_operator: Any) -> None:
    assert make_operator(cluster).get("/health") == Response(200)


def test_metrics_have_the_recorded_keys(busy: Any, golden: Any, make_operator: Any) -> None:
    operator = make_operator(busy)
    snapshot = operator.json("/metrics/snapshot?timeout=5secs")
    recorded = golden.rows["master_GET_metrics_snapshot"]["shape"]
    variable = (
        "master/frameworks/",
        "frameworks/",
        "allocator/mesos/",
        "registrar/",
        "master/task_",
    )
    fixed = [key for key in recorded if not key.startswith(variable)]
    assert [key for key in fixed if key not in snapshot] == []
    assert all(isinstance(value, float) for value in snapshot.values())
    assert snapshot["master/tasks_running"] == 2.0
    assert snapshot["master/tasks_finished"] == 1.0
    assert snapshot["master/cpus_used"] == 2.0
    assert snapshot["frameworks/somebody/messages_received"] > 0
    assert operator.get("/metrics/snapshot?timeout=bad").status == 400


def test_metrics_of_a_framework_have_the_recorded_keys(
    busy: Any, golden: Any, make_operator: Any
) -> None:
    recorded = golden.rows["master_GET_metrics_snapshot"]["shape"]
    wanted = {key.split("/", 4)[4] for key in recorded if key.startswith("master/frameworks/bad/")}
    [framework] = busy.state.frameworks.values()
    prefix = f"master/frameworks/test/{framework.framework_id}/"
    snapshot = make_operator(busy).json("/metrics/snapshot")
    ours = {key.removeprefix(prefix) for key in snapshot if key.startswith(prefix)}
    assert {key for key in wanted if "/suppressed" not in key} - ours == set()
    assert snapshot[f"{prefix}roles/dev/suppressed"] == 0.0
    assert snapshot[f"{prefix}calls/accept"] == 2.0


def test_get_metrics_says_what_the_snapshot_says(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    call = {"type": "GET_METRICS", "get_metrics": {"timeout": {"nanoseconds": 5}}}
    metrics = json.loads(operator.call(call).body)["get_metrics"]["metrics"]
    assert {each["name"] for each in metrics} == set(operator.json("/metrics/snapshot"))


def test_prometheus_reads_the_same_metrics(cluster: Any, make_operator: Any) -> None:
    answer = make_operator(cluster).get("/metrics/prometheus")
    assert answer.content_type is not None
    assert answer.content_type.startswith("text/plain")
    assert b"mesos_master_elected 1.0" in answer.body


def test_files_are_listed_and_read(cluster: Any, tmp_path: Path, make_operator: Any) -> None:
    (tmp_path / "log").write_text("hello")
    files = Files()
    files.attach("/master/log", tmp_path / "log")
    files.attach("/logs", tmp_path)
    operator = make_operator(cluster, files)
    read = {"type": "READ_FILE", "read_file": {"path": "/master/log", "offset": 1, "length": 3}}
    assert json.loads(operator.call(read).body)["read_file"] == {"size": 5, "data": "ZWxs"}
    beyond = {"type": "READ_FILE", "read_file": {"path": "/master/log", "offset": 9}}
    assert json.loads(operator.call(beyond).body)["read_file"] == {"size": 5, "data": ""}
    listed = operator.call({"type": "LIST_FILES", "list_files": {"path": "/logs"}})
    [info] = json.loads(listed.body)["list_files"]["file_infos"]
    assert (info["path"], info["size"]) == ("/logs/log", 5)
    assert operator.json("/files/read?path=/master/log&offset=0") == {"data": "hello", "offset": 0}
