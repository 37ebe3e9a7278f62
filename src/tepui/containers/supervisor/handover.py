"""A supervisor goes on as another code: the same process, the same children, after an exec.

What is handed over is what an exec keeps: the pid, the children and that they fall to us, the lock
and the listening socket; all else is in the journal. How the new code is called must never change,
as any release may be called by any older one:

    <executable> -I -S <script> <state directory> <recovery timeout> -1 [<name>=<value> …]

with the names ``socket`` (the directory of the socket), ``code`` (which code it is), ``lock`` and
``listener`` (descriptors that are inherited), ``listens_in`` (the directory in which that one
listens), ``previous_executable``, ``previous_script`` and ``previous_code`` (who goes on if the new
code cannot), or the one word ``check``: then it has to say on standard output that it could go on,
and end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, NamedTuple, NoReturn

from tepui.containers.supervisor.launches import text

READY = b"ready"
CHECK = "check"
CHECK_SECONDS_MAX = 10.0
"""Nothing is reaped while the new code is tried: some 50 ms on an idle machine."""

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Would end us between the exec and the first lines of the new code."""


class HandoverFailed(Exception):
    """The new code cannot take over; the text says why."""


class Successor(NamedTuple):
    """The code that is to go on."""

    executable: str
    script: str
    code: str
    socket_directory: str

    def command(self, directory: str, recovery_timeout: float, *words: str) -> list[str]:
        """Return how it is called."""
        told = [f"code={self.code}", f"socket={self.socket_directory}", *words]
        start = [self.executable, "-I", "-S", self.script]
        return [*start, directory, str(recovery_timeout), "-1", *told]


class Options(NamedTuple):
    """What a supervisor is called with."""

    directory: str
    recovery_timeout: float
    ready: int
    is_check: bool
    code: str
    socket_directory: str
    lock: int
    listener: int
    listens_in: str
    previous: Successor | None

    @property
    def is_handed_over(self) -> bool:
        """Whether an older code has been this process, with these children."""
        return self.lock >= 0


def options_from(arguments: list[str]) -> Options:
    """Read the command line; words that are not known are of a newer release's making."""
    directory, recovery_timeout, ready, *words = arguments
    named = dict(word.split("=", 1) for word in words if "=" in word)
    socket_directory = named.get("socket", directory)
    listens_in = named.get("listens_in", socket_directory)
    previous = None
    if "previous_script" in named and "previous_executable" in named:
        previous = Successor(
            named["previous_executable"],
            named["previous_script"],
            named.get("previous_code", ""),
            listens_in,
        )
    return Options(
        directory=directory,
        recovery_timeout=float(recovery_timeout),
        ready=int(ready),
        is_check=CHECK in words,
        code=named.get("code", ""),
        socket_directory=socket_directory,
        lock=int(named.get("lock", -1)),
        listener=int(named.get("listener", -1)),
        listens_in=listens_in,
        previous=previous,
    )


def successor_from(request: dict[str, Any]) -> Successor:
    """Check a request for a handover.

    Raises:
        BadRequest: Something is missing or of the wrong kind.
    """
    names = ("executable", "script", "code", "socket_directory")
    return Successor(*(text(request, name) for name in names))


def try_out(successor: Successor, directory: str) -> None:
    """See whether the new code starts at all and can read what we leave to it.

    Raises:
        HandoverFailed: It cannot.
    """
    try:
        done = subprocess.run(
            successor.command(directory, 0.0, CHECK),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=CHECK_SECONDS_MAX,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise HandoverFailed(f"the new code does not start: {error}") from None
    if done.returncode != 0 or done.stdout != READY:
        raise HandoverFailed(f"the new code does not start: it ended with {done.returncode}")


class Inheritance(NamedTuple):
    """What is handed over beside the journal; the listening socket is in ``listens_in``."""

    directory: str
    recovery_timeout: float
    lock: int
    listener: int
    listens_in: str

    def words(self, previous: Successor | None) -> list[str]:
        """Return what is said of it on the command line, and who goes on if that fails."""
        said = [f"lock={self.lock}", f"listener={self.listener}", f"listens_in={self.listens_in}"]
        if previous is not None:
            said.append(f"previous_executable={previous.executable}")
            said.append(f"previous_script={previous.script}")
            said.append(f"previous_code={previous.code}")
        return said


def become(successor: Successor, inheritance: Inheritance, previous: Successor | None) -> NoReturn:
    """Go on as ``successor``.

    Raises:
        HandoverFailed: The exec failed, and all is as if nothing had happened.
    """
    inherited = [inheritance.lock, inheritance.listener]
    directory, recovery_timeout, *_ = inheritance
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        for descriptor in inherited:
            os.set_inheritable(descriptor, True)
        words = inheritance.words(previous)
        command = successor.command(directory, recovery_timeout, *words)
        os.execve(successor.executable, command, dict(os.environ))  # noqa: S606 - no shell wanted
    except (OSError, ValueError) as error:
        raise HandoverFailed(f"the new code cannot be run: {error}") from None
    finally:
        for descriptor in inherited:
            with contextlib.suppress(OSError):
                os.set_inheritable(descriptor, False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
