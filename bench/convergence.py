"""Do frameworks with different weights and demands come to the shares that they are due?

Four frameworks, their roles weighted 1 : 2 : 3 : 4, subscribe one after the other, each to a
cluster that is full. Two run tasks that need much processor time, two such that need much
memory; a task takes about 20 s, and there are always more to run. Nobody is killed: what a
newcomer is due comes free as tasks end. A framework's dominant share is what its tasks use of
the resource of which they use the largest part of the cluster; due are dominant shares in the
proportion of the weights. How far each is from what it is due is the worst of all seconds in the
last part of each phase. Three kinds of work:

- *heavy*: what an agent runs it began together, and all of it takes 20 s. Agents join over the
  first 20 s, so that tasks end at all times. This is what the picture shows.
- *varied*: tasks take 18 to 22 s, each by itself. Any four tasks fill an agent, so that
  whoever's turn it is can use what one task leaves.
- *unequal*: as varied, but some need more than what one task of another leaves. These are not
  promised their shares: an offer is what is free, and nothing is kept free for somebody who
  declined it. It shows what guarantees and reservations are for.

The real cores of master, allocator and agents run in virtual time: see `bench.virtual`. Run
with ``python -m bench.convergence``; writes ``bench/results/convergence.json``, and the picture
that ``docs/performance.md`` shows.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.drawing import Line, Mark, Panel, draw
from bench.report import Goal, Row, publish
from bench.virtual import Cluster, Framework
from tepui.allocator import AllocatorOptions
from tepui.base.rng import Rng
from tepui.master.core.config import MasterConfig
from tepui.messages import CommandInfo, FrameworkID, FrameworkInfo, Offer, TaskID, TaskInfo
from tepui.messages import TaskState as State
from tepui.messages.scheduler import Call, Event
from tepui.resources import Resources, parse_resources

AGENT = "cpus:8;mem:32768"
TASK_SECONDS = 20.0
VARIED_SECONDS = (18.0, 22.0)
PHASE_SECONDS = 60
SETTLED_SECONDS = 30
"""What of a phase, at its end, counts as settled."""
DEVIATION_GOAL_PERCENT = 2.0
PICTURE = Path(__file__).parents[1] / "docs" / "performance" / "dominant-shares.svg"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#aa4499")
SEED = 1
GOOD = (State.TASK_STARTING, State.TASK_RUNNING, State.TASK_FINISHED)


class Demand(msgspec.Struct, frozen=True):
    """A framework, by its weight and what each of its tasks needs."""

    name: str
    weight: float
    task: str


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is run.

    Attributes:
        part: Which share of the agents that were asked for it has.
        join_seconds: How long it takes until all agents are there.
        is_promised: Whether frameworks are to come to their shares.
    """

    name: str
    demands: tuple[Demand, ...]
    part: float = 1.0
    join_seconds: float = 0.0
    run_seconds: tuple[float, float]
    is_promised: bool = True

    @property
    def seconds(self) -> int:
        """How long it takes."""
        return PHASE_SECONDS * len(self.demands)

    def due_percent(self, demand: Demand, phase: int) -> float:
        """Return a framework's share of the cluster while the first so many are there."""
        there = self.demands[: phase + 1]
        return 100 * demand.weight / sum(each.weight for each in there) * (demand in there)


SCENARIOS = (
    Scenario(
        name="heavy",
        demands=(
            Demand("A", 1.0, "cpus:2;mem:2048"),
            Demand("B", 2.0, "cpus:0.5;mem:8192"),
            Demand("C", 3.0, "cpus:2;mem:4096"),
            Demand("D", 4.0, "cpus:1;mem:8192"),
        ),
        join_seconds=TASK_SECONDS,
        run_seconds=(TASK_SECONDS, TASK_SECONDS),
    ),
    Scenario(
        name="varied",
        demands=(
            Demand("A", 1.0, "cpus:2;mem:6144"),
            Demand("B", 2.0, "cpus:1.5;mem:8192"),
            Demand("C", 3.0, "cpus:2;mem:7168"),
            Demand("D", 4.0, "cpus:1.75;mem:8192"),
        ),
        run_seconds=VARIED_SECONDS,
    ),
    Scenario(
        name="unequal",
        demands=(
            Demand("A", 1.0, "cpus:2;mem:2048"),
            Demand("B", 2.0, "cpus:1;mem:8192"),
            Demand("C", 3.0, "cpus:4;mem:4096"),
            Demand("D", 4.0, "cpus:1;mem:16384"),
        ),
        part=0.1,
        run_seconds=VARIED_SECONDS,
        is_promised=False,
    ),
)


