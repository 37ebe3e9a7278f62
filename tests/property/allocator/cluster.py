"""A cluster in small: each thing that happens goes to the allocator and into the books.

What it does when it is asked for the impossible is nothing: a walk may name anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cluster_laws as laws
from cluster_books import Books, Filter

from tepui.allocator import (
    AgentDescription,
    Allocation,
    AllocatorOptions,
    FrameworkOptions,
    HierarchicalAllocator,
    Quota,
)
from tepui.base.rng import Rng
from tepui.messages import Resource, Volume
from tepui.resources import EMPTY, Resources
from tepui.resources.keys import Key, Reservation

DYNAMIC = Resource.ReservationInfo.Type.DYNAMIC
SLICES_MAX = 5_000
YEAR = 365 * 86_400.0


class Cluster:
    """An allocator, and the books that it is held to."""

    def __init__(self, options: AllocatorOptions, seed: int) -> None:
        self.options = options
        self.books = Books(options)
        self.seed = seed
        self.volumes = 0
        self.allocator = HierarchicalAllocator(options, Rng(seed))

    # -- frameworks --

    def subscribe(self, framework_id: str, options: FrameworkOptions) -> None:
        """A framework comes, or says something else about itself: rules 72 to 74."""
        books = self.books
        if framework_id not in books.frameworks:
            books.active.add(framework_id)
            self.allocator.add_framework(framework_id, options, is_active=True)
        else:
            before = books.frameworks[framework_id].roles
            revived = books.suppressed[framework_id] - set(options.suppressed_roles)
            left = set(before) - set(options.roles)
            # The master takes back what was on offer in roles that are left.
            self.rescind(
                lambda each: each.framework_id == framework_id and each.role in left,
            )
            books.drop_filters(framework_id=framework_id, roles=revived | left)
            self.allocator.update_framework(framework_id, options)
        books.frameworks[framework_id] = options
        books.suppressed[framework_id] = set(options.suppressed_roles)

    def leave(self, framework_id: str) -> None:
        """A framework is torn down: rule 89."""
        books = self.books
        self.allocator.remove_framework(framework_id)
        books.frameworks.pop(framework_id, None)
        books.suppressed.pop(framework_id, None)
        books.active.discard(framework_id)
        books.drop_filters(framework_id=framework_id)
        self._drop(lambda each: each.framework_id == framework_id)

    def disconnect(self, framework_id: str) -> None:
        """A scheduler is away: the master takes back its offers, and its filters are gone."""
        if framework_id in self.books.active:
            self.books.active.discard(framework_id)
            self.allocator.deactivate_framework(framework_id)
            self.rescind(lambda each: each.framework_id == framework_id)
            self.books.drop_filters(framework_id=framework_id)

    def reconnect(self, framework_id: str) -> None:
        books = self.books
        if framework_id in books.frameworks and framework_id not in books.active:
            books.active.add(framework_id)
            self.allocator.activate_framework(framework_id)

    def suppress(self, framework_id: str, roles: Sequence[str]) -> None:
        """Rule 70."""
        if framework_id in self.books.frameworks:
            own = self.books.frameworks[framework_id].roles
            named = roles or own
            self.books.suppressed[framework_id] |= set(named) & set(own)
            self.allocator.suppress(framework_id, roles)

    def revive(self, framework_id: str, roles: Sequence[str] = ()) -> None:
        """Rule 71."""
        if framework_id in self.books.frameworks:
            named = roles or self.books.frameworks[framework_id].roles
            self.books.suppressed[framework_id] -= set(named)
            self.books.drop_filters(framework_id=framework_id, roles=named)
            self.allocator.revive(framework_id, roles)

    # -- agents --

    def register(self, agent_id: str, description: AgentDescription, total: Resources) -> None:
        """An agent comes, or comes back with something else."""
        books = self.books
        if agent_id in books.totals:
            if description.attributes != books.descriptions[agent_id].attributes:
                books.drop_filters(agent_id=agent_id)
            self.allocator.update_agent(agent_id, total=total, description=description)
            books.totals[agent_id] = total
            # The master takes back what it offered of the agent.
            self.rescind(lambda each: each.agent_id == agent_id)
        else:
            books.up.add(agent_id)
            self.allocator.add_agent(agent_id, description, total=total, used={})
            books.totals[agent_id] = total
        books.descriptions[agent_id] = description

    def lose(self, agent_id: str) -> None:
        """An agent is unreachable, or gone: rule 89."""
        books = self.books
        self.allocator.remove_agent(agent_id)
        books.totals.pop(agent_id, None)
        books.descriptions.pop(agent_id, None)
        books.up.discard(agent_id)
        books.drop_filters(agent_id=agent_id)
        self._drop(lambda each: each.agent_id == agent_id)

    def drain(self, agent_id: str) -> None:
        """An agent is offered no more; what was on offer is taken back."""
        if agent_id in self.books.up:
            self.books.up.discard(agent_id)
            self.allocator.deactivate_agent(agent_id)
            self.rescind(lambda each: each.agent_id == agent_id)

    def reactivate(self, agent_id: str) -> None:
        if agent_id in self.books.totals and agent_id not in self.books.up:
            self.books.up.add(agent_id)
            self.allocator.activate_agent(agent_id)

    # -- operators --

    def set_quota(self, role: str, quota: Quota) -> None:
        self.books.quotas.pop(role, None)
        if quota != Quota():
            self.books.quotas[role] = quota
        self.allocator.update_quota({role: quota})

    def set_weight(self, role: str, weight: float) -> None:
        self.books.weights[role] = weight
        self.allocator.update_weights({role: weight})

    def set_whitelist(self, hostnames: Sequence[str] | None) -> None:
        self.books.whitelist = None if hostnames is None else set(hostnames)
        self.allocator.update_whitelist(hostnames)

    def operate(self, agent_id: str, at: int, role: str, *, is_refined: bool) -> None:
        """An operator reserves what nobody holds, or gives up a reservation: rule 82."""
        if agent_id not in self.books.totals:
            return
        unheld = self.books.unheld(agent_id)
        assert self.allocator.available(agent_id) == unheld
        entries = [
            (key, amount)
            for key, amount in unheld.entries()
            if type(amount) is int and not key.revocable and not key.persistence_id
        ]
        if not entries:
            return
        key, amount = entries[at % len(entries)]
        stack = key.reservations
        if not stack:
            new = key.replace(reservations=(Reservation(DYNAMIC, role),))
        elif is_refined:
            new = key.replace(reservations=(*stack, Reservation(DYNAMIC, stack[-1].role + "/r")))
        else:
            new = key.replace(reservations=stack[:-1])
        if key.size is None and amount > 1:
            amount = -(-amount // 2)
        held, converted = Resources({key: amount}), Resources({new: amount})
        self.allocator.convert_available(agent_id, held=held, converted=converted)
        self.books.totals[agent_id] = self.books.totals[agent_id] - held + converted

    # -- offers --

    def decline(self, at: int, refuse_seconds: float) -> None:
        if self.books.offers:
            self._give_back(self.books.offers[at % len(self.books.offers)], refuse_seconds)

    def rescind(self, which: Callable[[Allocation], bool]) -> None:
        for each in [each for each in self.books.offers if which(each)]:
            self._give_back(each, None)

    def launch(self, at: int, halves: bool, refuse_seconds: float) -> None:
        """Use an offer, or about half of it, and decline the rest: rules 62, 83."""
        if not self.books.offers:
            return
        offer = self.books.offers[at % len(self.books.offers)]
        used = _half(offer.resources) if halves else offer.resources
        self.allocator.mark_allocated(offer.framework_id, offer.agent_id, used)
        self.books.offers.remove(offer)
        place = (offer.framework_id, offer.role, offer.agent_id)
        self.books.tasks.append(Allocation(*place, used))
        rest = Allocation(*place, offer.resources - used)
        if rest.resources:
            self.books.offers.append(rest)
            self._give_back(rest, refuse_seconds)

    def finish(self, at: int) -> None:
        if self.books.tasks:
            task = self.books.tasks.pop(at % len(self.books.tasks))
            self.allocator.release(task.framework_id, task.agent_id, task.resources)

    def convert(self, at: int, kind: str, *, is_used: bool) -> None:
        """RESERVE and the like on what a framework holds: rules 77, 81."""
        holdings = self.books.tasks if is_used else self.books.offers
        if not holdings:
            return
        at %= len(holdings)
        holding = holdings[at]
        held, converted = self._operation(kind, holding)
        if not held:
            return
        self.allocator.convert(
            holding.framework_id, holding.agent_id, held=held, converted=converted, is_used=is_used
        )
        rest = holding.resources - held + converted
        place = (holding.framework_id, holding.role, holding.agent_id)
        holdings[at] = Allocation(*place, rest)
        total = self.books.totals[holding.agent_id]
        going, coming = held.unallocated(), converted.unallocated()
        going = Resources({k: 1 if k.shared else a for k, a in going.entries()})
        self.books.totals[holding.agent_id] = total - going + coming

    def use_twice(self, at: int) -> None:
        """Two tasks of one ACCEPT use the same shared volume."""
        offers = [each for each in self.books.offers if each.resources.shared()]
        if offers:
            offer = offers[at % len(offers)]
            copies = Resources({key: 1 for key, _ in offer.resources.shared().entries()})
            self.allocator.add_shared(offer.framework_id, offer.agent_id, copies)
            index = self.books.offers.index(offer)
            place = (offer.framework_id, offer.role, offer.agent_id)
            self.books.offers[index] = Allocation(*place, offer.resources + copies)

    # -- time, passes, failures --

    def pass_time(self, seconds: float) -> None:
        self.books.now = self.books.now.later(seconds)
        self.allocator.expire(self.books.now)

    def periodic(self) -> None:
        self.books.filters = [each for each in self.books.filters if each.until is not None]
        self.allocator.periodic(self.books.now)

    def allocate_a_little(self, agents_max: int = 1) -> list[Allocation]:
        """Let the allocator do one slice, and hold each offer to the laws."""
        books = self.books
        part = self.allocator.allocate_slice(books.now, agents_max=agents_max, offers_max=1)
        run = self.allocator.statistics().runs
        if run != books.run:
            books.run, books.lent = run, set()
        visited: set[str] = set()
        for made in part.allocations:
            laws.nothing_beyond_what_exists(books, made)
            laws.no_stranger_sees_a_reservation(books, made)
            laws.only_those_who_want_it_are_asked(books, made)
            laws.limits_are_never_exceeded(books, made)
            laws.guarantees_stay_possible(books, made)
            laws.all_of_it_is_offered(books, made)
            if self.options.role_sorter == "drf" and made.agent_id not in visited:
                laws.who_has_least_is_first(books, made)
            visited.add(made.agent_id)
            books.offers.append(made)
            for key, _ in made.resources.unallocated().shared().entries():
                books.lent.add((made.agent_id, key))
        return part.allocations

    def allocate(self) -> list[Allocation]:
        """Let the allocator do all that it wants to do."""
        made: list[Allocation] = []
        for _ in range(SLICES_MAX):
            if not self.allocator.is_pending():
                return made
            made += self.allocate_a_little()
        raise AssertionError("there is no end to it")

    def settle(self) -> bool:
        """Go on with periodic passes until they offer nothing but shared volumes once more.

        What a subrole is offered is lacking to its top's guarantee no more, and may leave room
        for another offer in the next pass.

        Returns:
            Whether there is an end to it soon. The surplus may be small, and offered to a
            subrole in each of many passes.
        """
        self.allocate()
        for _ in range(30):
            self.periodic()
            if all(each.resources.shared() for each in self.allocate()):
                return True
        assert self.books.required(), "there is always more to offer"
        return False

    def fail_over(self, agents_expected: int, order: Rng) -> None:
        """Another master takes over: quotas and weights first, then who comes back: rule 8."""
        books = self.books
        self.seed += 1
        self.allocator = HierarchicalAllocator(self.options, Rng(self.seed))
        books.offers, books.filters, books.run, books.lent = [], [], 0, set()
        books.active = set(books.frameworks)
        books.suppressed = {
            framework_id: set(options.suppressed_roles)
            for framework_id, options in books.frameworks.items()
        }
        books.up = set(books.totals)
        self.allocator.update_quota(dict(books.quotas))
        self.allocator.update_weights(dict(books.weights))
        hostnames = None if books.whitelist is None else sorted(books.whitelist)
        self.allocator.update_whitelist(hostnames)
        self.allocator.pause(agents_expected)
        returning: list[tuple[str, str]] = [("framework", each) for each in books.frameworks]
        returning += [("agent", each) for each in books.totals]
        order.shuffle(returning)
        for kind, name in returning:
            if kind == "framework":
                self.allocator.add_framework(name, books.frameworks[name], is_active=True)
            else:
                used: dict[str, Resources] = {}
                for each in books.tasks:
                    if each.agent_id == name:
                        used[each.framework_id] = (
                            used.get(each.framework_id, EMPTY) + each.resources
                        )
                description, total = books.descriptions[name], books.totals[name]
                self.allocator.add_agent(name, description, total=total, used=used)
        if self.allocator.is_pending() and len(books.totals) < agents_expected:
            raise AssertionError("offers are made before the agents are back")
        self.allocator.resume()

    def _give_back(self, offer: Allocation, refuse_seconds: float | None) -> None:
        books = self.books
        books.offers.remove(offer)
        self.allocator.recover(
            offer.framework_id,
            offer.agent_id,
            offer.resources,
            refuse_seconds=refuse_seconds,
            now=books.now,
        )
        if refuse_seconds is None or not books.wants(offer.framework_id, offer.role):
            return
        # Rules 62 to 64.
        until = None
        if refuse_seconds != 0:
            seconds = 5.0 if refuse_seconds < 0 else min(refuse_seconds, YEAR)
            until = books.now.monotonic + max(seconds, self.options.allocation_interval)
        place = (offer.framework_id, offer.role, offer.agent_id)
        books.filters.append(Filter(*place, offer.resources.unallocated(), until))

    def _drop(self, which: Callable[[Allocation], bool]) -> None:
        books = self.books
        books.offers = [each for each in books.offers if not which(each)]
        books.tasks = [each for each in books.tasks if not which(each)]

    def _operation(self, kind: str, holding: Allocation) -> tuple[Resources, Resources]:
        """Return what a conversion consumes of a holding, and what comes of it."""
        role = holding.role
        if kind == "destroy":
            return self._destruction(holding)
        if kind.startswith("create"):
            return self._creation(holding, is_shared=kind == "create shared")
        held, converted = EMPTY, EMPTY
        for key, amount in holding.resources.entries():
            stack = None if type(amount) is not int else _converted_stack(kind, key, role)
            if stack is not None and type(amount) is int:
                part = amount if key.size is not None else -(-amount // 2)
                held += Resources({key: part})
                converted += Resources({key.replace(reservations=stack): part})
        return held, converted

    def _creation(self, holding: Allocation, *, is_shared: bool) -> tuple[Resources, Resources]:
        for key, amount in holding.resources.entries():
            if type(amount) is int and key.name == "disk" and key.reservations and not key.disk:
                self.volumes += 1
                part = -(-amount // 2)
                new = key.replace(
                    disk=Resource.DiskInfo(
                        persistence=Resource.DiskInfo.Persistence(id=f"v{self.volumes}"),
                        volume=Volume(container_path="v", mode=Volume.Mode.RW),
                    ),
                    shared=is_shared,
                    size=part if is_shared else None,
                )
                return Resources({key: part}), Resources({new: 1 if is_shared else part})
        return EMPTY, EMPTY

    def _destruction(self, holding: Allocation) -> tuple[Resources, Resources]:
        """Destroy a volume of which nobody else holds a copy."""
        held = self.books.held_on(holding.agent_id)
        for key, amount in holding.resources.entries():
            if not key.persistence_id or type(amount) is not int:
                continue
            copies = sum(
                each
                for other, each in held.entries()
                if other == key.replace(allocation_role=None)  # type: ignore[misc]
            )
            if copies > amount:
                continue
            plain = key.replace(disk=None, shared=False, size=None)
            size = amount if key.size is None else key.size
            return Resources({key: amount}), Resources({plain: size})
        return EMPTY, EMPTY


def _converted_stack(kind: str, key: Key, role: str) -> tuple[Reservation, ...] | None:
    """Return the reservations that a resource has afterwards; None if it is left alone."""
    own = Reservation(DYNAMIC, role)
    if key.revocable or key.persistence_id:
        return None
    if kind == "reserve" and not key.reservations and role != "*":
        return (own,)
    if kind == "refine" and key.reservations and role.startswith(key.role + "/"):
        return (*key.reservations, own)
    if kind == "unreserve" and key.reservations:
        return key.reservations[:-1]
    return None


def _half(resources: Resources) -> Resources:
    """Return half of what can be split, and one copy of what is shared."""
    entries = {}
    for key, amount in resources.entries():
        if key.shared:
            entries[key] = 1
        elif type(amount) is int and key.size is None and not key.persistence_id:
            entries[key] = -(-amount // 2)
        else:
            entries[key] = amount
    return Resources(entries)
