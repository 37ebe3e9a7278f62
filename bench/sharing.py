"""How long does it take to share by quota, to be refused, and to turn resources into others?

- *quota*: agents, roles with a quota each, and frameworks, one in each role, as many of all; a
  whole pass, for some kinds of quota: what a role is guaranteed is half an agent or, for every
  other role, one and a half (all that there is, then, and as in Mesos' own benchmark); half an
  agent; a twelfth of it; more than any agent has of one resource; or not the same as its limit.
- *declines*: all frameworks decline all that they are offered, round after round; the pass that
  makes the next round's offers, with their JSON; the median of the rounds.
- *declined*: the pass that finds out that every framework has declined every agent, and a
  periodic one after it. To decline all of the largest cluster takes many minutes and gigabytes:
  unless ``--all`` is given, some decline it, and then all suppress their roles.
- *conversions*: twenty ``RESERVE`` and ``UNRESERVE``, a pass after each, on one agent with many
  reservations for many frameworks: the allocator's part of what ``bench.operations`` measures.

Run with ``python -m bench.sharing``; writes ``bench/results/sharing.json``.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time

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

NAMES = ("quota", "declines", "declined", "conversions")
QUOTA_SIZE = 3_000
HALF, WHOLE_AND_HALF = "cpus:12;mem:49152", "cpus:36;mem:147456"
A_TWELFTH, TOO_MUCH_OF_ONE = "cpus:2;mem:8192", "cpus:30;mem:1024"
QUOTAS = {
    "half or one and a half": ((HALF, HALF), (WHOLE_AND_HALF, WHOLE_AND_HALF)),
    "half an agent": ((HALF, HALF),),
    "a twelfth": ((A_TWELFTH, A_TWELFTH),),
    "of one too much": ((TOO_MUCH_OF_ONE, TOO_MUCH_OF_ONE),),
    "limits alone": (("", TOO_MUCH_OF_ONE),),
    "guarantees alone": (("cpus:2;mem:200000", ""),),
}
"""Guarantees and limits of one role after the other."""
DECLINE_SIZES = ((10_000, 1_000), (20_000, 2_000))
DECLINE_ROUNDS = 5
DECLINED_SIZES = ((1_000, 200), (50_000, 200))
DECLINED_MAX = 200_000
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
    for kind, pairs in QUOTAS.items():
        allocator = HierarchicalAllocator(AllocatorOptions(), Rng(1))
        for number in range(size):
            options = FrameworkOptions(roles=(f"role-{number}",), capabilities=ABLE)
            allocator.add_framework(framework_name(number), options, is_active=True)
        for number in range(size):
            total = parse_resources("cpus:24;mem:98304;disk:400000;ports:[31000-32000]")
            description = AgentDescription(hostname=f"host-{number}")
            allocator.add_agent(f"agent-{number:05}", description, total=total, used={})
        quotas = [Quota(guarantees=amounts(each[0]), limits=amounts(each[1])) for each in pairs]
        allocator.update_quota(
            {f"role-{number}": quotas[number % len(quotas)] for number in range(size)}
        )
        taken = Slices(settled(allocator))
        rows.append(row(f"quota, {kind}", size, size, taken))
    return rows


def amounts(text: str) -> Quantities:
    return parse_resources(text).scalars()


def decline_rows(agents: int, frameworks: int) -> list[Row]:
    """Measure some rounds in which everything is declined."""
    allocator = settled(build(agents, frameworks))
    made = Slices(allocator).allocations
    rounds: list[Slices] = []
    for _ in range(DECLINE_ROUNDS):
        give_back(allocator, made, 1e9)
        rounds.append(Slices(allocator, encode=True))
        made = rounds[-1].allocations
    rounds.sort(key=lambda each: each.total_ms)
    return [row("declines", agents, frameworks, rounds[DECLINE_ROUNDS // 2])]


def declined_rows(agents: int, frameworks: int, *, declined_max: float) -> list[Row]:
    """Measure passes that have nobody left to ask."""
    allocator = settled(build(agents, frameworks))
    made = Slices(allocator).allocations
    declined = 0
    while made and declined < declined_max:
        give_back(allocator, made, 1e9)
        declined += len(made)
        made = Slices(allocator).allocations
    give_back(allocator, made, 1e9)
    if made:
        for number in range(frameworks):
            allocator.suppress(framework_name(number))
    # As if somebody had come who wants nothing of it: no agent counts as settled any more.
    allocator.add_framework("newcomer", FrameworkOptions(roles=()), is_active=True)
    found_out = whole_pass(allocator)
    after = whole_pass(allocator)
    return [
        {**row("declined: found out", agents, frameworks, found_out[1]), **found_out[0]},
        {**row("declined", agents, frameworks, after[1]), **after[0]},
    ]


def whole_pass(allocator: HierarchicalAllocator) -> tuple[Row, Slices]:
    """Measure a periodic pass, what comes before its slices included."""
    watch = Stopwatch()
    allocator.periodic(NOW)
    taken = Slices(allocator)
    return watch.read(), taken


class Stopwatch:
    """What has passed, and what this process has used of it."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> Row:
        """Return both as parts of a row."""
        passed, used = time.perf_counter(), time.process_time()
        return {
            "pass_ms": (passed - self._began[0]) * 1000,
            "cpu_ms": (used - self._began[1]) * 1000,
        }


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
    watch = Stopwatch()
    for _ in range(CONVERSIONS // 2):
        for held, converted in ((open_part, closed_part), (closed_part, open_part)):
            convert(allocator, offer, held, converted)
            Slices(allocator)
    measured = watch.read()
    taken = row("conversions", 1, frameworks, given_back)
    return [{**taken, "offers": len(others) + 1, **measured}]


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
        "cpu_ms": taken.cpu_ms,
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


def measure(name: str, part: float, declined_max: float) -> list[Row]:
    """Measure one of ``NAMES``, with ``part`` of each number."""

    def sized(*numbers: int) -> tuple[int, ...]:
        return tuple(max(1, round(number * part)) for number in numbers)

    rows: list[Row] = []
    match name:
        case "quota":
            rows += quota_rows(*sized(QUOTA_SIZE))
        case "declines":
            for size in DECLINE_SIZES:
                rows += decline_rows(*sized(*size))
        case "declined":
            for agents, frameworks in DECLINED_SIZES:
                rows += declined_rows(*sized(agents, frameworks), declined_max=declined_max)
        case _:
            rows += conversion_rows(*sized(RESERVATIONS, CONVERTERS))
    return rows


def main() -> int:
    """Measure all of it, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="measure this alone")
    parser.add_argument("--all", action="store_true", help="let everything be declined")
    parser.add_argument("--part", type=float, default=1.0, help="of each number; to try it out")
    options = parser.parse_args()
    declined_max = float("inf") if options.all else DECLINED_MAX
    load = os.getloadavg()
    rows: list[Row] = []
    for name in NAMES:
        if options.only in (None, name):
            rows += measure(name, options.part, declined_max)
    parameters = {
        "decline_rounds": DECLINE_ROUNDS,
        "declined_max": None if options.all else DECLINED_MAX,
        "part": options.part,
        "reservations": RESERVATIONS,
        "conversions": CONVERSIONS,
    }
    publish("sharing", rows, goals=goals_of(rows), parameters=parameters, load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
