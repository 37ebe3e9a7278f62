"""Keep a journal of a core while it leads, without ever holding it up.

The loop encodes; a thread writes what has gathered, some 20 ms later. The journal serves the
master and not the other way round: where the disk is full, broken or too slow, recording ends
with an error in the log, and the master goes on. It does not begin again: a run with a hole
cannot be executed anew.

What was handed to the kernel outlives kill -9 of the master; nothing is forced to the disk before
a segment is full, so that a loss of power may take the last half a minute.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from tepui.base.time import Instant
from tepui.master import journal
from tepui.master.core.effects import AnyEffect
from tepui.master.core.events import AnyEvent
from tepui.master.journal import Header, Kind

WAITING_BYTES_MAX = 64 * 1024 * 1024
"""With more than this waiting for the disk, it is too slow and recording ends."""

SEGMENT_BYTES_MAX = 64 * 1024 * 1024
"""A segment that has passed this is full, or an eighth of the whole if that is less."""

JOURNAL_BYTES_MIN = 1024 * 1024

_GATHER_SECONDS = 0.02
_BLOCK_BYTES_MAX = 64 * 1024
_FLUSH_SECONDS_MAX = 2.0
_LOCK = "lock"
_RUN = re.compile(r"([0-9]{6,})-[0-9]{8}T[0-9]{6}Z")
_SEGMENT = re.compile(r"([0-9]{6,})\.journal")

_log = structlog.get_logger("tepui.master")

# What encoders raise for what has no encoding: half a character, a number beyond 64 bits.
_NOT_ENCODED = (ValueError, TypeError, OverflowError, RecursionError)

Handle = Callable[[AnyEvent, Instant], list[AnyEffect]]


class JournalDirectory:
    """The directory of ``--journal``: the runs of the masters that led here.

    Args:
        path: Is made if need be, for nobody else's eyes: calls hold what tasks are told.
        bytes_max: What all runs together may take; the oldest go first.

    Raises:
        OSError: It cannot be made or written, or belongs to a master that runs.
    """

    def __init__(self, path: Path, bytes_max: int) -> None:
        self.path = path
        self.bytes_max = bytes_max
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OSError("another master keeps its journal there") from None

    def close(self) -> None:
        """Let another master have it."""
        os.close(self._lock)

    def next_run(self, wall: float) -> str:
        """Return the name of a new run."""
        last = max((int(run.name.partition("-")[0]) for run in runs(self.path)), default=0)
        return f"{last + 1:06d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(wall))}"

    def prune(self, current: Path, spare: int) -> bool:
        """Remove what is oldest until ``spare`` bytes fit in; the newest segment stays.

        Returns:
            Whether the beginning of ``current`` had to go.
        """
        sizes = {run: sum(map(_size, segments(run))) for run in runs(self.path)}
        total = sum(sizes.values())
        for run in sorted(sizes):
            if run != current and total + spare > self.bytes_max:
                total -= sizes[run]
                _remove_run(run)
        is_cut = False
        for segment in segments(current)[:-1]:
            if total + spare > self.bytes_max:
                total -= _size(segment)
                segment.unlink(missing_ok=True)
                is_cut = True
        return is_cut


def runs(directory: Path) -> list[Path]:
    """Return the runs in a journal's directory, oldest first."""
    found = (each for each in directory.iterdir() if _RUN.fullmatch(each.name))
    return sorted(found, key=lambda each: int(each.name.partition("-")[0]))


def segments(run: Path) -> list[Path]:
    """Return the segments of a run in order."""
    found = (each for each in run.iterdir() if _SEGMENT.fullmatch(each.name))
    return sorted(found, key=lambda each: int(each.stem))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove_run(run: Path) -> None:
    for segment in segments(run):
        segment.unlink(missing_ok=True)
    try:
        run.rmdir()
    except OSError as error:
        # Somebody keeps something of his own there.
        _log.warning("journal_run_not_removed", run=str(run), reason=str(error))


