"""Data that released versions wrote is read by this one, all of it; a newer version's is refused.

The data lies in tests/data/upgrade, a directory for each version, with the facts that it holds.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "data" / "upgrade"))

import upgrade_facts as facts
from checkpointed import records

from tepui.agent.checkpoint import CheckpointError, CheckpointStore
from tepui.agent.core.agent import Agent
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import Exit
from tepui.agent.core.events import Recovered
from tepui.agent.core.records import Record
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.base.zookeeper_url import parse_url
from tepui.containers.supervisor.journal import JournalTooNew, read_journal
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import StoreBatch, StoreError
from tepui.ha.zookeeper import ZooKeeperStore
from tepui.master import journal
from tepui.master.journal import JournalError
from tepui.master.replaying import Run

VERSIONS = sorted(each.name for each in facts.UPGRADE.iterdir() if (each / facts.FACTS).exists())


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what a version left: to open a file is to change it."""
    return Path(shutil.copytree(facts.UPGRADE / request.param, tmp_path / "old"))


def frozen(old: Path, part: str) -> Any:
    return json.loads((old / facts.FACTS).read_text(encoding="utf-8"))[part]


def test_there_is_data_of_a_release() -> None:
    assert "0.1.0" in VERSIONS


def test_a_fact_that_is_lost_is_noticed() -> None:
    was = {"a": [1, {"b": 2}], "c": 3}
    assert facts.lost(was, {"a": [1, {"b": 2, "new": 0}], "c": 3, "more": 4}) == []
    assert facts.lost(was, {"a": [1, {"b": 5}]}) == [".a[1].b was 2 and is 5", ".c is gone"]
    assert facts.lost(was, {"a": [1], "c": 3}) == [".a was [1, {'b': 2}] and is [1]"]


# --- the registry --------------------------------------------------------------------------------


def test_a_registry_on_sqlite_is_read_whole(old: Path) -> None:
    was = frozen(old, "registry")
    assert facts.lost(was, facts.of_sqlite(old / facts.REGISTRY)) == []
    # Nothing is doubled or made up either.
    found = facts.of_sqlite(old / facts.REGISTRY)
    assert {name: len(each) for name, each in found.items() if name in was} == {
        name: len(each) for name, each in was.items()
    }


def test_a_registry_on_sqlite_goes_on(old: Path) -> None:
    store = SqliteStore(old / facts.REGISTRY)
    before = store.open()
    store.write([StoreBatch(puts={"weights/new": msgspec.msgpack.encode(3.0)})])
    store.close()
    found = facts.of_sqlite(old / facts.REGISTRY)
    assert facts.lost(frozen(old, "registry"), found) == []
    assert found["weights"]["new"] == 3.0
    assert len(before) > 0


def test_a_newer_registry_on_sqlite_is_refused(old: Path) -> None:
    newer(old / facts.REGISTRY)
    with pytest.raises(StoreError, match=r"has format [0-9]+; this version reads"):
        SqliteStore(old / facts.REGISTRY).open()


