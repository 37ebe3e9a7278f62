"""Recorded answers of a real Mesos, and ours to the same requests: the facts agree.

One replay goes through all recorded actions against one cluster (``golden/scenario.py``); each
test holds one answer, or one of its events, to the record. What is not replayed, and where
ours may differ, stands with its reason in ``golden/table.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from golden import record
from golden.scenario import AS_SCRIPTS, OPERATOR, Replay
from golden.shapes import differences, merge, shape
from golden.table import ALLOWED, LATER, REPLAYED
from golden.wire import Answer

from tepui.codec.media import codec_for
from tepui.messages.master import Response

PROTOBUF = codec_for("application/x-protobuf")
JSON = codec_for("application/json")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("golden")]

# What a refusal says is for people: ours may say something where Mesos' body is empty.
REFUSALS = range(400, 600)


def shape_of(replay: Replay, answer: Answer) -> Any:
    try:
        value = json.loads(replay.neutral(answer.body.decode()))
    except ValueError:
        return "text" if answer.body else ""
    return shape(value) if isinstance(value, dict | list) else "text"


def shapes_of(replay: Replay, records: Iterable[Any]) -> list[Any]:
    return [
        "end" if each is None else shape(json.loads(replay.neutral(json.dumps(each))))
        for each in records
    ]


def found(name: str, recorded: Any, ours: Any) -> list[str]:
    """Return the differences as texts, but those that are allowed."""
    every = [f"{path}: {what}" for path, what in differences(recorded, ours)]
    return [each for each in every if not any(a.covers(name, each) for a in ALLOWED)]


def names_of(headers: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({name for name, _ in headers})


def test_every_recorded_exchange_is_replayed_or_left_with_a_reason() -> None:
    recorded = {*record.ROWS, *record.EVENTS}
    assert LATER.keys() - recorded == set()
    assert recorded == REPLAYED | LATER.keys()
    assert all(LATER.values())


def test_what_should_be_replayed_was(replay: Replay) -> None:
    assert set(replay.answers) == REPLAYED & record.ROWS.keys()


@pytest.mark.parametrize("name", [name for name in record.ROWS if name in REPLAYED])
def test_an_answer_has_the_status_headers_and_shape_of_the_recorded_one(
    name: str, replay: Replay
) -> None:
    row, answer = record.ROWS[name], replay.answers[name]
    assert answer.status == row["status"], answer.body
    assert names_of(answer.headers) == row["headers"]
    for header, value in row["values"].items():
        assert answer.header(header) == value
    if "records" in row:
        assert found(name, row["records"], shapes_of(replay, answer.records)) == []
        assert len(answer.records) == len(row["records"])
    elif answer.status not in REFUSALS:
        assert found(name, row["shape"], shape_of(replay, answer)) == []


@pytest.mark.parametrize("task_id", record.TASKS)
def test_a_task_is_told_of_by_the_same_updates_in_the_same_order(
    task_id: str, replay: Replay
) -> None:
    about = {"value": task_id}
    ours = shapes_of(
        replay,
        [
            event
            for event in replay.events
            if event.get("update", {}).get("status", {}).get("task_id") == about
        ],
    )
    recorded = record.updates(task_id)
    states = [each["update"]["status"]["state"] for each in recorded]
    assert [each["update"]["status"]["state"] for each in ours] == states
    for there, here in zip(recorded, ours, strict=True):
        assert found("scheduler_session", there, here) == []


@pytest.mark.parametrize(
    "kind", ["SUBSCRIBED", "HEARTBEAT", "OFFERS", "MESSAGE", "FAILURE", "ERROR"]
)
def test_events_have_the_recorded_shape(kind: str, replay: Replay) -> None:
    recorded: Any = None
    for step in record.SCHEDULER["steps"]:
        if step[0] == "event" and step[2] != "end" and step[2]["type"] == kind:
            recorded = merge(recorded, step[2])
    ours = shapes_of(replay, [event for event in replay.events if event["type"] == kind])
    assert ours
    for each in ours:
        assert found("scheduler_session", recorded, each) == []


@pytest.mark.parametrize(
    "kind",
    [
        "SUBSCRIBED",
        "HEARTBEAT",
        "FRAMEWORK_ADDED",
        "FRAMEWORK_UPDATED",
        "FRAMEWORK_REMOVED",
        "TASK_ADDED",
        "TASK_UPDATED",
    ],
)
def test_events_for_operators_have_the_recorded_shape(kind: str, replay: Replay) -> None:
    recorded: Any = None
    for each in record.OPERATOR_EVENTS:
        if each["type"] == kind:
            recorded = merge(recorded, each)
    ours = shapes_of(replay, [each for each in replay.operator_events if each["type"] == kind])
    assert ours
    for each in ours:
        assert found(OPERATOR, recorded, each) == []


def test_an_operator_hears_of_the_same_changes(replay: Replay) -> None:
    def heard(events: Iterable[Any]) -> Counter[str]:
        # Heartbeats come with time; quick states of a task may be skipped, as here so there.
        by_chance = ("HEARTBEAT", "TASK_UPDATED")
        return Counter(each["type"] for each in events if each["type"] not in by_chance)

    assert heard(replay.operator_events) == heard(record.OPERATOR_EVENTS)


@pytest.mark.parametrize("name", [name for name in record.EVENTS if name in REPLAYED])
def test_an_event_kept_by_name_is_among_ours(name: str, replay: Replay) -> None:
    ours = shapes_of(replay, replay.events)
    assert any(found(name, record.EVENTS[name], each) == [] for each in ours)


def test_a_stream_on_a_raw_socket_begins_as_the_recorded_one(replay: Replay) -> None:
    answer, recorded = replay.raw_socket, record.RAW_SOCKET
    assert answer.status == recorded["status"]
    assert names_of(answer.headers) == recorded["headers"]
    ours = shapes_of(replay, answer.records)
    for there, here in zip(recorded["records"], ours, strict=True):
        assert found("scheduler_session", there, here) == []


def test_an_executor_finds_sees_and_is_told_what_the_recorded_one_was(replay: Replay) -> None:
    recorded, ours = record.EXECUTOR, replay.executor
    assert set(recorded["environment"]) <= set(ours["environment"])
    subscribe = recorded["subscribe"]
    assert ours["subscribe"]["status"] == subscribe["status"]
    assert names_of(ours["subscribe"]["headers"]) == subscribe["headers"]
    for there, here in zip(recorded["calls"], ours["calls"], strict=True):
        assert (here["type"], here["status"]) == (there["type"], there["status"])
        assert names_of(here["headers"]) == there["headers"]
    records = shapes_of(replay, ours["records"])
    for there, here in zip(recorded["records"], records, strict=True):
        assert found("executor_v1_session", there, here) == []


@pytest.mark.parametrize("name", [n for n in record.ROWS if n in REPLAYED and "_v1_pb_" in n])
def test_an_answer_in_protobuf_says_what_the_one_in_json_does(name: str, replay: Replay) -> None:
    in_json = name.replace("_v1_pb_", "_v1_")
    message = PROTOBUF.decode(Response, replay.answers[name].body)
    ours = Answer(200, [], JSON.encode_lists(message))
    differing = found(in_json, record.ROWS[in_json]["shape"], shape_of(replay, ours))
    # Mesos writes that one from its older message; version 1 has no such field.
    assert [each for each in differing if ".agent_info.checkpoint: " not in each] == []


@pytest.mark.parametrize("name", ["master_alias_GET_state_jsonp_cb", "agent_GET_files_read_jsonp"])
def test_jsonp_calls_the_function_asked_for(name: str, replay: Replay) -> None:
    text = replay.answers[name].body.decode()
    assert text.startswith("cb({")
    assert text.endswith("})")


@pytest.mark.parametrize("name", AS_SCRIPTS)
def test_each_json_answer_comes_as_a_script_for_whoever_asks(name: str, replay: Replay) -> None:
    answer = replay.scripts[name]
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/javascript"
    assert answer.body.startswith(b"cb(")
    assert answer.body.endswith(b")")
    body = Answer(200, [], answer.body.removeprefix(b"cb(")[:-1])
    assert found(name, record.ROWS[name]["shape"], shape_of(replay, body)) == []


def test_every_allowance_is_still_needed(replay: Replay) -> None:
    seen = [
        (name, f"{path}: {what}")
        for name, answer in replay.answers.items()
        if "shape" in record.ROWS[name]
        for path, what in differences(record.ROWS[name]["shape"], shape_of(replay, answer))
    ]
    stale = [
        allowance.reason
        for allowance in ALLOWED
        if not allowance.is_by_chance and not any(allowance.covers(*each) for each in seen)
    ]
    assert stale == []
