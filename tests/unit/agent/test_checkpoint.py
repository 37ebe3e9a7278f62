"""The agent's records survive it, and nobody else's are touched."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tepui.agent.checkpoint import CheckpointError, CheckpointStore, checkpoint_path
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
        assert store.load() == Checkpointed(resources=resources, operations=[operation])


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


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    CheckpointStore(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO records VALUES ('task/f1/t1', x'00')")
    store = CheckpointStore(path)
    with contextlib.closing(store), pytest.raises(CheckpointError, match="task/f1/t1"):
        store.load()


@pytest.mark.slow
def test_a_commit_survives_kill_9(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path)
    program = f"""
import os, signal
from pathlib import Path
from tepui.agent.checkpoint import CheckpointStore
from tepui.agent.core.records import AgentRecord
from tepui.messages import AgentInfo
store = CheckpointStore(Path({str(path)!r}))
store.commit({{"agent": AgentRecord(info=AgentInfo(hostname="h"))}}, [])
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == -9
    with contextlib.closing(CheckpointStore(path)) as store:
        agent = store.load().agent
        assert agent is not None
        assert agent.info.hostname == "h"
