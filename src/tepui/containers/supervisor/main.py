"""The supervisor's life: take the state directory, answer agents, end when nobody returns.

Used as ``python -I -S …/supervisor/__main__.py <state directory> <recovery timeout> <ready fd>``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

from tepui.containers.supervisor.containers import Containers
from tepui.containers.supervisor.journal import Journal
from tepui.containers.supervisor.link import Link
from tepui.containers.supervisor.log import log
from tepui.containers.supervisor.orphans import end_orphans
from tepui.containers.supervisor.requests import Requests
from tepui.linux.processes import become_subreaper, boot_id

LOCK_NAME = "lock"
JOURNAL_NAME = "journal"
FLUSH_RETRY_SECONDS = 1.0

DELAY_SECONDS_MAX = 3600.0
"""The kernel's own bound is some weeks; a recovery timeout may be for ever."""

ALREADY_RUNNING = 3
"""Exit code: another supervisor holds the state directory."""


def main(arguments: list[str]) -> int:
    """Run until told to stop, or until no agent has come for the recovery timeout."""
    directory, recovery_timeout, ready = arguments[0], float(arguments[1]), int(arguments[2])
    os.umask(0o022)
    os.chdir("/")
    lock = os.open(f"{directory}/{LOCK_NAME}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ALREADY_RUNNING
    become_subreaper()
    supervisor = Supervisor(directory, recovery_timeout)
    os.write(ready, b"ready")
    os.close(ready)
    supervisor.run()
    return 0


class Supervisor:
    """One turn at a time: take in what happened, write it down, and only then tell of it."""

    def __init__(self, directory: str, recovery_timeout: float) -> None:
        self._selector = selectors.DefaultSelector()
        self._terminated = False
        self._flush_again_at: float | None = None
        self._watch_signals()
        self._journal = Journal(f"{directory}/{JOURNAL_NAME}", boot_id())
        _bury_the_lost(self._journal, directory)
        self._containers = Containers(self._journal, directory)
        self._link = Link(directory, self._selector)
        self._requests = Requests(self._containers, self._link, recovery_timeout, time.monotonic())
        log("supervisor_started", pid=os.getpid(), directory=directory)

    def run(self) -> None:
        """Serve until told to stop or forsaken by the agent."""
        while True:
            now = time.monotonic()
            for key, events in self._selector.select(self._delay(now)):
                on_ready: Callable[[int], None] = key.data
                on_ready(events)
            now = time.monotonic()
            if self._terminated:
                self._requests.stop_all("it was told to by a signal")
            self._requests.handle_waiting(now)
            self._containers.reap(now)
            self._requests.tell()
            if not self._flush(now):
                continue
            self._link.flush()
            if self._requests.is_done():
                break
        self._containers.end_all_strays()
        self._flush(time.monotonic())
        self._link.close()
        log("supervisor_ended", pid=os.getpid())

    def _delay(self, now: float) -> float | None:
        if self._link.requests:
            return 0.0
        times = [self._containers.look_again_at, self._requests.wake_up_at, self._flush_again_at]
        nearest = min((at for at in times if at is not None), default=None)
        return None if nearest is None else min(max(0.0, nearest - now), DELAY_SECONDS_MAX)

    def _flush(self, now: float) -> bool:
        """Write the journal; while the disk refuses, nobody is told anything."""
        try:
            self._journal.flush()
        except OSError as error:
            log("journal_not_written", why=error)
            self._flush_again_at = now + FLUSH_RETRY_SECONDS
            return False
        self._flush_again_at = None
        return True

    def _watch_signals(self) -> None:
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._wake_up = (reader, writer)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        # Handlers that do nothing, as ignored signals would be ignored by every container too.
        for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._selector.register(reader, selectors.EVENT_READ, self._on_wake_up)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number == signal.SIGTERM:
            self._terminated = True

    def _on_wake_up(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_up[0].recv(4096)


def _bury_the_lost(journal: Journal, directory: str) -> None:
    # What ran under a predecessor that died is nobody's child now: its exit status can no longer
    # be learnt, so it must not go on either.
    running = [record for record in journal.records.values() if not record.has_exited]
    found, left = end_orphans(directory, running)
    for record in running:
        journal.exited(record.container_id, None, time.time())
    if found or left:
        log("orphans_ended", containers=len(found), left=left)