class Sample(msgspec.Struct, frozen=True):
    """What a framework's tasks used at one moment, in percent of the whole cluster."""

    second: float
    cpus: float
    mem: float

    @property
    def dominant(self) -> float:
        """The larger of both."""
        return max(self.cpus, self.mem)


Samples = Mapping[str, Sequence[Sample]]
"""By framework."""


class Greedy(Framework):
    """Fills every offer with tasks, and declines it if none fits."""

    def __init__(self, cluster: Cluster, demand: Demand) -> None:
        self.demand = demand
        self.framework_id = FrameworkID(value="")
        self.finished = 0
        self.ended_badly = 0
        self._cluster = cluster
        self._task = parse_resources(demand.task)
        self._resources = self._task.to_messages()
        self._command = CommandInfo(value="sleep 20")
        self._launched = 0

    def subscribe(self) -> None:
        """Ask to be offered something."""
        kinds = FrameworkInfo.Capability.Type
        info = FrameworkInfo(
            user="root",
            name=self.demand.name,
            roles=[self.demand.name],
            capabilities=[
                FrameworkInfo.Capability(type=kinds.MULTI_ROLE),
                FrameworkInfo.Capability(type=kinds.RESERVATION_REFINEMENT),
            ],
        )
        call = Call(type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info))
        self._cluster.subscribe(self, call)

    def hear(self, event: Event) -> None:
        """Use offers at once, and acknowledge what is told of tasks."""
        if event.subscribed is not None:
            self.framework_id = event.subscribed.framework_id
        elif event.offers is not None:
            for offer in event.offers.offers:
                self._use(offer)
        elif event.update is not None:
            status = event.update.status
            self.finished += status.state is State.TASK_FINISHED
            self.ended_badly += status.state not in GOOD
            if status.uuid is not None and status.agent_id is not None:
                acknowledge = Call.Acknowledge(
                    agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
                )
                self._call(Call(type=Call.Type.ACKNOWLEDGE, acknowledge=acknowledge))

    def _use(self, offer: Offer) -> None:
        free = Resources.from_messages(offer.resources).scalars()
        needed = self._task.scalars()
        count = min(free.get(name, 0) // millis for name, millis in needed.items())
        if not count:
            decline = Call.Decline(offer_ids=[offer.id])
            self._call(Call(type=Call.Type.DECLINE, decline=decline))
            return
        launch = Offer.Operation.Launch(task_infos=[self._next(offer) for _ in range(count)])
        operation = Offer.Operation(type=Offer.Operation.Type.LAUNCH, launch=launch)
        accept = Call.Accept(offer_ids=[offer.id], operations=[operation])
        self._call(Call(type=Call.Type.ACCEPT, accept=accept))

    def _next(self, offer: Offer) -> TaskInfo:
        self._launched += 1
        name = f"{self.demand.name}-{self._launched}"
        return TaskInfo(
            name=name,
            task_id=TaskID(value=name),
            agent_id=offer.agent_id,
            resources=self._resources,
            command=self._command,
        )

    def _call(self, call: Call) -> None:
        self._cluster.call(msgspec.structs.replace(call, framework_id=self.framework_id))


def simulate(scenario: Scenario, agents: int) -> tuple[Samples, int]:
    """Let a scenario run; return a sample for each second, and how many tasks were finished."""
    weights = {each.name: each.weight for each in scenario.demands}
    cluster = Cluster(MasterConfig(allocator=AllocatorOptions(weights=weights)), Rng(SEED))
    for number in range(agents):
        cluster.add_agent(
            AGENT,
            scenario.run_seconds,
            after_seconds=scenario.join_seconds * number / agents,
        )
    total = parse_resources(AGENT).scalars()
    frameworks = [Greedy(cluster, each) for each in scenario.demands]
    samples: dict[str, list[Sample]] = {each.name: [] for each in scenario.demands}
    for second in range(scenario.seconds + 1):
        phase, since = divmod(second, PHASE_SECONDS)
        cluster.clock.run_until(second)
        for view in cluster.allocator.roles():
            used = view.allocated.minus(view.offered)
            cpus, mem = (
                100 * used.get(name, 0) / (total[name] * agents) for name in ("cpus", "mem")
            )
            samples[view.name].append(Sample(second, cpus, mem))
        if since == 0 and phase < len(frameworks):
            frameworks[phase].subscribe()
    for each in frameworks:
        if each.ended_badly:
            raise RuntimeError(f"{each.ended_badly} tasks of {each.demand.name} did not finish")
    return samples, sum(each.finished for each in frameworks)


def rows_of(scenario: Scenario, samples: Samples) -> list[Row]:
    """Return for each phase and framework what it is due, and what it has."""
    rows: list[Row] = []
    for phase in range(len(scenario.demands)):
        until = (phase + 1) * PHASE_SECONDS
        for demand in scenario.demands[: phase + 1]:
            due = scenario.due_percent(demand, phase)
            seen = [
                each.dominant
                for each in samples[demand.name]
                if until - SETTLED_SECONDS < each.second <= until
            ]
            worst = max(seen, key=lambda share: abs(share - due))
            rows.append(
                {
                    "work": scenario.name,
                    "frameworks": phase + 1,
                    "framework": demand.name,
                    "task": demand.task,
                    "weight": demand.weight,
                    "due_percent": due,
                    "mean_percent": sum(seen) / len(seen),
                    "worst_percent": worst,
                    "deviation_percent": 100 * abs(worst - due) / due,
                }
            )
    return rows


def picture_of(scenario: Scenario, samples: Samples, agents: int) -> str:
    """Draw dominant shares, and beneath them what they are shares of."""
    seconds = scenario.seconds
    dominant: list[Line] = []
    cpus: list[Line] = []
    mem: list[Line] = []
    marks: list[Mark] = []
    for index, demand in enumerate(scenario.demands):
        seen, color = samples[demand.name], COLORS[index]
        start = index * PHASE_SECONDS
        marks.append(Mark(start, f"{demand.name}, weight {demand.weight:g}: {demand.task}"))
        name = demand.name
        points = [each for each in seen if each.second >= start]
        for phase in range(index, len(scenario.demands)):
            due = scenario.due_percent(demand, phase)
            ends = (phase * PHASE_SECONDS, (phase + 1) * PHASE_SECONDS)
            due_points = [(end, due) for end in ends]
            dominant.append(Line(name="", color=color, points=due_points, is_thin=True))
        shares = [(each.second, each.dominant) for each in points]
        settled = [share for second, share in shares if second > seconds - SETTLED_SECONDS]
        label = f"{name} {sum(settled) / len(settled):.1f} %"
        dominant.append(Line(name=label, color=color, points=shares))
        cpus.append(Line(name=name, color=color, points=[(p.second, p.cpus) for p in points]))
        mem.append(Line(name=name, color=color, points=[(p.second, p.mem) for p in points]))
    every = list(zip(*samples.values(), strict=True))
    used_cpus = [(at[0].second, sum(each.cpus for each in at)) for at in every]
    used_mem = [(at[0].second, sum(each.mem for each in at)) for at in every]
    cpus.append(Line(name="all", color="#333333", points=used_cpus, is_thin=True))
    mem.append(Line(name="all", color="#333333", points=used_mem, is_thin=True))
    panels = [
        Panel(title="Dominant shares (dotted: what is due)", lines=dominant),
        Panel(title="Shares of the processors", lines=cpus),
        Panel(title="Shares of the memory", lines=mem),
    ]
    title = f"Four frameworks, weights 1 : 2 : 3 : 4, tasks of 20 s, {agents} agents ({AGENT})"
    return draw(title, panels, marks, seconds=seconds)


def main() -> int:
    """Run all scenarios, print a table, write the results and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where it is drawn to")
    options = parser.parse_args()
    load = os.getloadavg()
    # The cores leave no circles; what the collector would look at is all that lives.
    gc.disable()
    rows: list[Row] = []
    goals: list[Goal] = []
    for scenario in SCENARIOS:
        agents = max(1, round(options.agents * scenario.part))
        started = time.perf_counter()
        samples, finished = simulate(scenario, agents)
        seconds = time.perf_counter() - started
        print(
            f"{scenario.name}: {finished} tasks on {agents} agents,"
            f" {scenario.seconds} s in {seconds:.1f} s"
        )
        found = rows_of(scenario, samples)
        rows += found
        if scenario.is_promised:
            worst = max(each["deviation_percent"] for each in found)
            goals.append(
                Goal(
                    what=f"farthest from what is due, {scenario.name}",
                    value=worst,
                    limit=DEVIATION_GOAL_PERCENT,
                    unit="%",
                )
            )
        if scenario is SCENARIOS[0]:
            options.picture.parent.mkdir(parents=True, exist_ok=True)
            picture = picture_of(scenario, samples, agents)
            options.picture.write_text(picture, encoding="utf-8")
    parameters = {
        "agents": options.agents,
        "agent": AGENT,
        "phase_seconds": PHASE_SECONDS,
        "settled_seconds": SETTLED_SECONDS,
        "seed": SEED,
    }
    publish("convergence", rows, goals=goals, parameters=parameters, load_before=load)
    return 0


if __name__ == "__main__":
    sys.exit(main())
