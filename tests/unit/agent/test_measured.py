"""What is measured around the agent's core."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tepui.agent.measured import Measured
from tepui.containers.core.gc import GcPolicy
from tepui.containers.fetcher import Fetcher, FetchFailed
from tepui.containers.protocol import URI


def test_fetches_and_removals_are_counted_under_mesos_keys(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    fetcher = Fetcher()
    measured = Measured(tmp_path, GcPolicy(), fetcher)
    assert "slave/recovery_time_secs" not in measured.metrics()

    async def scenario() -> None:
        await fetcher.fetch([], sandbox, None)
        await fetcher.fetch([URI(value=str(source))], sandbox, None)
        with pytest.raises(FetchFailed):
            await fetcher.fetch([URI(value="/no/such/file")], sandbox, None)

    asyncio.run(scenario())
    measured.on_recovered()
    measured.on_removed(source, None)
    measured.on_removed(source, OSError())
    measured.removals_pending = lambda: 7
    measured.destroys_failed = lambda: 2
    metrics = measured.metrics()
    assert metrics.pop("slave/recovery_time_secs") >= 0.0
    assert 0 <= metrics.pop("slave/executor_directory_max_allowed_age_secs") <= 604800.0
    assert metrics == {
        "containerizer/fetcher/task_fetches_succeeded": 1.0,
        "containerizer/fetcher/task_fetches_failed": 1.0,
        "containerizer/mesos/container_destroy_errors": 2.0,
        "gc/path_removals_pending": 7.0,
        "gc/path_removals_succeeded": 1.0,
        "gc/path_removals_failed": 1.0,
    }
