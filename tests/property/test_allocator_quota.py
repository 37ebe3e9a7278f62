"""Laws of quota, reservations and shared volumes, whatever happens and in whatever order.

After every step the allocator's books are compared with what they are from scratch, and each
offer with the limits, the headroom and the reservations that there were when it was made.
"""

from __future__ import annotations

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
    Quota,
)
from tepui.allocator.agents import one_of_each, unshared
from tepui.allocator.holdings import open_scalars
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import Resource, Value, Volume
from tepui.resources import EMPTY, Quantities, Resources, parse_resources
from tepui.resources.keys import Key, Reservation
from tepui.resources.roles import is_subrole

pytestmark = pytest.mark.slow

ROLES = ("a", "a/x", "b", "c", "d/y/z")
TOP_ROLES = ("a", "b", "c", "e")
AGENTS = ("s1", "s2", "s3", "s4")
FRAMEWORKS = ("f1", "f2", "f3", "f4")
TOTALS = (
    "cpus:4;mem:1024",
    "cpus:8;mem:64;ports:[1-10]",
    "cpus:2;mem:512;cpus(a):1;mem(a/x):64",
    "cpus(b):1;mem(b):100;disk:50",
    "cpus:4;mem:256;gpus:1;disk:100",
)
ABLE = FrameworkCapabilities(
    revocable_resources=True,
    gpu_resources=True,
    shared_resources=True,
    multi_role=True,
    reservation_refinement=True,
)
DYNAMIC = Resource.ReservationInfo.Type.DYNAMIC


def revocable(cpus: int) -> Resources:
    message = Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=cpus),
        revocable=Resource.RevocableInfo(),
    )
    return Resources.from_messages([message])


def mount(number: int) -> Resources:
    source = Resource.DiskInfo.Source(
        type=Resource.DiskInfo.Source.Type.MOUNT,
        mount=Resource.DiskInfo.Source.Mount(root=f"/m{number}"),
    )
    message = Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=40),
        disk=Resource.DiskInfo(source=source),
    )
    return Resources.from_messages([message])


