"""Metrics as Mesos has them: a flat mapping of keys to numbers, and the same for Prometheus."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import psutil
from prometheus_client.core import Metric, UnknownMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

_PERCENTILES = (
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p999", 0.999),
    ("p9999", 0.9999),
)
_SAMPLES_MAX = 1000
_MILLISECONDS = 1000.0

# Keys with names of things in them; Prometheus gets those as labels.
_LABELLED = (
    re.compile(r"^(?P<before>master/frameworks)/(?P<name>[^/]+)/(?P<id>[^/]+)/(?P<after>.+)$"),
    re.compile(r"^(?P<before>frameworks)/(?P<principal>.+)/(?P<after>messages_[a-z]+)$"),
    re.compile(
        r"^(?P<before>allocator/mesos/(?:offer_filters/)?roles)/(?P<role>.*)/"
        r"(?P<after>active|shares/dominant)$"
    ),
    re.compile(
        r"^(?P<before>allocator/mesos/quota/roles)/(?P<role>.*)/resources/(?P<resource>[^/]+)/"
        r"(?P<after>[a-z_]+)$"
    ),
)
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


class Timing:
    """How long something took, lately.

    Samples older than the window are forgotten, and so are the oldest beyond a thousand.
    """

    def __init__(self, window_seconds: float) -> None:
        self.window_seconds = window_seconds
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES_MAX)
        self._last: float | None = None

    def record(self, seconds: float, now: float) -> None:
        """Take in one duration, which ended at the monotonic time ``now``."""
        self._last = seconds * _MILLISECONDS
        self._samples.append((now, self._last))

    def metrics(self, key: str, now: float) -> dict[str, float]:
        """Return the last sample in milliseconds, and statistics once there are two."""
        if self._last is None:
            return {}
        while self._samples and self._samples[0][0] < now - self.window_seconds:
            self._samples.popleft()
        values = sorted(value for _, value in self._samples)
        found = {key: self._last}
        if len(values) < 2:
            return found
        found |= {
            f"{key}/count": float(len(values)),
            f"{key}/max": values[-1],
            f"{key}/min": values[0],
        }
        for name, share in _PERCENTILES:
            found[f"{key}/{name}"] = _percentile(values, share)
        return found


def system_metrics() -> dict[str, float]:
    """Return what Mesos tells of the machine."""
    load_1, load_5, load_15 = os.getloadavg()
    memory = psutil.virtual_memory()
    return {
        "system/cpus_total": float(os.cpu_count() or 1),
        "system/load_1min": load_1,
        "system/load_5min": load_5,
        "system/load_15min": load_15,
        "system/mem_total_bytes": float(memory.total),
        "system/mem_free_bytes": float(memory.free),
    }


def prometheus_text(metrics: Mapping[str, float]) -> bytes:
    """Return ``metrics`` in the text format of Prometheus.

    Example:
        >>> print(prometheus_text({"master/elected": 1.0}).decode(), end="")
        # HELP mesos_master_elected master/elected
        # TYPE mesos_master_elected untyped
        mesos_master_elected 1.0
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Flat(metrics))
    return generate_latest(registry)


PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Flat(Collector):
    def __init__(self, metrics: Mapping[str, float]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        families: dict[str, UnknownMetricFamily] = {}
        for key, value in self._metrics.items():
            plain, labels = _split(key)
            name = "mesos_" + _NOT_IN_NAMES.sub("_", plain)
            family = families.get(name)
            if family is None:
                family = UnknownMetricFamily(name, plain, labels=tuple(labels))
                families[name] = family
            family.add_metric(tuple(labels.values()), value)
        return families.values()

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _split(key: str) -> tuple[str, dict[str, str]]:
    """Return a key without the names of things in it, and those names."""
    for pattern in _LABELLED:
        found = pattern.match(key)
        if found is not None:
            labels = found.groupdict()
            plain = f"{labels.pop('before')}/{labels.pop('after')}"
            return _with_role(plain, labels)
    return key, {}


def _with_role(plain: str, labels: dict[str, str]) -> tuple[str, dict[str, str]]:
    # The one key of a framework that holds a second name.
    role = re.fullmatch(r"master/frameworks/roles/(?P<role>.*)/suppressed", plain)
    if role is None:
        return plain, labels
    return "master/frameworks/roles/suppressed", labels | role.groupdict()


def _percentile(values: list[float], share: float) -> float:
    """Interpolate between the two samples nearest to ``share``."""
    position = share * (len(values) - 1)
    index = int(position)
    if index + 1 == len(values):
        return values[index]
    return values[index] + (values[index + 1] - values[index]) * (position - index)
