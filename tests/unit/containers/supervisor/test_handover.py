"""How a supervisor is called by another release, older or newer."""

from __future__ import annotations

import pytest

from tepui.containers.supervisor.handover import (
    HandoverFailed,
    Successor,
    become,
    options_from,
    successor_from,
    try_out,
)
from tepui.containers.supervisor.launches import BadRequest

SUCCESSOR = Successor("/usr/bin/python3", "/opt/__main__.py", "c0de", "/run/tepui")


def test_a_start_says_little() -> None:
    options = options_from(["/state", "900.0", "3"])
    assert options.socket_directory == "/state"
    assert (options.ready, options.is_check, options.is_handed_over) == (3, False, False)


def test_the_command_of_a_handover_never_changes() -> None:
    command = SUCCESSOR.command("/state", 30.0, "lock=5", "listener=6")
    assert command == [
        *("/usr/bin/python3", "-I", "-S", "/opt/__main__.py", "/state", "30.0", "-1"),
        *("code=c0de", "socket=/run/tepui", "lock=5", "listener=6"),
    ]
    options = options_from(command[4:])
    assert options.is_handed_over
    assert (options.lock, options.listener, options.ready) == (5, 6, -1)
    assert (options.code, options.socket_directory) == ("c0de", "/run/tepui")


def test_words_of_another_release_are_passed_over() -> None:
    options = options_from(["/state", "1", "-1", "check", "colour=blue", "loud"])
    assert options.is_check


@pytest.mark.parametrize("missing", ["executable", "script", "code", "socket_directory"])
def test_a_request_names_all_of_it(missing: str) -> None:
    request = {**SUCCESSOR._asdict(), missing: 7}
    with pytest.raises(BadRequest, match=f"{missing} is 7"):
        successor_from(request)


def test_what_cannot_be_run_changes_nothing() -> None:
    nowhere = SUCCESSOR._replace(executable="/nowhere/python")
    with pytest.raises(HandoverFailed, match="does not start"):
        try_out(nowhere, "/state")
    with pytest.raises(HandoverFailed, match="cannot be run"):
        become(nowhere, "/state", 1.0, -1, -1)
    with pytest.raises(HandoverFailed, match="ended with 1"):
        try_out(SUCCESSOR._replace(executable="/bin/false"), "/state")
