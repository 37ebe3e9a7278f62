"""What must outlive the supervisor: which processes it started, and how they ended.

One JSON object a line, appended. A line counts once its newline is there, so that a write cut
short by a crash is as if it had not begun. The file is written anew when most of it is history.
Nothing is synced: the page cache outlives every process, and no process outlives the machine.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

VERSION = 1
"""Of the lines; the first line names it, and what a newer release wrote is not touched."""

DEAD_LINES_MAX = 4096
"""How many lines of history are kept before the file is written anew."""


class JournalTooNew(Exception):
    """The journal is a newer release's; the text says so."""


class Record(NamedTuple):
    """One container: where its first process is, or with which status it ended."""

    container_id: str
    pid: int
    start: int
    sandbox: str
    has_exited: bool = False
    status: int | None = None
    at: float = 0.0


class Journal:
    """The records of one state directory, in memory and on disk."""

    def __init__(self, path: str, boot_id: str, *, is_handed_over: bool = False) -> None:
        """Read the journal, and begin it anew.

        Args:
            path: Where it is.
            boot_id: What tells this boot of the machine from others.
            is_handed_over: Whether it is good enough as it is, if the disk takes no other.
        """
        self._path = path
        self._boot_id = boot_id
        self._pending: list[bytes] = []
        self.records = read_journal(path, boot_id)
        self._lines = 0
        self._descriptor = -1
        self._size = 0
        try:
            self.rewrite()
        except OSError:
            if not is_handed_over:
                raise
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size = os.fstat(self._descriptor).st_size

    def started(self, record: Record) -> None:
        """Note that a container runs."""
        self.records[record.container_id] = record
        self._append(_started(record))

    def exited(self, container_id: str, status: int | None, at: float) -> None:
        """Note how a container ended."""
        record = self.records[container_id]._replace(has_exited=True, status=status, at=at)
        self.records[container_id] = record
        self._append(_exited(record))

    def forget(self, container_id: str) -> None:
        """Drop a container that nobody asks for any more."""
        if self.records.pop(container_id, None) is not None:
            self._append({"forgotten": container_id})

    def flush(self) -> None:
        """Write what was noted; until this returns nobody may be told of it.

        Raises:
            OSError: The disk does not take it; everything noted is kept for the next attempt.
        """
        if self._lines > DEAD_LINES_MAX + 4 * len(self.records):
            self.rewrite()
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            _write_all(self._descriptor, data)
        except OSError:
            # Cut the torn line off again, so that the next attempt starts on a line of its own.
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)
        self._pending.clear()

    def _append(self, entry: dict[str, Any]) -> None:
        self._pending.append(_line(entry))
        self._lines += 1

    def rewrite(self) -> None:
        """Write the file anew from what is known, whatever has become of it on the disk.

        Raises:
            OSError: The file is as it was.
        """
        lines = [_line({"boot": self._boot_id, "version": VERSION})]
        for record in self.records.values():
            lines.append(_line(_started(record)))
            if record.has_exited:
                lines.append(_line(_exited(record)))
        data = b"".join(lines)
        fresh = self._path + ".new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(fresh, flags, 0o600)
        try:
            _write_all(descriptor, data)
            os.rename(fresh, self._path)
        except OSError:
            os.close(descriptor)
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._size = len(data)
        self._lines = len(lines)
        self._pending.clear()


def read_journal(path: str, boot_id: str) -> dict[str, Record]:
    """Return the records that a journal holds; none when there is no journal.

    Containers that ran during an earlier boot are returned as ended with an unknown status.

    Raises:
        JournalTooNew: Its lines may mean something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        lines = file.read().split(b"\n")
    records: dict[str, Record] = {}
    boots: list[str] = []
    for line in lines[:-1]:  # what follows the last newline is empty, or torn
        try:
            _replay(json.loads(line), records, boots)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # one bad line must not hide the others
    if boots[-1:] != [boot_id]:
        for record in records.values():
            if not record.has_exited:
                records[record.container_id] = record._replace(has_exited=True)
    return records


def _replay(entry: dict[str, Any], records: dict[str, Record], boots: list[str]) -> None:
    if "started" in entry:
        container_id = str(entry["started"])
        records[container_id] = Record(
            container_id, int(entry["pid"]), int(entry["start"]), str(entry["sandbox"])
        )
    elif "exited" in entry:
        container_id = entry["exited"]
        records[container_id] = records[container_id]._replace(
            has_exited=True, status=entry["status"], at=float(entry["at"])
        )
    elif "forgotten" in entry:
        records.pop(entry["forgotten"], None)
    elif "boot" in entry:
        version = entry.get("version", 1)
        if isinstance(version, int) and version > VERSION:
            raise JournalTooNew(f"the journal has version {version}; up to {VERSION} is read here")
        boots.append(str(entry["boot"]))


def _started(record: Record) -> dict[str, Any]:
    return {
        "started": record.container_id,
        "pid": record.pid,
        "start": record.start,
        "sandbox": record.sandbox,
    }


def _exited(record: Record) -> dict[str, Any]:
    return {"exited": record.container_id, "status": record.status, "at": record.at}


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
