"""What does a task cost the master, and how many can it see through in a second?

Tasks that do nothing live whole lives (STARTING, RUNNING, FINISHED, each acknowledged) through
one real master. The agents are emulated in a second process, a lean framework is a third, and
the master's processor time is the kernel's account of its process alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any

from bench.processes import Process, cpu_seconds, master, started, waited_seconds, workspace
from bench.report import Goal, publish

CPU_GOAL_US = 200.0
RATE_GOAL = 2500.0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all three processes once."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(workspace())
        flags = (f"--journal={directory / 'journal'}",) if options.journal else ()
        running, address = stack.enter_context(master(directory, *flags))
        agents = (
            f"--master={address}",
            f"--agents={options.agents}",
            f"--resources=cpus:{options.per_agent};mem:{options.per_agent * 32}",
            "--run_seconds=0",
        )
        framework = (
            f"--master={address}",
            f"--tasks={options.tasks}",
            f"--warm_up={options.warm_up}",
        )
        with started("bench.emulated", *agents, log=directory / "agents.log") as emulated:
            emulated.next_line()
            with started(
                "bench.framework", *framework, log=directory / "framework.log"
            ) as scheduler:
                return follow(options.tasks, running, emulated, scheduler)


def follow(tasks: int, running: Process, emulated: Process, scheduler: Process) -> dict[str, Any]:
    """Take the times between the framework's two lines."""
    processes = {"master": running, "agents": emulated, "framework": scheduler}
    warm = scheduler.next_line()
    before = {name: cpu_seconds(each.pid) for name, each in processes.items()}
    waited = waited_seconds(running.pid)
    done = scheduler.next_line()
    used = {name: cpu_seconds(each.pid) - before[name] for name, each in processes.items()}
    waited = waited_seconds(running.pid) - waited
    if done["ended_badly"]:
        raise RuntimeError(f"{done['ended_badly']} tasks did not finish")
    return {
        "life_cycles": tasks,
        "per_second": round(tasks / done["seconds"]),
        "master_cpu_us": round(used["master"] / tasks * 1e6, 1),
        "agents_cpu_us": round(used["agents"] / tasks * 1e6, 1),
        "framework_cpu_us": round(used["framework"] / tasks * 1e6, 1),
        "calls_each": round((done["calls"] - warm["calls"]) / tasks, 2),
        "tasks_per_accept": round(tasks / max(1, done["accepts"] - warm["accepts"]), 1),
        "master_busy_percent": round(used["master"] / done["seconds"] * 100),
        # Ready to run, while others had the processors.
        "master_waited_percent": round(waited / done["seconds"] * 100),
    }


def main() -> int:
    """Measure as often as wanted, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--warm_up", type=int, default=3_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--per_agent", type=int, default=10, help="tasks that fit on one agent")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--journal", action="store_true", help="the master keeps one")
    options = parser.parse_args()
    load = os.getloadavg()
    rows = [measure(options) for _ in range(options.rounds)]
    best_cpu = min(row["master_cpu_us"] for row in rows)
    best_rate = max(row["per_second"] for row in rows)
    goals = [
        Goal(what="master CPU per life cycle", value=best_cpu, limit=CPU_GOAL_US, unit="µs"),
        Goal(
            what="life cycles end to end",
            value=best_rate,
            limit=RATE_GOAL,
            unit="/s",
            is_more_better=True,
        ),
    ]
    publish("lifecycle", rows, goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
