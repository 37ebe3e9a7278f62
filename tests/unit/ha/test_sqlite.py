"""What is particular to the SQLite store: it recognises what is not its own."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import StoreBatch, StoreError

RECORDS = {f"agents/{number}": b"x" * 100 for number in range(500)}


def filled(path: Path) -> Path:
    store = SqliteStore(path)
    store.open()
    store.write([StoreBatch(puts=RECORDS)])
    store.close()
    return path


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebody_elses (x)")
        connection.commit()
    with pytest.raises(StoreError, match="no Tepui registry"):
        SqliteStore(path).open()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "registry")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="format 99"):
        SqliteStore(path).open()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry"
    path.write_bytes(b"these are not the bytes you are looking for" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path).open()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "registry")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(StoreError):
        SqliteStore(path).open()


def test_a_file_that_was_cut_off_before_its_first_byte_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "registry")
    with path.open("r+b") as file:
        file.truncate(0)
    with pytest.raises(StoreError, match=r"is empty, .* cut off"):
        SqliteStore(path).open()


@pytest.mark.parametrize("place", range(100, 57344, 4000))
def test_bytes_that_were_changed_are_refused_or_were_nobodys(tmp_path: Path, place: int) -> None:
    path = filled(tmp_path / "registry")
    with path.open("r+b") as file:
        file.seek(place)
        found = file.read(16)
        file.seek(place)
        file.write(bytes(byte ^ 0x55 for byte in found))
    # Pages are not always full: what changes nothing may be read.
    with contextlib.suppress(StoreError):
        assert SqliteStore(path).open() == RECORDS


def test_a_value_in_which_a_bit_has_changed_is_refused_by_name(tmp_path: Path) -> None:
    path = filled(tmp_path / "registry")
    content = path.read_bytes().replace(b"x" * 100, b"x" * 99 + b"y", 1)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged: record agents/\d+: the checksum is wrong"):
        SqliteStore(path).open()


def test_a_registry_without_its_table_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "registry")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE claim")
        connection.commit()
    with pytest.raises(StoreError, match=r"registry .* no such table: claim"):
        SqliteStore(path).open()


def test_format_1_is_read_and_becomes_format_2(tmp_path: Path) -> None:
    """As the releases before checksums wrote it."""
    path = tmp_path / "registry"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA application_id=0x54455055; PRAGMA user_version=1;"
            "CREATE TABLE claim (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);"
            "INSERT INTO claim VALUES (1, 6);"
            "CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
            "INSERT INTO record VALUES ('agents/a', x'00ff');"
        )
    store = SqliteStore(path)
    assert store.open() == {"agents/a": b"\x00\xff"}
    store.write([StoreBatch(puts={"agents/b": b"2"})])
    store.close()
    assert SqliteStore(path).open() == {"agents/a": b"\x00\xff", "agents/b": b"2"}


def test_nothing_lies_beside_a_registry_that_was_made(tmp_path: Path) -> None:
    filled(tmp_path / "registry")
    assert [path.name for path in tmp_path.iterdir()] == ["registry"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        SqliteStore(tmp_path / "file" / "registry").open()


def test_writing_before_opening_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        SqliteStore(tmp_path / "registry").write([StoreBatch(puts={"k": b"v"})])


@pytest.mark.parametrize("is_replaced", [False, True])
def test_nothing_is_promised_in_a_file_that_is_no_longer_there(
    tmp_path: Path, is_replaced: bool
) -> None:
    path = tmp_path / "registry"
    store = SqliteStore(path)
    store.open()
    path.unlink()
    if is_replaced:
        filled(path)
    with pytest.raises(StoreError, match="replaced by another" if is_replaced else "No such file"):
        store.write([StoreBatch(puts={"weights/a": b"1"})])
    store.close()
