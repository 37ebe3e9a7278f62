"""How long does it take to share by quota, to be refused, and to turn resources into others?

- *quota*: agents, roles with a quota each, and frameworks, one in each role, as many of all; a
  whole pass, for four kinds of quota: what a role is guaranteed is half an agent, a twelfth of
  it, more than any agent has of one resource, or not the same as its limit.
- *declines*: all frameworks decline all that they are offered, round after round; the pass that
  makes the next round's offers, with their JSON.
- *declined*: a periodic pass once every framework has declined every agent; on the largest
  cluster, once some have and the others suppressed their roles.
- *conversions*: twenty ``RESERVE`` and ``UNRESERVE``, a pass after each, on one agent with many
  reservations for many frameworks.

Run with ``python -m bench.sharing``; writes ``bench/results/sharing.json``.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable

from bench.allocation import NOW, Slices, build, framework_name, give_back
from bench.report import Goal, Row, publish
from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
    Quota,
)
from tepui.base.rng import Rng
from tepui.master.garbage import calm_garbage_collector
from tepui.messages import Resource
from tepui.resources import Quantities, Resources, parse_resources
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key, Reservation, make_key

QUOTA_SIZE = 3_000
QUOTAS = {
    "half an agent": ("cpus:12;mem:49152", "cpus:12;mem:49152"),
    "a twelfth": ("cpus:2;mem:8192", "cpus:2;mem:8192"),
    "of one too much": ("cpus:30;mem:1024", "cpus:30;mem:1024"),
    "limits alone": ("", "cpus:30;mem:1024"),
    "guarantees alone": ("cpus:2;mem:200000", ""),
}
DECLINE_SIZES = ((10_000, 1_000), (20_000, 2_000))
DECLINE_ROUNDS = 3
DECLINED_SIZES = ((1_000, 200), (50_000, 200))
DECLINED_ALL_MAX = 200_000
"""Above so many offers it takes minutes to decline them all; a part stands for them."""
RESERVATIONS, CONVERTERS, CONVERSIONS = 800, 200, 20
ABLE = FrameworkCapabilities(multi_role=True, reservation_refinement=True)
DYNAMIC = Resource.ReservationInfo.Type.DYNAMIC


def settled(allocator: HierarchicalAllocator) -> HierarchicalAllocator:
    """Return the allocator, with the garbage collector as in a master after recovery."""
    gc.unfreeze()
    gc.collect()
    calm_garbage_collector()
    return allocator


def quota_rows(size: int) -> list[Row]:
    """Measure a whole pass with a quota on each role."""
    rows: list[Row] = []
    for kind, (guarantees, limits) in QUOTAS.items():
        allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        for number in range(size):
            options = FrameworkOptions(roles=(f"role-{number}",), capabilities=ABLE)
            allocator.add_framework(framework_name(number), options, is_active=True)
        for number in range(size):
            total = parse_resources("cpus:24;mem:98304;disk:400000;ports:[31000-32000]")
            description = AgentDescription(hostname=f"host-{number}")
            allocator.add_agent(f"agent-{number:05}", description, total=total, used={})
        quota = Quota(guarantees=amounts(guarantees), limits=amounts(limits))
        allocator.update_quota({f"role-{number}": quota for number in range(size)})
        taken = Slices(settled(allocator))
        rows.append(row(f"quota, {kind}", size, size, taken))
    return rows


def amounts(text: str) -> Quantities:
    return parse_resources(text).scalars()


def decline_rows(agents: int, frameworks: int) -> list[Row]:
    """Measure the slowest of some rounds in which everything is declined."""
    allocator = settled(build(agents, frameworks))
    made = Slices(allocator).allocations
    rounds: list[Slices] = []
    for _ in range(DECLINE_ROUNDS):
        give_back(allocator, made, 1e9)
        rounds.append(Slices(allocator, encode=True))
        made = rounds[-1].allocations
    return [row("declines", agents, frameworks, max(rounds, key=lambda each: each.total_ms))]


def declined_rows(agents: int, frameworks: int) -> list[Row]:
    """Measure a periodic pass that has nobody left to ask."""
    allocator = settled(build(agents, frameworks))
    made = Slices(allocator).allocations
    declined = 0
    while made and declined < DECLINED_ALL_MAX:
        give_back(allocator, made, 1e9)
        declined += len(made)
        made = Slices(allocator).allocations
    give_back(allocator, made, 1e9)
    if made:
        for number in range(frameworks):
            allocator.suppress(framework_name(number))
    Slices(allocator)
    started = time.perf_counter()
    allocator.periodic(NOW)
    taken = Slices(allocator)
    seconds = time.perf_counter() - started
    return [{**row("declined", agents, frameworks, taken), "pass_ms": seconds * 1000}]


def conversion_rows(reservations: int, frameworks: int) -> list[Row]:
    """Measure twenty conversions on an agent with as many reservations, labelled one by one."""
    allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
    entries: dict[Key, Amount] = dict(parse_resources("cpus:1000;mem:100000").entries())
    for number in range(reservations):
        labels = (("number", str(number)),)
        reserved = Reservation(DYNAMIC, f"role-{number % frameworks}", "bench", labels)
        entries[make_key(name="cpus", reservations=(reserved,))] = 1000
    for number in range(frameworks):
        options = FrameworkOptions(roles=(f"role-{number}",), capabilities=ABLE)
        allocator.add_framework(framework_name(number), options, is_active=True)
    description = AgentDescription(hostname="host")
    allocator.add_agent("agent", description, total=Resources(entries), used={})
    offer, *others = Slices(settled(allocator)).allocations
    give_back(allocator, others, 1e9)
    given_back = Slices(allocator)
    open_part = offer.resources.unreserved().shrink({"cpus": 1000})
    reserved = Reservation(DYNAMIC, offer.role, "bench")
    closed_part = Resources(
        {key.replace(reservations=(reserved,)): amount for key, amount in open_part.entries()}
    )
    started = time.perf_counter()
    for _ in range(CONVERSIONS // 2):
        for held, converted in ((open_part, closed_part), (closed_part, open_part)):
            convert(allocator, offer, held, converted)
            Slices(allocator)
    seconds = time.perf_counter() - started
    taken = row("conversions", 1, frameworks, given_back)
    return [{**taken, "offers": len(others) + 1, "pass_ms": seconds * 1000}]


def convert(
    allocator: HierarchicalAllocator, offer: Allocation, held: Resources, converted: Resources
) -> None:
    place = (offer.framework_id, offer.agent_id)
    allocator.convert(*place, held=held, converted=converted, is_used=False)


def row(what: str, agents: int, frameworks: int, taken: Slices) -> Row:
    return {
        "what": what,
        "agents": agents,
        "frameworks": frameworks,
        "offers": len(taken.allocations),
        "pass_ms": taken.total_ms,
        "slice_max_ms": taken.longest_ms,
    }


def goals_of(rows: list[Row]) -> list[Goal]:
    """Return what was promised of the rows that were measured."""
    limits: list[tuple[str, int, float]] = [
        ("quota", QUOTA_SIZE, 1000),
        ("declines", 10_000, 400),
        ("declines", 20_000, 1000),
        ("declined", 1_000, 5),
        ("declined", 50_000, 50),
        ("conversions", 1, 500),
    ]
    goals: list[Goal] = []
    for what, agents, limit in limits:
        measured = [
            each["pass_ms"]
            for each in rows
            if each["what"].partition(",")[0] == what and each["agents"] == agents
        ]
        if measured:
            name = f"{what}, {agents} agents"
            goals.append(Goal(what=name, value=max(measured), limit=limit, unit="ms"))
    return goals


def main() -> int:
    """Measure all of it, print a table, write the results."""
    measures: dict[str, Callable[[], list[Row]]] = {
        "quota": lambda: quota_rows(QUOTA_SIZE),
        "declines": lambda: [each for size in DECLINE_SIZES for each in decline_rows(*size)],
        "declined": lambda: [each for size in DECLINED_SIZES for each in declined_rows(*size)],
        "conversions": lambda: conversion_rows(RESERVATIONS, CONVERTERS),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(measures), help="measure this alone")
    options = parser.parse_args()
    load = os.getloadavg()
    rows: list[Row] = []
    for name, measure in measures.items():
        if options.only in (None, name):
            rows += measure()
    parameters = {
        "decline_rounds": DECLINE_ROUNDS,
        "declined_all_max": DECLINED_ALL_MAX,
        "reservations": RESERVATIONS,
        "conversions": CONVERSIONS,
    }
    publish("sharing", rows, goals=goals_of(rows), parameters=parameters, load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
