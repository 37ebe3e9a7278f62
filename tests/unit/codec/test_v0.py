"""The names of version 0, row by row of the table that tells them apart."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest

from tepui.codec import v0
from tepui.codec.errors import DecodeError
from tepui.messages import (
    Address,
    AgentID,
    AgentInfo,
    FrameworkID,
    MasterInfo,
    Offer,
    OfferID,
    Resource,
    TaskID,
    TaskState,
    TaskStatus,
    Value,
    executor,
    master,
    quota,
    registry,
    scheduler,
)
from tepui.messages.well_known import Duration

TABLE: dict[str, Any] = json.loads(
    Path(__file__, "../../../data/mesos/api-v0-differences.json").resolve().read_text()
)
ROWS: list[dict[str, Any]] = TABLE["rows"]
A = AgentID(value="a")


def test_every_renamed_field_is_renamed_and_no_other() -> None:
    renamed = {
        (row["v1"], row["field_v1"][1]): row["field_v0"][1]
        for row in ROWS
        if row["kind"] == "field_name"
    }
    ours = {
        (registry.full_name(cls), field.name): v0.field_name(cls, field.name)
        for cls in registry.all_messages()
        for field in registry.fields_of(cls)
        if v0.field_name(cls, field.name) != field.name
    }
    assert ours == renamed


def test_every_renamed_enum_value_is_renamed_and_no_other() -> None:
    renamed = {
        (row["v1"], row["value_v1"][0]): row["value_v0"][0]
        for row in ROWS
        if row["kind"] == "enum_value_differs"
    }
    ours = {
        (registry.full_name(cls), member.name): v0.enum_name(member)
        for cls in registry.all_enums()
        for member in cls
        if v0.enum_name(member) != member.name
    }
    assert ours == renamed


def test_no_kind_of_difference_is_left_out() -> None:
    handled = {"field_name", "enum_value_differs", "field_type", "field_only_v0", "field_extra"}
    # Numbers matter to protobuf only, which nobody speaks in version 0 any more.
    assert {row["kind"] for row in ROWS} == handled | {"field_number"}


def test_agents_are_called_slaves() -> None:
    status = TaskStatus(
        task_id=TaskID(value="t"),
        state=TaskState.TASK_LOST,
        source=TaskStatus.Source.SOURCE_AGENT,
        reason=TaskStatus.Reason.REASON_AGENT_REMOVED,
        agent_id=A,
    )
    update = executor.Call.Update(status=status)
    assert v0.to_builtins(update) == {
        "status": {
            "task_id": {"value": "t"},
            "state": "TASK_LOST",
            "source": "SOURCE_SLAVE",
            "reason": "REASON_SLAVE_REMOVED",
            "slave_id": {"value": "a"},
        }
    }
    assert v0.from_builtins(executor.Call.Update, v0.to_builtins(update)) == update


def test_messages_in_lists_are_renamed_too() -> None:
    offer = Offer(
        id=OfferID(value="o"), framework_id=FrameworkID(value="f"), agent_id=A, hostname="h"
    )
    offers = scheduler.Event.Offers(offers=[offer, offer])
    written = v0.to_builtins(offers)
    assert [item["slave_id"] for item in written["offers"]] == [{"value": "a"}] * 2
    assert v0.from_builtins(type(offers), written) == offers


def test_defaults_that_only_version_0_declares_are_written() -> None:
    assert v0.to_builtins(AgentInfo(hostname="h")) == {
        "hostname": "h",
        "port": 5051,
        "checkpoint": False,
    }
    assert v0.to_builtins(quota.QuotaRequest())["force"] is False
    assert v0.to_builtins(quota.QuotaRequest(force=True))["force"] is True


def test_a_duration_is_counted_in_nanoseconds() -> None:
    for duration, nanoseconds in (
        (Duration(seconds=90, nanos=7), 90_000_000_007),
        (Duration(seconds=-1, nanos=-500_000_000), -1_500_000_000),
    ):
        drain = master.Call.DrainAgent(agent_id=A, max_grace_period=duration)
        assert v0.to_builtins(drain) == {
            "slave_id": {"value": "a"},
            "max_grace_period": {"nanoseconds": nanoseconds},
            "mark_gone": False,
        }
        assert v0.from_builtins(master.Call.DrainAgent, v0.to_builtins(drain)) == drain
    with pytest.raises(DecodeError, match="expected an object with nanoseconds"):
        v0.from_builtins(
            master.Call.DrainAgent,
            {"slave_id": {"value": "a"}, "max_grace_period": {"seconds": 1}},
        )


def test_version_1_names_mean_nothing_in_version_0() -> None:
    with pytest.raises(DecodeError, match="agent_id: is required"):
        v0.from_builtins(Offer, {"id": {"value": "o"}, "agent_id": {"value": "a"},
                                 "framework_id": {"value": "f"}, "hostname": "h"})  # fmt: skip
    status = {
        "task_id": {"value": "t"},
        "state": "TASK_LOST",
        "reason": "REASON_AGENT_REMOVED",
    }
    assert v0.from_builtins(TaskStatus, status).reason is None


def test_resources_are_the_same_in_both() -> None:
    written = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "role": "*"}
    resource = v0.from_builtins(Resource, written)
    assert resource == Resource(
        name="cpus", type=Value.Type.SCALAR, scalar=Value.Scalar(value=1.0), role="*"
    )
    assert v0.to_builtins(resource) == written


def test_the_leader_in_zookeeper_is_told_in_version_0() -> None:
    info = MasterInfo(
        id="m", ip=16777343, port=5050, pid="master@127.0.0.1:5050", hostname="localhost",
        version="1.11.0", address=Address(hostname="localhost", ip="127.0.0.1", port=5050),
        capabilities=[MasterInfo.Capability(type=MasterInfo.Capability.Type.AGENT_UPDATE)],
    )  # fmt: skip
    assert v0.to_builtins(info) == {
        "id": "m",
        "ip": 16777343,
        "port": 5050,
        "pid": "master@127.0.0.1:5050",
        "hostname": "localhost",
        "version": "1.11.0",
        "address": {"hostname": "localhost", "ip": "127.0.0.1", "port": 5050},
        "capabilities": [{"type": "AGENT_UPDATE"}],
    }
    assert v0.from_builtins(MasterInfo, v0.to_builtins(info)) == info


def test_the_examples_hold() -> None:
    assert doctest.testmod(v0).failed == 0
