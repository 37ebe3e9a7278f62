"""The agent's records survive it, and nobody else's are touched."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tepui.agent.checkpoint import (
    DAMAGED_FILES_MAX,
    CheckpointError,
    CheckpointStore,
    checkpoint_path,
)
from tepui.agent.core.records import (
    RESOURCES_KEY,
    AgentRecord,
    Checkpointed,
    FrameworkRecord,
    OperationRecord,
    ResourcesRecord,
    operation_key,
)
from tepui.messages import AgentID, AgentInfo, FrameworkID, FrameworkInfo, Offer

AGENT = AgentRecord(info=AgentInfo(hostname="h", id=AgentID(value="S0")))
FRAMEWORK = FrameworkRecord(
    info=FrameworkInfo(user="u", name="n", id=FrameworkID(value="f1"), checkpoint=True)
)


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    with contextlib.closing(CheckpointStore(path)) as store:
        store.commit({"agent": AGENT, "framework/f1": FRAMEWORK}, [])
    with contextlib.closing(CheckpointStore(path)) as store:
        loaded = store.load()
        assert loaded.agent == AGENT
        assert loaded.frameworks == [FRAMEWORK]
        store.commit({}, ["framework/f1"])
        assert store.load().frameworks == []


def test_a_new_store_is_empty(tmp_path: Path) -> None:
    with contextlib.closing(CheckpointStore(checkpoint_path(tmp_path))) as store:
        assert store.load().agent is None


def test_everything_can_be_forgotten(tmp_path: Path) -> None:
    with contextlib.closing(CheckpointStore(checkpoint_path(tmp_path))) as store:
        store.commit({"agent": AGENT}, [])
        store.forget_everything()
        assert store.load().agent is None


def test_what_operations_have_made_outlives_the_agents_identity(tmp_path: Path) -> None:
    resources = ResourcesRecord(resources=[], unwiped=["/mnt/a"])
    operation = OperationRecord(uuid=b"u" * 16, operation=Offer.Operation(), number=1)
    with contextlib.closing(CheckpointStore(checkpoint_path(tmp_path))) as store:
        puts = {"agent": AGENT, RESOURCES_KEY: resources, operation_key(b"u" * 16): operation}
        store.commit(puts, [])
        store.forget_everything()
        source = str(checkpoint_path(tmp_path))
        left = Checkpointed(resources=resources, operations=[operation], source=source)
        assert store.load() == left


def test_a_second_agent_is_kept_out(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    store = CheckpointStore(path)
    with contextlib.closing(store), pytest.raises(CheckpointError, match="another agent"):
        CheckpointStore(path)


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE things (x)")
    with pytest.raises(CheckpointError, match="another program"):
        CheckpointStore(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("things",)]


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    CheckpointStore(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(CheckpointError, match="version 99"):
        CheckpointStore(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    path.write_bytes(b"nothing that SQLite would have written" * 100)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        CheckpointStore(path)


def test_a_file_that_was_cut_off_before_its_first_byte_is_no_new_agents(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    CheckpointStore(path).close()
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"empty.*--strict=false"):
        CheckpointStore(path)
    with contextlib.closing(CheckpointStore(path, is_repairing=True)) as store:
        assert "empty" in store.load().unreadable["file"]


def test_nothing_lies_beside_a_file_that_was_made(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    CheckpointStore(path).close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_record_that_cannot_be_read_is_named_and_hides_no_other(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    with contextlib.closing(CheckpointStore(path)) as store:
        store.commit({"agent": AGENT, "framework/f2": FRAMEWORK}, [])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO records VALUES ('task/f1/t1', x'00'), ('task/f1/t2', 7)")
    with contextlib.closing(CheckpointStore(path)) as store:
        loaded = store.load()
    assert loaded.agent == AGENT
    assert loaded.source == str(path)
    assert sorted(loaded.unreadable) == ["framework/f2", "task/f1/t1", "task/f1/t2"]
    assert loaded.unreadable["framework/f2"] == "it holds what belongs under 'framework/f1'"


def make_many(path: Path) -> dict[str, FrameworkRecord]:
    """Fill some hundred pages."""
    many = {
        f"framework/{number:04}": FrameworkRecord(
            info=FrameworkInfo(user="u", name="n" * 200, id=FrameworkID(value=f"{number:04}"))
        )
        for number in range(1000)
    }
    with contextlib.closing(CheckpointStore(path)) as store:
        store.commit({"agent": AGENT, **many}, [])
    return many


def damage(path: Path) -> None:
    """Let the disk have lost a page in the middle."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)


def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    make_many(path)
    damage(path)
    before = path.read_bytes()[4096:]  # the first page counts who opened it
    store = CheckpointStore(path)
    with contextlib.closing(store), pytest.raises(CheckpointError, match="--strict=false"):
        store.load()
    assert path.read_bytes()[4096:] == before


def test_of_a_damaged_file_is_kept_what_can_be_read(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    many = make_many(path)
    damage(path)
    before = path.read_bytes()[4096:]  # the first page counts who opened it
    with contextlib.closing(CheckpointStore(path, is_repairing=True)) as store:
        loaded = store.load()
        assert loaded.agent == AGENT
        assert 900 < len(loaded.frameworks) < 1000
        assert all(each in many.values() for each in loaded.frameworks)
        assert list(loaded.unreadable) == ["file"]
        store.commit({"framework/f1": FRAMEWORK}, [])
    aside = path.with_name("checkpoint.sqlite.damaged")
    assert aside.read_bytes()[4096:] == before
    assert str(aside) in loaded.unreadable["file"]
    with contextlib.closing(CheckpointStore(path)) as store:
        again = store.load()
        assert again.unreadable == {}
        assert len(again.frameworks) == len(loaded.frameworks) + 1


def test_what_is_no_database_at_all_is_put_aside_as_well(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    path.write_bytes(b"nothing that SQLite would have written" * 100)
    with contextlib.closing(CheckpointStore(path, is_repairing=True)) as store:
        loaded = store.load()
    assert loaded.agent is None
    assert "no checkpoint" in loaded.unreadable["file"]


def test_a_file_that_is_damaged_again_is_put_beside_the_first(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    for content in (b"one" * 999, b"two" * 999, *[b"more" * 999] * DAMAGED_FILES_MAX):
        path.write_bytes(content)
        CheckpointStore(path, is_repairing=True).close()
    assert (tmp_path / "file.sqlite.damaged").read_bytes() == b"one" * 999
    assert (tmp_path / "file.sqlite.damaged-2").read_bytes() == b"two" * 999
    assert len(list(tmp_path.glob("*.damaged*"))) == DAMAGED_FILES_MAX


def test_nobody_elses_file_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE things (x)")
    with pytest.raises(CheckpointError, match="another program"):
        CheckpointStore(path, is_repairing=True)


@pytest.mark.slow
def test_a_commit_survives_kill_9(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    program = f"""
import os, signal
from pathlib import Path
from tepui.agent.checkpoint import CheckpointStore
from tepui.agent.core.records import AgentRecord
from tepui.messages import AgentID, AgentInfo
store = CheckpointStore(Path({str(path)!r}))
store.commit({{"agent": AgentRecord(info=AgentInfo(hostname="h", id=AgentID(value="S0")))}}, [])
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == -9
    with contextlib.closing(CheckpointStore(path)) as store:
        agent = store.load().agent
        assert agent is not None
        assert agent.info.hostname == "h"
