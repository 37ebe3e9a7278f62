"""Why one agent is not offered to one client: the rules of a visit, asked for their reasons.

What a visit decides with, this asks as well, so that the two cannot differ: who can take the
agent, what is seen of it, whether that is worth an offer, what quotas leave, what was refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tepui.allocator.agents import Agent
from tepui.allocator.explanation import Cause, Fit
from tepui.allocator.interface import AllocatorOptions, FrameworkCapabilities, Minimum
from tepui.allocator.ledger import Ledger
from tepui.allocator.minimum import is_worth_offering
from tepui.allocator.quota import RoleQuota
from tepui.allocator.roles import Client
from tepui.allocator.sharing import assortment_of
from tepui.allocator.trimming import with_guarantee, within
from tepui.allocator.visibility import Assortment, Hidden, why_hidden
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.resources import EMPTY, Quantities, Resources
from tepui.resources.keys import Key

_ALL = FrameworkCapabilities(
    revocable_resources=True,
    gpu_resources=True,
    shared_resources=True,
    multi_role=True,
    reservation_refinement=True,
    region_aware=True,
)

_FITS = {
    Cause.NOTHING: Fit.NOW,
    Cause.IN_HAND: Fit.NOW,
    Cause.LENT: Fit.NOW,
    Cause.FILTERED: Fit.HELD_BACK,
    Cause.HEADROOM: Fit.HELD_BACK,
    Cause.LIMIT: Fit.HELD_BACK,
    Cause.ON_OFFER: Fit.WHEN_OTHERS_END,
    Cause.IN_USE: Fit.WHEN_OTHERS_END,
}


class Finding(NamedTuple):
    """What came of judging one agent for one client.

    Attributes:
        names: What the cause is about; see `Tally`.
        lacking: What would have to come for another result.
        distance: How much that is, of what is asked for.
        until: When the filter ends, on the monotonic clock; infinity: with the periodic pass.
    """

    cause: Cause
    fit: Fit
    names: tuple[str, ...] = ()
    lacking: Quantities = Quantities()
    distance: float = 0.0
    until: float | None = None


class Seeker:
    """Whom agents are judged for: a framework in a role, or anybody who might be in the role.

    Attributes:
        client: None, if nobody is in the role.
        request: What was asked for, as one set of quantities, or none.
        quota: That of the client's own role.
    """

    def __init__(
        self,
        role: str,
        client: Client | None,
        request: Quantities,
        ledger: Ledger,
        options: AllocatorOptions,
    ) -> None:
        self.role = role
        self.client = client
        self.capabilities = _ALL
        self.minimum: Minimum = options.minimum
        if client is not None:
            said = ledger.frameworks[client.framework_id].options
            self.capabilities = said.capabilities
            self.minimum = said.minimum.get(role, options.minimum)
        node = ledger.tree.find(role)
        self.quota: RoleQuota | None = None if node is None else node.quota
        self.request: Minimum = (request,) if request else ()

    @property
    def framework_id(self) -> str | None:
        """The client's framework."""
        return None if self.client is None else self.client.framework_id

    def sees(self, key: Key) -> bool:
        """Tell whether the resource can be offered to it at all."""
        return why_hidden(key, self.role, self.capabilities) is None

    def is_content(self, resources: Resources) -> bool:
        """Tell whether these are worth an offer and contain what was asked for."""
        return (
            bool(resources)
            and is_worth_offering(resources, self.minimum)
            and self.has_enough(resources)
        )

    def has_enough(self, resources: Resources) -> bool:
        """Tell whether these contain what was asked for, worth an offer or not."""
        if not self.request or not is_worth_offering(resources, self.request):
            return not self.request
        return resources.is_plain or _for_one_task(resources).contains(self.request[0])

    def lacks(self, resources: Resources) -> tuple[Quantities, float]:
        """Return what is missing from these, and how much that is of what is asked for."""
        wanted, have = self.minimum, resources.quantities()
        if not self.has_enough(resources):
            wanted, have = self.request, _for_one_task(resources)
        nearest, distance = Quantities(), math.inf
        for each in wanted:
            lacking = each.minus(have)
            away = math.fsum(millis / each[name] for name, millis in lacking.items())
            if away < distance:
                nearest, distance = lacking, away
        return nearest, distance if wanted else 0.0


