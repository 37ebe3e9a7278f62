"""What the master asks of an allocator, and the values that pass between them.

The master tells everything that happens to frameworks, agents and resources; the allocator
decides who is offered what. It never acts by itself: the driver looks at `Allocator.is_pending`
after each event and at `Allocator.next_deadline` for its timer, and calls
`Allocator.allocate_slice` until the slice says that the pass is done.

All resources that belong to a framework carry the role that they are allocated to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from tepui.allocator.explanation import Explaining, Question, RoleReason
from tepui.base.patterns import PatternLimits
from tepui.base.time import Instant
from tepui.messages import Attribute, DomainInfo, Unavailability
from tepui.messages.scheduler import OfferConstraints
from tepui.resources import Quantities, Resources

Minimum = tuple[Quantities, ...]
"""Sets of quantities of which an offer has to contain at least one; none at all if empty."""


class FrameworkCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a framework can deal with, as far as it decides what it is offered."""

    revocable_resources: bool = False
    gpu_resources: bool = False
    shared_resources: bool = False
    multi_role: bool = False
    reservation_refinement: bool = False
    region_aware: bool = False


class FrameworkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a framework says about itself when it subscribes or updates itself.

    Attributes:
        roles: The roles that it is subscribed to.
        suppressed_roles: Those of them for which it wants no offers for now.
        minimum: For the roles that replace the global minimum, theirs.
        constraints: Which agents it wants offers of, by role; it has passed validation.
    """

    roles: tuple[str, ...]
    suppressed_roles: tuple[str, ...] = ()
    capabilities: FrameworkCapabilities = FrameworkCapabilities()
    minimum: Mapping[str, Minimum] = {}
    constraints: OfferConstraints | None = None


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a role is guaranteed, and what it may use at most.

    Attributes:
        guarantees: By resource name; what is not named is not guaranteed.
        limits: By resource name, 0 included; what is not named is not limited.
    """

    guarantees: Quantities = Quantities()
    limits: Quantities = Quantities()


class AgentCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent can deal with, as far as it decides whom it is offered to."""

    multi_role: bool = True
    hierarchical_role: bool = True


class AgentDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says about itself, besides its resources."""

    hostname: str
    attributes: list[Attribute] = []
    domain: DomainInfo | None = None
    capabilities: AgentCapabilities = AgentCapabilities()


class AllocatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sets for the allocator as a whole.

    Attributes:
        allocation_interval: Seconds between periodic passes; also the least life of a filter.
        minimum: What makes an offer worth making.
        fair_sharing_excluded: Names of resources that do not count towards a share.
        filter_gpu_resources: Whether agents with GPUs go to frameworks made for them only.
        role_sorter: ``drf`` or ``random``.
        framework_sorter: ``drf`` or ``random``.
        weights: Weights of roles; 1 for those not named.
        domain: Where the master is; agents in another region are remote.
        pattern_limits: What a pattern in a framework's constraints may cost.
    """

    allocation_interval: float = 1.0
    minimum: Minimum = (Quantities(cpus=10), Quantities(mem=32_000))
    fair_sharing_excluded: tuple[str, ...] = ()
    filter_gpu_resources: bool = True
    role_sorter: str = "drf"
    framework_sorter: str = "drf"
    weights: Mapping[str, float] = {}
    domain: DomainInfo | None = None
    pattern_limits: PatternLimits = PatternLimits()


class Allocation(msgspec.Struct, frozen=True):
    """What one framework is to be offered on one agent, in one of its roles."""

    framework_id: str
    role: str
    agent_id: str
    resources: Resources
    """Allocated to ``role``."""


class InverseAllocation(msgspec.Struct, frozen=True):
    """A framework that is to be asked to leave an agent before it becomes unavailable."""

    framework_id: str
    agent_id: str
    unavailability: Unavailability


class Slice(msgspec.Struct, frozen=True):
    """What one step of a pass decided."""

    allocations: list[Allocation]
    is_done: bool
    """Whether the pass is over; if not, the driver asks again in its next turn."""
    inverse: list[InverseAllocation] = []
    """Accounted as outstanding from now on: see `Allocator.answer_inverse_offer`."""


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    """A role as the operator sees it. Quantities cover its subtree.

    Attributes:
        share: The dominant share divided by the weight; what is offered counts.
        quota: What was set for it.
        consumed: What counts towards its quota: all reservations of its subtree, used or not,
            and unreserved non-revocable scalars that are used; what is offered does not count.
        frameworks: Who is subscribed to the role itself.
    """

    name: str
    weight: float
    share: float
    allocated: Quantities
    offered: Quantities
    reserved: Quantities
    quota: Quota = Quota()
    consumed: Quantities = Quantities()
    frameworks: list[str]


class AllocatorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics tell.

    Attributes:
        runs: Passes begun so far.
        total: What all agents have.
        offered_or_allocated: What of it is not free.
        filters: Offer filters in force, by role.
    """

    runs: int
    total: Quantities
    offered_or_allocated: Quantities
    filters: dict[str, int]


