"""Write the data of this version that later versions have to read: once, before its release.

    PYTHONPATH=. python tests/data/upgrade/make.py

The registry's records come from the master's core, to which happens all that it keeps; the agent's
and the supervisor's are made so that each field of each record says something, and a test holds
that. ZooKeeper is a real one.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import upgrade_facts as facts
from bench import ensemble
from checkpointed import records
from registered import MasterLife

from tepui.agent.checkpoint import CheckpointStore
from tepui.agent.core.records import key_of
from tepui.base.zookeeper_url import parse_url
from tepui.containers.supervisor.journal import Journal, Record
from tepui.ha.sqlite import SqliteStore
from tepui.ha.zookeeper import ZooKeeperStore

ZOOKEEPER_PATH = "/cluster"


def main() -> None:
    """Make the directory of this version anew."""
    directory = facts.UPGRADE / version("tepui")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        told = {
            "registry": registry(directory, scratch),
            "zookeeper": zookeeper(directory, scratch),
            "checkpoint": checkpoint(directory, scratch),
            "supervisor": supervisor(directory),
            "journal": facts.of_journal(directory / facts.JOURNAL),
        }
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False)
    (directory / facts.FACTS).write_text(text + "\n", encoding="utf-8")


def registry(directory: Path, scratch: Path) -> Any:
    """Let a master live on SQLite; its journal is kept too."""
    store = SqliteStore(directory / facts.REGISTRY)
    life = MasterLife(store, has_large_agent=False)
    store.close()
    (directory / facts.JOURNAL).write_bytes(life.journal)
    # Reading claims the file: let a copy be claimed.
    copy = scratch / facts.REGISTRY
    shutil.copy(directory / facts.REGISTRY, copy)
    return facts.of_sqlite(copy)


def zookeeper(directory: Path, scratch: Path) -> Any:
    """Let the same master live on ZooKeeper, with an agent whose record is in several znodes."""
    with ensemble.started(scratch / "zookeeper", 1) as servers, servers.client() as client:
        url = parse_url(servers.url(ZOOKEEPER_PATH))
        store = ZooKeeperStore(url)
        MasterLife(store, has_large_agent=True)
        store.close()
        dumped: dict[str, str] = {}
        paths = [f"{ZOOKEEPER_PATH}/tepui-registry"]
        for path in paths:
            content, _ = client.get(path)
            dumped[path.removeprefix(ZOOKEEPER_PATH)] = base64.b64encode(content).decode()
            paths += [f"{path}/{name}" for name in sorted(client.get_children(path))]
        packed = gzip.compress(json.dumps(dumped).encode(), mtime=0)
        (directory / facts.ZOOKEEPER).write_bytes(packed)
        again = ZooKeeperStore(url)
        try:
            return facts.of_registry(again.open())
        finally:
            again.close()


def checkpoint(directory: Path, scratch: Path) -> Any:
    """Store one of each record of an agent, and of most several."""
    store = CheckpointStore(directory / facts.CHECKPOINT)
    store.commit({key_of(each): each for each in records()}, [])
    store.close()
    copy = scratch / facts.CHECKPOINT
    shutil.copy(directory / facts.CHECKPOINT, copy)
    return facts.of_checkpoint(copy)


def supervisor(directory: Path) -> Any:
    """Note containers that run, that ended in different ways, and one that is forgotten."""
    path = directory / facts.SUPERVISOR
    journal = Journal(str(path), facts.BOOT_ID)
    for number, container_id in enumerate(("runs", "ended", "killed", "lost", "past", "a.nested")):
        sandbox = f"/var/lib/mesos/slaves/S0/frameworks/F/executors/e/runs/{container_id}"
        journal.started(Record(container_id, 4000 + number, 8_765_432 + number, sandbox))
    journal.exited("ended", 256, 1_700_000_100.25)
    journal.exited("killed", 9, 1_700_000_101.5)
    journal.exited("lost", None, 1_700_000_102.0)
    journal.exited("past", 0, 1_700_000_103.0)
    journal.forget("past")
    journal.flush()
    return facts.of_supervisor(path)


if __name__ == "__main__":
    main()