class Judge:
    """Judges agents by the books as they are.

    Args:
        is_listed: Whether the whitelist allows an agent.
    """

    def __init__(
        self, ledger: Ledger, options: AllocatorOptions, is_listed: Callable[[Agent], bool]
    ) -> None:
        self._ledger = ledger
        self._options = options
        self._is_listed = is_listed
        # Not the allocator's: to ask changes nothing, not even what comes by chance.
        self._rng = Rng(0)

    def judge(self, agent: Agent, seekers: Iterable[Seeker], now: Instant) -> Iterator[Finding]:
        """Return what keeps the agent from each of ``seekers``."""
        total = None if agent.is_simple else Assortment(agent.total, {})
        free = assortment_of(agent, self._ledger)
        for seeker in seekers:
            role, capabilities = seeker.role, seeker.capabilities
            whole = agent.total if total is None else total.to(role, capabilities)
            seen = agent.available if free is None else free.to(role, capabilities)
            finding = (
                self._excluded(agent, seeker)
                or self._too_little(agent, seeker, whole)
                or self._held(agent, seeker, seen, free)
                or self._kept_back(agent, seeker, seen, now)
            )
            is_more_coming = finding.cause in (Cause.NOTHING, Cause.LENT)
            # Whatever keeps more away takes back nothing that was offered.
            yield finding if is_more_coming else _in_hand(agent, seeker) or finding

    def _excluded(self, agent: Agent, seeker: Seeker) -> Finding | None:
        """Tell what keeps the whole agent away, whatever is free of it."""
        if not agent.is_active:
            return _found(Cause.INACTIVE)
        if not self._is_listed(agent):
            return _found(Cause.UNLISTED)
        client = seeker.client
        if client is None:
            return None
        lacking = self._capabilities_lacking(agent, client.bit)
        if lacking:
            return _found(Cause.CAPABILITY, lacking)
        if self._ledger.exclusions.among(client.bit, agent.id, agent.description):
            return _found(Cause.CONSTRAINT)
        return None

    def _capabilities_lacking(self, agent: Agent, bit: int) -> tuple[str, ...]:
        """Return what the framework lacks for the agent, or the agent for the framework."""
        known = agent.description.capabilities
        kind = {
            "GPU_RESOURCES": (agent.has_gpus and self._options.filter_gpu_resources, False),
            "REGION_AWARE": (agent.is_remote, False),
            "MULTI_ROLE": (known.multi_role, True),
            "HIERARCHICAL_ROLE": (known.hierarchical_role, True),
        }
        return tuple(
            name
            for name, (is_so, usual) in kind.items()
            if is_so is not usual and not self._can_take(bit, name, is_so)
        )

    def _can_take(self, bit: int, name: str, is_so: bool) -> int:
        """Ask about an agent that is usual but for one thing."""
        return self._ledger.eligibility.clients_for(
            has_gpus=name == "GPU_RESOURCES" and is_so,
            is_remote=name == "REGION_AWARE" and is_so,
            knows_multi_role=name != "MULTI_ROLE" or is_so,
            knows_hierarchical_role=name != "HIERARCHICAL_ROLE" or is_so,
            among=bit,
        )

    def _too_little(self, agent: Agent, seeker: Seeker, whole: Resources) -> Finding | None:
        """Tell why the agent would not do even if nobody held anything of it."""
        if seeker.is_content(whole):
            quota = seeker.quota
            if quota is None or not quota.quota.limits:
                return None
            allowed = within(whole, quota.quota.limits, self._rng)
            if seeker.is_content(allowed):
                return None
            lacking, distance = seeker.lacks(allowed)
            return Finding(Cause.LIMIT, Fit.NEVER, tuple(lacking), lacking, distance)
        if seeker.is_content(agent.total):
            lacking, distance = seeker.lacks(whole)
            return _hidden(agent, seeker, lacking, distance)
        lacking, distance = seeker.lacks(agent.total)
        cause = Cause.BELOW_MINIMUM if seeker.has_enough(agent.total) else Cause.TOO_SMALL
        return _found(cause, tuple(lacking), lacking, distance)

    def _held(
        self, agent: Agent, seeker: Seeker, seen: Resources, free: Assortment | None
    ) -> Finding | None:
        """Tell who holds what the seeker would need."""
        if seeker.is_content(seen):
            return None
        if free is not None and free.is_partial:
            rested = Assortment(agent.available, {}).to(seeker.role, seeker.capabilities)
            if seeker.is_content(rested):
                return _found(Cause.LENT)
        own = _own_offer(agent, seeker)
        if own and seeker.is_content(seen + own.unallocated()):
            return _found(Cause.IN_HAND)
        lacking, distance = seeker.lacks(seen)
        if seeker.request and seeker.has_enough(seen):
            cause, fit = Cause.BELOW_MINIMUM, Fit.WHEN_OTHERS_END
            return Finding(cause, fit, tuple(lacking), lacking, distance)
        offered = EMPTY
        for each in agent.offered.values():
            offered += each.unallocated().filter(seeker.sees)
        books, cause = agent.used, Cause.IN_USE
        if offered and seeker.is_content(seen + offered):
            books, cause = agent.offered, Cause.ON_OFFER
        names = tuple(
            framework_id
            for framework_id, held in books.items()
            if agent.is_simple or held.filter(seeker.sees)
        )
        return _found(cause, names, lacking, distance)

    def _kept_back(self, agent: Agent, seeker: Seeker, seen: Resources, now: Instant) -> Finding:
        """Tell what keeps from the seeker what is free, if anything does."""
        quotas, quota = self._ledger.quotas, seeker.quota
        offers: list[Resources] = []
        if quota is not None and quota.needed:
            guaranteed = with_guarantee(seen, quota, quotas.surplus(), self._rng)
            if guaranteed is not None:
                offers.append(guaranteed)
        room = quotas.room_for(quota)
        offers.append(within(seen, room, self._rng) if room else seen)
        offers = [each for each in offers if seeker.is_content(each)]
        if not offers:
            return self._without_room(seeker, seen)
        if seeker.client is None:
            return _found(Cause.NOTHING)
        until = 0.0
        for offer in offers:
            filters = self._ledger.filters.covering(seeker.client, agent.id, offer)
            left = [each.expires for each in filters if each.expires > now.monotonic]
            if not left:
                return _found(Cause.NOTHING)
            until = max(left)
        return Finding(Cause.FILTERED, Fit.HELD_BACK, until=until)

    def _without_room(self, seeker: Seeker, seen: Resources) -> Finding:
        """Tell whether it is the role's own limits that leave too little room, or guarantees."""
        quotas, quota = self._ledger.quotas, seeker.quota
        if quota is not None and quota.room:
            allowed = within(seen, quota.room, self._rng)
            if not seeker.is_content(allowed):
                lacking, distance = seeker.lacks(allowed)
                return _found(Cause.LIMIT, tuple(lacking), lacking, distance)
        lacking, distance = seeker.lacks(within(seen, quotas.room_for(quota), self._rng))
        return _found(Cause.HEADROOM, tuple(lacking), lacking, distance)