def newer(path: Path) -> None:
    """Have a file of SQLite say that the next version of its form wrote it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")


@pytest.fixture
def put_back(zookeeper: Any, zookeeper_paths: Callable[[], str]) -> Callable[..., ZooKeeperStore]:
    """Put dumped znodes into a real ZooKeeper, and return a store of them that is not open."""

    def put(old: Path, **changed: bytes) -> ZooKeeperStore:
        path = zookeeper_paths()
        with zookeeper.client() as client:
            client.ensure_path(path)
            for name, content in facts.znodes(old / facts.ZOOKEEPER).items():
                client.create(path + name, changed.get(name.rpartition("/")[2], content))
        return ZooKeeperStore(parse_url(zookeeper.url(path)))

    return put


@pytest.mark.slow
@pytest.mark.xdist_group("zookeeper")
def test_a_registry_in_zookeeper_is_read_whole_and_goes_on(
    old: Path, put_back: Callable[..., ZooKeeperStore]
) -> None:
    store = put_back(old)
    with contextlib.closing(store):
        was = frozen(old, "zookeeper")
        assert facts.lost(was, facts.of_registry(store.open())) == []
        store.write([StoreBatch(puts={"weights/new": msgspec.msgpack.encode(3.0)})])
        found = facts.of_registry(store.open())
    assert facts.lost(was, found) == []
    assert found["weights"]["new"] == 3.0
    # One of the agents is so large that its record is in several znodes.
    assert len(found["agents"]) == len(frozen(old, "registry")["agents"]) + 1


@pytest.mark.slow
@pytest.mark.xdist_group("zookeeper")
def test_a_newer_registry_in_zookeeper_is_refused(
    old: Path, put_back: Callable[..., ZooKeeperStore]
) -> None:
    mark = {"tepui-registry": b'{"application":"tepui-registry","format":99}'}
    store = put_back(old, **mark)
    with (
        contextlib.closing(store),
        pytest.raises(StoreError, match=r"has format [0-9]+; this version reads"),
    ):
        store.open()


# --- the agent -----------------------------------------------------------------------------------


def test_an_agents_checkpoint_is_read_whole(old: Path) -> None:
    was = frozen(old, "checkpoint")
    found = facts.of_checkpoint(old / facts.CHECKPOINT)
    assert facts.lost(was, found) == []
    assert found["unreadable"] == {}
    assert [len(each) for each in (found["tasks"], found["streams"], found["executors"])] == [
        len(was["tasks"]),
        len(was["streams"]),
        len(was["executors"]),
    ]


def test_an_agent_recovers_from_it(old: Path) -> None:
    """Its containers are gone: what becomes of the tasks is the business of others' tests."""
    store = CheckpointStore(old / facts.CHECKPOINT)
    checkpointed = store.load()
    store.close()
    now = Instant(5000.0, 1_700_005_000.0)
    assert checkpointed.agent is not None
    info = checkpointed.agent.info
    config = AgentConfig(
        work_dir="/nonexistent",
        hostname="host-7",
        port=5051,
        resources=info.resources,
        attributes=info.attributes,
        switch_user=False,
    )
    agent = Agent(config, Rng(1), now)
    effects = agent.handle(Recovered(checkpointed=checkpointed, boot_id="boot-1"), now)
    assert [each for each in effects if isinstance(each, Exit)] == []
    was = frozen(old, "checkpoint")
    assert agent.model.agent_id == was["agent"]["info"]["id"]["value"]
    assert agent.model.frameworks


def test_a_newer_checkpoint_is_refused(old: Path) -> None:
    newer(old / facts.CHECKPOINT)
    with pytest.raises(CheckpointError, match="start the newer agent that wrote it"):
        CheckpointStore(old / facts.CHECKPOINT)


def test_the_data_say_something_in_each_field_of_each_record() -> None:
    """What is left at its default is not tested: a new field needs a value in checkpointed.py."""
    given = {kind: set[str]() for kind in Record.__args__}
    for record in records():
        for field in msgspec.structs.fields(record):
            default = field.default if field.default is not msgspec.NODEFAULT else None
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            if getattr(record, field.name) != default:
                given[type(record)].add(field.name)
    silent = {
        kind.__name__: [name for name in kind.__struct_fields__ if name not in fields]
        for kind, fields in given.items()
    }
    assert not {kind: names for kind, names in silent.items() if names}


# --- the supervisor ------------------------------------------------------------------------------


def test_a_supervisors_journal_is_read_whole(old: Path) -> None:
    was = frozen(old, "supervisor")
    found = facts.of_supervisor(old / facts.SUPERVISOR)
    assert facts.lost(was, found) == []
    assert found.keys() == was.keys()


def test_a_newer_supervisors_journal_is_refused(old: Path) -> None:
    path = old / facts.SUPERVISOR
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(JournalTooNew, match="the journal has version 2"):
        read_journal(str(path), facts.BOOT_ID)


# --- the master's journal ------------------------------------------------------------------------


def test_a_masters_journal_is_read_whole(old: Path) -> None:
    """That it is *executed* in the same way, no later version promises."""
    assert facts.lost(frozen(old, "journal"), facts.of_journal(old / facts.JOURNAL)) == []


def test_a_newer_masters_journal_is_refused(old: Path) -> None:
    path = old / facts.JOURNAL
    data = path.read_bytes()
    begin = len(journal.MAGIC)
    mark = struct.pack("<H", journal.FORMAT + 1)
    path.write_bytes(data[:begin] + mark + data[begin + 2 :])
    with pytest.raises(JournalError, match="a newer one wrote it"):
        Run(path)
