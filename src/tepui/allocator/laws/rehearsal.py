"""A master in small: it tells an allocator what happens, and keeps books of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tepui.allocator.interface import (
    AgentDescription,
    Allocation,
    Allocator,
    AllocatorOptions,
    FrameworkOptions,
    InverseAllocation,
    Quota,
)
from tepui.base.time import Instant
from tepui.resources import EMPTY, Resources, format_resources, parse_resources
from tepui.resources.keys import Key
from tepui.resources.resources import scalar_of
from tepui.resources.roles import is_subrole

SLICES_MAX = 10_000
"""Slices after which a pass is said never to end."""


class Rehearsal:
    """Holds an allocator to its word: whatever it offers is checked against the books.

    Attributes:
        now: The time; move it with `pass_time`.
        offers: What was offered and neither taken nor given back.
        tasks: What is in use.
        totals: What each agent has.
        asked: The inverse offers that nobody has answered.
    """

    def __init__(self, allocator: Allocator, options: AllocatorOptions) -> None:
        self.allocator = allocator
        self.now = Instant(0.0, 0.0)
        self.offers: list[Allocation] = []
        self.tasks: list[Allocation] = []
        self.totals: dict[str, Resources] = {}
        self.asked: list[InverseAllocation] = []
        self._options = options
        self._frameworks: dict[str, FrameworkOptions] = {}
        self._wants: dict[tuple[str, str], bool] = {}
        self._descriptions: dict[str, AgentDescription] = {}
        self._is_up: dict[str, bool] = {}
        self._whitelist: tuple[str, ...] | None = None
        self._quotas: dict[str, Quota] = {}
        # Who refused what where, and until when.
        self._filters: list[tuple[str, str, str, Resources, float]] = []

    # -- what happens --

    def framework(self, name: str, *roles: str, **options: Any) -> None:
        """A framework subscribes, active, to the roles named or to ``*``."""
        said = FrameworkOptions(roles=roles or ("*",), **options)
        self.allocator.add_framework(name, said, is_active=True)
        self._note_options(name, said)

    def update_framework(self, name: str, *roles: str, **options: Any) -> None:
        """It says something else about itself."""
        said = FrameworkOptions(roles=roles or ("*",), **options)
        self.allocator.update_framework(name, said)
        for role in self._frameworks[name].roles:
            if role not in said.roles or not self._wants[name, role]:
                self._forget_filters(name, role)
            self._wants.pop((name, role))
        self._note_options(name, said)

    def remove_framework(self, name: str) -> None:
        """It is gone, with all that it holds."""
        self.allocator.remove_framework(name)
        for role in self._frameworks.pop(name).roles:
            self._wants.pop((name, role))
            self._forget_filters(name, role)
        self.offers = [each for each in self.offers if each.framework_id != name]
        self.tasks = [each for each in self.tasks if each.framework_id != name]

    def suppress(self, name: str, *roles: str) -> None:
        """It wants no offers in these roles, or in any."""
        self.allocator.suppress(name, roles)
        for role in roles or self._frameworks[name].roles:
            self._wants[name, role] = False

    def revive(self, name: str, *roles: str) -> None:
        """It wants offers again in these roles, or in all."""
        self.allocator.revive(name, roles)
        for role in roles or self._frameworks[name].roles:
            self._wants[name, role] = True
            self._forget_filters(name, role)

    def agent(self, name: str, total: str | Resources, used: str = "", **description: Any) -> None:
        """An agent comes; ``used`` names what framework ``f`` uses on it in role ``*``."""
        resources = parse_resources(total) if isinstance(total, str) else total
        described = AgentDescription(hostname=name, **description)
        held = parse_resources(used).allocated_to("*")
        self.allocator.add_agent(name, described, total=resources, used={"f": held} if held else {})
        self.totals[name] = resources
        self._descriptions[name] = described
        self._is_up[name] = True
        if held:
            self.tasks.append(Allocation("f", "*", name, held))

    def remove_agent(self, name: str) -> None:
        """It is gone."""
        self.allocator.remove_agent(name)
        del self.totals[name], self._descriptions[name], self._is_up[name]
        self.offers = [each for each in self.offers if each.agent_id != name]
        self.tasks = [each for each in self.tasks if each.agent_id != name]
        self.asked = [each for each in self.asked if each.agent_id != name]
        self._filters = [each for each in self._filters if each[2] != name]

    def deactivate_agent(self, name: str) -> None:
        """It is not to be offered."""
        self.allocator.deactivate_agent(name)
        self._is_up[name] = False

    def activate_agent(self, name: str) -> None:
        """It is to be offered again."""
        self.allocator.activate_agent(name)
        self._is_up[name] = True

    def whitelist(self, *names: str) -> None:
        """Only these agents are to be offered."""
        self.allocator.update_whitelist(names)
        self._whitelist = names

    def quota(self, role: str, quota: Quota) -> None:
        """An operator sets a quota."""
        self.allocator.update_quota({role: quota})
        self._quotas[role] = quota

    def decline(self, offer: Allocation, refuse_seconds: float) -> None:
        """The framework does not want an offer; give whole seconds from 1 to a year, or 0."""
        self._give_back(offer, refuse_seconds)
        if refuse_seconds and self._wants.get((offer.framework_id, offer.role)):
            until = self.now.monotonic + refuse_seconds
            refused = offer.resources.unallocated()
            self._filters.append((offer.framework_id, offer.role, offer.agent_id, refused, until))

    def rescind(self, offer: Allocation) -> None:
        """An offer is taken back."""
        self._give_back(offer, None)

    def launch(self, offer: Allocation) -> None:
        """The framework uses all of an offer."""
        self.offers.remove(offer)
        self.allocator.mark_allocated(offer.framework_id, offer.agent_id, offer.resources)
        self.tasks.append(offer)

    def finish(self, task: Allocation) -> None:
        """What was launched has ended."""
        self.tasks.remove(task)
        self.allocator.release(task.framework_id, task.agent_id, task.resources)

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and the periodic pass come."""
        self.now = self.now.later(seconds)
        self.allocator.periodic(self.now)

    def run(self, *, agents_max: int = 3, offers_max: int = 3) -> list[Allocation]:
        """Let the allocator do all that it wants to do; check and return the offers."""
        made: list[Allocation] = []
        for _ in range(SLICES_MAX):
            if not self.allocator.is_pending():
                return made
            part = self.allocator.allocate_slice(
                self.now, agents_max=agents_max, offers_max=offers_max
            )
            for each in part.allocations:
                self._check(each)
                self.offers.append(each)
            made += part.allocations
            for question in part.inverse:
                self._check_question(question)
                self.asked.append(question)
        raise AssertionError(f"there is no end to it after {SLICES_MAX} slices")

    def free(self, agent_id: str) -> Resources:
        """Return what nobody holds, one copy of each shared volume included."""
        held = EMPTY
        for each in (*self.offers, *self.tasks):
            if each.agent_id == agent_id:
                held += each.resources.unallocated()
        return self.totals[agent_id] - held.filter(lambda key: not key.shared)

    # -- what has to hold --

    def _check(self, made: Allocation) -> None:
        framework_id, role, agent_id = made.framework_id, made.role, made.agent_id
        options = self._frameworks.get(framework_id)
        assert options is not None, f"{framework_id} is unknown"
        assert self._wants.get((framework_id, role)), f"{framework_id} wants nothing in {role}"
        assert self._is_up.get(agent_id), f"{agent_id} is not there, or not active"
        if self._whitelist is not None:
            assert agent_id in self._whitelist, f"{agent_id} is not on the list"
        assert made.resources, "an offer of nothing"
        assert made.resources.allocations().keys() == {role}, "allocated to another role"
        resources = made.resources.unallocated()
        free = self.free(agent_id)
        assert free.contains(resources), f"{_said(resources)} is not free, but {_said(free)}"
        for key, _ in resources.entries():
            assert self._may_see(key, role, options), f"{framework_id} in {role} sees {key!r}"
        for *who, refused, until in self._filters:
            if who == [framework_id, role, agent_id] and self.now.monotonic < until:
                assert not refused.contains(resources), f"{framework_id} has refused it"
        self._check_limits(role, resources)

    def _may_see(self, key: Key, role: str, options: FrameworkOptions) -> bool:
        can = options.capabilities
        owner = key.reservations[-1].role if key.reservations else role
        return (
            (can.revocable_resources or not key.revocable)
            and (can.shared_resources or not key.shared)
            and (can.reservation_refinement or len(key.reservations) < 2)
            and (role == owner or is_subrole(role, owner))
            and key.name != "ephemeral_ports"
        )

    def _check_limits(self, role: str, resources: Resources) -> None:
        quota = self._quotas.get(role)
        if quota is None:
            return
        for name, limit in quota.limits.items():
            more = _open_amount(resources, name)
            consumed = self._consumed(role, name)
            assert more == 0 or consumed + more <= limit, f"{role}: more {name} than its limit"

    def _consumed(self, role: str, name: str) -> int:
        """Return what counts towards a quota, in thousandths; shared volumes are left out."""
        reserved = sum(
            scalar_of(key, amount)
            for total in self.totals.values()
            for key, amount in total.entries()
            if key.name == name
            and type(amount) is int
            and key.reservations
            and _is_within(key.reservations[-1].role, role)
        )
        held = sum(
            _open_amount(each.resources.unallocated(), name)
            for each in (*self.offers, *self.tasks)
            if _is_within(each.role, role)
        )
        return reserved + held

    def _check_question(self, question: InverseAllocation) -> None:
        assert question.framework_id in self._frameworks
        assert question.agent_id in self.totals
        places = [(each.framework_id, each.agent_id) for each in self.asked]
        assert (question.framework_id, question.agent_id) not in places, "asked twice"
        holders = [
            each.framework_id
            for each in (*self.offers, *self.tasks)
            if each.agent_id == question.agent_id
        ]
        assert question.framework_id in holders, "asked, and holds nothing there"

    # -- the books --

    def _note_options(self, name: str, said: FrameworkOptions) -> None:
        self._frameworks[name] = said
        for role in said.roles:
            self._wants[name, role] = role not in said.suppressed_roles

    def _forget_filters(self, name: str, role: str) -> None:
        self._filters = [each for each in self._filters if each[:2] != (name, role)]

    def _give_back(self, offer: Allocation, refuse_seconds: float | None) -> None:
        self.offers.remove(offer)
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources,
            refuse_seconds=refuse_seconds,
            now=self.now,
        )


def _said(resources: Resources) -> str:
    return format_resources(resources) or "nothing"


def _open_amount(resources: Resources, name: str) -> int:
    return sum(_open_amounts(resources, name))


def _open_amounts(resources: Resources, name: str) -> Iterator[int]:
    for key, amount in resources.entries():
        is_open = not (key.reservations or key.revocable)
        if key.name == name and type(amount) is int and is_open:
            yield scalar_of(key, amount)


def _is_within(role: str, ancestor: str) -> bool:
    return role == ancestor or is_subrole(role, ancestor)
