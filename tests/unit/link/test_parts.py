"""A re-registration that is cut is the same when it is put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.link import frames, parts
from tepui.link.frames import encode_frames, to_master_decoder
from tepui.link.messages import ExecutorState, FrameworkState, Reregister, ReregisterPart
from tepui.messages import (
    AgentID,
    AgentInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Label,
    Labels,
    Task,
    TaskID,
    TaskState,
)


def task(framework_id: str, name: str, size: int) -> Task:
    return Task(
        name=name,
        task_id=TaskID(value=name),
        framework_id=FrameworkID(value=framework_id),
        agent_id=AgentID(value="a"),
        state=TaskState.TASK_RUNNING,
        labels=Labels(labels=[Label(key="k", value="x" * size)]),
    )


def framework(framework_id: str, executors: list[list[int]]) -> FrameworkState:
    """Return a framework with tasks of these sizes."""
    return FrameworkState(
        framework_info=FrameworkInfo(user="u", name="n", id=FrameworkID(value=framework_id)),
        executors=[
            ExecutorState(
                executor_info=ExecutorInfo(executor_id=ExecutorID(value=f"e{index}"), data=b"d"),
                tasks=[
                    task(framework_id, f"t{index}-{number}", size)
                    for number, size in enumerate(sizes)
                ],
                built_in=index % 2 == 1,
            )
            for index, sizes in enumerate(executors)
        ],
    )


def reregister(*states: FrameworkState) -> Reregister:
    info = AgentInfo(hostname="h", id=AgentID(value="a"))
    return Reregister(agent_info=info, version="1.11.0", frameworks=list(states))


def told(pieces: list[Reregister | ReregisterPart]) -> Reregister:
    """Return what a master makes of pieces that come over the link."""
    decoder = to_master_decoder()
    heard = [
        message
        for frame in encode_frames((1, piece) for piece in pieces)
        for _, message in decoder.decode(frame)
    ]
    *before, last = heard
    assert isinstance(last, Reregister)
    assert last.parts == len(before)
    assert [each.index for each in before] == list(range(len(before)))  # type: ignore[union-attr]
    return parts.join(before, last)  # type: ignore[arg-type]


def test_what_is_small_is_told_at_once() -> None:
    message = reregister(framework("f", [[10], [10, 20]]))
    assert list(parts.cut(message)) == [message]


@pytest.mark.slow
@given(
    st.lists(st.lists(st.lists(st.integers(0, 900), max_size=5), max_size=4), max_size=4),
)
def test_what_is_cut_and_joined_is_what_it_was(sizes: list[list[list[int]]]) -> None:
    message = reregister(*(framework(f"f{index}", each) for index, each in enumerate(sizes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES_TARGET", 1000)
        assert told(list(parts.cut(message))) == message


@pytest.mark.slow
def test_a_state_of_more_than_a_hundred_megabytes_comes_in_frames_that_are_let_in() -> None:
    megabyte = 1024 * 1024
    message = reregister(
        framework("f1", [[megabyte] * 60]), framework("f2", [[7 * megabyte] * 2, [100] * 50]),
        framework("f3", [[megabyte // 2] * 80]),
    )  # fmt: skip
    largest = 0
    joined: list[Reregister | ReregisterPart] = []
    decoder = to_master_decoder()
    for piece in parts.cut(message):
        for frame in encode_frames([(1, piece)]):
            largest = max(largest, len(frame))
            joined += [each for _, each in decoder.decode(frame)]  # type: ignore[misc]
    assert largest < frames.FRAME_BYTES_MAX / 4
    assert len(joined) > 25
    *before, last = joined
    assert isinstance(last, Reregister)
    assert parts.join(before, last) == message  # type: ignore[arg-type]
