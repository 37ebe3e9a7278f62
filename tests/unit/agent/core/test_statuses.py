"""What an exit says about a task."""

from __future__ import annotations

import pytest

from tepui.agent.core.model import Kill
from tepui.agent.core.statuses import container_id_of, describe_exit, outcome
from tepui.messages import TaskState, TaskStatus

Reason = TaskStatus.Reason
KILLED = Kill(state=TaskState.TASK_KILLED)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "it exited with status 0"),
        (7 << 8, "it exited with status 7"),
        (15, "it was terminated by SIGTERM"),
        (9 | 0x80, "it was terminated by SIGKILL"),
        (40, "it was terminated by signal 40"),
    ],
)
def test_wait_statuses_are_put_into_words(status: int, words: str) -> None:
    assert describe_exit("it", status) == words


@pytest.mark.parametrize(
    ("status", "kill", "state"),
    [
        (0, None, "TASK_FINISHED"),
        (1 << 8, None, "TASK_FAILED"),
        (None, None, "TASK_FAILED"),
        (0, KILLED, "TASK_FINISHED"),
        (15, KILLED, "TASK_KILLED"),
        (None, KILLED, "TASK_KILLED"),
    ],
)
def test_the_outcome_follows_from_exit_and_kill(
    status: int | None, kill: Kill | None, state: str
) -> None:
    assert outcome(status, kill).state.value == state


def test_a_kill_with_a_reason_decides_even_a_good_end() -> None:
    kill = Kill(state=TaskState.TASK_FAILED, reason=Reason.REASON_MAX_COMPLETION_TIME_REACHED)
    assert outcome(0, kill).state is TaskState.TASK_FAILED


def test_nested_ids_have_parents() -> None:
    nested = container_id_of("a.b.c")
    assert nested.value == "c"
    assert nested.parent is not None
    assert nested.parent.value == "b"
    assert nested.parent.parent is not None
    assert nested.parent.parent.value == "a"