class Allocator(Protocol):
    """Decides who is offered what.

    The policy is its own. These are the laws, which `tepui.allocator.laws` turns into tests:

    - **What is accounted when.** What a `Slice` holds is offered from then on. `mark_allocated`
      turns offered into used; `recover` frees what is offered, `release` what is used, and both
      count at once. `convert` and `convert_available` change an agent's total and its holders in
      one step. What the master gives back that nobody holds breaks an invariant.
    - **Who calls what, in which order.** One thread calls, one method at a time. An agent may be
      added before the frameworks that use it, and a framework before its agents. After each
      event the master looks at `is_pending` and `next_deadline`; it calls `allocate_slice` while
      something is pending, `expire` at the deadline, and `periodic` each
      ``allocation_interval``. After a failover quotas and weights come first, then `pause`, and
      then agents and frameworks as they return. Nothing calls back into the master.
    - **What is offered.** Only what nobody holds, on agents that are active and on the
      whitelist, to frameworks that are active, subscribed to the role and not suppressed in it,
      whose constraints want the agent and that can deal with it: reservations to their role and
      those below, and the rest as `FrameworkCapabilities` says. Never what a filter in force
      covers, never less than the minimum, nothing while paused, and no open scalars beyond a
      limit. What somebody may be offered is offered to somebody, unless it is set aside for a
      guarantee.
    - **An end.** A pass ends whatever is declined: what is declined for no time is not offered to
      the same client again before the next `periodic`.
    - **Determinism.** The same calls with the same `Rng` give the same results: no clock, no
      other chance, no order of a set or a hash.
    - **What must never happen.** That more is offered than there is; that a stranger sees a
      reservation; that resources are lost when their holder goes; that an unknown or departed
      identifier ends the process where a method says that it is passed over; that one call
      takes time in proportion to more than what it is about, `allocate_slice` included.

    Every identifier has to be known when it is used, unless a method says otherwise.
    """

    # -- frameworks --

    def add_framework(
        self, framework_id: str, options: FrameworkOptions, *, is_active: bool
    ) -> None:
        """Take in a framework, which may hold resources on agents that were added before it."""

    def update_framework(self, framework_id: str, options: FrameworkOptions) -> None:
        """Replace what the framework says about itself.

        Roles newly suppressed get no more offers; roles no longer suppressed are revived. What
        it holds in a role that it left stays accounted until it is recovered or released.
        """

    def remove_framework(self, framework_id: str) -> None:
        """Forget the framework; all that it holds becomes free. Unknown ones are passed over."""

    def activate_framework(self, framework_id: str) -> None:
        """Make offers to the framework again, in the roles that are not suppressed."""

    def deactivate_framework(self, framework_id: str) -> None:
        """Make no more offers to the framework; its filters are cleared."""

    def suppress(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Make no more offers in ``roles``, or in all of its roles if there are none."""

    def revive(self, framework_id: str, roles: Iterable[str] = ()) -> None:
        """Clear the filters in ``roles``, or in all of its roles, and make offers again."""

    # -- agents --

    def add_agent(
        self,
        agent_id: str,
        description: AgentDescription,
        *,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """Take in an agent.

        Args:
            agent_id: The agent.
            description: What it says about itself.
            total: All that it has, allocated to nobody.
            used: What each framework uses on it; the frameworks need not be known yet.
        """

    def update_agent(
        self, agent_id: str, *, total: Resources, description: AgentDescription | None = None
    ) -> None:
        """Replace what the agent has and, if given, what it says about itself.

        Its filters are cleared if its attributes changed.
        """

    def remove_agent(self, agent_id: str) -> None:
        """Forget the agent and all that is held on it. Unknown ones are passed over."""

    def activate_agent(self, agent_id: str) -> None:
        """Offer the agent's resources again."""

    def deactivate_agent(self, agent_id: str) -> None:
        """Offer nothing of the agent; what is held on it stays accounted."""

    # -- resources --

    def mark_allocated(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Count ``resources``, which were offered, as used: a launch was accepted.

        A framework or agent that is gone by now is passed over. Here as in `recover` and
        `release`, resources that the framework does not hold break an invariant.
        """

    def recover(
        self,
        framework_id: str,
        agent_id: str,
        resources: Resources,
        *,
        refuse_seconds: float | None,
        now: Instant,
    ) -> None:
        """Free what was offered and not marked as allocated.

        A framework or agent that is gone by now is passed over.

        Args:
            framework_id: Whom it was offered to.
            agent_id: Where it is.
            resources: What becomes free.
            refuse_seconds: How long the framework does not want it in the role; ``None`` if it
                did not say so (the offer was rescinded, for example). Negative or not a
                number stands for the default of 5 s; 0 holds it back until the next periodic
                pass; no more than 365 days.
            now: When.
        """

    def release(self, framework_id: str, agent_id: str, resources: Resources) -> None:
        """Free what was used, or marked as allocated: a task or an executor ended.

        A framework or agent that is gone by now is passed over.
        """

    def convert(
        self,
        framework_id: str,
        agent_id: str,
        *,
        held: Resources,
        converted: Resources,
        is_used: bool,
    ) -> None:
        """Turn what a framework holds into something else, and the agent's total with it.

        A reservation, a volume or the like was made of ``held`` or undone: the agent's total
        loses ``held`` and gains ``converted`` (both without allocation), and the framework
        holds ``converted`` instead, in the same way as before. A copy of a shared resource is
        in the total once, whatever the number of copies held.

        Args:
            framework_id: Who holds it.
            agent_id: Where it is.
            held: What goes; allocated to the framework's role.
            converted: What comes; allocated to the same role. Empty, if nothing does.
            is_used: Whether it is accounted as used; if not, as offered.
        """

    def add_shared(self, framework_id: str, agent_id: str, copies: Resources) -> None:
        """Let a framework hold more copies, as offered, of shared resources that it holds.

        Several tasks of one ACCEPT use the same shared volume: each needs a copy of its own.
        """

    def available(self, agent_id: str) -> Resources:
        """Return what nobody holds on the agent, allocated to nobody."""

    def convert_available(self, agent_id: str, *, held: Resources, converted: Resources) -> None:
        """Turn part of what is available on an agent into something else: an operator's wish.

        ``held`` has to be `available`.
        """

    # -- operators --

    def update_quota(self, quotas: Mapping[str, Quota]) -> None:
        """Set the quota of the roles named; an empty `Quota` is none at all."""

    def update_whitelist(self, hostnames: Iterable[str] | None) -> None:
        """Offer agents with these host names only; all agents, if there is no list."""

    def update_unavailability(self, agent_id: str, unavailability: Unavailability | None) -> None:
        """Say when an agent will be unavailable, or that it stays.

        Outstanding inverse offers and their filters on the agent are forgotten.
        """

    def answer_inverse_offer(
        self, framework_id: str, agent_id: str, *, refuse_seconds: float | None, now: Instant
    ) -> None:
        """The framework's inverse offer is not outstanding any more.

        Args:
            framework_id: Who was asked; one that is gone is passed over.
            agent_id: The agent that it was to leave; one that is gone is passed over.
            refuse_seconds: How long it does not want to be asked again; as in `recover`.
            now: When.
        """

    def update_weights(self, weights: Mapping[str, float]) -> None:
        """Set the weights of the roles named; they have to be positive."""

    # -- after a failover --

    def pause(self, agents_expected: int) -> None:
        """Make no offers until that many agents are there, or `resume` is called."""

    def resume(self) -> None:
        """Make offers, if paused."""

    # -- passes --

    def trigger(self, agent_ids: Iterable[str] | None = None) -> None:
        """Put the agents named, or all, on the list for the next pass."""

    def periodic(self, now: Instant) -> None:
        """Put all agents on the list: called each ``allocation_interval``."""

    def is_pending(self) -> bool:
        """Tell whether a pass is under way or called for."""

    def next_deadline(self) -> float | None:
        """Return the monotonic time at which the next filter expires, if there is any."""

    def expire(self, now: Instant) -> None:
        """Drop the filters whose time is over, and put their agents on the list."""

    def allocate_slice(self, now: Instant, *, agents_max: int, offers_max: int) -> Slice:
        """Go on with the pass under way, or begin one.

        What it returns is accounted as offered when it returns.

        Args:
            now: When.
            agents_max: How many agents to look at before returning.
            offers_max: How many offers to make before returning; the agent at which it is
                reached is finished first.
        """

    # -- views --

    def roles(self) -> list[RoleView]:
        """Return the roles that have frameworks, allocations, reservations or weights, and
        their ancestors, sorted by name.
        """

    def statistics(self) -> AllocatorStatistics:
        """Return the counts for the metrics."""

    def explain(self, question: Question, now: Instant) -> Explaining:
        """Say why somebody waits: whom agents were passed over for, and for which causes.

        To ask changes nothing. An allocator answers with what it knows: one that cannot tell
        returns `Told` an `Explanation` without clients. A framework or role that it does not know
        has no clients either.
        """

    def reasons(self) -> list[RoleReason]:
        """Say of each role, in short, why it may be waiting, without a look at each agent.

        Roles of which there is nothing to say may be left out.
        """
