from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tepui.containers.supervisor import log


@contextmanager
def stderr_in(tmp_path: Path) -> Iterator[Path]:
    """A file in the place of standard error."""
    kept = os.dup(2)
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield tmp_path / "log"
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_a_line_is_an_event_with_its_fields(tmp_path: Path) -> None:
    with stderr_in(tmp_path) as stderr:
        log.log("peer_refused", uid=3, why="two\nlines")
    (line,) = stderr.read_text().splitlines()
    assert line.partition(" ")[2] == r"peer_refused uid='3' why='two\nlines'"


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOG_BYTES_MAX", 200)
    with stderr_in(tmp_path) as stderr:
        for _ in range(100):
            log.log("event", number=1)
    assert stderr.stat().st_size < 300
