"""Unmodified frameworks of somebody else's: pymesos, with its schedulers and its executor."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pymesos_client import CLIENTS, MARKS, PYTHON, run_client

from tepui.daemons.cluster import Cluster

pytestmark = MARKS


def test_a_pymesos_framework_sees_every_task_through(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        cluster = Cluster(work_dir=tmp_path, agents=2, resources="cpus:2;mem:512;disk:1024")
        async with cluster:
            executor = CLIENTS / "pymesos_executor.py"
            return await run_client(cluster, "pymesos_scheduler.py", PYTHON, executor)

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


def test_a_pymesos_framework_keeps_a_volume_and_is_asked_to_leave(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        # It waits for offers after each step: they come as soon as filters have run out.
        cluster = Cluster(
            work_dir=tmp_path,
            agents=1,
            resources="cpus:2;mem:512;disk:1024",
            master_flags=["--allocation_interval=100ms"],
        )
        async with cluster:
            return await run_client(cluster, "pymesos_sharing.py")

    seen = asyncio.run(scenario())
    assert seen["resources"] == {
        "first": {},
        "with volume": {"kept": 64.0, "disk": 32.0, "cpus": 0.5},
        "to grow": {"kept": 64.0, "disk": 32.0, "cpus": 0.5},
        "to shrink": {"kept": 96.0, "cpus": 0.5},
        "to end": {"kept": 48.0, "disk": 48.0, "cpus": 0.5},
    }
    operations = [each[1:] for each in seen["told"] if each[0] == "operation"]
    done = ["create", "destroy", "grow", "reserve", "shrink", "unreserve"]
    unknown = ["never", "OPERATION_UNKNOWN"]
    assert sorted(operations) == sorted([*([each, "OPERATION_FINISHED"] for each in done), unknown])
    ends = {each[1]: each[2] for each in seen["told"] if each[0] == "task"}
    assert ends == {"write": "TASK_FINISHED", "read": "TASK_FINISHED", "stay": "TASK_KILLED"}
    asked = [each[0] for each in seen["told"] if each[0].startswith("inverse")]
    assert asked == [*["inverse offer"] * 3, "inverse offer rescinded"]
    [machine] = seen["status"]["get_maintenance_status"]["status"]["draining_machines"]
    [status] = machine["statuses"]
    assert status["status"] == "ACCEPT"
