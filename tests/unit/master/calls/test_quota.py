"""Quota over both APIs, compared with what a real Mesos answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tepui.codec import json as json_codec
from tepui.codec import protobuf
from tepui.codec.media import PROTOBUF
from tepui.messages.master import Call
from tepui.messages.master import Response as MasterResponse

DEV = {
    "role": "dev",
    "guarantees": {"cpus": {"value": 2.0}, "mem": {"value": 512.0}},
    "limits": {"cpus": {"value": 6.0}, "mem": {"value": 6000.0}},
}
CPUS = b'{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}'
QROLE = b"""{"role": "qrole", "guarantee": [
    {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}},
    {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}
]}"""


@pytest.fixture
def operator(cluster: Any, make_operator: Callable[..., Any]) -> Any:
    """Return who asks a master with the agents that were recorded."""
    cluster.agent("cpus:4;mem:4096;disk:10240").register()
    cluster.agent("cpus:4;mem:4096;disk:10240;cpus(static):1;mem(static):128", 5052).register()
    return make_operator(cluster)


def update(operator: Any, *configs: dict[str, Any], **fields: Any) -> Any:
    body = {"quota_configs": configs, **fields}
    return operator.call({"type": "UPDATE_QUOTA", "update_quota": body})


def test_an_update_is_shown_as_it_was_recorded(operator: Any, golden: Any) -> None:
    answer = update(operator, DEV)
    assert (answer.status, answer.body) == (200, b"")
    shown = json.loads(operator.call({"type": "GET_QUOTA"}).body)
    assert golden.differences("master_v1_GET_QUOTA", shown) == []
    status = shown["get_quota"]["status"]
    assert status == operator.json("/quota")
    assert golden.differences("master_GET_quota", status) == []
    assert status["configs"] == [DEV]
    assert status["infos"] == [
        {
            "role": "dev",
            "guarantee": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2.0}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 512.0}},
            ],
        }
    ]


def test_protobuf_says_and_takes_the_same(operator: Any) -> None:
    call = json_codec.from_builtins(
        Call, {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [DEV]}}
    )
    headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
    assert operator.ask("POST", "/api/v1", protobuf.encode(call), headers).status == 200
    in_json = json.loads(operator.call({"type": "GET_QUOTA"}).body)
    in_protobuf = operator.call({"type": "GET_QUOTA"}, Accept=PROTOBUF).body
    decoded = protobuf.decode(MasterResponse, in_protobuf)
    assert json_codec.to_builtins(decoded) == in_json


@pytest.mark.parametrize(
    ("name", "config"),
    [
        (
            "master_v1_UPDATE_QUOTA_over_capacity",
            {"role": "big", "guarantees": {"cpus": {"value": 2000}}},
        ),
        (
            "master_v1_UPDATE_QUOTA_guarantee_gt_limit",
            {
                "role": "big",
                "guarantees": {"cpus": {"value": 2}},
                "limits": {"cpus": {"value": 1}},
            },
        ),
    ],
)
def test_updates_are_refused_as_recorded(
    operator: Any, golden: Any, name: str, config: dict[str, Any]
) -> None:
    answer = update(operator, config)
    assert answer.status == golden.rows[name]["status"]
    assert b"cpus" in answer.body


def test_the_legacy_endpoint_answers_as_recorded(operator: Any, golden: Any) -> None:
    for name, method, target, body in (
        ("master_POST_quota", "POST", "/quota", QROLE),
        ("master_POST_quota_again", "POST", "/quota", QROLE),
        ("master_POST_quota_bad", "POST", "/quota", b'{"role":'),
        ("master_DELETE_quota", "DELETE", "/quota/qrole", b""),
        ("master_DELETE_quota_again", "DELETE", "/quota/qrole", b""),
        ("empty_master_GET_quota", "GET", "/quota", b""),
    ):
        answer = operator.ask(method, target, body)
        assert answer.status == golden.rows[name]["status"], name
        assert bool(answer.body) == (name != "master_POST_quota" and name != "master_DELETE_quota")
    assert operator.json("/quota") == {}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("DELETE", "/quota", 400),
        ("DELETE", "/quota/", 400),
        ("DELETE", "/master/quota/nope", 400),
        ("DELETE", "/quota/a%2Fb", 400),
        ("DELETE", "/quota/a/b", 400),
        ("PUT", "/quota", 405),
        ("GET", "/quota/dev", 200),
    ],
)
def test_other_requests_have_their_status(
    operator: Any, method: str, target: str, status: int
) -> None:
    assert operator.ask(method, target).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'{"role": 5}',
        b'{"role": "a"}',
        b'{"role": "a", "guarantee": 5}',
        b'{"role": "a", "guarantee": [{"name": "cpus"}]}',
        b'{"role": "a", "guarantee": [%b]}' % CPUS.replace(b"1", b"1e999"),
        b'{"role": "a", "guarantee": [%b]}' % CPUS.replace(b"1", b'"NaN"'),
    ],
)
def test_what_is_no_quota_is_refused(operator: Any, cluster: Any, body: bytes) -> None:
    answer = operator.ask("POST", "/quota", body)
    assert answer.status == 400
    assert answer.body
    assert cluster.state.quotas == {}


def test_more_than_there_is_is_a_conflict_for_the_older_calls(operator: Any) -> None:
    request = json.loads(QROLE)
    request["guarantee"][0]["scalar"]["value"] = 10
    assert operator.ask("POST", "/quota", json.dumps(request).encode()).status == 409
    asked = {"type": "SET_QUOTA", "set_quota": {"quota_request": request}}
    assert operator.call(asked).status == 409
    request["force"] = True
    assert operator.call(asked).status == 200
    assert operator.call(asked).status == 400


def test_a_quota_that_is_not_there_is_removed_already(operator: Any) -> None:
    asked = {"type": "REMOVE_QUOTA", "remove_quota": {"role": "dev"}}
    assert operator.call(asked).status == 200
    update(operator, DEV)
    assert operator.call(asked).status == 200
    assert operator.json("/quota") == {}


def test_roles_and_metrics_tell_of_the_quota(operator: Any, cluster: Any, golden: Any) -> None:
    update(operator, DEV)
    scheduler = cluster.scheduler("dev").subscribe()
    scheduler.launch(scheduler.offers()[0], "t1")
    shown = operator.json("/roles")
    assert golden.differences("master_GET_roles", shown) == []
    assert {each["name"]: each["quota"] for each in shown["roles"]} == {
        "dev": {
            "role": "dev",
            "guarantee": {"cpus": 2.0, "mem": 512.0},
            "limit": {"cpus": 6.0, "mem": 6000.0},
            "consumed": {"cpus": 1.0, "mem": 64.0},
        },
        "static": {
            "role": "static",
            "guarantee": {},
            "limit": {},
            "consumed": {"cpus": 1.0, "mem": 128.0},
        },
    }
    dev = {each["name"]: each for each in shown["roles"]}["dev"]
    metrics = operator.json("/metrics/snapshot")
    prefix = "allocator/mesos/quota/roles/"
    assert {key.removeprefix(prefix): metrics[key] for key in metrics if prefix in key} == {
        "/resources/cpus/consumed": 2.0,
        "/resources/mem/consumed": 192.0,
        "dev/resources/cpus/consumed": 1.0,
        "dev/resources/cpus/guarantee": 2.0,
        "dev/resources/cpus/limit": 6.0,
        "dev/resources/cpus/offered_or_allocated": dev["resources"]["cpus"],
        "dev/resources/mem/consumed": 64.0,
        "dev/resources/mem/guarantee": 512.0,
        "dev/resources/mem/limit": 6000.0,
        "dev/resources/mem/offered_or_allocated": dev["resources"]["mem"],
        "static/resources/cpus/consumed": 1.0,
        "static/resources/mem/consumed": 128.0,
    }
