"""An agent's disk: checkpoints that survive the process, and mostly the machine.

A commit survives the death of the process at once. A loss of power takes the latest commits that
the system had not brought to the disk yet: some number of whole transactions, never a part of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from tepui.agent.core.records import (
    OPERATION_KEYS,
    RESOURCES_KEY,
    AgentRecord,
    Checkpointed,
    DrainRecord,
    ExecutorRecord,
    FrameworkRecord,
    OperationRecord,
    Record,
    ResourcesRecord,
    StreamRecord,
    TaskRecord,
)
from tepui.base.rng import Rng
from tepui.sim.clock import Clock

UNSYNCED_SECONDS = 10.0
"""A commit that is older than this survives a loss of power."""

UNSYNCED_MAX = 64
"""The log is brought to the disk when it is long, too."""


class DiskFailed(Exception):
    """The disk does not take a write, or gives nothing back."""


class CheckpointDisk:
    """The records of one machine's agent.

    Attributes:
        seconds_more: How much longer a commit takes at the moment.
        is_failing: Whether nothing can be written at the moment.
    """

    def __init__(self, clock: Clock, rng: Rng, latency: tuple[float, float]) -> None:
        self.seconds_more = 0.0
        self.is_failing = False
        self._clock = clock
        self._rng = rng
        self._latency = latency
        self._records: dict[str, bytes] = {}
        self._undo: deque[tuple[float, dict[str, bytes | None]]] = deque(maxlen=UNSYNCED_MAX)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)

    def __len__(self) -> int:
        return len(self._records)

    def commit(self, puts: Mapping[str, Record], deletes: Collection[str]) -> float:
        """Store and forget in one transaction; return how many seconds that takes.

        Raises:
            DiskFailed: Nothing was changed.
        """
        if self.is_failing:
            raise DiskFailed("the checkpoint cannot be written: the disk fails")
        encode = self._encoder.encode
        self._apply({key: encode(record) for key, record in puts.items()}, deletes)
        return self._rng.between(*self._latency) + self.seconds_more

    def forget_everything(self) -> None:
        """Remove all but reservations and volumes, as the real store does.

        Raises:
            DiskFailed: Nothing was changed.
        """
        if self.is_failing:
            raise DiskFailed("the checkpoint cannot be written: the disk fails")
        kept = (RESOURCES_KEY, OPERATION_KEYS)
        self._apply({}, [key for key in self._records if not key.startswith(kept)])

    def lose_power(self) -> int:
        """Lose some of the latest transactions, perhaps none; return how many."""
        recent = self._clock.now - UNSYNCED_SECONDS
        unsynced = sum(1 for at, _ in self._undo if at >= recent)
        lost = self._rng.below(unsynced + 1)
        for _ in range(lost):
            _, before = self._undo.pop()
            for key, value in before.items():
                if value is None:
                    self._records.pop(key, None)
                else:
                    self._records[key] = value
        self._undo.clear()
        return lost

    def load(self) -> Checkpointed:
        """Return all records."""
        by_type: dict[type, list[Any]] = {}
        for key in sorted(self._records):
            record = self._decoder.decode(self._records[key])
            by_type.setdefault(type(record), []).append(record)

        def one(kind: type) -> Any:
            found = by_type.get(kind)
            return found[0] if found else None

        return Checkpointed(
            agent=one(AgentRecord),
            drain=one(DrainRecord),
            resources=one(ResourcesRecord),
            operations=by_type.get(OperationRecord, []),
            frameworks=by_type.get(FrameworkRecord, []),
            executors=by_type.get(ExecutorRecord, []),
            tasks=by_type.get(TaskRecord, []),
            streams=by_type.get(StreamRecord, []),
        )

    def _apply(self, puts: Mapping[str, bytes], deletes: Collection[str]) -> None:
        records = self._records
        before = {key: records.get(key) for key in (*puts, *deletes)}
        self._undo.append((self._clock.now, before))
        records.update(puts)
        for key in deletes:
            records.pop(key, None)