class SegmentFiles:
    """The files of one run: written by one thread, a new one where the last is full."""

    def __init__(self, directory: JournalDirectory, header: Header) -> None:
        self._directory = directory
        self._header = header
        self.run = directory.path / header.run
        self._full = min(SEGMENT_BYTES_MAX, directory.bytes_max // 8)
        self._file: int | None = None
        self._size = 0
        self._has_steps = False
        self.steps = 0
        self.written_bytes = 0
        self.is_whole = True

    def write(self, records: list[bytes]) -> None:
        """Hand records to the kernel, as one block."""
        block = journal.block(records)
        if self._file is None or (self._has_steps and self._size + len(block) > self._full):
            self._open_next(max(self._full, len(block)))
        self._has_steps = True
        self.steps += sum(journal.kind_of(each) == Kind.INPUT for each in records)
        self._put(block)

    def close(self) -> None:
        """Bring the last segment to the disk."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def _put(self, data: bytes) -> None:
        assert self._file is not None
        waiting = memoryview(data)
        while waiting:
            count = os.write(self._file, waiting)
            waiting = waiting[count:]
            self._size += count
            self.written_bytes += count

    def _open_next(self, spare: int) -> None:
        self.close()
        header = msgspec.structs.replace(
            self._header, segment=self._header.segment, steps_before=self.steps
        )
        self._header = msgspec.structs.replace(self._header, segment=self._header.segment + 1)
        self.run.mkdir(mode=0o700, exist_ok=True)
        path = self.run / f"{header.segment:06d}.journal"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        self._size = 0
        self._has_steps = False
        try:
            self._put(journal.segment_start(header))
        except OSError:
            # Half a header is nobody's: a full disk would have a run that cannot be read.
            path.unlink(missing_ok=True)
            raise
        if self._directory.prune(self.run, spare) and self.is_whole:
            self.is_whole = False
            _log.warning(
                "journal_beginning_gone",
                run=str(self.run),
                reason="the run has grown beyond --journal_max_bytes: it can be read from here on, "
                "but not be executed anew",
            )


class Recorder:
    """Writes the journal of one core.

    Nothing is written before the core takes in its first event, so that a master that only
    waits to be elected leaves no run.

    Args:
        directory: Where.
        header: What the run begins with.

    Attributes:
        failure: Why it records no more, if that is so.
    """

    def __init__(self, directory: JournalDirectory, header: Header) -> None:
        self.failure: str | None = None
        self._files = SegmentFiles(directory, header)
        self._is_recording = True
        self._waiting: deque[bytes | threading.Event] = deque()
        self._waiting_bytes_max = WAITING_BYTES_MAX
        self._put_bytes = 0  # by the loop
        self._taken_bytes = 0  # by the thread
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)

    def over(self, handle: Handle) -> Handle:
        """Return ``handle`` of a core, recorded."""

        def recorded(event: AnyEvent, now: Instant) -> list[AnyEffect]:
            if not self._is_recording:
                return handle(event, now)
            self._put_input(event, now)
            try:
                effects = handle(event, now)
            except Exception as error:
                # The master ends: what led there has to be on its way before.
                self._put(journal.raised_record(error))
                self.flush()
                raise
            self._put_effects(effects)
            return effects

        return recorded

    def flush(self) -> None:
        """Wait until the kernel has all that was recorded, but not for a disk that hangs."""
        if self._thread.is_alive():
            done = threading.Event()
            self._waiting.append(done)
            self._urgent.set()
            self._wake.set()
            deadline = time.monotonic() + _FLUSH_SECONDS_MAX
            while not done.wait(_GATHER_SECONDS):
                if not self._thread.is_alive() or time.monotonic() > deadline:
                    break

    def close(self, reason: str) -> None:
        """End the run, for this reason, and bring it to the disk."""
        self._put(journal.end_record(reason))
        self._is_recording = False
        self._urgent.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_FLUSH_SECONDS_MAX)

    def metrics(self) -> dict[str, float]:
        """Return what is measured of it, by name."""
        return {
            "journal/recording": float(self._is_recording),
            "journal/replayable": float(self._files.is_whole),
            "journal/steps": float(self._files.steps),
            "journal/waiting_bytes": float(self._put_bytes - self._taken_bytes),
            "journal/written_bytes": float(self._files.written_bytes),
        }

    # -- on the loop --

    def _put_input(self, event: AnyEvent, now: Instant) -> None:
        try:
            record = journal.input_record(event, now)
        except _NOT_ENCODED as error:
            self._give_up(f"a {type(event).__name__} cannot be encoded: {error}")
            return
        if self._thread.ident is None:
            # The registry, which may be as large as the cluster: that may wait besides.
            self._waiting_bytes_max = WAITING_BYTES_MAX + len(record)
            self._thread.start()
        self._put(record)

    def _put_effects(self, effects: list[AnyEffect]) -> None:
        try:
            record = journal.effects_record(effects)
        except _NOT_ENCODED as error:
            self._give_up(f"an effect cannot be encoded: {error}")
            return
        self._put(record)

    def _put(self, record: bytes) -> None:
        if not self._is_recording:
            return
        self._waiting.append(record)
        self._put_bytes += len(record)
        if not self._wake.is_set():
            self._wake.set()
        if self._put_bytes - self._taken_bytes > self._waiting_bytes_max:
            self._give_up("the disk is too slow")

    def _give_up(self, reason: str) -> None:
        if self._is_recording:
            self._is_recording = False
            self._waiting.append(journal.end_record(reason))
            self._wake.set()
            self._failed(reason)

    def _failed(self, reason: str) -> None:
        self.failure = reason
        _log.error("journal_stopped", run=str(self._files.run), reason=reason)

    # -- in the thread --

    def _write(self) -> None:
        try:
            is_ending = False
            while not is_ending:
                self._wake.wait()
                self._wake.clear()
                # More comes within the same turns of the loop: one write for all of it.
                if self._urgent.wait(_GATHER_SECONDS):
                    self._urgent.clear()
                is_ending = self._write_waiting()
            self._files.close()
        except OSError as error:
            self._is_recording = False
            self._failed(str(error))
        finally:
            self._drop_waiting()

    def _write_waiting(self) -> bool:
        """Write what has gathered; return whether it is the end."""
        # As much as there is now: while it is gathered, the loop may add to it for ever.
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        records: list[bytes] = []
        size = 0
        for each in waiting:
            if not isinstance(each, bytes):
                continue
            if size + len(each) > _BLOCK_BYTES_MAX and records:
                self._write_block(records, size)
                records, size = [], 0
            records.append(each)
            size += len(each)
        if records:
            self._write_block(records, size)
        for each in waiting:
            if not isinstance(each, bytes):
                each.set()
        return bool(records) and journal.kind_of(records[-1]) == Kind.END

    def _write_block(self, records: list[bytes], size: int) -> None:
        self._files.write(records)
        self._taken_bytes += size

    def _drop_waiting(self) -> None:
        while self._waiting:
            each = self._waiting.popleft()
            if isinstance(each, threading.Event):
                each.set()
