"""What operations on reservations and volumes must keep, by the rules ``op.*``.

Two may ask for an operation: a framework that accepts an offer, and an operator. Both are held
to the same rules, but for what only one of them has: resources of a framework are allocated to
one of its roles, those of an operator to nobody.

An operation that passes can be converted (`tepui.resources.operations.conversions` does not
raise); whether what it consumes is there is for the caller to see (``op.contained``).
"""

from __future__ import annotations

import msgspec

from tepui.master.validation.disks import validate_create_disk, validate_destroy_disk
from tepui.master.validation.operation_facts import AgentFacts, FrameworkFacts, Requester
from tepui.master.validation.problem import Problem, problem
from tepui.master.validation.reservations import validate_reserve, validate_unreserve
from tepui.master.validation.volumes import (
    validate_create,
    validate_destroy,
    validate_grow_volume,
    validate_shrink_volume,
)
from tepui.messages import AgentID, Offer
from tepui.resources.operations import CONVERTING, OperationError, conversions, resources_of

__all__ = [
    "AgentFacts",
    "FrameworkFacts",
    "check_agent_given",
    "validate_accepted_operation",
    "validate_operator_operation",
]

_encode = msgspec.msgpack.Encoder().encode

Operation = Offer.Operation
Type = Operation.Type

AGENT_RESOURCES_MAX = 4096
"""How many different resources an agent may have: reserving and creating splits them up."""

OPERATION_RESOURCES_MAX = 1024
"""How many resources one operation may name."""

RESOURCE_BYTES_MAX = 8192
"""How much one reservation or volume may say of itself: an agent tells all of them at once."""

_SPLITTING = (Type.RESERVE, Type.CREATE)


def validate_accepted_operation(
    operation: Operation, *, agent: AgentFacts, framework: FrameworkFacts
) -> Problem | None:
    """Check an operation of an ACCEPT, but for launches.

    `tepui.master.validation.offers.validate_operation` has been asked before.

    Args:
        operation: With the allocation that the offer has, where the framework left it out.
        agent: Where it is to be applied; after the operations before it in the same ACCEPT.
        framework: Whose ACCEPT it is.
    """
    requester = Requester(principal=framework.principal, framework=framework)
    return _validate(operation, agent, requester)


def validate_operator_operation(
    operation: Operation, *, agent: AgentFacts, principal: str | None
) -> Problem | None:
    """Check an operation that an operator asks for.

    Args:
        operation: As it came.
        agent: Where it is to be applied.
        principal: Who the operator proved to be, if anybody.
    """
    return _validate(operation, agent, Requester(principal=principal)) or check_unallocated(
        operation
    )


def check_agent_given(field: str, agent_id: AgentID | None) -> Problem | None:
    """``op.operator.grow_agent``: without one, a resource provider would have to be named."""
    if agent_id is not None:
        return None
    return problem("op.operator.grow_agent", f"{field}.agent_id", None, "is missing")


def check_unallocated(operation: Operation) -> Problem | None:
    """What an operator names is the agent's own; RESERVE has a rule of its own for that."""
    for resource in resources_of(operation):
        if resource.allocation_info is not None:
            return problem(
                f"op.{_name(operation)}.resources",
                _name(operation),
                resource.name,
                "has an allocation_info, which operators leave out",
            )
    return None


def _validate(operation: Operation, agent: AgentFacts, requester: Requester) -> Problem | None:
    kind = operation.type
    name = _name(operation)
    count = len(resources_of(operation))
    if count > OPERATION_RESOURCES_MAX:
        reason = f"resources are more than one operation may name, {OPERATION_RESOURCES_MAX}"
        return problem(f"op.{name}.resources", f"operation.{name}", count, reason)
    if kind is Type.RESERVE and operation.reserve is not None:
        found = validate_reserve(operation.reserve, agent, requester)
    elif kind is Type.UNRESERVE and operation.unreserve is not None:
        found = validate_unreserve(operation.unreserve)
    elif kind is Type.CREATE and operation.create is not None:
        found = validate_create(operation.create, agent, requester)
    elif kind is Type.DESTROY and operation.destroy is not None:
        found = validate_destroy(operation.destroy, agent)
    elif kind is Type.GROW_VOLUME and operation.grow_volume is not None:
        found = validate_grow_volume(operation.grow_volume, agent)
    elif kind is Type.SHRINK_VOLUME and operation.shrink_volume is not None:
        found = validate_shrink_volume(operation.shrink_volume, agent)
    elif kind is Type.CREATE_DISK and operation.create_disk is not None:
        found = validate_create_disk(operation.create_disk, agent)
    elif kind is Type.DESTROY_DISK and operation.destroy_disk is not None:
        found = validate_destroy_disk(operation.destroy_disk, agent)
    else:
        return problem(f"op.{name}.resources", f"operation.{name}", None, "is missing")
    return found or check_size(operation, agent) or _check_conversion(operation)


def check_size(operation: Operation, agent: AgentFacts) -> Problem | None:
    """See that an agent's resources stay few and small enough to be looked at and told of."""
    if operation.type not in _SPLITTING:
        return None
    name = _name(operation)
    resources = resources_of(operation)
    for resource in resources:
        size = len(_encode(resource))
        if size > RESOURCE_BYTES_MAX:
            reason = f"has {size} bytes with its reservations and labels, of {RESOURCE_BYTES_MAX}"
            return problem(f"op.{name}.resources", f"operation.{name}", resource.name, reason)
    if len(agent.total) + len(resources) <= AGENT_RESOURCES_MAX:
        return None
    return problem(
        f"op.{name}.resources",
        f"operation.{name}",
        len(resources),
        f"more would be too many: an agent has at most {AGENT_RESOURCES_MAX} different resources",
    )


def _check_conversion(operation: Operation) -> Problem | None:
    """See that what passed makes sense as a whole too."""
    if operation.type not in CONVERTING:
        return None
    try:
        conversions(operation)
    except OperationError as error:
        name = _name(operation)
        return Problem(
            rule=f"op.{name}.resources",
            field=f"operation.{name}",
            value="",
            message=f"operation.{name}: {error}",
        )
    return None


def _name(operation: Operation) -> str:
    """Return the field that the type of ``operation`` stands for."""
    return "unknown" if operation.type is None else operation.type.value.lower()
