"""An answer put together from parts is the answer encoded as a whole."""

from __future__ import annotations

import pytest

from tepui.codec.assembly import assembler_for, separated
from tepui.codec.media import JSON, PROTOBUF, codec_for
from tepui.messages import AgentID, FrameworkID, Task, TaskID, TaskState
from tepui.messages.master import Event, Response


def task(name: str) -> Task:
    return Task(
        name=name,
        task_id=TaskID(value=name),
        framework_id=FrameworkID(value="f"),
        agent_id=AgentID(value="a"),
        state=TaskState.TASK_RUNNING,
    )


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("count", [0, 1, 3, 300])
def test_parts_join_to_the_encoding_of_the_whole(media_type: str, count: int) -> None:
    tasks = [task(f"t{index}" * 20) for index in range(count)]
    assembler = assembler_for(media_type)
    body = assembler.message(
        [
            assembler.members(Response.GetTasks, "tasks", [assembler.encode(t) for t in tasks]),
            assembler.members(Response.GetTasks, "unreachable_tasks", []),
            assembler.members(Response.GetTasks, "completed_tasks", []),
        ]
    )
    parts = assembler.message(
        [
            assembler.kind(Response, "type", Response.Type.GET_TASKS),
            assembler.member(Response, "get_tasks", body),
        ]
    )
    whole = Response(type=Response.Type.GET_TASKS, get_tasks=Response.GetTasks(tasks=tasks))
    assert b"".join(parts) == codec_for(media_type).encode_lists(whole)


def test_commas_stand_between_and_nowhere_else() -> None:
    assert separated([]) == []
    assert separated([b"a"]) == [b"a"]
    assert separated([b"a", b"b", b"c"]) == [b"a", b",", b"b", b",", b"c"]


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("number", [15.0, 0.25, 1e-7, 1e22])
def test_a_number_is_written_as_in_the_whole(media_type: str, number: float) -> None:
    assembler = assembler_for(media_type)
    body = assembler.message(
        [assembler.number(Event.Subscribed, "heartbeat_interval_seconds", number)]
    )
    whole = Event.Subscribed(heartbeat_interval_seconds=number)
    assert codec_for(media_type).decode(Event.Subscribed, b"".join(body)) == whole
