"""How fast do real tasks run on one real agent, and how soon does a task run once it is wanted?

``/bin/true``, started by the agent's supervisor, one after the other and many at a time; and on
an idle cluster the time from the ACCEPT to the TASK_RUNNING that the framework reads, with
TASK_STARTING and its acknowledgement in between, as Mesos has it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.processes import (
    agent,
    children_of,
    cpu_seconds,
    directory_cost_us,
    master,
    program_of,
    started,
    workspace,
)
from bench.report import Goal, percentile, publish

RATE_GOAL = 500.0
LATENCY_GOAL_MS = 5.0
# Long enough for every timer and every offer to come to rest.
IDLE_SECONDS = 0.03


def measure(
    name: str,
    place: Path,
    tasks: int,
    in_flight: int,
    *,
    is_checkpointed: bool = False,
    pause_seconds: float = 0.0,
) -> dict[str, Any]:
    """Run ``tasks`` tasks, at most ``in_flight`` at a time, and account for every process."""
    directory = place / name.replace(" ", "-")
    directory.mkdir()
    resources = f"--resources=cpus:{in_flight};mem:{in_flight * 32};disk:1024"
    framework = [
        f"--tasks={tasks}",
        f"--warm_up={max(1, min(tasks // 10, 200))}",
        f"--in_flight={in_flight}",
        f"--pause_seconds={pause_seconds}",
    ]
    if is_checkpointed:
        framework.append("--checkpoint")
    with (
        master(directory) as (running, address),
        agent(directory, address, resources) as agent_process,
        started(
            "bench.framework",
            f"--master={address}",
            *framework,
            log=directory / "framework.log",
        ) as scheduler,
    ):
        scheduler.next_line()
        pids = {
            "master": running.pid,
            "agent": agent_process.pid,
            "supervisor": supervisor_of(agent_process.pid),
        }
        before = {each: cpu_seconds(pid) for each, pid in pids.items()}
        done = scheduler.next_line()
        used = {each: cpu_seconds(pid) - before[each] for each, pid in pids.items()}
    if done["ended_badly"]:
        raise RuntimeError(f"{done['ended_badly']} tasks did not finish")
    latencies = [each * 1000 for each in done["latencies"]]
    return {
        "what": name,
        "tasks": tasks,
        "per_second": round(tasks / done["seconds"], 1),
        "to_running_median_ms": round(statistics.median(latencies), 2),
        "to_running_p99_ms": round(percentile(latencies, 0.99), 2),
        **{f"{each}_cpu_us": round(used[each] / tasks * 1e6) for each in used},
    }


def supervisor_of(agent_pid: int) -> int:
    """Return the pid of an agent's supervisor, which the agent has started."""
    found = [pid for pid in children_of(agent_pid) if "supervisor" in program_of(pid)]
    if len(found) != 1:
        raise RuntimeError(f"the agent {agent_pid} has {len(found)} supervisors")
    return found[0]


def main() -> int:
    """Measure all ways, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=3_000, help="with many in flight")
    parser.add_argument("--single_tasks", type=int, default=500, help="with one in flight")
    parser.add_argument("--in_flight", type=int, default=64)
    options = parser.parse_args()
    load = os.getloadavg()
    many, few = options.in_flight, options.single_tasks
    with workspace() as place:
        cost = round(directory_cost_us(place), 1)
        rows = [
            measure("idle cluster", place, few, 1, pause_seconds=IDLE_SECONDS),
            measure("1 in flight", place, few, 1),
            measure(f"{many} in flight", place, options.tasks, many),
            measure(f"{many} checkpointed", place, options.tasks, many, is_checkpointed=True),
        ]
    parameters = {**vars(options), "directory_cost_us": cost}
    print(f"making a directory costs {cost} µs here")
    goals = [
        Goal(
            what="ACCEPT to TASK_RUNNING, median",
            value=rows[0]["to_running_median_ms"],
            limit=LATENCY_GOAL_MS,
            unit="ms",
        ),
        Goal(
            what=f"real tasks with {many} in flight",
            value=rows[2]["per_second"],
            limit=RATE_GOAL,
            unit="/s",
            is_more_better=True,
        ),
    ]
    publish("tasks", rows, goals=goals, parameters=parameters, load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
