"""What the driver measures around the core: the clock's and the registry's part of the metrics."""

from __future__ import annotations

import time

from tepui.ha.writer import RegistryWriter
from tepui.telemetry.metrics import Timing

HOUR = 3600.0
DAY = 86400.0


class Measured:
    """Durations of allocation runs and of the registry's work."""

    def __init__(self, writer: RegistryWriter) -> None:
        self._writer = writer
        self._run = Timing(HOUR)
        self._latency = Timing(HOUR)
        self._fetch = Timing(DAY)
        self._store = Timing(DAY)
        self._asked: float | None = None
        self._run_seconds = 0.0
        writer.on_fetched = lambda seconds: self._fetch.record(seconds, time.monotonic())
        writer.on_stored = lambda seconds: self._store.record(seconds, time.monotonic())

    def on_allocation_asked(self) -> None:
        """A run is wanted; one that is under way is meant as well."""
        if self._asked is None:
            self._asked = time.monotonic()

    def on_slice(self, started: float, *, is_last: bool) -> None:
        """A slice that began at ``started`` has ended just now."""
        now = time.monotonic()
        if self._run_seconds == 0.0 and self._asked is not None:
            self._latency.record(started - self._asked, now)
        self._run_seconds += now - started
        if is_last:
            self._run.record(self._run_seconds, now)
            self._run_seconds = 0.0
            self._asked = None

    def metrics(self) -> dict[str, float]:
        """Return the metrics by Mesos' keys."""
        now = time.monotonic()
        fetched = self._fetch.metrics("registrar/state_fetch_ms", now)
        return {
            "registrar/queued_operations": float(self._writer.queued),
            "registrar/registry_size_bytes": float(self._writer.size_bytes),
            "registrar/log/recovered": 1.0,
            **{key: value for key, value in fetched.items() if key.count("/") == 1},
            **self._store.metrics("registrar/state_store_ms", now),
            **self._run.metrics("allocator/mesos/allocation_run_ms", now),
            **self._latency.metrics("allocator/mesos/allocation_run_latency_ms", now),
        }
