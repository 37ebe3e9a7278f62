"""How much memory do the processes hold, and for what?

The master for each agent that it knows and each task that runs; the agent and its supervisor at
rest, and what a running command task adds to them. A command task needs no process besides its
own: the processes are counted. Resident memory (RSS), shared pages included.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bench.processes import agent, children_of, master, resident_mb, started, workspace
from bench.report import Goal, publish
from bench.tasks import supervisor_of

AGENT_GOAL_MB = 70.0
SUPERVISOR_GOAL_MB = 15.0
Row = dict[str, Any]


def measure_master(agents: int, tasks: int) -> list[Row]:
    """Fill a master with emulated agents, then with tasks that go on running."""
    per_agent = -(-tasks // agents)
    with workspace() as directory, master(directory) as (running, address):
        empty = resident_mb(running.pid)
        emulated = (
            f"--master={address}",
            f"--agents={agents}",
            f"--resources=cpus:{per_agent};mem:{per_agent * 32}",
        )
        with started("bench.emulated", *emulated, log=directory / "agents.log") as process:
            process.next_line()
            with_agents = resident_mb(running.pid)
            framework = (
                f"--master={address}",
                f"--tasks={tasks}",
                "--warm_up=0",
                "--until_running",
            )
            with started(
                "bench.framework", *framework, log=directory / "framework.log"
            ) as scheduler:
                scheduler.next_line()
                with_tasks = resident_mb(running.pid)
    return [
        row("master, empty", empty),
        row(f"master, {agents} agents", with_agents, (with_agents - empty) / agents),
        row(f"master, {tasks} running tasks more", with_tasks, (with_tasks - with_agents) / tasks),
    ]


def measure_agent(tasks: int) -> tuple[list[Row], float]:
    """Run real tasks on a real agent; return the rows and the processes for each task."""
    with workspace() as directory, master(directory) as (_, address):
        resources = f"--resources=cpus:{tasks};mem:{tasks * 32};disk:1024"
        with agent(directory, address, resources) as process:
            # One task first: the agent is registered then, and has done all things once.
            run(directory, address, "/bin/true", tasks=1)
            supervisor = supervisor_of(process.pid)
            at_rest = resident_mb(process.pid), resident_mb(supervisor)
            with started(
                "bench.framework",
                f"--master={address}",
                f"--tasks={tasks}",
                "--warm_up=0",
                "--until_running",
                "--command=/bin/sleep 3600",
                log=directory / "sleepers.log",
            ) as scheduler:
                scheduler.next_line()
                busy = resident_mb(process.pid), resident_mb(supervisor)
                beside = set(children_of(process.pid)) - {supervisor}
                descendants = descendants_of(supervisor)
    each = (busy[0] - at_rest[0]) / tasks, (busy[1] - at_rest[1]) / tasks
    return [
        row("agent, at rest", at_rest[0]),
        row(f"agent, {tasks} running tasks more", busy[0], each[0]),
        row("supervisor, at rest", at_rest[1]),
        row(f"supervisor, {tasks} running tasks more", busy[1], each[1]),
    ], (len(descendants) + len(beside)) / tasks


def run(directory: Path, address: str, command: str, *, tasks: int) -> None:
    """Run some tasks to their end."""
    arguments = (f"--master={address}", f"--tasks={tasks}", "--warm_up=0", f"--command={command}")
    with started(
        "bench.framework", *arguments, "--in_flight=1", log=directory / "framework.log"
    ) as scheduler:
        scheduler.next_line()
        scheduler.wait()


def descendants_of(pid: int) -> list[int]:
    """Return all processes below one."""
    found = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def row(what: str, megabytes: float, each_megabytes: float | None = None) -> Row:
    """Return one line of the table."""
    each = None if each_megabytes is None else round(each_megabytes * 1024, 2)
    return {"what": what, "resident_mb": round(megabytes, 1), "each_kb": each}


def main() -> int:
    """Measure both, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1_000, help="emulated, for the master")
    parser.add_argument("--tasks", type=int, default=10_000, help="of the emulated agents")
    parser.add_argument("--real_tasks", type=int, default=200, help="processes of a real agent")
    options = parser.parse_args()
    load = os.getloadavg()
    agent_rows, processes_each = measure_agent(options.real_tasks)
    rows = measure_master(options.agents, options.tasks) + agent_rows
    goals = [
        Goal(what="agent", value=agent_rows[0]["resident_mb"], limit=AGENT_GOAL_MB, unit="MB"),
        Goal(
            what="supervisor",
            value=agent_rows[2]["resident_mb"],
            limit=SUPERVISOR_GOAL_MB,
            unit="MB",
        ),
        Goal(what="processes for each command task", value=processes_each, limit=1.0, unit=""),
    ]
    publish("memory", rows, goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
