"""How long does an allocation pass take, with the offers made of it and their JSON?

Three sizes, agents × frameworks, the frameworks spread over twenty nested roles:

- *allocate*: every agent is free and gives an offer; the allocator alone.
- *with JSON*: the same, with an ``OFFERS`` event per framework and slice, encoded.
- *decline*: what one declined offer costs, the next framework's offer included, while one
  framework after another declines.
- *idle*: a periodic pass once some have declined everything and all have suppressed their roles,
  so that nobody can be offered anything.

Each is measured with the garbage collector as Python sets it, and as the master does after
recovery: with what is there frozen and the thresholds raised. Slices are as big as the master's.
Run with ``python -m bench.allocation``; writes ``bench/results/allocation.json``. What the
event loop of a whole master makes of it is measured by ``bench.loop``.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time

from bench.report import Goal, Row, publish
from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json as codec
from tepui.master.core.config import MasterConfig
from tepui.master.garbage import calm_garbage_collector
from tepui.messages import AgentID, FrameworkID, Offer, OfferID, Resource
from tepui.messages.scheduler import Event
from tepui.resources import Resources, parse_attributes, parse_resources

SIZES = ((1_000, 200), (10_000, 1_000), (50_000, 200))
ROLES = 20
DECLINE_ROUNDS = 2
GOAL_SIZE = (10_000, 1_000)
NOW = Instant(0.0, 0.0)
MASTER = MasterConfig()
ATTRIBUTES = parse_attributes("rack:r1;zone:z1")


class Slices:
    """The slices of one pass, timed, and what they decided."""

    def __init__(self, allocator: HierarchicalAllocator, *, encode: bool = False) -> None:
        self.allocations: list[Allocation] = []
        self.seconds: list[float] = []
        cpu_began = time.process_time()
        while allocator.is_pending():
            started = time.perf_counter()
            part = allocator.allocate_slice(
                NOW, agents_max=MASTER.slice_agents_max, offers_max=MASTER.slice_offers_max
            )
            if encode:
                encode_offers(part.allocations)
            self.seconds.append(time.perf_counter() - started)
            self.allocations += part.allocations
        # Beside others, this is nearer to what an idle machine would take.
        self.cpu_ms = (time.process_time() - cpu_began) * 1000

    @property
    def total_ms(self) -> float:
        return sum(self.seconds) * 1000

    @property
    def longest_ms(self) -> float:
        return max(self.seconds, default=0.0) * 1000


def encode_offers(allocations: list[Allocation]) -> int:
    """Encode one ``OFFERS`` event for each framework, as the master does; return the bytes."""
    by_framework: dict[str, list[Offer]] = {}
    for number, allocation in enumerate(allocations):
        offer = Offer(
            id=OfferID(value=f"38938848-274f-45c0-a240-8b4db4d6a75c-O{number}"),
            framework_id=FrameworkID(value=allocation.framework_id),
            agent_id=AgentID(value=allocation.agent_id),
            hostname="host",
            resources=allocation.resources.to_messages(),
            attributes=ATTRIBUTES,
            allocation_info=Resource.AllocationInfo(role=allocation.role),
        )
        by_framework.setdefault(allocation.framework_id, []).append(offer)
    size = 0
    for offers in by_framework.values():
        event = Event(type=Event.Type.OFFERS, offers=Event.Offers(offers=offers))
        size += len(codec.encode(event))
    return size


def build(agents: int, frameworks: int) -> HierarchicalAllocator:
    """Return an allocator with agents of four sizes."""
    allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
    capabilities = FrameworkCapabilities(multi_role=True, reservation_refinement=True)
    for number in range(frameworks):
        role = f"org{number % 4}/team{number % ROLES}"
        options = FrameworkOptions(roles=(role,), capabilities=capabilities)
        allocator.add_framework(framework_name(number), options, is_active=True)
    totals = [
        parse_resources(f"cpus:{size};mem:{size * 4096};disk:{size * 10_000};ports:[31000-32000]")
        for size in (8, 16, 32, 64)
    ]
    for number in range(agents):
        description = AgentDescription(hostname=f"host-{number}")
        # A collection of its own for each agent, as when each sends it.
        total = Resources(dict(totals[number % 4].entries()))
        allocator.add_agent(f"agent-{number:05}", description, total=total, used={})
    return allocator


def framework_name(number: int) -> str:
    return f"framework-{number:05}"


def give_back(
    allocator: HierarchicalAllocator, made: list[Allocation], refuse_seconds: float | None
) -> None:
    for each in made:
        allocator.recover(
            each.framework_id,
            each.agent_id,
            each.resources,
            refuse_seconds=refuse_seconds,
            now=NOW,
        )


def measure(agents: int, frameworks: int, *, is_frozen: bool) -> Row:
    """Measure one size."""
    gc.unfreeze()
    gc.collect()
    gc.set_threshold(700, 10, 10)
    allocator = build(agents, frameworks)
    if is_frozen:
        calm_garbage_collector()
    alone = Slices(allocator)
    give_back(allocator, alone.allocations, None)
    encoded = Slices(allocator, encode=True)
    made, declines = encoded.allocations, 0
    started = time.perf_counter()
    for _ in range(DECLINE_ROUNDS):
        give_back(allocator, made, 3600.0)
        declines += len(made)
        made = Slices(allocator).allocations
    decline_seconds = time.perf_counter() - started
    give_back(allocator, made, 3600.0)
    for number in range(frameworks):
        allocator.suppress(framework_name(number))
    Slices(allocator)
    allocator.periodic(NOW)
    idle = Slices(allocator)
    return {
        "agents": agents,
        "frameworks": frameworks,
        "gc": "calmed" if is_frozen else "default",
        "offers": len(encoded.allocations),
        "allocate_ms": alone.total_ms,
        "slice_max_ms": alone.longest_ms,
        "with_json_ms": encoded.total_ms,
        "with_json_slice_max_ms": encoded.longest_ms,
        "decline_us": decline_seconds / declines * 1e6,
        "idle_ms": idle.total_ms,
    }


def main() -> int:
    """Measure all sizes, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", help="such as 1000x200,10000x1000: agents x frameworks")
    options = parser.parse_args()
    sizes: list[tuple[int, int]] = list(SIZES)
    if options.sizes is not None:
        pairs = (each.partition("x") for each in options.sizes.split(","))
        sizes = [(int(agents), int(frameworks)) for agents, _, frameworks in pairs]
    load = os.getloadavg()
    rows = [
        measure(agents, frameworks, is_frozen=is_frozen)
        for agents, frameworks in sizes
        for is_frozen in (False, True)
    ]
    goals: list[Goal] = []
    for row in rows:
        if (row["agents"], row["frameworks"]) == GOAL_SIZE and row["gc"] == "calmed":
            goals = [
                Goal(what="a pass with JSON", value=row["with_json_ms"], limit=500, unit="ms"),
                Goal(
                    what="its longest slice",
                    value=row["with_json_slice_max_ms"],
                    limit=50,
                    unit="ms",
                ),
            ]
    parameters = {
        "roles": ROLES,
        "slice_agents_max": MASTER.slice_agents_max,
        "slice_offers_max": MASTER.slice_offers_max,
        "decline_rounds": DECLINE_ROUNDS,
    }
    publish("allocation", rows, goals=goals, parameters=parameters, load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
