from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tepui.containers.supervisor.journal import (
    DEAD_LINES_MAX,
    Journal,
    JournalTooNew,
    Record,
    read_journal,
)

RUNNING = Record("a", 10, 1000, "/sandbox/a")
OTHER = Record("b", 11, 1001, "/sandbox/b")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


def test_what_was_flushed_is_there_after_the_end(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.started(OTHER)
    journal.exited("b", 256, 5.0)
    assert read_journal(path, "boot") == {}
    journal.flush()
    ended = OTHER._replace(has_exited=True, status=256, at=5.0)
    assert read_journal(path, "boot") == {"a": RUNNING, "b": ended}
    assert Journal(path, "boot").records == {"a": RUNNING, "b": ended}


def test_what_was_forgotten_is_gone(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.exited("a", 0, 1.0)
    journal.forget("a")
    journal.forget("unknown")
    journal.flush()
    assert read_journal(path, "boot") == {}


def test_there_need_be_no_journal(path: str) -> None:
    assert read_journal(path, "boot") == {}


def test_every_cut_of_the_last_line_is_as_if_it_had_not_begun(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.flush()
    whole = Path(path).read_bytes()
    journal.exited("a", 0, 1.0)
    journal.flush()
    longer = Path(path).read_bytes()
    for end in range(len(whole), len(longer)):
        Path(path).write_bytes(longer[:end])
        assert read_journal(path, "boot") == {"a": RUNNING}


@pytest.mark.parametrize("line", [b"{", b"[]", b"1", b'{"exited":"x","status":0,"at":0}', b"\xff"])
def test_a_line_that_makes_no_sense_hides_no_other(path: str, line: bytes) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.flush()
    with Path(path).open("ab") as file:
        file.write(line + b'\n{"exited":"a","status":9,"at":2}\n')
    assert read_journal(path, "boot")["a"].status == 9


def test_what_ran_before_the_machine_restarted_has_ended(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.started(OTHER)
    journal.exited("b", 0, 5.0)
    journal.flush()
    records = read_journal(path, "next boot")
    assert (records["a"].has_exited, records["a"].status) == (True, None)
    assert (records["b"].has_exited, records["b"].status) == (True, 0)
    assert Journal(path, "next boot").records == records
    assert read_journal(path, "next boot") == records


def test_history_is_dropped_from_time_to_time(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    for number in range(DEAD_LINES_MAX):
        journal.started(OTHER._replace(container_id=str(number)))
        journal.exited(str(number), 0, 1.0)
        journal.forget(str(number))
    journal.flush()
    assert len(Path(path).read_bytes().splitlines()) == 2
    journal.exited("a", 0, 1.0)
    journal.flush()
    assert read_journal(path, "boot")["a"].has_exited


def test_a_failed_write_is_cut_off_and_made_good_later(path: str) -> None:
    journal = Journal(path, "boot")
    journal.started(RUNNING)
    journal.flush()
    before = Path(path).read_bytes()
    journal.exited("a", 0, 1.0)
    # A bound on the file's size stands for a full disk: a part of the line gets through.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert Path(path).read_bytes() == before
    journal.flush()
    assert read_journal(path, "boot")["a"].has_exited


def test_a_newer_releases_journal_is_left_alone(path: str) -> None:
    Path(path).write_text('{"boot":"b","version":2}\n{"started":"c","pid":1,"how":"otherwise"}\n')
    with pytest.raises(JournalTooNew, match="version 2"):
        Journal(path, "b")
    assert "otherwise" in Path(path).read_text()


def test_a_journal_without_a_version_is_the_first(path: str) -> None:
    Path(path).write_text('{"boot":"b"}\n{"started":"c","pid":1,"start":2,"sandbox":"/s"}\n')
    assert list(read_journal(path, "b")) == ["c"]