def _in_hand(agent: Agent, seeker: Seeker) -> Finding | None:
    """Tell whether the client has an offer that would do; nothing takes that back from it."""
    own = _own_offer(agent, seeker)
    return _found(Cause.IN_HAND) if own and seeker.has_enough(own) else None


def _own_offer(agent: Agent, seeker: Seeker) -> Resources:
    if seeker.framework_id is None or seeker.framework_id not in agent.offered:
        return EMPTY
    return agent.offered[seeker.framework_id].allocations().get(seeker.role, EMPTY)


def _for_one_task(resources: Resources) -> Quantities:
    """Return how much a task could have of each: of one name it takes all revocable, or none."""
    most = resources.non_revocable().quantities()
    for name, millis in resources.revocable().quantities().items():
        most[name] = max(most.get(name, 0), millis)
    return most


def _hidden(agent: Agent, seeker: Seeker, lacking: Quantities, distance: float) -> Finding:
    """Tell why the agent would do, and what the seeker may see of it does not."""
    roles: dict[str, None] = {}
    capabilities: dict[str, None] = {}
    for key, _ in agent.total.entries():
        if key.name not in lacking:
            continue
        hidden = why_hidden(key, seeker.role, seeker.capabilities)
        if hidden is Hidden.RESERVED:
            roles[key.reservations[-1].role] = None
        elif hidden is not None and hidden is not Hidden.ALWAYS:
            capabilities[hidden.value] = None
    if roles:
        return _found(Cause.RESERVED, tuple(roles), lacking, distance)
    cause = Cause.CAPABILITY if capabilities else Cause.TOO_SMALL
    return _found(cause, tuple(capabilities), lacking, distance)


def _found(
    cause: Cause,
    names: tuple[str, ...] = (),
    lacking: Quantities = Quantities(),
    distance: float = 0.0,
) -> Finding:
    return Finding(cause, _FITS.get(cause, Fit.NEVER), names, lacking, distance)
