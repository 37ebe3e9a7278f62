"""Operations on reservations and volumes in an ACCEPT."""

from __future__ import annotations

from tepui.master.core.accepted_offers import AcceptedOffers
from tepui.master.core.model import EMPTY, Framework
from tepui.master.core.offers import rescind_offer
from tepui.master.core.operations import has_room, start_operation
from tepui.master.validation.operations import (
    AgentFacts,
    FrameworkFacts,
    validate_accepted_operation,
)
from tepui.master.validation.problem import Problem, problem
from tepui.messages import FrameworkInfo, Offer
from tepui.resources import Resources
from tepui.resources.formatting import describe_resources
from tepui.resources.operations import CONVERTING, SPECULATIVE, Conversion, conversions, net

Operation = Offer.Operation

_DISKS = "is for resource providers, of which the agent has none"
_SHARED_RESOURCES = FrameworkInfo.Capability.Type.SHARED_RESOURCES


def run_operation(accepted: AcceptedOffers, operation: Operation) -> Problem | None:
    """Do an operation on what is left of the offers, or return why it cannot be done.

    Args:
        accepted: Changed in place, with the master's books and the allocator's.
        operation: Refined and allocated to the role of the offers.
    """
    found = validate_accepted_operation(
        operation,
        agent=AgentFacts(
            capabilities=accepted.agent.capabilities,
            total=accepted.agent.total,
            used=accepted.agent.used.values(),
        ),
        framework=_facts(accepted.framework),
    )
    if found is not None:
        return found
    assert operation.type is not None
    if operation.type not in CONVERTING:
        # Agents have no resource providers that could make disks.
        return problem("op.create_disk.provider", "operation.type", operation.type.value, _DISKS)
    steps = _joined(conversions(operation))
    found = _check_contained(accepted, operation, steps) or _check_room(accepted, operation)
    if found is not None:
        return found
    held = EMPTY
    if operation.type in SPECULATIVE:
        if operation.type is Operation.Type.DESTROY:
            for step in steps:
                _rescind_others(accepted, step.consumed)
        for step in steps:
            accepted.convert(step.consumed, step.converted)
    else:
        [step] = steps
        held = step.consumed
        accepted.take(held)
    start_operation(
        accepted.ctx,
        accepted.agent,
        operation,
        framework=accepted.framework,
        role=accepted.role,
        held=held,
    )
    return None


def _joined(steps: list[Conversion]) -> list[Conversion]:
    """Return the one step that does what ``steps`` do: an operation may name a thousand resources.

    Copies of one shared volume may be left in number, and go with the first step that takes one.
    """
    if not steps or any(step.consumed.shared() for step in steps):
        return steps
    return [net(steps)]


def _facts(framework: Framework) -> FrameworkFacts:
    capabilities = [each.type for each in framework.info.capabilities]
    return FrameworkFacts(
        roles=framework.roles,
        principal=framework.principal,
        has_shared_resources=_SHARED_RESOURCES in capabilities,
    )


def _check_contained(
    accepted: AcceptedOffers, operation: Operation, steps: list[Conversion]
) -> Problem | None:
    """``op.contained``."""
    kind = None if operation.type is None else operation.type.value
    if not steps:
        return problem("op.contained", "operation", kind, "names no resources, or none of them")
    left = accepted.left
    for consumed, converted in steps:
        if not left.contains(consumed):
            reason = (
                f"needs {describe_resources(consumed)},"
                f" of which the offers have {describe_resources(left)} left"
            )
            return problem("op.contained", "operation", kind, reason)
        left = left - accepted.all_copies(consumed) + converted
    return None


def _check_room(accepted: AcceptedOffers, operation: Operation) -> Problem | None:
    if has_room(accepted.agent, accepted.framework):
        return None
    reason = "is one too many: those of the framework, or on the agent, wait to be acknowledged"
    kind = None if operation.type is None else operation.type.value
    return problem("op.too_many", "operation", kind, reason)


def _rescind_others(accepted: AcceptedOffers, volumes: Resources) -> None:
    """``op.destroy.offers``: a shared volume may be on offer elsewhere."""
    keys = {key: None for key, _ in volumes.shared().unallocated().entries()}
    if not keys:
        return
    for offer in list(accepted.agent.offers.values()):
        if any(key in keys for key, _ in offer.resources.unallocated().entries()):
            rescind_offer(accepted.ctx, offer)
