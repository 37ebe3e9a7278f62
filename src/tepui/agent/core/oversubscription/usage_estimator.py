"""Lends what tasks were given and do not use, as far as it was measured for long enough.

A task's use is a high percentile over a window: it follows a task that becomes busy within a
few readings, and one that becomes idle only after the whole window. The master hears of a
change only when it is a step or more: each change takes offers back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tepui.agent.core.oversubscription.interface import ExecutorReading, Reading
from tepui.agent.core.oversubscription.parameters import Parameters
from tepui.base.time import Instant
from tepui.messages import ResourceStatistics
from tepui.resources import Quantities, Resources
from tepui.resources.keys import make_key

MEASURED = ("cpus", "mem")
SAMPLES_MIN = 3
SAMPLES_MAX = 240
"""For each executor, however long the window is and however often it is looked at."""

_MEGABYTE = 1024 * 1024
# Thousandths in which the estimate is told.
_GRAINS = {"cpus": 100, "mem": 1000}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters.

    Attributes:
        names: What is lent.
        window: Seconds over which use is looked at.
        percentile: Which of the samples in the window counts as the use.
        margin: The share of what a task was given that stays free for it beyond its use.
        max_share: The share of the agent's total that is lent at most.
        warm_up: Seconds for which a task has to have run before any of its share is lent.
        step: The share of the agent's total that a change has to make up to be told.
    """

    names: tuple[str, ...] = MEASURED
    window: float = 300.0
    percentile: float = 0.95
    margin: float = 0.1
    max_share: float = 0.5
    warm_up: float = 60.0
    step: float = 0.05


def read_settings(parameters: Mapping[str, str]) -> Settings:
    """Return the settings that ``parameters`` give.

    Raises:
        ValueError: One is unknown, or its value makes no sense.
    """
    taken = Parameters(parameters)
    default = Settings()
    settings = Settings(
        names=taken.names("names", default.names, of=MEASURED),
        window=taken.seconds("window", default.window, low=1.0),
        percentile=taken.number("percentile", default.percentile, low=0.5, high=1.0),
        margin=taken.number("margin", default.margin, low=0.0, high=1.0),
        max_share=taken.number("max_share", default.max_share, low=0.0, high=1.0),
        warm_up=taken.seconds("warm_up", default.warm_up),
        step=taken.number("step", default.step, low=0.0, high=1.0),
    )
    taken.finish()
    return settings


class _Sample(NamedTuple):
    at: float
    used: Quantities
    """What could be measured only."""


class _Record(msgspec.Struct, kw_only=True):
    """What is remembered of an executor as long as it holds the same.

    Attributes:
        since: Monotonic seconds.
        counters: CPU seconds by container, as of ``counted_at``.
    """

    granted: Quantities
    since: float
    counters: dict[str, float]
    counted_at: float
    samples: deque[_Sample] = msgspec.field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))


class UsageEstimator:
    """Lends the slack between what was given and what is used."""

    is_measuring = True

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._settings = read_settings(parameters)
        self._records: dict[str, _Record] = {}
        self._lent = Quantities()

    def estimate(self, reading: Reading, now: Instant) -> Resources:
        """Take in a reading, and return what may be lent beyond what is."""
        self._observe(reading, now.monotonic)
        self._follow(self._slack(now.monotonic), reading.total.non_revocable().scalars())
        lent = reading.lent().scalars()
        return Resources(
            {
                make_key(name=name, revocable=True): amount - lent.get(name, 0)
                for name, amount in self._lent.items()
                if amount > lent.get(name, 0)
            }
        )

    def _observe(self, reading: Reading, now: float) -> None:
        """Take a sample of each executor that goes on, and forget those that are gone."""
        before, self._records = self._records, {}
        for executor in reading.executors:
            if executor.is_ending:
                continue
            held = executor.allocated.non_revocable().scalars()
            granted = Quantities({name: held.get(name, 0) for name in self._settings.names})
            counters = _cpu_seconds(executor.used)
            record = before.get(executor.container_id)
            if record is None or record.granted != granted or counters.keys() - record.counters:
                # What it used before says nothing of what it does from now on.
                record = _Record(granted=granted, since=now, counters=counters, counted_at=now)
            elif executor.used and now > record.counted_at:
                record.samples.append(_Sample(now, _used(executor, record, counters, now)))
                record.counters, record.counted_at = counters, now
            self._records[executor.container_id] = record

    def _slack(self, now: float) -> Quantities:
        """Return what executors were given and do not use, over all of them."""
        settings = self._settings
        slack = Quantities()
        for record in self._records.values():
            while record.samples and record.samples[0].at < now - settings.window:
                record.samples.popleft()
            if now - record.since < settings.warm_up:
                continue
            for name, granted in record.granted.items():
                used = [each.used[name] for each in record.samples if name in each.used]
                if len(used) >= SAMPLES_MIN:
                    spare = int(granted * (1 - settings.margin)) - _percentile(
                        used, settings.percentile
                    )
                    slack[name] = slack.get(name, 0) + max(0, spare)
        return slack

    def _follow(self, slack: Quantities, total: Quantities) -> None:
        """Move what is lent to ``slack``, unless it is hardly another."""
        for name in self._settings.names:
            whole = total.get(name, 0)
            wanted = min(slack.get(name, 0), int(whole * self._settings.max_share))
            wanted -= wanted % _GRAINS[name]
            moved = abs(wanted - self._lent.get(name, 0))
            if wanted == 0 or moved >= whole * self._settings.step:
                self._lent[name] = wanted


def _cpu_seconds(used: Mapping[str, ResourceStatistics]) -> dict[str, float]:
    return {container_id: cpu_seconds(statistics) for container_id, statistics in used.items()}


def cpu_seconds(statistics: ResourceStatistics) -> float:
    """Return the CPU time that a container has taken so far."""
    return (statistics.cpus_user_time_secs or 0.0) + (statistics.cpus_system_time_secs or 0.0)


def mem_bytes(used: Mapping[str, ResourceStatistics]) -> int:
    """Return the memory that the containers of an executor hold."""
    return sum(each.mem_total_bytes or each.mem_rss_bytes or 0 for each in used.values())


def _used(
    executor: ExecutorReading, record: _Record, counters: dict[str, float], now: float
) -> Quantities:
    statistics = executor.used.values()
    used = Quantities()
    if all(each.cpus_user_time_secs is not None for each in statistics):
        spent = sum(
            max(0.0, seconds - record.counters[container_id])
            for container_id, seconds in counters.items()
        )
        used["cpus"] = math.ceil(1000 * spent / (now - record.counted_at))
    if all(each.mem_rss_bytes is not None or each.mem_total_bytes for each in statistics):
        used["mem"] = math.ceil(1000 * mem_bytes(executor.used) / _MEGABYTE)
    return used


def _percentile(values: Sequence[int], share: float) -> int:
    """Return the least value that ``share`` of ``values`` do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
