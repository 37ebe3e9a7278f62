"""The agent's memory across restarts: one SQLite file of keyed records.

A commit survives the death of the process (WAL, ``synchronous=NORMAL``); after a power loss the
last ones may be missing, and the machine's tasks are gone then as well. Commits are made on the
event loop: measured, they cost 40 µs a task at 64 tasks in flight, which a hop to a thread and
back would cost again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

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
)

APPLICATION_ID = 0x54504941
VERSION = 1
FILE_NAME = "checkpoint.sqlite"

WAL_PAGES = 4096
"""Moving the log into the file waits for the disk, on the loop: some hundred tasks share it."""


class CheckpointError(Exception):
    """The file cannot be used; the text says why and what would help."""


def checkpoint_path(work_dir: Path) -> Path:
    """Return where the agent of ``work_dir`` keeps its records."""
    return work_dir / "meta" / FILE_NAME


class CheckpointStore:
    """Keyed records in one file that one process at a time may open."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it and its directory if they are not there.

        Raises:
            CheckpointError: It is another program's, of a newer version, damaged, or in use.
        """
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.0)
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        connection = self._connection
        try:
            # Held until the process ends, so that two agents never share a work directory.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            self._check_version()
            connection.execute(
                "CREATE TABLE IF NOT EXISTS records "
                "(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise CheckpointError(f"{self._path} is in use: another agent runs here") from error
            raise CheckpointError(f"{self._path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise CheckpointError(f"{self._path} is no checkpoint: {error}") from error

    def _check_version(self) -> None:
        (application_id,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application_id == 0 and version == 0 and tables == 0:
            return
        if application_id != APPLICATION_ID:
            raise CheckpointError(f"{self._path} is another program's database")
        if version > VERSION:
            raise CheckpointError(
                f"{self._path} has version {version}, and this agent reads up to {VERSION}: "
                "start the newer agent that wrote it"
            )

    def load(self) -> Checkpointed:
        """Return all records.

        Raises:
            CheckpointError: One of them cannot be read.
        """
        agent: AgentRecord | None = None
        drain: DrainRecord | None = None
        resources: ResourcesRecord | None = None
        operations: list[OperationRecord] = []
        frameworks: list[FrameworkRecord] = []
        executors: list[ExecutorRecord] = []
        tasks: list[TaskRecord] = []
        streams: list[StreamRecord] = []
        decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)
        try:
            for key, value in self._connection.execute("SELECT key, value FROM records"):
                match _decode(decoder, key, value):
                    case AgentRecord() as record:
                        agent = record
                    case DrainRecord() as record:
                        drain = record
                    case ResourcesRecord() as record:
                        resources = record
                    case OperationRecord() as record:
                        operations.append(record)
                    case FrameworkRecord() as record:
                        frameworks.append(record)
                    case ExecutorRecord() as record:
                        executors.append(record)
                    case TaskRecord() as record:
                        tasks.append(record)
                    case StreamRecord() as record:
                        streams.append(record)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise CheckpointError(f"{self._path} cannot be read: {error}") from error
        return Checkpointed(
            agent=agent,
            drain=drain,
            resources=resources,
            operations=operations,
            frameworks=frameworks,
            executors=executors,
            tasks=tasks,
            streams=streams,
        )

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
    try:
        return decoder.decode(value)
    except msgspec.DecodeError as error:
        raise msgspec.DecodeError(f"record {key!r}: {error}") from error
