"""Command tasks, and the exit codes that agents tell in words."""

from __future__ import annotations

import pytest

from tepui.messages import CommandInfo, TaskID, TaskState, TaskStatus
from tepui.sdk.jobs import command_task, exit_code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Command exited with status 3", 3),
        ("Command terminated with signal Killed", 137),
        ("the command was ended by signal 15", 143),
        ("ended by SIGTERM", 143),
        ("signal Nonsense", 128),
        ("the image could not be fetched", 1),
        (None, 1),
    ],
)
def test_the_exit_code_is_read_from_the_message(message: str | None, code: int) -> None:
    failed = TaskState.TASK_FAILED
    assert exit_code(TaskStatus(task_id=TaskID(value="t"), state=failed, message=message)) == code


def test_a_finished_task_exits_with_0_and_an_unknown_end_with_1() -> None:
    done = TaskState.TASK_FINISHED
    assert exit_code(TaskStatus(task_id=TaskID(value="t"), state=done, message="x")) == 0
    assert exit_code(None) == 1
    assert exit_code(None, otherwise=125) == 125


def test_a_line_goes_to_the_shell_and_a_list_does_not() -> None:
    line = command_task("t", "echo $HOME", environment={"A": "b"}).command
    assert line is not None
    assert (line.shell, line.value, line.arguments) == (True, "echo $HOME", [])
    assert line.environment is not None
    assert line.environment.variables[0].name == "A"
    program = command_task("t", ["/bin/ls", "-l"], uris=["http://h/f"]).command
    assert program is not None
    assert (program.shell, program.value) == (False, "/bin/ls")
    assert program.arguments == ["/bin/ls", "-l"]
    assert program.uris == [CommandInfo.URI(value="http://h/f")]
