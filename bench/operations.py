"""What does it cost to reserve on an agent that is full of reservations, all of it on offer?

One agent has many reservations, labelled one by one, of as many roles as there are frameworks.
Each framework holds an offer of what is its own, and one of them all that is open as well. An
operator reserves a processor, and undoes that, over and over. Each request is validated, takes
back the offer that is in its way, changes the books of master and allocator, and is carried out
by the agent, whose answer is acknowledged; what was taken back is offered again. All this counts:
the cores of master, allocator and agent run in virtual time (see `bench.virtual`), without HTTP
and without a disk.

Run with ``python -m bench.operations``; writes ``bench/results/operations.json``. What of it is
the allocator's alone is measured by ``bench.sharing``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from bench.report import Goal, Row, percentile, publish
from bench.virtual import Cluster, Framework
from tepui.base.rng import Rng
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import OperationRequested
from tepui.master.garbage import calm_garbage_collector
from tepui.messages import FrameworkInfo, Label, Labels, Offer, Resource, Value
from tepui.messages.scheduler import Call, Event

RESERVATIONS, FRAMEWORKS, REQUESTS = 800, 200, 20
GOAL_MS = 500.0
SETTLE_SECONDS = 0.1
"""Virtual: enough for the pass after a change and the agent's answer."""
Operation = Offer.Operation


class Holder(Framework):
    """Keeps what it is offered."""

    def __init__(self) -> None:
        self.offers = 0
        self.rescinded = 0

    def hear(self, event: Event) -> None:
        """Count."""
        if event.offers is not None:
            self.offers += len(event.offers.offers)
        self.rescinded += event.rescind is not None


def processors(role: str, *, label: str | None = None) -> Resource:
    """Return one processor that is reserved to a role."""
    labels = None if label is None else Labels(labels=[Label(key="number", value=label)])
    kind = Resource.ReservationInfo.Type.DYNAMIC
    return Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=1.0),
        reservations=[Resource.ReservationInfo(type=kind, role=role, labels=labels)],
    )


def reserve(*resources: Resource) -> Operation:
    """Return a RESERVE."""
    body = Operation.Reserve(resources=list(resources))
    return Operation(type=Operation.Type.RESERVE, reserve=body)


def unreserve(*resources: Resource) -> Operation:
    """Return an UNRESERVE."""
    body = Operation.Unreserve(resources=list(resources))
    return Operation(type=Operation.Type.UNRESERVE, unreserve=body)


def request(cluster: Cluster, operation: Operation) -> float:
    """Let an operator ask for an operation; return the seconds until all is at rest."""
    [agent_id] = cluster.core.state.agents
    started = time.perf_counter()
    cluster.step(OperationRequested(request_id=0, agent_id=agent_id, operation=operation))
    cluster.clock.run_until(cluster.clock.now.monotonic + SETTLE_SECONDS)
    return time.perf_counter() - started


def build(reservations: int, frameworks: int) -> tuple[Cluster, list[Holder]]:
    """Return a cluster of one agent, all of which is on offer."""
    cluster = Cluster(MasterConfig(), Rng(1))
    open_cpus = 1000
    cluster.add_agent(f"cpus:{reservations + open_cpus};mem:1000000", (1.0, 1.0))
    cluster.clock.run_until(1.0)
    request(
        cluster,
        reserve(
            *(
                processors(f"role-{number % frameworks}", label=str(number))
                for number in range(reservations)
            )
        ),
    )
    holders = [Holder() for _ in range(frameworks)]
    kinds = FrameworkInfo.Capability.Type
    capabilities = [
        FrameworkInfo.Capability(type=kinds.MULTI_ROLE),
        FrameworkInfo.Capability(type=kinds.RESERVATION_REFINEMENT),
    ]
    for number, holder in enumerate(holders):
        name = f"role-{number}"
        info = FrameworkInfo(user="root", name=name, roles=[name], capabilities=capabilities)
        subscribe = Call.Subscribe(framework_info=info)
        cluster.subscribe(holder, Call(type=Call.Type.SUBSCRIBE, subscribe=subscribe))
    cluster.clock.run_until(2.0)
    return cluster, holders


def measure(reservations: int, frameworks: int, requests: int) -> Row:
    """Measure all requests, one after the other."""
    cluster, holders = build(reservations, frameworks)
    calm_garbage_collector()
    offers = sum(each.offers for each in holders)
    wanted = processors("role-0")
    times = [
        request(cluster, (unreserve if number % 2 else reserve)(wanted))
        for number in range(requests)
    ]
    unfinished = sum(len(each.operations) for each in cluster.core.state.agents.values())
    if unfinished:
        raise RuntimeError(f"{unfinished} operations are not over")
    return {
        "reservations": reservations,
        "frameworks": frameworks,
        "requests": requests,
        "offers": offers,
        "rescinded": sum(each.rescinded for each in holders),
        "offered_again": sum(each.offers for each in holders) - offers,
        "all_ms": sum(times) * 1000,
        "median_ms": percentile(times, 0.5) * 1000,
        "longest_ms": max(times) * 1000,
    }


def main() -> int:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reservations", type=int, default=RESERVATIONS)
    parser.add_argument("--frameworks", type=int, default=FRAMEWORKS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    options = parser.parse_args()
    load = os.getloadavg()
    row = measure(options.reservations, options.frameworks, options.requests)
    goals = [Goal(what="all requests", value=row["all_ms"], limit=GOAL_MS, unit="ms")]
    publish("operations", [row], goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