class Model:
    """An allocator, and what was offered and is used.

    Attributes:
        is_exact: Whether neither shared volumes nor chance make a run offer what the last did not.
    """

    def __init__(self, seed: int, *, is_exact: bool, sorter: str, minimum: bool) -> None:
        options = AllocatorOptions(
            role_sorter=sorter,
            framework_sorter=sorter,
            minimum=AllocatorOptions().minimum if minimum else (),
        )
        self.is_exact = is_exact
        self.allocator = HierarchicalAllocator(options, Rng(seed))
        self.ledger = self.allocator._ledger
        self.now = Instant(0.0, 0.0)
        self.offers: list[Allocation] = []
        self.tasks: list[Allocation] = []
        self.volumes = 0

    # -- what happens --

    def add_framework(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        roles = tuple(role for role in ROLES if chance.below(2)) or ROLES[:1]
        suppressed = roles[:1] if chance.below(4) == 0 else ()
        options = FrameworkOptions(roles=roles, suppressed_roles=suppressed, capabilities=ABLE)
        if framework_id in self.ledger.frameworks:
            self.allocator.update_framework(framework_id, options)
        else:
            self.allocator.add_framework(framework_id, options, is_active=True)

    def remove_framework(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        self.allocator.remove_framework(framework_id)
        self.offers = [each for each in self.offers if each.framework_id != framework_id]
        self.tasks = [each for each in self.tasks if each.framework_id != framework_id]

    def suppress_or_revive(self, chance: Rng) -> None:
        framework_id = chance.choice(FRAMEWORKS)
        if framework_id in self.ledger.frameworks:
            change = self.allocator.suppress if chance.below(2) else self.allocator.revive
            change(framework_id, [role for role in ROLES if chance.below(2)])

    def add_agent(self, chance: Rng) -> None:
        agent_id = chance.choice(AGENTS)
        total = parse_resources(chance.choice(TOTALS))
        if chance.below(3) == 0:
            total += revocable(2)
        if not self.is_exact and chance.below(3) == 0:
            total += mount(1) + mount(2)
        if agent_id in self.ledger.agents:
            self.allocator.update_agent(agent_id, total=total)
        else:
            description = AgentDescription(hostname=agent_id)
            self.allocator.add_agent(agent_id, description, total=total, used={})

    def remove_agent(self, chance: Rng) -> None:
        agent_id = chance.choice(AGENTS)
        self.allocator.remove_agent(agent_id)
        self.offers = [each for each in self.offers if each.agent_id != agent_id]
        self.tasks = [each for each in self.tasks if each.agent_id != agent_id]

    def toggle_agent(self, chance: Rng) -> None:
        agent = self.ledger.agents.get(chance.choice(AGENTS))
        if agent is not None:
            change = self.allocator.deactivate_agent
            (change if agent.is_active else self.allocator.activate_agent)(agent.id)

    def set_quota(self, chance: Rng) -> None:
        guarantees, limits = {}, {}
        for name, unit in (("cpus", 1000), ("mem", 32_000), ("disk", 20_000)):
            guaranteed = chance.choice([0, 0, 1, 3, 9]) * unit
            if guaranteed:
                guarantees[name] = guaranteed
            if chance.below(2):
                limits[name] = guaranteed + chance.choice([0, 0, 1, 2, 5]) * unit
        quota = Quota(guarantees=Quantities(guarantees), limits=Quantities(limits))
        self.allocator.update_quota({chance.choice(TOP_ROLES): quota})

    def change_weight(self, chance: Rng) -> None:
        self.allocator.update_weights({chance.choice(ROLES): chance.choice([0.5, 1.0, 3.0])})

    def answer(self, chance: Rng) -> None:
        if not self.offers:
            return
        offer = self.offers.pop(chance.below(len(self.offers)))
        used = EMPTY
        if chance.below(2):
            half = {name: -(-millis // 2) for name, millis in offer.resources.scalars().items()}
            used = offer.resources.shrink(half)
        if used:
            self.allocator.mark_allocated(offer.framework_id, offer.agent_id, used)
            self.tasks.append(Allocation(offer.framework_id, offer.role, offer.agent_id, used))
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources - used,
            refuse_seconds=chance.choice([None, 0.0, 5.0, 1e9]),
            now=self.now,
        )

    def finish(self, chance: Rng) -> None:
        if self.tasks:
            task = self.tasks.pop(chance.below(len(self.tasks)))
            self.allocator.release(task.framework_id, task.agent_id, task.resources)

    def reserve(self, chance: Rng) -> None:
        """Reserve half of what is open in an offer to the offer's role."""
        self._convert(
            chance,
            lambda key, role: not key.reservations and not key.revocable and key.disk is None,
            lambda key, role: key.replace(reservations=(Reservation(DYNAMIC, role),)),
        )

    def unreserve(self, chance: Rng) -> None:
        self._convert(
            chance,
            lambda key, role: (
                len(key.reservations) == 1
                and key.reservations[0].type is DYNAMIC
                and key.disk is None
            ),
            lambda key, role: key.replace(reservations=()),
        )

    def create_shared(self, chance: Rng) -> None:
        if self.is_exact:
            return
        self.volumes += 1
        info = Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id=f"v{self.volumes}"),
            volume=Volume(container_path="v", mode=Volume.Mode.RW),
        )
        self._convert(
            chance,
            lambda key, role: key.name == "disk" and bool(key.reservations) and key.disk is None,
            lambda key, role: key.replace(disk=info, shared=True),
            is_volume=True,
        )

    def _convert(self, chance: Rng, wanted, change, is_volume: bool = False) -> None:  # type: ignore[no-untyped-def]
        if not self.offers:
            return
        at = chance.below(len(self.offers))
        offer = self.offers[at]
        part = {
            key: -(-amount // 2)
            for key, amount in offer.resources.entries()
            if type(amount) is int and wanted(key, offer.role)
        }
        if is_volume:
            part = dict(list(part.items())[:1])
        if not part:
            return
        held, converted = Resources(part), EMPTY
        for key, amount in part.items():
            new: Key = change(key, offer.role)
            if is_volume:
                new, amount = new.replace(size=amount), 1
            converted += Resources({new: amount})
        place = (offer.framework_id, offer.agent_id)
        self.allocator.convert(*place, held=held, converted=converted, is_used=False)
        rest = offer.resources - held + converted
        self.offers[at] = Allocation(offer.framework_id, offer.role, offer.agent_id, rest)

    def add_shared(self, chance: Rng) -> None:
        for at, offer in enumerate(self.offers):
            copies = offer.resources.shared()
            if copies and chance.below(2):
                self.allocator.add_shared(offer.framework_id, offer.agent_id, copies)
                more = offer.resources + copies
                self.offers[at] = Allocation(offer.framework_id, offer.role, offer.agent_id, more)

    def operate(self, chance: Rng) -> None:
        """Reserve for an operator, or undo it."""
        agent_id = chance.choice(AGENTS)
        if agent_id not in self.ledger.agents:
            return
        for key, amount in self.allocator.available(agent_id).entries():
            if type(amount) is not int or key.disk is not None or key.revocable:
                continue
            new = key.replace(
                reservations=()
                if key.reservations
                else (Reservation(DYNAMIC, chance.choice(ROLES)),)
            )
            held, converted = Resources({key: amount}), Resources({new: amount})
            self.allocator.convert_available(agent_id, held=held, converted=converted)
            return

    def let_time_pass(self, chance: Rng) -> None:
        self.now = self.now.later(chance.choice([0.5, 5.0]))
        self.allocator.expire(self.now)

    def periodic(self, chance: Rng) -> None:
        self.allocator.periodic(self.now)

    # -- what has to hold --

    def allocate(self, agents_max: int) -> list[Allocation]:
        made: list[Allocation] = []
        while self.allocator.is_pending():
            # One offer at most, but where an agent gives several.
            free = {agent.id: agent.available for agent in self.ledger.agents.values()}
            required, available = dict(self.quotas.required), dict(self.quotas.available)
            room = {
                node.name: dict(node.quota.room)
                for node in self.ledger.tree.nodes()
                if node.quota is not None
            }
            part = self.allocator.allocate_slice(self.now, agents_max=agents_max, offers_max=1)
            self.judge(part.allocations, free, room)
            for name, needed in required.items():
                surplus = available.get(name, 0) - needed
                left = self.quotas.available.get(name, 0) - self.quotas.required.get(name, 0)
                assert left >= min(surplus, 0), f"headroom for {name} was given away"
            made += part.allocations
            self.allocator.check()
        self.offers += made
        return made

    @property
    def quotas(self):  # type: ignore[no-untyped-def]
        return self.ledger.quotas

    def judge(
        self,
        made: list[Allocation],
        free: dict[str, Resources],
        room: dict[str, dict[str, int]],
    ) -> None:
        for each in made:
            offered = each.resources.unallocated()
            assert offered
            assert free[each.agent_id].contains(offered), "more is offered than there is"
            free[each.agent_id] -= offered
            for key, _ in offered.entries():
                owner = key.role
                assert owner == "*" or each.role == owner or is_subrole(each.role, owner)
            top = each.role.split("/")[0]
            for name, millis in open_scalars(offered).items():
                if each.role in room:
                    assert millis <= room[each.role].get(name, millis), "beyond the limit"
                if top in room and name in room[top]:
                    room[top][name] = max(0, room[top][name] - millis)

    def check_nobody_is_forgotten(self) -> None:
        """What is remembered from visit to visit saves work, and changes nothing."""
        self.settle()
        for agent in self.ledger.agents.values():
            agent.settled = -1
            agent.blocked.remove(-1)
        self.allocator.trigger()
        assert self.allocate(agents_max=100) == []

    def settle(self) -> None:
        """Go on until nothing is offered: what a subrole gets may leave room for more."""
        for _ in range(20):
            self.allocator.periodic(self.now)
            if not self.allocate(agents_max=100):
                return
        raise AssertionError("there is always something more to offer")

    def check_guarantees(self) -> None:
        """With nobody refusing anything, no guarantee lacks what is there to give."""
        for framework_id in list(self.ledger.frameworks):
            self.allocator.revive(framework_id)
        self.settle()
        for node in self.ledger.tree.nodes():
            if node.quota is None or not node.quota.mask & self.ledger.eligibility.active:
                continue
            for agent in self.ledger.agents.values():
                divisible = agent.available.filter(lambda key: key.size is None)
                for name, millis in open_scalars(divisible).items():
                    is_given = millis == 0 or name not in node.quota.needed
                    assert is_given or not agent.is_active, f"{node.name} lacks {name}"


EVENTS = (
    *[Model.add_framework] * 2,
    *[Model.add_agent] * 2,
    *[Model.set_quota] * 3,
    *[Model.answer] * 4,
    *[Model.finish] * 2,
    *[Model.reserve] * 2,
    Model.unreserve,
    *[Model.create_shared] * 2,
    Model.add_shared,
    Model.operate,
    Model.let_time_pass,
    *[Model.periodic] * 2,
    Model.suppress_or_revive,
    Model.toggle_agent,
    Model.change_weight,
    Model.remove_agent,
    Model.remove_framework,
)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(min_value=0, max_value=2**32),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["drf", "random"]),
)
def test_quota_and_reservations_keep_their_laws(
    seed: int, is_exact: bool, has_minimum: bool, sorter: str
) -> None:
    model = Model(seed, is_exact=is_exact, sorter=sorter, minimum=has_minimum)
    chance = Rng(seed)
    for event in (Model.add_framework, Model.add_agent, Model.set_quota) * 2:
        event(model, chance)
    for _ in range(60):
        chance.choice(EVENTS)(model, chance)
        model.allocator.check()
        if chance.below(4):
            model.allocate(agents_max=1 + chance.below(3))
            if is_exact and chance.below(4) == 0:
                model.check_nobody_is_forgotten()
    if is_exact and not has_minimum:
        model.check_guarantees()
    for agent in model.ledger.agents.values():
        taken = EMPTY
        for each in (*model.offers, *model.tasks):
            if each.agent_id == agent.id:
                taken += each.resources.unallocated()
        assert agent.available == agent.total - unshared(taken)
        assert one_of_each(agent.total) == agent.total
