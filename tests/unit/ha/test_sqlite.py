"""What is particular to the SQLite store: it recognises what is not its own."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import StoreBatch, StoreError


def filled(path: Path) -> Path:
    store = SqliteStore(path)
    store.open()
    store.write([StoreBatch(puts={f"agents/{n}": b"x" * 100 for n in range(500)})])
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


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        SqliteStore(tmp_path / "file" / "registry").open()


def test_writing_before_opening_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        SqliteStore(tmp_path / "registry").write([StoreBatch(puts={"k": b"v"})])
