"""Frames: what goes in comes out, in order, bounded, and nothing else gets in."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.link import frames
from tepui.link.frames import FrameError, choose_version, encode_frames
from tepui.link.messages import (
    ChannelClosed,
    ExecutorMessage,
    KillTask,
    LinkMessage,
    Ping,
    Pong,
    Register,
    Reregistered,
    RunTask,
    TaskReference,
    UpdateStatus,
)
from tepui.messages import (
    AgentID,
    AgentInfo,
    CommandInfo,
    FrameworkInfo,
    Resource,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    Value,
)

TASK = TaskInfo(
    name="t",
    task_id=TaskID(value="t1"),
    agent_id=AgentID(value="a"),
    command=CommandInfo(value="true"),
    resources=[Resource(name="cpus", type=Value.Type.SCALAR, scalar=Value.Scalar(value=0.1))],
)
STATUS = TaskStatus(task_id=TaskID(value="t1"), state=TaskState.TASK_RUNNING, uuid=bytes(16))

TO_MASTER: list[tuple[int, LinkMessage]] = [
    (1, Register(agent_info=AgentInfo(hostname="h"), version="1.11.0", capabilities=["X"])),
    (2, UpdateStatus(framework_id="f", status=STATUS, latest_state=TaskState.TASK_FINISHED)),
    (1, Pong()),
    (3, ExecutorMessage(framework_id="f", executor_id="e", data=b"\x00\xff")),
    (4, ChannelClosed(reason="stopping")),
]
TO_AGENT: list[tuple[int, LinkMessage]] = [
    (1, RunTask(framework=FrameworkInfo(user="u", name="n"), task=TASK, launch_executor=True)),
    (1, KillTask(framework_id="f", task_id="t")),
    (2, Ping()),
    (
        9,
        Reregistered(
            agent_id="a",
            ping_timeout_seconds=75.0,
            tasks=[TaskReference(framework_id="f", task_id="t")],
        ),
    ),
]


def test_what_agents_say_arrives_in_order() -> None:
    (frame,) = encode_frames(TO_MASTER)
    assert frames.to_master_decoder().decode(frame) == TO_MASTER


def test_what_the_master_says_arrives_in_order() -> None:
    (frame,) = encode_frames(TO_AGENT)
    assert frames.to_agent_decoder().decode(frame) == TO_AGENT


def test_one_direction_does_not_understand_the_other() -> None:
    (frame,) = encode_frames(TO_AGENT)
    with pytest.raises(FrameError):
        frames.to_master_decoder().decode(frame)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 65535, 65536])
def test_a_frame_holds_any_number_of_messages(count: int) -> None:
    pairs: list[tuple[int, LinkMessage]] = [(n, Pong()) for n in range(count)]
    decoder = frames.to_master_decoder()
    arrived = [pair for frame in encode_frames(pairs) for pair in decoder.decode(frame)]
    assert arrived == pairs


def test_large_batches_are_split_near_the_target() -> None:
    data = bytes(300_000)
    pairs: list[tuple[int, LinkMessage]] = [
        (n, ExecutorMessage(framework_id="f", executor_id="e", data=data)) for n in range(10)
    ]
    made = list(encode_frames(pairs))
    assert [len(frames.to_master_decoder().decode(frame)) for frame in made] == [3, 3, 3, 1]
    assert max(map(len, made)) <= frames.FRAME_BYTES_TARGET


def test_a_message_above_the_bound_is_refused_by_name() -> None:
    data = bytes(frames.FRAME_BYTES_MAX)
    message = ExecutorMessage(framework_id="f", executor_id="e", data=data)
    with pytest.raises(FrameError, match=r"ExecutorMessage of 50331\d+ bytes"):
        list(encode_frames([(1, message)]))


@pytest.mark.parametrize("channel", [-1, 2**32])
def test_a_channel_out_of_bounds_is_refused(channel: int) -> None:
    frame = msgspec.msgpack.encode([(channel, Pong())])
    with pytest.raises(FrameError, match=str(channel)):
        frames.to_master_decoder().decode(frame)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_decoders(garbage: bytes) -> None:
    for decode in (frames.to_master_decoder().decode, frames.to_agent_decoder().decode):
        try:
            decode(garbage)
        except FrameError:
            continue


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(FrameError):
        frames.to_master_decoder().decode(b"\x91" * 100_000)


def test_text_that_is_no_text_is_refused() -> None:
    right = msgspec.msgpack.encode([(1, ChannelClosed(reason="why"))])
    with pytest.raises(FrameError):
        frames.to_master_decoder().decode(right.replace(b"why", b"w\xffy"))


def test_a_newer_neighbour_may_send_more_fields_than_we_know() -> None:
    frame = msgspec.msgpack.encode([[1, ["closed", "stopping", "a field of the future"]]])
    assert frames.to_master_decoder().decode(frame) == [(1, ChannelClosed(reason="stopping"))]


@pytest.mark.parametrize(
    ("offered", "low", "high", "chosen"),
    [("1,1", 1, 1, 1), ("1,5", 2, 4, 4), ("3,9", 1, 3, 3), ("1,2", 1, 9, 2)],
)
def test_the_newest_common_version_is_chosen(
    offered: str, low: int, high: int, chosen: int
) -> None:
    assert choose_version(offered, low, high) == chosen


@pytest.mark.parametrize("offered", ["2,3", "", "1", "a,b", "1,2,3"])
def test_versions_that_do_not_meet_are_refused(offered: str) -> None:
    with pytest.raises(FrameError, match="versions"):
        choose_version(offered, 1, 1)


def test_a_frame_of_more_messages_than_any_sender_makes_is_refused_unread() -> None:
    """The smallest messages take a hundred times their bytes once they are decoded."""
    count = frames.FRAME_MESSAGES_MAX + 1
    frame = b"\xdd" + count.to_bytes(4, "big")
    with pytest.raises(FrameError, match=f"of {count} messages"):
        frames.to_master_decoder().decode(frame)


def test_the_smallest_messages_fill_a_frame_that_is_read() -> None:
    pairs = [(1, Pong())] * frames.FRAME_MESSAGES_MAX
    decoder = frames.to_master_decoder()
    sizes = [len(decoder.decode(frame)) for frame in encode_frames(pairs)]
    assert sum(sizes) == len(pairs)
    assert len(sizes) > 1
