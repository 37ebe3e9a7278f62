from __future__ import annotations

from tepui.containers.protocol import argv_of, executable_of
from tepui.messages import CommandInfo


def test_a_shell_command_is_one_line_for_the_shell() -> None:
    command = CommandInfo(value="echo $HOME | cat", arguments=["ignored"])
    assert argv_of(command) == ["/bin/sh", "-c", "echo $HOME | cat"]
    assert executable_of(command) is None


def test_without_the_shell_the_value_is_run_under_the_given_arguments() -> None:
    command = CommandInfo(shell=False, value="/bin/echo", arguments=["my-echo", "a b"])
    assert argv_of(command) == ["my-echo", "a b"]
    assert executable_of(command) == "/bin/echo"


def test_a_value_without_arguments_is_its_own_first_argument() -> None:
    assert argv_of(CommandInfo(shell=False, value="/bin/true")) == ["/bin/true"]
