"""Maintenance by the older endpoints, step by step as it was recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tepui.link.messages import Shutdown

GHOST = {"hostname": "ghost", "ip": "10.9.9.9"}
WINDOW = {
    "machine_ids": [GHOST],
    "unavailability": {
        "start": {"nanoseconds": 4_000_000_000_000_000_000},
        "duration": {"nanoseconds": 3_600_000_000_000},
    },
}


def post(operator: Any, path: str, body: object) -> Any:
    return operator.ask("POST", path, json.dumps(body).encode())


def test_maintenance_goes_as_it_was_recorded(cluster: Any, make_operator: Any, golden: Any) -> None:
    operator = make_operator(cluster)
    for name in ("schedule", "status"):
        assert operator.json(f"/maintenance/{name}") == {}
    answer = post(operator, "/maintenance/schedule", {"windows": [WINDOW]})
    assert (answer.status, answer.body) == (200, b"")
    schedule = operator.json("/maintenance/schedule")
    assert golden.differences("master_maint_GET_maintenance_schedule", schedule) == []
    assert schedule == {"windows": [WINDOW]}
    status = operator.json("/master/maintenance/status")
    assert golden.differences("master_maint_GET_maintenance_status", status) == []
    assert status == {"draining_machines": [{"id": GHOST}]}
    assert post(operator, "/machine/down", [GHOST]).status == 200
    status = operator.json("/maintenance/status")
    assert golden.differences("master_maint_down_GET_maintenance_status", status) == []
    assert status == {"down_machines": [GHOST]}
    assert post(operator, "/maintenance/schedule", {"windows": []}).status == 400
    assert post(operator, "/machine/up", [GHOST]).status == 200
    assert post(operator, "/maintenance/schedule", {"windows": []}).status == 200
    assert operator.json("/maintenance/schedule") == {}
    assert operator.json("/maintenance/status") == {}


def test_the_answers_of_frameworks_are_shown(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    scheduler.launch(scheduler.offers()[0], "t")
    machine = {"hostname": "host-5051", "ip": "10.0.0.51"}
    post(operator, "/maintenance/schedule", {"windows": [{**WINDOW, "machine_ids": [machine]}]})
    cluster.allocate()
    [event] = scheduler.take("INVERSE_OFFERS")
    [inverse_offer] = event["inverse_offers"]["inverse_offers"]
    shown = operator.call({"type": "GET_FRAMEWORKS"})
    [framework] = json.loads(shown.body)["get_frameworks"]["frameworks"]
    assert framework["inverse_offers"] == [inverse_offer]
    ids = {"inverse_offer_ids": [inverse_offer["id"]]}
    assert scheduler.call("DECLINE_INVERSE_OFFERS", ids) == 202
    [draining] = operator.json("/maintenance/status")["draining_machines"]
    assert draining == {
        "id": machine,
        "statuses": [
            {
                "status": "DECLINE",
                "framework_id": {"value": scheduler.framework_id},
                "timestamp": {"nanoseconds": int(cluster.now.wall * 1e9)},
            }
        ],
    }
    assert post(operator, "/machine/down", [machine]).status == 200
    assert len(agent.take(Shutdown)) == 1
    assert operator.json("/maintenance/status") == {"down_machines": [machine]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("maintenance/schedule", b""),
        ("maintenance/schedule", b"[]"),
        ("maintenance/schedule", b'{"windows":[{}]}'),
        ("maintenance/schedule", b'{"windows":[{"machine_ids":[]}]}'),
        ("maintenance/schedule", b"{" * 100_000),
        ("maintenance/schedule", b"\xff"),
        ("machine/down", b""),
        ("machine/down", b"{}"),
        ("machine/down", b"[]"),
        ("machine/down", b"[1]"),
        ("machine/down", b'[{"hostname": 1}]'),
        ("machine/up", b'[{"hostname": "a"}, null]'),
        ("machine/up", b"[" * 100_000),
        ("machine/up", b'[{"hostname": "\xff"}]'),
    ],
)
def test_what_is_no_schedule_and_no_list_of_machines_is_refused(
    cluster: Any, make_operator: Any, path: str, body: bytes
) -> None:
    answer = make_operator(cluster).ask("POST", f"/{path}", body)
    assert answer.status == 400
    assert 0 < len(answer.body) < 1000
    assert cluster.records == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/maintenance/schedule"),
        ("POST", "/maintenance/status"),
        ("GET", "/machine/down"),
        ("PUT", "/machine/up"),
    ],
)
def test_other_methods_are_refused(
    cluster: Any, make_operator: Any, method: str, path: str
) -> None:
    assert make_operator(cluster).ask(method, path).status == 405


def test_a_page_may_ask_for_the_schedule_as_a_script(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)
    for name in ("schedule", "status"):
        answer = operator.get(f"/maintenance/{name}?jsonp=cb")
        assert (answer.content_type, answer.body) == ("text/javascript", b"cb({})")
