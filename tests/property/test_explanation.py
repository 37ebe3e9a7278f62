"""The allocator's explanation agrees with what it does, whatever happened before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tepui.allocator import (
    AgentCapabilities,
    AgentDescription,
    Allocation,
    AllocatorOptions,
    Explanation,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
    Question,
    Quota,
)
from tepui.allocator.explanation import Cause, Fit, Wish
from tepui.allocator.inquiry import best_fit
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import DomainInfo, Resource, Value, Volume
from tepui.resources import EMPTY, Quantities, Resources, parse_resources

pytestmark = pytest.mark.slow

ROLES = ("*", "a", "a/x", "a/x/y", "b")
TOPS = ("a", "b", "c")
AGENTS = tuple(f"s{number}" for number in range(5))
FRAMEWORKS = tuple(f"f{number}" for number in range(4))
DISK = Resource.DiskInfo(
    persistence=Resource.DiskInfo.Persistence(id="v"),
    volume=Volume(container_path="v", mode=Volume.Mode.RW),
)
SHARED = Resources.from_messages(
    [
        Resource(
            name="disk",
            type=Value.Type.SCALAR,
            scalar=Value.Scalar(value=64.0),
            reservations=[
                Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="a")
            ],
            disk=DISK,
            shared=Resource.SharedInfo(),
        )
    ]
)
REVOCABLE = Resources.from_messages(
    [
        Resource(
            name="cpus",
            type=Value.Type.SCALAR,
            scalar=Value.Scalar(value=3.0),
            revocable=Resource.RevocableInfo(),
        )
    ]
)
TOTALS = (
    "cpus:4;mem:1024",
    "cpus:8;mem:64;ports:[1-10]",
    "cpus:2;mem:512;cpus(a):1;mem(a/x):64",
    "cpus(b):1;mem(b):100",
    "cpus:4;mem:256;gpus:1",
    "cpus:0.001;mem:8",
    "cpus:1;mem:1024;cpus(a):2;ephemeral_ports:[1-9]",
)
AMOUNTS = (0, 500, 2_000, 6_000, 100_000)
OFFERABLE = (Cause.NOTHING, Cause.LENT)


def domain(region: str) -> DomainInfo:
    return DomainInfo(
        fault_domain=DomainInfo.FaultDomain(
            region=DomainInfo.FaultDomain.RegionInfo(name=region),
            zone=DomainInfo.FaultDomain.ZoneInfo(name="z"),
        )
    )


class Cluster:
    """An allocator to which things happen."""

    def __init__(self, chance: Rng) -> None:
        self.chance = chance
        self.now = Instant(0.0, 1e9)
        self.allocator = HierarchicalAllocator(
            AllocatorOptions(domain=domain("here")), Rng(chance.below(1000))
        )
        self.offers: list[Allocation] = []
        self.tasks: list[Allocation] = []
        self.agents: set[str] = set()
        self.frameworks: dict[str, FrameworkOptions] = {}

    # -- what happens --

    def agent(self) -> None:
        agent_id = self.chance.choice(AGENTS)
        total = parse_resources(self.chance.choice(TOTALS))
        total += self.chance.choice((EMPTY, EMPTY, SHARED, REVOCABLE))
        if agent_id in self.agents:
            self.allocator.update_agent(agent_id, total=total)
            return
        self.agents.add(agent_id)
        description = AgentDescription(
            hostname=agent_id,
            domain=domain(self.chance.choice(("here", "here", "there"))),
            capabilities=AgentCapabilities(
                multi_role=self.chance.below(4) > 0, hierarchical_role=self.chance.below(4) > 0
            ),
        )
        self.allocator.add_agent(agent_id, description, total=total, used={})

    def framework(self) -> None:
        framework_id = self.chance.choice(FRAMEWORKS)
        roles = tuple(role for role in ROLES if self.chance.below(2)) or ("a",)
        options = FrameworkOptions(
            roles=roles,
            suppressed_roles=roles[:1] if self.chance.below(4) == 0 else (),
            capabilities=FrameworkCapabilities(
                multi_role=self.chance.below(2) == 0,
                gpu_resources=self.chance.below(2) == 0,
                shared_resources=self.chance.below(2) == 0,
                revocable_resources=self.chance.below(2) == 0,
                region_aware=self.chance.below(2) == 0,
            ),
            minimum={roles[0]: (Quantities(cpus=2000),)} if self.chance.below(3) == 0 else {},
        )
        if framework_id in self.frameworks:
            self.allocator.update_framework(framework_id, options)
        else:
            self.allocator.add_framework(framework_id, options, is_active=True)
        self.frameworks[framework_id] = options

    def toggle(self) -> None:
        if self.frameworks:
            framework_id = self.chance.choice(tuple(self.frameworks))
            change = self.chance.choice(
                (
                    self.allocator.suppress,
                    self.allocator.revive,
                    self.allocator.activate_framework,
                    self.allocator.deactivate_framework,
                )
            )
            change(framework_id)

    def toggle_agent(self) -> None:
        if self.agents:
            change = self.chance.choice(
                (self.allocator.activate_agent, self.allocator.deactivate_agent)
            )
            change(self.chance.choice(sorted(self.agents)))

    def quota(self) -> None:
        limits, guarantees = Quantities(), Quantities()
        for name in ("cpus", "mem"):
            if self.chance.below(2):
                limits[name] = self.chance.choice(AMOUNTS)
            if self.chance.below(2):
                guarantees[name] = min(self.chance.choice(AMOUNTS), limits.get(name, 1 << 60))
        guarantees = Quantities({name: amount for name, amount in guarantees.items() if amount})
        quota = Quota(limits=limits, guarantees=guarantees)
        self.allocator.update_quota({self.chance.choice(TOPS): quota})

    def whitelist(self) -> None:
        names = [name for name in AGENTS if self.chance.below(3)]
        self.allocator.update_whitelist(self.chance.choice((None, names)))

    def answer(self) -> None:
        if not self.offers:
            return
        offer = self.offers.pop(self.chance.below(len(self.offers)))
        used = EMPTY
        if self.chance.below(2):
            half = {name: millis // 2 for name, millis in offer.resources.scalars().items()}
            used = offer.resources.shrink(half)
        if used:
            self.allocator.mark_allocated(offer.framework_id, offer.agent_id, used)
            self.tasks.append(Allocation(offer.framework_id, offer.role, offer.agent_id, used))
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources - used,
            refuse_seconds=self.chance.choice((None, 0.0, 5.0, 60.0)),
            now=self.now,
        )

    def finish(self) -> None:
        if self.tasks:
            task = self.tasks.pop(self.chance.below(len(self.tasks)))
            self.allocator.release(task.framework_id, task.agent_id, task.resources)

    def time(self) -> None:
        self.now = self.now.later(self.chance.choice((1.0, 10.0)))
        self.allocator.periodic(self.now)

    # -- what is asked --

    def force_pass(self) -> int:
        """Visit all agents; return how many offers that brought."""
        before = len(self.offers)
        self.allocator.trigger()
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=2, offers_max=2)
            self.offers += part.allocations
        return len(self.offers) - before

    def explain(self, framework_id: str, request: Quantities = Quantities()) -> Explanation:
        question = Question(framework_id=framework_id, request=request)
        inquiry = self.allocator.explain(question, self.now)
        while (found := inquiry.step(self.now, looks_max=4)) is None:
            pass
        return found

    def is_anything_offerable(self) -> bool:
        return any(
            tally.cause in OFFERABLE
            for framework_id in self.frameworks
            for report in self.explain(framework_id).clients
            if report.wish is Wish.WANTS_OFFERS
            for tally in report.tallies
        )


EVENTS = (
    Cluster.agent,
    Cluster.agent,
    Cluster.framework,
    Cluster.framework,
    Cluster.toggle,
    Cluster.toggle_agent,
    Cluster.quota,
    Cluster.whitelist,
    Cluster.answer,
    Cluster.answer,
    Cluster.answer,
    Cluster.finish,
    Cluster.time,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_what_can_be_offered_now_is_offered_by_a_pass_and_nothing_else_is(seed: int) -> None:
    """A pass makes offers if, and only if, somebody was said to have nothing in its way."""
    chance = Rng(seed)
    cluster = Cluster(chance)
    for event in (Cluster.framework, Cluster.agent, Cluster.quota) * 3:
        event(cluster)
    for _ in range(50):
        chance.choice(EVENTS)(cluster)
        is_offerable = cluster.is_anything_offerable()
        assert (cluster.force_pass() > 0) == is_offerable
        # Once a pass brings nothing more, nobody is said to have nothing in its way.
        while cluster.force_pass():
            pass
        assert not cluster.is_anything_offerable()


def has_for_one_task(resources: Resources, request: Quantities) -> bool:
    """Tell whether a task of this size could be launched: of one name, it takes one kind."""
    kinds = (resources.revocable().quantities(), resources.non_revocable().quantities())
    return all(
        max(kind.get(name, 0) for kind in kinds) >= millis for name, millis in request.items()
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_every_agent_counts_once_and_a_request_is_judged_like_its_offer(seed: int) -> None:
    chance = Rng(seed)
    cluster = Cluster(chance)
    for event in (Cluster.framework, Cluster.agent, Cluster.quota) * 3:
        event(cluster)
    for _ in range(30):
        chance.choice(EVENTS)(cluster)
        if chance.below(2):
            cluster.force_pass()
        request = Quantities(
            {name: chance.choice(AMOUNTS) or 1 for name in ("cpus", "mem") if chance.below(2)}
        )
        for framework_id in cluster.frameworks:
            found = cluster.explain(framework_id, request)
            for report in found.clients:
                assert sum(each.agents for each in report.tallies) == len(cluster.agents)
            if request and best_fit(found) is Fit.NEVER:
                held = [each for each in cluster.offers if each.framework_id == framework_id]
                assert not any(has_for_one_task(each.resources, request) for each in held)
