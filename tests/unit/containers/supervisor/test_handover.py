"""How a supervisor is called by another release, older or newer."""

from __future__ import annotations

import os
import signal

import pytest

from tepui.containers.supervisor.handover import (
    HandoverFailed,
    Inheritance,
    Successor,
    become,
    options_from,
    successor_from,
    try_out,
)
from tepui.containers.supervisor.launches import BadRequest

SUCCESSOR = Successor("/usr/bin/python3", "/opt/__main__.py", "c0de", "/run/tepui")
PREVIOUS = Successor("/usr/bin/python2", "/old", "0ld", "/state")


def test_a_start_says_little() -> None:
    options = options_from(["/state", "900.0", "3"])
    assert options.socket_directory == "/state"
    assert (options.ready, options.is_check, options.is_handed_over) == (3, False, False)


def test_the_command_of_a_handover_never_changes() -> None:
    inheritance = Inheritance("/state", 30.0, 5, 6, "/state")
    command = SUCCESSOR.command("/state", 30.0, *inheritance.words(PREVIOUS))
    assert command == [
        *("/usr/bin/python3", "-I", "-S", "/opt/__main__.py", "/state", "30.0", "-1"),
        *("code=c0de", "socket=/run/tepui", "lock=5", "listener=6", "listens_in=/state"),
        *("previous_executable=/usr/bin/python2", "previous_script=/old", "previous_code=0ld"),
    ]
    options = options_from(command[4:])
    assert options.is_handed_over
    assert (options.lock, options.listener, options.ready) == (5, 6, -1)
    assert (options.code, options.socket_directory) == ("c0de", "/run/tepui")
    assert options.previous == PREVIOUS
    back = options_from(SUCCESSOR.command("/state", 30.0, *inheritance.words(None))[4:])
    assert back.previous is None


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
    reader, writer = os.pipe()
    with pytest.raises(HandoverFailed, match="cannot be run"):
        become(nowhere, Inheritance("/state", 1.0, reader, writer, "/state"), None)
    assert not os.get_inheritable(reader)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.close(reader)
    os.close(writer)
    with pytest.raises(HandoverFailed, match="ended with 1"):
        try_out(SUCCESSOR._replace(executable="/bin/false"), "/state")
