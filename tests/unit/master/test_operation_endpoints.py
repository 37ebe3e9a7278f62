"""The calls and forms by which operators reserve and make volumes, in all their encodings."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tepui.codec import protobuf
from tepui.codec.json import from_builtins
from tepui.codec.media import PROTOBUF
from tepui.link.messages import ApplyOperation, UpdateOperation
from tepui.messages import UUID, OperationState, OperationStatus
from tepui.messages.master import Call

DEV = {"type": "DYNAMIC", "role": "dev"}


def scalar(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **fields}


def reserved(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return scalar(name, value, reservations=[DEV], **fields)


def volume(size: float) -> dict[str, Any]:
    disk = {
        "persistence": {"id": "data"},
        "volume": {"container_path": "data", "mode": "RW"},
    }
    return reserved("disk", size, disk=disk)


# One after the other, they leave the agent as it was.
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("RESERVE_RESOURCES", "/reserve", {"resources": [reserved("disk", 100)]}),
    ("CREATE_VOLUMES", "/create-volumes", {"volumes": [volume(50)]}),
    ("GROW_VOLUME", "", {"volume": volume(50), "addition": reserved("disk", 10)}),
    ("SHRINK_VOLUME", "", {"volume": volume(60), "subtract": {"value": 10}}),
    ("DESTROY_VOLUMES", "/destroy-volumes", {"volumes": [volume(50)]}),
    ("UNRESERVE_RESOURCES", "/unreserve", {"resources": [reserved("disk", 100)]}),
]


def done(agent: Any) -> str:
    """Do the newest order as a faithful agent; return what it was."""
    [order] = agent.take(ApplyOperation)
    status = OperationStatus(
        state=OperationState.OPERATION_FINISHED, uuid=UUID(value=b"0123456789abcdef")
    )
    agent.say(UpdateOperation(uuid=order.uuid, status=status))
    kind: str = order.operation.type.name
    return kind


def form(agent_id: str | None, **fields: Any) -> bytes:
    given = {name: json.dumps(value) for name, value in fields.items()}
    return urlencode(given if agent_id is None else {"slaveId": agent_id, **given}).encode()


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_each_call_is_done_in_either_encoding(
    cluster: Any, make_operator: Any, encoding: str
) -> None:
    operator = make_operator(cluster)
    agent = cluster.agent().register()
    before = cluster.state.agents[agent.agent_id].total
    kinds = []
    for call, _, body in STEPS:
        given = {"type": call, call.lower(): {"agent_id": {"value": agent.agent_id}, **body}}
        if encoding == "json":
            answer = operator.call(given)
        else:
            encoded = protobuf.encode(from_builtins(Call, given))
            answer = operator.ask("POST", "/api/v1", encoded, {"Content-Type": PROTOBUF})
        assert (answer.status, answer.body) == (202, b""), call
        kinds.append(done(agent))
    assert kinds == ["RESERVE", "CREATE", "GROW_VOLUME", "SHRINK_VOLUME", "DESTROY", "UNRESERVE"]
    assert cluster.state.agents[agent.agent_id].total == before


@pytest.mark.parametrize("prefix", ["", "/master"])
def test_each_form_is_taken(cluster: Any, make_operator: Any, prefix: str) -> None:
    operator = make_operator(cluster)
    agent = cluster.agent().register()
    before = cluster.state.agents[agent.agent_id].total
    for _, path, body in STEPS:
        if path:
            answer = operator.ask("POST", prefix + path, form(agent.agent_id, **body))
            assert (answer.status, answer.body) == (202, b""), path
            done(agent)
    assert cluster.state.agents[agent.agent_id].total == before


def test_a_form_may_have_the_old_format_of_reservations(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    agent = cluster.agent().register()
    old = scalar("cpus", 1, role="dev", reservation={})
    assert operator.ask("POST", "/reserve", form(agent.agent_id, resources=[old])).status == 202
    [order] = agent.take(ApplyOperation)
    [resource] = order.operation.reserve.resources
    assert (resource.role, resource.reservation) == (None, None)
    assert [each.role for each in resource.reservations] == ["dev"]
    anew = form(
        agent.agent_id,
        source=[old],
        resources=[scalar("cpus", 1, reservations=[{"type": "DYNAMIC", "role": "ops"}])],
    )
    assert operator.ask("POST", "/reserve", anew).status == 202


@pytest.mark.parametrize("path", [path for _, path, _ in STEPS if path])
def test_a_bad_form_is_refused_with_the_name_of_the_field(
    cluster: Any, make_operator: Any, path: str
) -> None:
    operator = make_operator(cluster)
    agent_id = cluster.agent().register().agent_id
    [(name, value)] = next(body for _, each, body in STEPS if each == path).items()
    for body, field in (
        (form(None, **{name: value}), "slaveId"),
        (form(agent_id), name),
        (urlencode({"slaveId": agent_id, name: "[{"}).encode(), name),
        (urlencode({"slaveId": agent_id, name: "{}"}).encode(), name),
        (urlencode({"slaveId": agent_id, name: "[" * 100_000}).encode(), name),
        (form(agent_id, **{name: [{"name": "cpus"}]}), name),
        (form(agent_id, **{name: [1]}), name),
        (form(agent_id, **{name: [scalar("cpus", float("inf"))]}), name),
        (form("nope", **{name: value}), "nope"),
        (b"\xff", ""),
        (b"", "slaveId"),
    ):
        answer = operator.ask("POST", path, body)
        assert answer.status == 400, body
        assert field in answer.body.decode()


@pytest.mark.parametrize("path", [path for _, path, _ in STEPS if path])
def test_a_form_is_posted(cluster: Any, make_operator: Any, path: str) -> None:
    operator = make_operator(cluster)
    for method in ("GET", "PUT", "DELETE"):
        answer = operator.ask(method, path)
        assert answer.status == 405
        assert answer.headers == (("Allow", "POST"),)


def test_refusals_tell_what_is_wrong_from_what_conflicts(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    agent_id = {"value": cluster.agent("cpus:4;mem:64").register().agent_id}
    for call, body, status in (
        ("RESERVE_RESOURCES", {"resources": [scalar("cpus", 1)]}, 400),
        ("RESERVE_RESOURCES", {"resources": [reserved("cpus", 1000)]}, 409),
        ("RESERVE_RESOURCES", {"agent_id": {"value": "nope"}}, 400),
        ("UNRESERVE_RESOURCES", {"resources": [reserved("cpus", 1)]}, 409),
        ("CREATE_VOLUMES", {"volumes": [volume(10)]}, 409),
        ("DESTROY_VOLUMES", {"volumes": [volume(10)]}, 400),
        ("GROW_VOLUME", {"volume": volume(1), "addition": scalar("disk", 1)}, 400),
        ("GROW_VOLUME", {"volume": volume(1), "addition": reserved("disk", 1)}, 409),
        ("SHRINK_VOLUME", {"volume": volume(1), "subtract": {"value": 1}}, 400),
        ("SHRINK_VOLUME", {"volume": volume(2), "subtract": {"value": 1}}, 409),
    ):
        given = {"type": call, call.lower(): {"agent_id": agent_id, **body}}
        answer = operator.call(given)
        assert answer.status == status, (call, body, answer.body)
        assert answer.body


@pytest.mark.parametrize("call", ["GROW_VOLUME", "SHRINK_VOLUME"])
def test_a_volume_is_resized_on_an_agent_that_is_named(
    cluster: Any, make_operator: Any, call: str
) -> None:
    body = next(body for each, _, body in STEPS if each == call)
    answer = make_operator(cluster).call({"type": call, call.lower(): body})
    assert answer.status == 400
    assert answer.body.decode() == f"{call.lower()}.agent_id is missing"
