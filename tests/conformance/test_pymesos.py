"""An unmodified framework of somebody else's: pymesos, with its scheduler and its executor."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tepui.daemons.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "conformance" / "clients"
VENV = ROOT / ".venv-pymesos"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.compiler,
    pytest.mark.skipif(
        not (VENV / ".installed").exists(),
        reason="pymesos is not installed (make test does it, given a C compiler)",
    ),
]


async def run_probe(cluster: Cluster) -> dict[str, Any]:
    """Run the scheduler to its end and return what it saw."""
    process = await asyncio.create_subprocess_exec(
        VENV / "bin" / "python",
        CLIENTS / "pymesos_scheduler.py",
        cluster.url.removeprefix("http://"),
        VENV / "bin" / "python",
        CLIENTS / "pymesos_executor.py",
        stdout=subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 110)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    seen: dict[str, Any] = json.loads(output)
    assert process.returncode == 0, seen
    return seen


def test_a_pymesos_framework_sees_every_task_through(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        cluster = Cluster(work_dir=tmp_path, agents=2, resources="cpus:2;mem:512;disk:1024")
        async with cluster:
            return await run_probe(cluster)

    seen = asyncio.run(scenario())
    assert seen["events"] == ["registered"]
    states = seen["states"]
    for n in range(20):
        end = "TASK_FAILED" if n % 2 else "TASK_FINISHED"
        assert states[f"command-{n}"] == ["TASK_STARTING", "TASK_RUNNING", end]
    for n in range(5):
        assert states[f"sum-{n}"] == ["TASK_RUNNING", "TASK_FINISHED"]
        assert seen["data"][f"sum-{n}"] == str(n + 10)
    assert states["long"] == ["TASK_RUNNING", "TASK_KILLED"]
    assert seen["messages"] == ["waiting", "echo hello"]
    (sandbox,) = tmp_path.glob("agent*/slaves/*/frameworks/*/executors/adder/runs/latest")
    environment = json.loads((sandbox / "environment.json").read_text())
    assert environment["MESOS_EXECUTOR_ID"] == "adder"
    assert environment["MESOS_CHECKPOINT"] == "1"
    assert environment["MESOS_DIRECTORY"].startswith(str(tmp_path))
