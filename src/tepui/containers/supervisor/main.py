"""The supervisor's life: take the state directory, answer agents, end when nobody returns.

Used as ``python -I -S …/supervisor/__main__.py <state directory> <recovery timeout> <ready fd>``,
with words of ``handover`` behind that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from tepui.containers.supervisor.containers import Containers
from tepui.containers.supervisor.handover import (
    READY,
    HandoverFailed,
    Inheritance,
    Options,
    Successor,
    become,
    options_from,
    try_out,
)
from tepui.containers.supervisor.journal import Journal, JournalTooNew, read_journal
from tepui.containers.supervisor.link import Link
from tepui.containers.supervisor.log import log
from tepui.containers.supervisor.orphans import end_orphans
from tepui.containers.supervisor.requests import Requests
from tepui.linux.processes import become_subreaper, boot_id, read_process

LOCK_NAME = "lock"
JOURNAL_NAME = "journal"
FLUSH_RETRY_SECONDS = 1.0

DELAY_SECONDS_MAX = 3600.0
"""The kernel's own bound is some weeks; a recovery timeout may be for ever."""

ALREADY_RUNNING = 3
"""Exit code: another supervisor holds the state directory."""

JOURNAL_TOO_NEW = 4
"""Exit code: a newer release has written the journal."""


def main(arguments: list[str]) -> int:
    """Run until told to stop, or until no agent has come for the recovery timeout."""
    options = options_from(arguments)
    os.umask(0o022)
    os.chdir("/")
    try:
        if options.is_check:
            read_journal(f"{options.directory}/{JOURNAL_NAME}", boot_id())
            os.write(1, READY)
            return 0
        return _run(options)
    except JournalTooNew as error:
        log("journal_too_new", why=error)
        return JOURNAL_TOO_NEW


def _run(options: Options) -> int:
    lock = options.lock
    if options.is_handed_over:
        os.set_inheritable(lock, False)
    else:
        path = f"{options.directory}/{LOCK_NAME}"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return ALREADY_RUNNING
    become_subreaper()
    try:
        supervisor = Supervisor(options, lock)
    except Exception as error:
        # Whatever is wrong with us, the children are better off with whom they had.
        if options.previous is None:
            raise
        log("handover_taken_back", code=options.code, why=repr(error))
        become(options.previous, _inheritance(options, lock), None)
    if options.listener >= 0:
        os.close(options.listener)
    _sign(lock)
    if options.ready >= 0:
        os.write(options.ready, READY)
        os.close(options.ready)
    supervisor.run()
    return 0


def _inheritance(options: Options, lock: int) -> Inheritance:
    timeout = options.recovery_timeout
    return Inheritance(options.directory, timeout, lock, options.listener, options.listens_in)


class Supervisor:
    """One turn at a time: take in what happened, write it down, and only then tell of it."""

    def __init__(self, options: Options, lock: int) -> None:
        directory = self._directory = options.directory
        self._code = options.code
        self._lock = lock
        self._selector = selectors.DefaultSelector()
        self._terminated = False
        self._hung_up = False
        self._flush_again_at: float | None = None
        self._watch_signals()
        self._journal = Journal(
            f"{directory}/{JOURNAL_NAME}", boot_id(), is_handed_over=options.is_handed_over
        )
        now = time.monotonic()
        if options.is_handed_over:
            self._containers = Containers(self._journal, directory)
            self._containers.adopt(now)
        else:
            _bury_the_lost(self._journal, directory)
            self._containers = Containers(self._journal, directory)
        is_there = options.listens_in == options.socket_directory
        listener = options.listener if is_there else -1
        self._link = Link(directory, self._selector, options.socket_directory, listener)
        self._requests = Requests(
            self._containers, self._link, options.recovery_timeout, now, options.code
        )
        how = "supervisor_goes_on" if options.is_handed_over else "supervisor_started"
        log(how, pid=os.getpid(), directory=directory, code=options.code)

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
            if self._hung_up:
                self._hung_up = False
                self._link.listen_again()
            self._requests.handle_waiting(now)
            self._containers.reap(now)
            self._requests.tell()
            if not self._flush(now):
                continue
            self._link.flush()
            if self._requests.is_done():
                break
            if self._requests.handover is not None:
                self._hand_over()
        self._containers.end_all_strays()
        self._flush(time.monotonic())
        self._link.close()
        log("supervisor_ended", pid=os.getpid())

    def _hand_over(self) -> None:
        """Go on as another code, or say why not, and go on as we are."""
        assert self._requests.handover is not None
        successor, connection, request_id = self._requests.handover
        self._requests.handover = None
        here = self._link.socket_directory
        own = Successor(sys.executable, sys.argv[0], self._code, here)
        timeout = self._requests.recovery_timeout
        inheritance = Inheritance(self._directory, timeout, self._lock, self._link.listener, here)
        log("handing_over", code=successor.code, script=successor.script)
        try:
            # The new code knows only what it reads.
            self._journal.rewrite()
            try_out(successor, self._directory)
            become(successor, inheritance, own)
        except (HandoverFailed, OSError) as error:
            log("handover_failed", why=error)
            connection.send({"id": request_id, "error": str(error)})
            self._link.flush()

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
        # Blocked by whoever was this process before.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _on_signal(self, number: int, _frame: object) -> None:
        if number == signal.SIGTERM:
            self._terminated = True
        elif number == signal.SIGHUP:
            self._hung_up = True

    def _on_wake_up(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_up[0].recv(4096)


def _sign(lock: int) -> None:
    """Write who holds the lock into it, as soon as signals find somebody who minds them."""
    own = read_process(os.getpid())
    if own is not None:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{own.pid} {own.start}\n".encode("ascii"), 0)


def _bury_the_lost(journal: Journal, directory: str) -> None:
    # What ran under a predecessor that died is nobody's child now: its exit status can no longer
    # be learnt, so it must not go on either.
    running = [record for record in journal.records.values() if not record.has_exited]
    found, left = end_orphans(directory, running)
    for record in running:
        journal.exited(record.container_id, None, time.time())
    if found or left:
        log("orphans_ended", containers=len(found), left=left)
