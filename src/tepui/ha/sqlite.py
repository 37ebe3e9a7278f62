"""A store in one SQLite file that survives power loss.

``synchronous=FULL`` makes a commit wait for the disk; group commit (`RegistryWriter`)
spreads that wait over all batches that arrived meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tepui.ha.store import Fenced, StoreBatch, StoreError, check_batch

APPLICATION_ID = 0x54455055  # "TEPU", so that a foreign database is recognised
FORMAT_VERSION = 1

_SCHEMA = """
CREATE TABLE claim (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
INSERT INTO claim VALUES (1, 0);
CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


class SqliteStore:
    """Records in the table ``record`` of the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._epoch = 0

    def open(self) -> dict[str, bytes]:
        """Claim the file, making it if it is not there, and return its records.

        Raises:
            StoreError: The file is no registry, is damaged, or is of a newer version.
        """
        try:
            return self._open()
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"registry {self._path}: {error}") from error
        except OSError as error:
            self.close()
            raise StoreError(f"registry {self._path}: {error}") from error

    def _open(self) -> dict[str, bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA busy_timeout = 5000")
        self._recognise(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise StoreError(f"registry {self._path} is damaged: {damage}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE claim SET epoch = epoch + 1")
        self._epoch = self._current_epoch(connection)
        records = dict(connection.execute("SELECT key, value FROM record ORDER BY key"))
        connection.execute("COMMIT")
        return records

    def _recognise(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file; refuse a file that is not ours or not of our time."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not application:
            marks = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT_VERSION};"
            connection.executescript(f"BEGIN EXCLUSIVE; {marks} {_SCHEMA} COMMIT;")
            return
        if application != APPLICATION_ID:
            raise StoreError(f"{self._path} is a SQLite file, but no Tepui registry")
        if version > FORMAT_VERSION:
            raise StoreError(
                f"registry {self._path} has format {version}; this version reads {FORMAT_VERSION}"
            )

    def _current_epoch(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT epoch FROM claim").fetchone()[0])

    def write(self, batches: Sequence[StoreBatch]) -> None:
        """Apply ``batches`` in order, in one transaction.

        Raises:
            Fenced: The file has been opened again since.
            StoreError: Nothing was changed.
        """
        connection = self._connection
        if connection is None:
            raise StoreError(f"registry {self._path} is not open")
        for batch in batches:
            check_batch(batch)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._apply(connection, batches)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"registry {self._path}: {error}") from error

    def _apply(self, connection: sqlite3.Connection, batches: Sequence[StoreBatch]) -> None:
        epoch = self._current_epoch(connection)
        if epoch != self._epoch:
            raise Fenced(f"registry {self._path}: epoch {self._epoch} is over: {epoch} has begun")
        for batch in batches:
            connection.executemany(
                "DELETE FROM record WHERE key = ?", [(key,) for key in batch.deletes]
            )
            connection.executemany("REPLACE INTO record VALUES (?, ?)", list(batch.puts.items()))

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
