"""Laws of the allocator, against a model that is slow and says no more than the rules do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    HierarchicalAllocator,
)
from tepui.allocator.sorters import Competitor, DrfSorter
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.resources import EMPTY, Quantities, Resources, parse_resources

pytestmark = pytest.mark.slow

ROLES = ("*", "a", "a/x", "a/x/y", "b")
AGENTS = ("s1", "s2", "s3")
FRAMEWORKS = ("f1", "f2", "f3")
TOTALS = (
    "cpus:4;mem:1024",
    "cpus:8;mem:64;ports:[1-10]",
    "cpus:2;mem:512;cpus(a):1;mem(a/x):64",
    "cpus(b):1;mem(b):100",
    "cpus:4;mem:256;gpus:1",
    "cpus:0.001;mem:8",
)
MINIMUM = AllocatorOptions().minimum
INTERVAL = 1.0


def some(chance: Rng, items: Sequence[str]) -> tuple[str, ...]:
    """Return each of ``items`` or not, by chance."""
    return tuple(item for item in items if chance.below(2))


class Model:
    """What the rules say, without any of the allocator's short cuts."""

    def __init__(self, seed: int) -> None:
        self.allocator = HierarchicalAllocator(AllocatorOptions(), Rng(seed))
        self.now = Instant(0.0, 0.0)
        self.frameworks: dict[str, FrameworkOptions] = {}
        self.suppressed: dict[str, set[str]] = {}
        self.active: set[str] = set()
        self.totals: dict[str, Resources] = {}
        self.up: set[str] = set()
        self.offers: list[Allocation] = []
        self.tasks: list[Allocation] = []
        # (framework, role, agent, refused, until), where None is until the periodic pass.
        self.filters: list[tuple[str, str, str, Resources, float | None]] = []
        self.log: list[tuple[str, str, str, Resources]] = []

    def free(self, agent_id: str) -> Resources:
        rest = self.totals[agent_id]
        for each in (*self.offers, *self.tasks):
            if each.agent_id == agent_id:
                rest -= each.resources.unallocated()
        return rest

    def takers(self, agent_id: str) -> Iterator[tuple[str, str, Resources]]:
        """Iterate the frameworks and roles that should be offered something of an agent."""
        if agent_id not in self.up:
            return
        has_gpus = self.totals[agent_id].get_scalar("gpus") > 0
        for framework_id, options in self.frameworks.items():
            if framework_id not in self.active:
                continue
            if has_gpus and not options.capabilities.gpu_resources:
                continue
            for role in options.roles:
                visible = self.free(agent_id).filter(
                    lambda key, role=role: (
                        key.role == "*" or (role + "/").startswith(key.role + "/")
                    )
                )
                minimum = options.minimum.get(role, MINIMUM)
                worth = any(visible.quantities().contains(each) for each in minimum)
                if not visible or (minimum and not worth):
                    continue
                if role in self.suppressed[framework_id]:
                    continue
                if not self.is_filtered(framework_id, role, agent_id, visible):
                    yield framework_id, role, visible

    def is_filtered(self, framework_id: str, role: str, agent_id: str, visible: Resources) -> bool:
        return any(
            each[:3] == (framework_id, role, agent_id)
            and (each[4] is None or each[4] > self.now.monotonic)
            and each[3].contains(visible)
            for each in self.filters
        )

    def drop_filters(self, framework_id: str, roles: tuple[str, ...] = ROLES) -> None:
        self.filters = [
            each for each in self.filters if each[0] != framework_id or each[1] not in roles
        ]

    # -- what happens --

    def add_or_update_framework(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        roles = some(chance, ROLES) or ROLES[:1]
        suppressed = some(chance, roles) if chance.below(3) == 0 else ()
        minimum = {roles[0]: chance.choice([(), (Quantities(cpus=5000),)])}
        options = FrameworkOptions(
            roles=roles,
            suppressed_roles=suppressed,
            capabilities=FrameworkCapabilities(multi_role=True, gpu_resources=chance.below(2) == 0),
            minimum=minimum if chance.below(2) == 0 else {},
        )
        if framework_id in self.frameworks:
            revived = self.suppressed[framework_id] - set(suppressed)
            gone = set(self.frameworks[framework_id].roles) - set(roles)
            self.drop_filters(framework_id, tuple(revived | gone))
            self.allocator.update_framework(framework_id, options)
        else:
            self.active.add(framework_id)
            self.allocator.add_framework(framework_id, options, is_active=True)
        self.frameworks[framework_id] = options
        self.suppressed[framework_id] = set(suppressed)

    def remove_framework(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        self.allocator.remove_framework(framework_id)
        self.frameworks.pop(framework_id, None)
        self.active.discard(framework_id)
        self.drop_filters(framework_id)
        self.offers = [each for each in self.offers if each.framework_id != framework_id]
        self.tasks = [each for each in self.tasks if each.framework_id != framework_id]

    def toggle_framework(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        if framework_id not in self.frameworks:
            return
        if framework_id in self.active:
            self.active.discard(framework_id)
            self.drop_filters(framework_id)
            self.allocator.deactivate_framework(framework_id)
        else:
            self.active.add(framework_id)
            self.allocator.activate_framework(framework_id)

    def suppress_or_revive(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        if framework_id not in self.frameworks:
            return
        own = self.frameworks[framework_id].roles
        roles = some(chance, own)
        if chance.below(2) == 0:
            self.suppressed[framework_id] |= set(roles or own)
            self.allocator.suppress(framework_id, roles)
        else:
            self.suppressed[framework_id] -= set(roles or own)
            self.drop_filters(framework_id, roles or own)
            self.allocator.revive(framework_id, roles)

    def add_or_update_agent(self, chance: Rng) -> None:
        agent_id = chance.choice(AGENTS)
        total = parse_resources(chance.choice(TOTALS))
        if agent_id in self.totals:
            self.allocator.update_agent(agent_id, total=total)
        else:
            self.up.add(agent_id)
            description = AgentDescription(hostname=agent_id)
            self.allocator.add_agent(agent_id, description, total=total, used={})
        self.totals[agent_id] = total

    def remove_agent(self, chance: Rng) -> None:
        agent_id = chance.choice(AGENTS)
        self.allocator.remove_agent(agent_id)
        self.totals.pop(agent_id, None)
        self.up.discard(agent_id)
        self.filters = [each for each in self.filters if each[2] != agent_id]
        self.offers = [each for each in self.offers if each.agent_id != agent_id]
        self.tasks = [each for each in self.tasks if each.agent_id != agent_id]

    def toggle_agent(self, chance: Rng) -> None:
        agent_id = chance.choice(AGENTS)
        if agent_id in self.up:
            self.up.discard(agent_id)
            self.allocator.deactivate_agent(agent_id)
        elif agent_id in self.totals:
            self.up.add(agent_id)
            self.allocator.activate_agent(agent_id)

    def answer(self, chance: Rng) -> None:
        """Use half of an offer, or nothing, and refuse the rest."""
        if not self.offers:
            return
        offer = self.offers.pop(chance.below(len(self.offers)))
        used = EMPTY
        if chance.below(2) == 0:
            half = {name: millis // 2 for name, millis in offer.resources.scalars().items()}
            used = offer.resources.shrink(half)
        place = (offer.framework_id, offer.role, offer.agent_id)
        if used:
            self.allocator.mark_allocated(offer.framework_id, offer.agent_id, used)
            self.tasks.append(Allocation(*place, used))
        refuse = chance.choice([None, 0.0, 0.5, 5.0, 1e9, -1.0])
        rest = offer.resources - used
        self.allocator.recover(
            offer.framework_id, offer.agent_id, rest, refuse_seconds=refuse, now=self.now
        )
        options = self.frameworks[offer.framework_id]
        is_awake = (
            offer.framework_id in self.active
            and offer.role in options.roles
            and offer.role not in self.suppressed[offer.framework_id]
        )
        if refuse is not None and rest and is_awake:
            seconds = max(INTERVAL, 5.0 if refuse < 0 else min(refuse, 365 * 86_400))
            until = None if refuse == 0 else self.now.monotonic + seconds
            self.filters.append((*place, rest.unallocated(), until))

    def finish(self, chance: Rng) -> None:
        if self.tasks:
            task = self.tasks.pop(chance.below(len(self.tasks)))
            self.allocator.release(task.framework_id, task.agent_id, task.resources)

    def let_time_pass(self, chance: Rng) -> None:
        self.now = self.now.later(chance.choice([0.5, 1.0, 5.0]))
        self.allocator.expire(self.now)

    def periodic(self, chance: Rng) -> None:
        self.filters = [each for each in self.filters if each[4] is not None]
        self.allocator.periodic(self.now)

    def change_weight(self, chance: Rng) -> None:
        role = chance.choice(ROLES)
        self.allocator.update_weights({role: chance.choice([0.5, 1.0, 3.0])})

    # -- what has to hold --

    def allocate(self, agents_max: int) -> None:
        while self.allocator.is_pending():
            part = self.allocator.allocate_slice(self.now, agents_max=agents_max, offers_max=2)
            for each in part.allocations:
                takers = {
                    (framework_id, role): visible
                    for framework_id, role, visible in self.takers(each.agent_id)
                }
                wanted = takers.get((each.framework_id, each.role))
                assert wanted is not None, f"{each} is for nobody who takes it"
                assert each.resources == wanted.allocated_to(each.role)
                self.offers.append(each)
                place = (each.framework_id, each.role, each.agent_id)
                self.log.append((*place, each.resources))

    def check(self) -> None:
        for agent_id in self.totals:
            # Somebody who could take it and was not offered it is a lost offer.
            assert not list(self.takers(agent_id))
        self.check_views()

    def check_views(self) -> None:
        for view in self.allocator.roles():
            for source, seen in ((self.offers, view.offered), (self.tasks, view.allocated)):
                expected = Quantities()
                for each in source:
                    if (each.role + "/").startswith(view.name + "/"):
                        expected = expected.plus(each.resources.scalars())
                assert seen == expected
        statistics = self.allocator.statistics()
        total = Quantities()
        for each in self.totals.values():
            total = total.plus(each.scalars())
        assert {name: millis for name, millis in statistics.total.items() if millis} == total


EVENTS = (
    Model.add_or_update_framework,
    Model.add_or_update_framework,
    Model.add_or_update_agent,
    Model.add_or_update_agent,
    Model.answer,
    Model.answer,
    Model.answer,
    Model.finish,
    Model.let_time_pass,
    Model.periodic,
    Model.suppress_or_revive,
    Model.toggle_framework,
    Model.toggle_agent,
    Model.change_weight,
    Model.remove_agent,
    Model.remove_framework,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_offers_are_exactly_what_the_rules_say(seed: int) -> None:
    """Nothing is offered twice, or to somebody who cannot take it; and nobody is forgotten."""
    model, chance = Model(seed), Rng(seed)
    for event in (Model.add_or_update_framework, Model.add_or_update_agent) * 2:
        event(model, chance)
    for _ in range(60):
        chance.choice(EVENTS)(model, chance)
        if chance.below(4):
            model.allocate(agents_max=1 + chance.below(3))
            model.check()


def scenario(seed: int, rng_seed: int) -> list[tuple[str, str, str, Resources]]:
    """Return the offers of a busy hour in a small cluster."""
    model, chance = Model(seed), Rng(rng_seed)
    for number in range(4):
        options = FrameworkOptions(roles=(ROLES[number], "b"))
        model.allocator.add_framework(f"f{number}", options, is_active=True)
    for number in range(12):
        total = parse_resources(TOTALS[number % 3])
        description = AgentDescription(hostname="h")
        model.allocator.add_agent(f"s{number}", description, total=total, used={})
    log = []
    for _ in range(60):
        made: list[Allocation] = []
        while model.allocator.is_pending():
            made += model.allocator.allocate_slice(
                model.now, agents_max=5, offers_max=5
            ).allocations
        log += [(each.framework_id, each.role, each.agent_id, each.resources) for each in made]
        model.now = model.now.later(1.0)
        for each in made:
            model.allocator.recover(
                each.framework_id,
                each.agent_id,
                each.resources,
                refuse_seconds=chance.choice([1.0, 2.0, 5.0]),
                now=model.now,
            )
        model.allocator.periodic(model.now)
    return log


@given(st.integers(), st.integers())
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_offers(seed: int, rng_seed: int) -> None:
    assert scenario(seed, rng_seed) == scenario(seed, rng_seed)


def test_another_seed_gives_other_offers() -> None:
    assert scenario(1, 1) != scenario(2, 1)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.integers(),
    st.sampled_from(["drf", "random"]),
)
def test_shares_converge_to_the_weights(weights: list[int], seed: int, sorter: str) -> None:
    """Everybody uses all it is offered; agents of one size come one after another."""
    names = [f"r{number}" for number in range(len(weights))]
    options = AllocatorOptions(
        weights=dict(zip(names, map(float, weights), strict=True)), role_sorter=sorter
    )
    allocator = HierarchicalAllocator(options, Rng(seed))
    now = Instant(0.0, 0.0)
    for name in names:
        allocator.add_framework(f"f-{name}", FrameworkOptions(roles=(name,)), is_active=True)
    rounds = 20 if sorter == "drf" else 60
    agents = rounds * sum(weights)
    for number in range(agents):
        total = parse_resources("cpus:2;mem:100")
        allocator.add_agent(f"s{number}", AgentDescription(hostname="h"), total=total, used={})
    while allocator.is_pending():
        allocator.allocate_slice(now, agents_max=50, offers_max=50)
    counts = {view.name: view.offered["cpus"] // 2000 for view in allocator.roles()}
    for name, weight in zip(names, weights, strict=True):
        if sorter == "drf":
            assert abs(counts[name] - rounds * weight) <= 1
        else:
            share = weight / sum(weights)
            assert abs(counts[name] - agents * share) < 6 * (agents * share * (1 - share)) ** 0.5


class Naive:
    """What a sorter has to do, by sorting anew each time."""

    def __init__(self) -> None:
        self.competitors: list[Competitor] = []

    def first(self, eligible: int) -> Competitor | None:
        ranked = sorted(
            self.competitors,
            key=lambda each: (each.share / each.weight, each.allocations, each.path),
        )
        return next((each for each in ranked if each.mask & eligible), None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_kept_order_is_the_order_of_sorting(data: st.DataObject) -> None:
    sorter, naive = DrfSorter(), Naive()
    count = data.draw(st.integers(1, 250))
    chance = Rng(data.draw(st.integers()))
    for number in range(count):
        competitor = Competitor(f"p{number:03}", None, sorter)
        competitor.mask = 1 << number
        sorter.add(competitor)
        naive.competitors.append(competitor)
    for _ in range(300):
        competitor = chance.choice(naive.competitors)
        match chance.below(5):
            case 0 | 1:
                competitor.share = chance.below(20) / 20
                competitor.allocations += 1
                sorter.reposition(competitor)
            case 2 if len(naive.competitors) > 1:
                sorter.remove(competitor)
                naive.competitors.remove(competitor)
            case 3:
                sorter.remask(
                    competitor, competitor.mask ^ 1 << (competitor.mask.bit_length() + 300)
                )
            case _:
                competitor.weight = float(1 + chance.below(3))
                sorter.reposition(competitor)
        eligible = 0
        for _ in range(chance.below(4)):
            eligible |= chance.choice(naive.competitors).mask
        assert sorter.first(eligible) is naive.first(eligible)
    for competitor in naive.competitors:
        competitor.share = chance.unit()
    sorter.reposition_all()
    assert sorter.first(-1) is naive.first(-1)
