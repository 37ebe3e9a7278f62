"""Maintenance by the v1 API, step by step as it was recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tepui.codec import protobuf
from tepui.codec.media import PROTOBUF
from tepui.messages import MachineID, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window
from tepui.messages.master import Call, Response

GHOST = {"hostname": "ghost", "ip": "10.9.9.9"}
WINDOW = {
    "machine_ids": [GHOST],
    "unavailability": {
        "start": {"nanoseconds": 4_000_000_000_000_000_000},
        "duration": {"nanoseconds": 3_600_000_000_000},
    },
}


def test_maintenance_goes_as_it_was_recorded(cluster: Any, make_operator: Any, golden: Any) -> None:
    operator = make_operator(cluster)

    def call(name: str, kind: str, **body: Any) -> tuple[int, bytes]:
        answer = operator.call({"type": kind, **body})
        recorded = golden.rows[f"master_v1_{name}"]
        assert answer.status == recorded["status"]
        if answer.status == 200 and answer.body:
            assert golden.differences(f"master_v1_{name}", answer.body) == []
        return answer.status, answer.body

    call("GET_MAINTENANCE_SCHEDULE", "GET_MAINTENANCE_SCHEDULE")
    call("GET_MAINTENANCE_STATUS", "GET_MAINTENANCE_STATUS")
    schedule = {"schedule": {"windows": [WINDOW]}}
    kind = "UPDATE_MAINTENANCE_SCHEDULE"
    assert call(kind, kind, update_maintenance_schedule=schedule) == (200, b"")
    _, body = call("GET_MAINTENANCE_SCHEDULE_set", "GET_MAINTENANCE_SCHEDULE")
    assert json.loads(body)["get_maintenance_schedule"] == schedule
    call("GET_MAINTENANCE_STATUS_set", "GET_MAINTENANCE_STATUS")
    ghosts = {"machines": [GHOST]}
    strangers = {"machines": [{"hostname": "zzz", "ip": "10.1.1.1"}]}
    call("START_MAINTENANCE_unscheduled", "START_MAINTENANCE", start_maintenance=strangers)
    call("START_MAINTENANCE", "START_MAINTENANCE", start_maintenance=ghosts)
    call("STOP_MAINTENANCE", "STOP_MAINTENANCE", stop_maintenance=ghosts)
    _, message = call("STOP_MAINTENANCE_again", "STOP_MAINTENANCE", stop_maintenance=ghosts)
    assert b"ghost/10.9.9.9" in message
    call("GET_MAINTENANCE_STATUS", "GET_MAINTENANCE_STATUS")


def test_the_same_is_said_in_protobuf(cluster: Any, make_operator: Any) -> None:
    operator = make_operator(cluster)

    def call(message: Call) -> Response | None:
        body = protobuf.encode(message)
        answer = operator.ask(
            "POST", "/api/v1", body, {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
        )
        assert answer.status == 200
        return protobuf.decode(Response, answer.body) if answer.body else None

    machine = MachineID(hostname="ghost")
    window = Window(
        machine_ids=[machine], unavailability=Unavailability(start=TimeInfo(nanoseconds=1))
    )
    schedule = Schedule(windows=[window])
    update = Call.UpdateMaintenanceSchedule(schedule=schedule)
    kinds = Call.Type
    call(Call(type=kinds.UPDATE_MAINTENANCE_SCHEDULE, update_maintenance_schedule=update))
    got = call(Call(type=kinds.GET_MAINTENANCE_SCHEDULE))
    assert got is not None
    assert got.get_maintenance_schedule == Response.GetMaintenanceSchedule(schedule=schedule)
    down = Call.StartMaintenance(machines=[machine])
    assert call(Call(type=kinds.START_MAINTENANCE, start_maintenance=down)) is None
    status = call(Call(type=kinds.GET_MAINTENANCE_STATUS))
    assert status is not None
    assert status.get_maintenance_status is not None
    assert status.get_maintenance_status.status.down_machines == [machine]
    up = Call.StopMaintenance(machines=[machine])
    assert call(Call(type=kinds.STOP_MAINTENANCE, stop_maintenance=up)) is None
    assert cluster.state.machines == {}


@pytest.mark.parametrize(
    "call",
    [
        {"type": "UPDATE_MAINTENANCE_SCHEDULE"},
        {"type": "START_MAINTENANCE"},
        {"type": "STOP_MAINTENANCE"},
        {"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": {}},
        {
            "type": "UPDATE_MAINTENANCE_SCHEDULE",
            "update_maintenance_schedule": {"schedule": {"windows": [{"machine_ids": [GHOST]}]}},
        },
        {"type": "START_MAINTENANCE", "start_maintenance": {}},
        {"type": "STOP_MAINTENANCE", "stop_maintenance": {"machines": [{"hostname": 7}]}},
    ],
)
def test_what_lacks_its_payload_or_is_none_is_refused(
    cluster: Any, make_operator: Any, call: dict[str, Any]
) -> None:
    assert make_operator(cluster).call(call).status == 400
    assert cluster.state.machines == {}
