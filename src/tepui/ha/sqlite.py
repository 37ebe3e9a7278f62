"""A store in one SQLite file that survives power loss.

``synchronous=FULL`` makes a commit wait for the disk; group commit (`RegistryWriter`)
spreads that wait over all batches that arrived meanwhile. SQLite finds pages that are damaged,
but not a value in which a bit has changed: each record has a checksum for that. It would also go
on in a file that somebody has removed, where nobody finds again what was promised: each commit
looks whether the file is still where it was.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tepui.ha.store import Fenced, StoreBatch, StoreError, check_batch

APPLICATION_ID = 0x54455055  # "TEPU", so that a foreign database is recognised
FORMAT_VERSION = 2

_CLAIM = """
CREATE TABLE claim (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
INSERT INTO claim VALUES (1, 0);
"""
_RECORD = """
CREATE TABLE record (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
"""
_MARKS = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT_VERSION};"


class SqliteStore:
    """Records in the table ``record`` of the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._epoch = 0
        self._identity = (0, 0)

    def open(self) -> dict[str, bytes]:
        """Claim the file, making it if it is not there, and return its records.

        Raises:
            StoreError: The file is no registry, is damaged, or is of a newer version.
        """
        try:
            return self._open()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreError(f"registry {self._path}: {error}") from error
        except StoreError:
            self.close()
            raise

    def _open(self) -> dict[str, bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._make()
        elif not self._path.stat().st_size:
            raise StoreError(
                f"registry {self._path} is empty, and was made with more in it: it has been cut "
                "off; remove it to begin without what was known"
            )
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection = connection
        self._identity = _identity(self._path)
        connection.execute("PRAGMA busy_timeout = 5000")
        version = self._recognise(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise self._damaged(str(damage))
        connection.execute("BEGIN IMMEDIATE")
        if version < FORMAT_VERSION:
            self._upgrade(connection)
        connection.execute("UPDATE claim SET epoch = epoch + 1")
        self._epoch = self._current_epoch(connection)
        records = self._records(connection)
        connection.execute("COMMIT")
        return records

    def _make(self) -> None:
        """Make a registry without records, whole or not at all, if nobody else does meanwhile."""
        made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        made.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN EXCLUSIVE; {_MARKS} {_CLAIM} {_RECORD} COMMIT;")
        try:
            os.link(made, self._path)
        except FileExistsError:
            return
        finally:
            made.unlink()

    def _recognise(self, connection: sqlite3.Connection) -> int:
        """Return the file's format; refuse a file that is not ours or not of our time."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if application != APPLICATION_ID:
            raise StoreError(f"{self._path} is a SQLite file, but no Tepui registry")
        if not 1 <= version <= FORMAT_VERSION:
            raise StoreError(
                f"registry {self._path} has format {version}; this version reads up to "
                f"{FORMAT_VERSION}"
            )
        return version

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Give the records of format 1 checksums."""
        found: dict[str, bytes] = dict(connection.execute("SELECT key, value FROM record"))
        connection.execute("DROP TABLE record")
        connection.execute(_RECORD)
        _put(connection, found.items())
        connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")

    def _records(self, connection: sqlite3.Connection) -> dict[str, bytes]:
        records: dict[str, bytes] = {}
        for key, value, checksum in connection.execute("SELECT * FROM record ORDER BY key"):
            if not isinstance(value, bytes) or checksum != _checksum(key, value):
                raise self._damaged(f"record {key}: the checksum is wrong")
            records[key] = value
        return records

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"registry {self._path} is damaged: {what}")

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
            if _identity(self._path) != self._identity:
                raise StoreError(f"registry {self._path} has been replaced by another file")
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._apply(connection, batches)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"registry {self._path}: {error}") from error

    def _apply(self, connection: sqlite3.Connection, batches: Sequence[StoreBatch]) -> None:
        epoch = self._current_epoch(connection)
        if epoch != self._epoch:
            raise Fenced(f"registry {self._path}: epoch {self._epoch} is over: {epoch} has begun")
        for batch in batches:
            connection.executemany(
                "DELETE FROM record WHERE key = ?", [(key,) for key in batch.deletes]
            )
            _put(connection, batch.puts.items())

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _identity(path: Path) -> tuple[int, int]:
    """Return what tells the file at ``path`` from any other."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode()))


def _put(connection: sqlite3.Connection, records: Iterable[tuple[str, bytes]]) -> None:
    rows = [(key, value, _checksum(key, value)) for key, value in records]
    connection.executemany("REPLACE INTO record VALUES (?, ?, ?)", rows)
