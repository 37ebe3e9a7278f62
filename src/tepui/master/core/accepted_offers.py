"""The offers of one ACCEPT: what is left of them, operation by operation, and what is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tepui.master.core.allocation import watch_filters
from tepui.master.core.context import Context
from tepui.master.core.model import EMPTY, Agent, Framework, Offer
from tepui.master.core.operations import convert_total
from tepui.master.validation.resources import validate_resources
from tepui.master.validation.tasks import LaunchContext
from tepui.messages import Resource
from tepui.resources import Resources
from tepui.resources.keys import Key


class AcceptedOffers:
    """What an ACCEPT has to work with; its offers are out of the books already.

    All of it stays "offered" for the allocator until `close` says what is used and what is not.

    Attributes:
        role: The one that all of it is allocated to.
        left: What operations may still use.
        used: What they use.
        shared: The shared volumes among it: each launch may have a copy.
        launches: What tasks are checked against.
    """

    __slots__ = (
        "agent",
        "ctx",
        "framework",
        "is_converted",
        "launches",
        "left",
        "offered",
        "role",
        "shared",
        "used",
    )

    def __init__(
        self, ctx: Context, framework: Framework, agent: Agent, offers: Sequence[Offer]
    ) -> None:
        self.ctx = ctx
        self.framework = framework
        self.agent = agent
        self.role = offers[0].role
        self.left = offers[0].resources
        for offer in offers[1:]:
            self.left += offer.resources
        self.offered = self.left
        self.is_converted = False
        self.used = EMPTY
        self.shared = _shared_keys(self.left)
        executors = agent.executors.get(framework.framework_id)
        self.launches = LaunchContext(
            framework_id=framework.framework_id,
            agent_id=agent.agent_id,
            agent_capabilities=agent.capabilities,
            task_ids=framework.tasks,
            unreachable_task_ids=framework.unreachable_tasks,
            executors={key: each.info for key, each in executors.items()} if executors else {},
        )

    def take(self, resources: Resources) -> None:
        """Move ``resources`` from what is left to what is used."""
        self.left -= resources
        self.used += resources

    def convert(self, consumed: Resources, converted: Resources) -> None:
        """Turn a part of what is left into something else, and the agent's total with it."""
        self.is_converted = True
        held = self.all_copies(consumed)
        self.ctx.allocator.convert(
            self.framework.framework_id,
            self.agent.agent_id,
            held=held,
            converted=converted,
            is_used=False,
        )
        convert_total(self.agent, consumed, converted)
        self.left = self.left - held + converted
        if consumed.is_plain and converted.is_plain:
            return
        for key in _shared_keys(consumed):
            self.shared.pop(key, None)
        self.shared |= _shared_keys(converted)

    def all_copies(self, resources: Resources) -> Resources:
        """Return ``resources`` with every copy that is left of what is shared among them.

        A volume that comes in two of the accepted offers is one volume, and is destroyed as one.
        """
        if not _shared_keys(resources):
            return resources
        left = dict(self.left.entries())
        return Resources(
            {
                key: left.get(key, amount) if key.shared else amount
                for key, amount in resources.entries()
            }
        )

    def copies_for(self, resources: Iterable[Resource]) -> Resources:
        """Return the copies of shared volumes that a launch needs beyond those that are left."""
        if not self.shared:
            return EMPTY
        wanted = [each for each in resources if each.shared is not None]
        if validate_resources(wanted) is not None:
            return EMPTY  # the launch is refused for it
        missing = Resources.from_messages(wanted) - self.left
        return missing.filter(lambda key: key in self.shared)

    def add(self, copies: Resources) -> None:
        """Have more copies of shared volumes."""
        if copies:
            self.ctx.allocator.add_shared(self.framework.framework_id, self.agent.agent_id, copies)
            self.left += copies

    def close(self, refuse_seconds: float) -> None:
        """Tell the allocator what is used; the rest returns with a filter.

        What operations made of the offers, and left, is free at once: nobody refused it.
        """
        ctx = self.ctx
        framework_id, agent_id = self.framework.framework_id, self.agent.agent_id
        if self.used:
            ctx.allocator.mark_allocated(framework_id, agent_id, self.used)
        refused = self.left
        if self.is_converted:
            made = self.left - self.offered
            refused = self.left - made
            if made:
                ctx.allocator.recover(
                    framework_id, agent_id, made, refuse_seconds=None, now=ctx.now
                )
        if refused:
            # Who uses a part and refuses the rest for no time may have it at once, by its share:
            # unlike one that declines all, it cannot go round in circles.
            is_free = refuse_seconds == 0 and bool(self.used)
            ctx.allocator.recover(
                framework_id,
                agent_id,
                refused,
                refuse_seconds=None if is_free else refuse_seconds,
                now=ctx.now,
            )
        if self.left:
            watch_filters(ctx)


def _shared_keys(resources: Resources) -> dict[Key, None]:
    return {} if resources.is_plain else {key: None for key, _ in resources.shared().entries()}
