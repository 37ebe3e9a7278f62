"""How many hours of a cluster does the simulator go through in a second?

One process runs shipped scenarios, from one seed, under all laws: ``calm`` without faults, and
``everything`` with all of them, at several sizes. A *cluster-hour* is an hour of one cluster's
virtual time; what a second of it holds depends on the size, so that agent-hours are told, too.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from typing import Any

from bench.report import publish
from tepui.sim.run import run
from tepui.sim.shipped import read_shipped

PLANS = "everything:8:0.3,everything:50:0.1,everything:300:0.01,calm:50:0.1"
QUICK_PLANS = "everything:8:0.02,calm:8:0.02"
SECONDS_PER_HOUR = 3600.0


def measure(name: str, agents: int, hours: float, seed: int) -> dict[str, Any]:
    """Run one scenario and return how fast that went."""
    scenario = read_shipped(name).with_agents(agents)
    scenario = scenario.with_parts(settle_after=hours * SECONDS_PER_HOUR)
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    outcome = run(scenario, seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    counted = outcome.statistics
    simulated = counted.seconds / SECONDS_PER_HOUR
    return {
        "scenario": name,
        "agents": agents,
        "cluster_hours": simulated,
        "seconds": seconds,
        "cluster_hours_per_second": simulated / seconds,
        "agent_hours_per_second": round(simulated * agents / seconds, 1),
        "events_per_second": round(counted.events / seconds),
        "us_per_event": round(cpu_seconds / max(1, counted.events) * 1e6),
        "faults": counted.faults,
        "tasks_finished": counted.tasks_finished,
        "broken_law": "-" if outcome.violation is None else outcome.violation.law,
    }


def main() -> int:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", default=PLANS, help="scenario:agents:hours of faults, …")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a minute of small clusters")
    options = parser.parse_args()
    if options.quick:
        options.plans = QUICK_PLANS
    load = os.getloadavg()
    rows = []
    for plan in options.plans.split(","):
        name, agents, hours = plan.split(":")
        rows.append(measure(name, int(agents), float(hours), options.seed))
        print(f"{plan}: {rows[-1]['seconds']:.0f} s", flush=True)
    publish("simulation", rows, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
