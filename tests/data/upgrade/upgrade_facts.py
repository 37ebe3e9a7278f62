"""What data of an older version says, read with the code of today, in the form of facts.json."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tepui.agent.checkpoint import CheckpointStore
from tepui.allocator import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.containers.supervisor.journal import read_journal
from tepui.ha.sqlite import SqliteStore
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import RegistryRecovered
from tepui.master.core.master import Master
from tepui.master.core.model import RecoveredAgent, UnreachableAgent
from tepui.master.replaying import Run

UPGRADE = Path(__file__).parent
BOOT_ID = "1f0e3dad-9990-4abc-8def-000000000001"

REGISTRY = "registry.sqlite"
ZOOKEEPER = "zookeeper.json.gz"
CHECKPOINT = "checkpoint.sqlite"
SUPERVISOR = "supervisor.jsonl"
JOURNAL = "000001.journal"
FACTS = "facts.json"

TEXT_MAX = 1000


def of_registry(records: Mapping[str, bytes]) -> Any:
    """Return what a master that leads from these records knows."""
    config = MasterConfig()
    rng = Rng(0)
    now = Instant(0.0, 0.0)
    master = Master(config, HierarchicalAllocator(config.allocator, rng), rng, now)
    master.handle(RegistryRecovered(records=dict(records)), now)
    state = master.state
    return _builtins(
        {
            "agents": {each: _agent(known) for each, known in state.recovered_agents.items()},
            "unreachable": {
                each: {**_agent(known), "since": known.since}
                for each, known in state.unreachable_agents.items()
            },
            "gone": state.gone_agents,
            "weights": state.weights,
            "quotas": state.quotas,
            "schedule": state.schedule,
            "machines": list(state.machines.values()),
        }
    )


def of_sqlite(path: Path) -> Any:
    """Return what the registry in a file says; the file is claimed by that."""
    store = SqliteStore(path)
    try:
        return of_registry(store.open())
    finally:
        store.close()


def of_checkpoint(path: Path) -> Any:
    """Return what an agent remembers."""
    store = CheckpointStore(path)
    try:
        found = _builtins(store.load())
    finally:
        store.close()
    del found["source"]
    return found


def of_supervisor(path: Path) -> Any:
    """Return what a supervisor remembers of its containers, in the same life of the machine."""
    return {
        container_id: dict(record._asdict())
        for container_id, record in read_journal(str(path), BOOT_ID).items()
    }


def of_journal(path: Path) -> Any:
    """Return what a master took in, and what is recorded of the effects."""
    run = Run(path)
    steps = [
        {
            "number": step.number,
            "now": step.now,
            "event": step.event,
            "outcome": step.outcome,
        }
        for step in run.steps()
    ]
    return _builtins({"header": run.header, "steps": steps, "ending": run.ending})


def znodes(path: Path) -> dict[str, bytes]:
    """Return what stands below the cluster's path in ZooKeeper, outer znodes first."""
    dumped = json.loads(gzip.decompress(path.read_bytes()))
    return {name: base64.b64decode(content) for name, content in dumped.items()}


def _agent(known: RecoveredAgent | UnreachableAgent) -> dict[str, Any]:
    return {
        "info": known.info,
        "is_deactivated": known.is_deactivated,
        "drain": known.drain,
    }


def _builtins(value: Any) -> Any:
    # As it is once it was written to facts.json and read.
    return _short(json.loads(json.dumps(msgspec.to_builtins(value, str_keys=True))))


def _short(value: Any) -> Any:
    """Return ``value`` with long texts as what tells them apart."""
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    if isinstance(value, str) and len(value) > TEXT_MAX:
        return f"{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()}"
    return value


def lost(frozen: Any, found: Any, place: str = "") -> list[str]:
    """Say which facts are not found again; what is found beside them is no loss."""
    if isinstance(frozen, dict) and isinstance(found, dict):
        missing = [f"{place}.{name} is gone" for name in frozen if name not in found]
        for name in frozen.keys() & found.keys():
            missing += lost(frozen[name], found[name], f"{place}.{name}")
        return sorted(missing)
    if isinstance(frozen, list) and isinstance(found, list) and len(frozen) == len(found):
        return [
            each
            for index, pair in enumerate(zip(frozen, found, strict=True))
            for each in lost(*pair, f"{place}[{index}]")
        ]
    return [] if frozen == found else [f"{place} was {frozen!r} and is {found!r}"]
