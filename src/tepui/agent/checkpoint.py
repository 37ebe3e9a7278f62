"""The agent's memory across restarts: one SQLite file of keyed records.

A commit survives the death of the process (WAL, ``synchronous=NORMAL``); after a power loss the
last ones may be missing, and the machine's tasks are gone then as well. Commits are made on the
event loop: measured, they cost 40 µs a task at 64 tasks in flight, which a hop to a thread and
back would cost again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from tepui.agent.core.records import (
    OPERATION_KEYS,
    RESOURCES_KEY,
    AgentRecord,
    Checkpointed,
    DrainRecord,
    ExecutorRecord,
    FrameworkRecord,
    OperationRecord,
    Record,
    ResourcesRecord,
    StreamRecord,
    TaskRecord,
    key_of,
)

R = TypeVar("R", bound=Record)

APPLICATION_ID = 0x54504941
VERSION = 1
FILE_NAME = "checkpoint.sqlite"

DAMAGED = "file"
"""Stands for the key of what cannot be read when nobody knows which records it was."""

ADVICE = (
    "Start with --strict=false to put it aside and go on with what can be read of it: what else "
    "it was about is lost, and what still runs of that is ended"
)

_RECORDS = "CREATE TABLE records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
_MARKS = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"
_ALL = "SELECT key, value FROM records"

DAMAGED_FILES_MAX = 10
"""Kept beside the file; when there are so many, the last of them gives way to the next."""

WAL_PAGES = 4096
"""Moving the log into the file waits for the disk, on the loop: some hundred tasks share it."""


class CheckpointError(Exception):
    """The file cannot be used; the text says why and what would help."""


class _Damaged(Exception):
    """The file is not what SQLite writes."""


def checkpoint_path(work_dir: Path) -> Path:
    """Return where the agent of ``work_dir`` keeps its records."""
    return work_dir / "meta" / FILE_NAME


class CheckpointStore:
    """Keyed records in one file that one process at a time may open."""

    def __init__(self, path: Path, *, is_repairing: bool = False) -> None:
        """Open the file, and make it and its directory if they are not there.

        Args:
            path: Where it is.
            is_repairing: Whether a damaged file is put aside, and what it still holds kept.

        Raises:
            CheckpointError: It is another program's, of a newer version, damaged, or in use.
        """
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._is_repairing = is_repairing
        self._damage: str | None = None
        try:
            self._connect()
        except _Damaged as error:
            if not is_repairing:
                raise CheckpointError(f"{error}. {ADVICE}") from error
            self._set_aside(str(error))

    def _connect(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                self._make()
            elif not self._path.stat().st_size:
                raise _Damaged(f"{self._path} is empty: it has been cut off")
            self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=0.0)
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(f"{self._path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _make(self) -> None:
        """Make a file without records, whole or not at all: an empty one has been cut off."""
        made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        made.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN EXCLUSIVE; {_MARKS} {_RECORDS} COMMIT;")
        try:
            os.link(made, self._path)
        except FileExistsError:
            pass  # another agent's, which has it locked
        except OSError:
            made.replace(self._path)  # the file system has no links
        finally:
            made.unlink(missing_ok=True)

    def _prepare(self) -> None:
        connection = self._connection
        try:
            # Held until the process ends, so that two agents never share a work directory.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            self._check_version()
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise CheckpointError(f"{self._path} is in use: another agent runs here") from error
            raise CheckpointError(f"{self._path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise _Damaged(f"{self._path} is no checkpoint: {error}") from error

    def _check_version(self) -> None:
        (application_id,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application_id != APPLICATION_ID:
            raise CheckpointError(f"{self._path} is another program's database")
        if version > VERSION:
            raise CheckpointError(
                f"{self._path} has version {version}, and this agent reads up to {VERSION}: "
                "start the newer agent that wrote it"
            )

    def load(self) -> Checkpointed:
        """Return all records that can be read, and why others cannot.

        Raises:
            CheckpointError: The file is damaged, and may not be repaired.
        """
        unreadable: dict[str, str] = {}
        try:
            self._check_pages()
            rows = self._connection.execute(_ALL).fetchall()
        except sqlite3.Error as error:
            if not self._is_repairing:
                raise CheckpointError(f"{self._path} cannot be read: {error}. {ADVICE}") from error
            rows = self._rescue(f"it was damaged: {error}")
        if self._damage is not None:
            unreadable[DAMAGED] = self._damage
        decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)
        found: dict[type[Record], list[Record]] = {}
        for key, value in rows:
            try:
                record = _decode(decoder, key, value)
            except (ValueError, TypeError) as error:
                unreadable[str(key)] = str(error)
            else:
                found.setdefault(type(record), []).append(record)
        return _checkpointed(found, str(self._path), unreadable)

    def _check_pages(self) -> None:
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"it is damaged: {verdict}")

    def _rescue(self, why: str) -> list[tuple[Any, Any]]:
        """Put the damaged file aside, and begin another with all rows that it still gives."""
        rows: dict[Any, Any] = {}
        # A bad page ends a walk: what is behind it is reached from the other end.
        for walk in (_ALL, f"{_ALL} ORDER BY key DESC"):
            with contextlib.suppress(sqlite3.Error):
                rows.update(self._connection.execute(walk))
        self._connection.close()
        self._set_aside(why)
        try:
            self._connection.executemany("INSERT INTO records VALUES (?, ?)", rows.items())
        except sqlite3.Error as error:
            raise CheckpointError(f"{self._path} cannot be written: {error}") from error
        return list(rows.items())

    def _set_aside(self, why: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        for number in range(2, DAMAGED_FILES_MAX + 1):
            if not aside.exists():
                break
            aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
        try:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{aside}{suffix}")
        except OSError as error:
            raise CheckpointError(f"{self._path} cannot be put aside: {error}") from error
        self._damage = f"{why}; what was there is in {aside}"
        self._connect()

    def commit(self, puts: Mapping[str, Record], deletes: Collection[str]) -> None:
        """Store and forget in one transaction.

        Raises:
            CheckpointError: Nothing was changed.
        """
        encode = self._encoder.encode
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT INTO records (key, value) VALUES (?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    [(key, encode(record)) for key, record in puts.items()],
                )
                if deletes:
                    self._connection.executemany(
                        "DELETE FROM records WHERE key = ?", [(key,) for key in deletes]
                    )
                execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise CheckpointError(f"{self._path} cannot be written: {error}") from error

    def forget_everything(self) -> None:
        """Remove all but what the next agent here has too: reservations and volumes."""
        try:
            self._connection.execute(
                "DELETE FROM records WHERE key != ? AND key NOT GLOB ?",
                (RESOURCES_KEY, f"{OPERATION_KEYS}*"),
            )
        except sqlite3.Error as error:
            raise CheckpointError(f"{self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Let another process open the file."""
        self._connection.close()


def _decode(decoder: msgspec.msgpack.Decoder[Record], key: str, value: bytes) -> Record:
    record = decoder.decode(value)
    if key_of(record) != key:
        raise ValueError(f"it holds what belongs under {key_of(record)!r}")
    return record


def _checkpointed(
    found: dict[type[Record], list[Record]], source: str, unreadable: dict[str, str]
) -> Checkpointed:
    def all_of(kind: type[R]) -> list[R]:
        return cast("list[R]", found.get(cast("type[Record]", kind), []))

    return Checkpointed(
        agent=next(iter(all_of(AgentRecord)), None),
        drain=next(iter(all_of(DrainRecord)), None),
        resources=next(iter(all_of(ResourcesRecord)), None),
        operations=all_of(OperationRecord),
        frameworks=all_of(FrameworkRecord),
        executors=all_of(ExecutorRecord),
        tasks=all_of(TaskRecord),
        streams=all_of(StreamRecord),
        source=source,
        unreadable=unreadable,
    )
