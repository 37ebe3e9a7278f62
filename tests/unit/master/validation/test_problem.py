"""Problems name what is wrong, and stay short."""

from __future__ import annotations

from tepui.master.validation.problem import problem, shorten, within


def test_the_message_names_the_field_and_the_value() -> None:
    found = problem("task.id", "task_id", "a/b", "contains '/'")
    assert found.message == "task_id 'a/b' contains '/'"
    assert problem("x", "command", None, "is missing").message == "command is missing"


def test_a_long_value_is_cut() -> None:
    assert len(shorten("x" * 10_000)) == 120


def test_the_innermost_rule_is_kept_as_the_cause() -> None:
    inner = problem("check.tcp", "tcp", None, "is missing", status=403)
    middle = within("task.check", "check", inner)
    outer = within("group.task", "task_group.tasks[0]", middle)
    assert (outer.rule, outer.cause, outer.status) == ("group.task", "check.tcp", 403)
    assert outer.field == "task_group.tasks[0].check.tcp"
    assert outer.message == "task_group.tasks[0]: check: tcp is missing"
