"""What is measured around the agent's core: fetches, what was removed, the time of recovery."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tepui.containers.core.gc import GcPolicy
from tepui.containers.fetcher import Fetcher
from tepui.containers.gc import used_fraction


class Measured:
    """Counters that the agent's surroundings feed, by Mesos' keys."""

    def __init__(self, work_dir: Path, policy: GcPolicy, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._work_dir = work_dir
        self._policy = policy
        self._started = time.monotonic()
        self._recovery_seconds: float | None = None
        self.removals_succeeded = 0
        self.removals_failed = 0
        self.removals_pending: Callable[[], int] = int
        self.destroys_failed: Callable[[], int] = int

    def on_recovered(self) -> None:
        """The agent knows what it had before."""
        self._recovery_seconds = time.monotonic() - self._started

    def on_removed(self, path: Path, error: OSError | None) -> None:
        """A directory was removed, or resisted."""
        if error is None:
            self.removals_succeeded += 1
        else:
            self.removals_failed += 1

    def metrics(self) -> dict[str, float]:
        """Return the metrics."""
        found = {
            "containerizer/fetcher/task_fetches_succeeded": float(self._fetcher.runs_succeeded),
            "containerizer/fetcher/task_fetches_failed": float(self._fetcher.runs_failed),
            "containerizer/mesos/container_destroy_errors": float(self.destroys_failed()),
            "gc/path_removals_pending": float(self.removals_pending()),
            "gc/path_removals_succeeded": float(self.removals_succeeded),
            "gc/path_removals_failed": float(self.removals_failed),
            "slave/executor_directory_max_allowed_age_secs": self._policy.allowed_age(
                used_fraction(self._work_dir)
            ),
        }
        if self._recovery_seconds is not None:
            found["slave/recovery_time_secs"] = self._recovery_seconds
        return found
