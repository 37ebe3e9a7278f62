"""RESERVE and UNRESERVE: making reservations, and taking the innermost one away."""

from __future__ import annotations

from tepui.master.validation.operation_facts import (
    AgentFacts,
    Requester,
    allocation_role_of,
    check_hierarchical,
    check_one_allocation,
    check_one_provider,
    check_principal,
    check_refinement,
    check_resources,
    reservation_role_of,
)
from tepui.master.validation.problem import Problem, problem
from tepui.messages import Offer
from tepui.resources.conversions import reservations_of
from tepui.resources.operations import (
    OperationError,
    conversions,
    is_dynamically_reserved,
    is_volume,
)

Operation = Offer.Operation

_RESOURCES = "reserve.resources"
_SOURCE = "reserve.source"
_UNRESERVED = "unreserve.resources"


def validate_reserve(
    reserve: Operation.Reserve, agent: AgentFacts, requester: Requester
) -> Problem | None:
    """Check a RESERVE by the rules ``op.reserve.*``."""
    resources = reserve.resources
    return (
        check_resources("op.reserve.resources", _RESOURCES, resources)
        or check_one_provider("op.reserve.provider", _RESOURCES, [*resources, *reserve.source])
        or check_one_allocation(
            "op.reserve.single_role", _RESOURCES, resources, requester.framework
        )
        or check_hierarchical("op.reserve.hierarchical", _RESOURCES, resources, agent)
        or check_refinement("op.reserve.refinement", _RESOURCES, resources, agent)
        or check_reserve_dynamic(reserve)
        or check_reserve_allocation(reserve, requester)
        or check_reserve_principal(reserve, requester)
        or check_reserve_volume(reserve)
        or check_reserve_source(reserve)
    )


def validate_unreserve(unreserve: Operation.Unreserve) -> Problem | None:
    """Check an UNRESERVE by the rules ``op.unreserve.*``."""
    resources = unreserve.resources
    return (
        check_resources("op.unreserve.resources", _UNRESERVED, resources)
        or check_one_provider("op.unreserve.provider", _UNRESERVED, resources)
        or check_unreserve_dynamic(unreserve)
        or check_unreserve_volume(unreserve)
    )


def check_reserve_dynamic(reserve: Operation.Reserve) -> Problem | None:
    """``op.reserve.dynamic``."""
    for index, resource in enumerate(reserve.resources):
        if not is_dynamically_reserved(resource):
            return problem(
                "op.reserve.dynamic",
                f"{_RESOURCES}[{index}]",
                resource.name,
                "has no dynamic reservation to be made",
            )
    return None


def check_reserve_allocation(reserve: Operation.Reserve, requester: Requester) -> Problem | None:
    """``op.reserve.allocated_operator`` and ``op.reserve.allocated_role``."""
    framework = requester.framework
    for index, resource in enumerate(reserve.resources):
        field = f"{_RESOURCES}[{index}].allocation_info"
        allocated = allocation_role_of(resource)
        if framework is None:
            if resource.allocation_info is not None:
                reason = "is for frameworks: what operators reserve is allocated to nobody"
                return problem("op.reserve.allocated_operator", field, allocated, reason)
            continue
        role = reservation_role_of(resource)
        if allocated != role:
            reason = f"is not the role {role!r} that the reservation is for"
            return problem("op.reserve.allocated_role", field, str(allocated), reason)
        if role not in framework.roles:
            reason = "is no role of the framework"
            return problem("op.reserve.allocated_role", field, role, reason)
    return None


def check_reserve_principal(reserve: Operation.Reserve, requester: Requester) -> Problem | None:
    """``op.reserve.principal_missing`` and ``op.reserve.principal_differs``."""
    for index, resource in enumerate(reserve.resources):
        field = f"{_RESOURCES}[{index}].reservations.principal"
        principal = reservations_of(resource)[-1].principal
        found = check_principal("op.reserve.principal", field, principal, requester)
        if found is not None:
            return found
    return None


def check_reserve_volume(reserve: Operation.Reserve) -> Problem | None:
    """``op.reserve.resources``: a volume has its reservation from the disk it was made of."""
    for index, resource in enumerate(reserve.resources):
        if is_volume(resource):
            return problem(
                "op.reserve.resources",
                f"{_RESOURCES}[{index}]",
                resource.name,
                "is a persistent volume, which cannot be reserved anew",
            )
    return None


def check_reserve_source(reserve: Operation.Reserve) -> Problem | None:
    """``op.reserve.source``: all of it the same way, and as much as is reserved."""
    if not reserve.source:
        return None
    found = check_resources("op.reserve.source", _SOURCE, reserve.source)
    if found is not None:
        return found
    try:
        conversions(Operation(type=Operation.Type.RESERVE, reserve=reserve))
    except OperationError as error:
        return Problem(
            rule="op.reserve.source", field=_SOURCE, value="", message=f"{_SOURCE}: {error}"
        )
    return None


def check_unreserve_dynamic(unreserve: Operation.Unreserve) -> Problem | None:
    """``op.unreserve.dynamic``."""
    for index, resource in enumerate(unreserve.resources):
        if not is_dynamically_reserved(resource):
            return problem(
                "op.unreserve.dynamic",
                f"{_UNRESERVED}[{index}]",
                resource.name,
                "has no dynamic reservation that could be taken away",
            )
    return None


def check_unreserve_volume(unreserve: Operation.Unreserve) -> Problem | None:
    """``op.unreserve.volume``."""
    for index, resource in enumerate(unreserve.resources):
        if is_volume(resource):
            return problem(
                "op.unreserve.volume",
                f"{_UNRESERVED}[{index}]",
                resource.name,
                "is a persistent volume, which has to be destroyed first",
            )
    return None
