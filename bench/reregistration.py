"""How long does a new master need until a big cluster is back?

40,000 agents with ten running tasks each come back all at once to a real master that has just
started on the registry of the one before. The time is from the first connection to the last
``Reregistered``. The agents tell what one agent's real core told, each with names of its own,
and were prepared before: what is measured is the master, which has a processor of its own if
the machine has two. A probe asks ``GET /health`` meanwhile: frameworks come back, too, and are
not to wait for all agents.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.loop import Probe
from bench.processes import (
    Process,
    cpu_seconds,
    master,
    resident_mb,
    started,
    waited_seconds,
    workspace,
)
from bench.report import Goal, publish

PUBLISHED_SECONDS = 19.0
GOAL_SECONDS = 20.0
GOAL_AGENTS = 40_000
QUICK_PART = 0.05


def measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Prepare the agents, start the master, and let them come."""
    work_dir = directory / "master"
    work_dir.mkdir()
    agents = (
        f"--registry={work_dir / 'registry.sqlite'}",
        f"--agents={options.agents}",
        f"--tasks={options.tasks}",
        f"--frameworks={options.frameworks}",
        f"--frameworks_per_agent={options.frameworks_per_agent}",
        f"--agents_per_link={options.agents_per_link}",
    )
    with started("bench.returning", *agents, log=directory / "returning.log") as returning:
        prepared = returning.next_line()
        began = time.perf_counter()
        durable = ("--registry=sqlite", f"--work_dir={work_dir}")
        with master(directory, *durable) as (running, address):
            recovered = time.perf_counter() - began
            row = come_back(options, running, address, returning)
    row["told_mb"] = round(prepared["megabytes"], 1)
    row["master_start_seconds"] = recovered
    return row


def come_back(
    options: argparse.Namespace, running: Process, address: str, returning: Process
) -> dict[str, Any]:
    """Let the agents come, and return what that took."""
    before = (cpu_seconds(running.pid), waited_seconds(running.pid), cpu_seconds(returning.pid))
    probe = Probe(address)
    probe.start()
    try:
        returning.say(address)
        seconds: float = returning.next_line()["seconds"]
    finally:
        probe.stop()
    cpu = cpu_seconds(running.pid) - before[0]
    row = {
        "agents": options.agents,
        "tasks": options.agents * options.tasks,
        "frameworks": options.frameworks,
        "seconds": seconds,
        "master_cpu_seconds": cpu,
        "master_waited_seconds": waited_seconds(running.pid) - before[1],
        "master_cpu_us_per_agent": round(cpu / options.agents * 1e6),
        "longest_hold_ms": round(max(probe.latencies) * 1000, 1),
        "agents_cpu_seconds": cpu_seconds(returning.pid) - before[2],
        "master_mb": round(resident_mb(running.pid)),
    }
    returning.say("over")
    returning.wait()
    return row


def main() -> int:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=GOAL_AGENTS)
    parser.add_argument("--tasks", type=int, default=10, help="on each agent")
    parser.add_argument("--frameworks", type=int, default=200)
    parser.add_argument("--frameworks_per_agent", type=int, default=5)
    parser.add_argument("--agents_per_link", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the agents")
    options = parser.parse_args()
    if options.quick:
        options.agents = max(1, int(options.agents * QUICK_PART))
    load = os.getloadavg()
    with workspace() as directory:
        rows = [measure(options, directory)]
    # The goal is for its number of agents; smaller runs are held to their part of it.
    part = options.agents / GOAL_AGENTS
    goals = [
        Goal(
            what=f"{options.agents} agents back",
            value=rows[0]["seconds"],
            limit=GOAL_SECONDS * part,
            unit="s",
        )
    ]
    publish("reregistration", rows, goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
