"""What ``tepui run`` shows of one task and of several."""

from __future__ import annotations

import pytest

from tepui.cli.display import LINE_BYTES_MAX, Display
from tepui.messages import AgentID, TaskID, TaskState, TaskStatus
from tepui.sdk import TaskChange


def change(name: str, state: TaskState, *, last: bool = False, message: str = "") -> TaskChange:
    task_id = TaskID(value=name)
    return TaskChange(
        name=name,
        attempt=1,
        task_id=task_id,
        agent_id=AgentID(value="a"),
        hostname="host",
        agent_url=None,
        state=state,
        status=TaskStatus(task_id=task_id, state=state, message=message),
        is_last=last,
    )


def test_the_output_of_one_task_is_passed_on_as_it_is(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with Display(1, quiet=False) as display:
        display.show_change(change("t", TaskState.TASK_RUNNING))
        display.write("t", "stdout", b"\xff no end of line")
        display.write("t", "stderr", b"oh\n")
        display.show_change(change("t", TaskState.TASK_FINISHED, last=True))
    out, err = capfdbinary.readouterr()
    assert out == b"\xff no end of line"
    assert err == b"tepui: t is running on host\noh\n"


def test_the_output_of_several_is_told_apart_line_by_line(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with Display(2, quiet=True) as display:
        display.write("a", "stdout", b"one\ntw")
        display.write("b", "stdout", b"other\n")
        display.write("a", "stdout", b"o\nthree")
    out, _ = capfdbinary.readouterr()
    assert out == b"[a] one\n[b] other\n[a] two\n[a] three\n"


def test_a_line_without_end_is_not_kept_for_ever(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with Display(2, quiet=True) as display:
        display.write("a", "stdout", b"x" * (LINE_BYTES_MAX + 1))
        assert capfdbinary.readouterr().out == b"[a] " + b"x" * (LINE_BYTES_MAX + 1) + b"\n"
        display.write("a", "stdout", b"y\n")
    assert capfdbinary.readouterr().out == b"[a] y\n"


def test_ends_are_told_with_their_reasons(capfd: pytest.CaptureFixture[str]) -> None:
    with Display(2, quiet=False) as display:
        lost, failed = TaskState.TASK_LOST, TaskState.TASK_FAILED
        display.show_change(change("a", lost, message="agent gone"))
        display.show_change(change("a", TaskState.TASK_FINISHED, last=True))
        display.show_change(change("b", failed, last=True, message="exited with status 3"))
    assert capfd.readouterr().err.splitlines() == [
        "tepui: a is TASK_LOST: agent gone",
        "tepui: a finished (1 of 2)",
        "tepui: b ended as TASK_FAILED: exited with status 3",
    ]


def test_quiet_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    with Display(1, quiet=True) as display:
        display.say("waiting")
        failed = TaskState.TASK_FAILED
        display.show_change(change("t", failed, last=True, message="exited with status 3"))
        display.show_change(change("u", TaskState.TASK_FINISHED, last=True))
    assert capfd.readouterr().err == ""


def test_quiet_says_why_a_task_did_not_run(capfd: pytest.CaptureFixture[str]) -> None:
    """It has written nothing, and its exit code would tell nothing either."""
    with Display(1, quiet=True) as display:
        display.show_change(
            change("t", TaskState.TASK_FAILED, last=True, message="no such program")
        )
    assert capfd.readouterr().err == "tepui: t ended as TASK_FAILED: no such program\n"
