"""What there is in a cluster and who holds it, kept by the tests and by nothing else.

Nothing here comes from the allocator but the values that pass its interface. Every figure is
counted anew from agents, offers and tasks whenever it is asked for: slow, and plain to read
against the rules whose numbers stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import msgspec

from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkOptions,
    Quota,
)
from tepui.base.time import Instant
from tepui.resources import EMPTY, Resources
from tepui.resources.keys import Key, allocated_key

Amounts = dict[str, int]
"""Thousandths, by the name of the resource."""

NO_DESCRIPTION = AgentDescription(hostname="")


class Filter(msgspec.Struct, frozen=True):
    """What a client refused on an agent.

    Attributes:
        until: The monotonic time; None: until the next periodic pass.
    """

    framework_id: str
    role: str
    agent_id: str
    refused: Resources
    until: float | None


class Books:
    """The cluster as its operator would write it down."""

    def __init__(self, options: AllocatorOptions) -> None:
        self.options = options
        self.now = Instant(0.0, 0.0)
        self.frameworks: dict[str, FrameworkOptions] = {}
        self.active: set[str] = set()
        self.suppressed: dict[str, set[str]] = {}
        self.descriptions: dict[str, AgentDescription] = {}
        self.totals: dict[str, Resources] = {}
        self.up: set[str] = set()
        self.whitelist: set[str] | None = None
        self.quotas: dict[str, Quota] = {}
        self.weights: dict[str, float] = {}
        self.offers: list[Allocation] = []
        self.tasks: list[Allocation] = []
        self.filters: list[Filter] = []
        # Shared volumes offered in the run that is under way: rule 76.
        self.run = 0
        self.lent: set[tuple[str, Key]] = set()

    # -- who holds what --

    def held_on(self, agent_id: str) -> Resources:
        held = EMPTY
        for each in (*self.offers, *self.tasks):
            if each.agent_id == agent_id:
                held += each.resources.unallocated()
        return held

    def free(self, agent_id: str) -> Resources:
        """Return what can be offered: what nobody holds, and each shared volume once more."""
        return self.totals[agent_id] - self.held_on(agent_id).filter(lambda key: not key.shared)

    def unheld(self, agent_id: str) -> Resources:
        """Return what nobody holds."""
        held = {allocated_key(key, None): None for key, _ in self.held_on(agent_id).entries()}
        return self.free(agent_id).filter(lambda key: not key.shared or key not in held)

    # -- quota --

    def consumed(self, role: str, *, also_offered: bool = True) -> Amounts:
        """Rules 35, 37, 41: the reservations of the subtree, and what it holds of the rest."""
        total: Amounts = {}
        for resources in self.totals.values():
            reserved = resources.filter(lambda key: key.role != "*" and within(key.role, role))
            add(total, amounts(one_of_each(reserved)))
        for each in (*self.offers, *self.tasks) if also_offered else self.tasks:
            if within(each.role, role):
                add(total, amounts(each.resources.filter(is_open)))
        return total

    def needed(self, role: str) -> Amounts:
        """Return what the guarantees of a role lack; rule 27."""
        quota = self.quotas.get(role)
        if quota is None or not quota.guarantees:
            return {}
        consumed = self.consumed(role)
        lacking = {name: g - consumed.get(name, 0) for name, g in quota.guarantees.items()}
        return {name: millis for name, millis in lacking.items() if millis > 0}

    def room(self, role: str) -> Amounts:
        """Return what the limits of this very role leave: rule 42."""
        quota = self.quotas.get(role)
        if quota is None or not quota.limits:
            return {}
        consumed = self.consumed(role)
        return {name: max(0, m - consumed.get(name, 0)) for name, m in quota.limits.items()}

    def required(self) -> Amounts:
        """Rule 38: the headroom that guarantees ask for."""
        total: Amounts = {}
        for role in self.quotas:
            add(total, self.needed(role))
        return total

    def headroom(self) -> Amounts:
        """Rule 39: the headroom that there is."""
        total: Amounts = {}
        for agent_id in self.totals:
            add(total, amounts(self.free(agent_id).filter(is_open)))
        return total

    def surplus(self) -> Amounts:
        """Rule 40, for the names that guarantees lack; below zero if there is a deficit."""
        headroom = self.headroom()
        return {name: headroom.get(name, 0) - m for name, m in self.required().items()}

    # -- shares --

    def total(self) -> Amounts:
        total: Amounts = {}
        for resources in self.totals.values():
            add(total, amounts(one_of_each(resources)))
        return total

    def share(self, total: Amounts, held: Iterable[Allocation]) -> Fraction:
        """Rules 16, 17, 24: the dominant share, a shared volume counted once."""
        holding: Amounts = {}
        seen: set[tuple[str, Key]] = set()
        for each in held:
            for key, amount in each.resources.unallocated().entries():
                if type(amount) is not int or (each.agent_id, key) in seen:
                    continue
                if key.shared:
                    seen.add((each.agent_id, key))
                    amount = 1
                add(holding, amounts(Resources({key: amount})))
        excluded = self.options.fair_sharing_excluded
        shares = [
            Fraction(millis, total[name])
            for name, millis in holding.items()
            if total.get(name, 0) > 0 and name not in excluded
        ]
        return max(shares, default=Fraction(0))

    # -- who may be offered what --

    def clients(self) -> Iterator[tuple[str, str]]:
        """Iterate who wants offers, as framework and role: rules 70, 75."""
        for framework_id, options in self.frameworks.items():
            for role in options.roles:
                if framework_id in self.active and role not in self.suppressed[framework_id]:
                    yield framework_id, role

    def wants(self, framework_id: str, role: str) -> bool:
        return (framework_id, role) in list(self.clients())

    def is_offered(self, agent_id: str) -> bool:
        """Rules 10 and 11."""
        listed = self.whitelist is None or self.descriptions[agent_id].hostname in self.whitelist
        return agent_id in self.up and listed

    def can_take(self, framework_id: str, role: str, agent_id: str) -> bool:
        """Rules 47, 48, 52 and 58, as far as the walks go."""
        options, agent = self.frameworks[framework_id], self.descriptions[agent_id]
        can = options.capabilities
        has_gpus = amounts(self.totals[agent_id]).get("gpus", 0) > 0
        if self.options.filter_gpu_resources and has_gpus and not can.gpu_resources:
            return False
        is_remote = agent.domain is not None and agent.domain != self.options.domain
        if is_remote and not can.region_aware:
            return False
        if can.multi_role and not agent.capabilities.multi_role:
            return False
        if "/" in role and not agent.capabilities.hierarchical_role:
            return False
        # The walks know one constraint: that the agent has an attribute of some name.
        wished = None if options.constraints is None else options.constraints.role_constraints
        if wished and role in wished:
            names = [each.name for each in agent.attributes]
            return any(
                all(each.selector.attribute_name in names for each in group.attribute_constraints)
                for group in wished[role].groups
            )
        return True

    def may_see(self, framework_id: str, role: str, key: Key) -> bool:
        """Rules 49, 50, 51, 54 and 78."""
        can = self.frameworks[framework_id].capabilities
        return (
            (can.revocable_resources or not key.revocable)
            and (can.shared_resources or not key.shared)
            and (can.reservation_refinement or len(key.reservations) < 2)
            and (key.role == "*" or within(role, key.role))
            and key.name != "ephemeral_ports"
        )

    def seen(self, framework_id: str, role: str, agent_id: str) -> Resources:
        """Return what a client sees of what is free, before quotas and filters."""
        return self.free(agent_id).filter(
            lambda key: (
                self.may_see(framework_id, role, key)
                and not (key.shared and (agent_id, key) in self.lent)
            )
        )

    def is_worthy(self, framework_id: str, role: str, resources: Resources) -> bool:
        """Rules 55 to 57."""
        minimum = self.frameworks[framework_id].minimum.get(role, self.options.minimum)
        quantities = resources.quantities()
        return bool(resources) and (
            not minimum or any(quantities.contains(each) for each in minimum)
        )

    def is_filtered(
        self, framework_id: str, role: str, agent_id: str, resources: Resources
    ) -> bool:
        """Rule 65."""
        return any(
            (each.framework_id, each.role, each.agent_id) == (framework_id, role, agent_id)
            and (each.until is None or each.until > self.now.monotonic)
            and each.refused.contains(resources)
            for each in self.filters
        )

    def guaranteed(self, role: str, seen: Resources, *, surely: bool = False) -> Amounts | None:
        """Rules 28 to 31: how much of what is open stage 1 offers; None if it offers nothing.

        Args:
            role: The client's role.
            seen: What the client sees of the agent.
            surely: Whether to leave out what depends on the order in which lumps are taken.
        """
        needed, room, surplus = self.needed(role), self.room(role), self.surplus()
        most: Amounts = {}
        is_lacking = False
        for name, millis in amounts(seen.filter(is_open)).items():
            part = min(millis, needed.get(name, 0))
            if surely and part and is_lumpy(seen, name):
                most[name] = 0
                continue
            is_lacking |= part > 0
            rest = millis - part
            if name in room:
                rest = min(rest, max(0, room[name] - part))
            if name in surplus:
                rest = min(rest, max(0, surplus[name]))
            most[name] = part + rest
        return most if is_lacking else None

    def shared_out(self, role: str, seen: Resources) -> Amounts:
        """Rule 33: how much of what is open stage 2 offers."""
        room, surplus = self.room(role), self.surplus()
        most: Amounts = {}
        for name, millis in amounts(seen.filter(is_open)).items():
            left = min(millis, room.get(name, millis))
            if name in surplus:
                left = min(left, max(0, surplus[name]))
            most[name] = left
        return most

    # -- filters --

    def drop_filters(
        self,
        *,
        framework_id: str | None = None,
        roles: Iterable[str] | None = None,
        agent_id: str | None = None,
    ) -> None:
        named = None if roles is None else set(roles)
        self.filters = [
            each
            for each in self.filters
            if framework_id not in (None, each.framework_id)
            or (named is not None and each.role not in named)
            or agent_id not in (None, each.agent_id)
        ]


def within(role: str, ancestor: str) -> bool:
    return (role + "/").startswith(ancestor + "/")


def is_open(key: Key) -> bool:
    """Tell whether quotas cut it: a scalar that is reserved to nobody and not revocable."""
    return not key.reservations and not key.revocable


def amounts(resources: Resources) -> Amounts:
    """Add up the scalars."""
    total: Amounts = {}
    for key, amount in resources.entries():
        if type(amount) is int:
            each = amount if key.size is None else amount * key.size
            total[key.name] = total.get(key.name, 0) + each
    return total


def add(total: Amounts, more: Mapping[str, int]) -> None:
    for name, millis in more.items():
        total[name] = total.get(name, 0) + millis


def one_of_each(resources: Resources) -> Resources:
    return Resources({key: 1 if key.shared else amount for key, amount in resources.entries()})


def is_lumpy(resources: Resources, name: str) -> bool:
    """Tell whether what is open of a name comes in lumps, or in several parts."""
    keys = [key for key, _ in resources.filter(is_open).entries() if key.name == name]
    return len(keys) > 1 or any(key.size is not None for key in keys)


def at_least(resources: Resources, most: Amounts) -> Resources:
    """Return what is left of ``resources`` in any case once they are cut."""
    open_amounts = amounts(resources.filter(is_open))
    entries = {}
    for key, amount in resources.entries():
        if type(amount) is int and is_open(key) and most[key.name] < open_amounts[key.name]:
            amount = 0 if is_lumpy(resources, key.name) else most[key.name]
        if amount:
            entries[key] = amount
    return Resources(entries)
