"""What an operation on reservations and volumes is held against."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec

from tepui.master.validation.problem import Problem, problem
from tepui.master.validation.resources import validate_resources
from tepui.messages import Resource
from tepui.resources import Resources
from tepui.resources.conversions import reservations_of
from tepui.resources.keys import Reservation
from tepui.resources.roles import ANYBODY

_HIERARCHICAL_ROLE = "HIERARCHICAL_ROLE"
_RESERVATION_REFINEMENT = "RESERVATION_REFINEMENT"


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The agent that an operation is for.

    Attributes:
        capabilities: Names of what it can do.
        total: All that it has now, allocated to nobody.
        used: What tasks and executors use on it, in as many parts as the caller likes.
    """

    capabilities: Container[str]
    total: Resources
    used: Iterable[Resources] = ()


class FrameworkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The framework that asks for an operation.

    Attributes:
        roles: Those that it is subscribed to.
        principal: The one in its FrameworkInfo, if any.
        has_shared_resources: Whether it has the capability SHARED_RESOURCES.
    """

    roles: Container[str]
    principal: str | None = None
    has_shared_resources: bool = False


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an operation: an operator, where there is no framework."""

    principal: str | None = None
    framework: FrameworkFacts | None = None


def check_resources(rule: str, field: str, resources: Sequence[Resource]) -> Problem | None:
    """Check each resource in ``field`` by the rules ``resource.*``."""
    for index, resource in enumerate(resources):
        found = check_resource(rule, f"{field}[{index}]", resource)
        if found is not None:
            return found
    return None


def check_resource(rule: str, field: str, resource: Resource) -> Problem | None:
    """Check the one resource in ``field`` by the rules ``resource.*``."""
    inner = validate_resources((resource,))
    if inner is None:
        return None
    words = inner.message.partition(": ")[2]
    return Problem(
        rule=rule,
        field=field,
        value=inner.value,
        message=f"{field}: {words}",
        cause=inner.cause or inner.rule,
    )


def check_one_provider(rule: str, field: str, resources: Iterable[Resource]) -> Problem | None:
    """Check that all is of one resource provider, or all the agent's own."""
    ids = {None if each.provider_id is None else each.provider_id.value: None for each in resources}
    if len(ids) <= 1:
        return None
    names = ", ".join("none" if each is None else repr(each) for each in ids)
    return problem(rule, field, None, f"mixes resource providers: {names}")


def check_one_allocation(
    rule: str, field: str, resources: Iterable[Resource], framework: FrameworkFacts | None
) -> Problem | None:
    """Check that what a framework names is allocated to a single role."""
    if framework is None:
        return None
    roles = {allocation_role_of(each): None for each in resources}
    if len(roles) <= 1:
        return None
    names = ", ".join("none" if each is None else repr(each) for each in roles)
    return problem(rule, field, None, f"is allocated to several roles: {names}")


def check_principal(
    rule: str, field: str, principal: str | None, requester: Requester
) -> Problem | None:
    """Check that what is made says who asked for it, if that is known.

    Args:
        rule: The rules' common beginning; they end in ``_missing`` and ``_differs``.
        field: Where the principal is.
        principal: The one there.
        requester: Who asks.
    """
    if requester.principal is None or principal == requester.principal:
        return None
    if principal is None:
        reason = f"is missing; who asks is {requester.principal!r}"
        return problem(f"{rule}_missing", field, None, reason)
    reason = f"is not {requester.principal!r}, who asks"
    return problem(f"{rule}_differs", field, principal, reason)


def check_hierarchical(
    rule: str, field: str, resources: Iterable[Resource], agent: AgentFacts
) -> Problem | None:
    """Check that the agent knows roles below others, where one is named."""
    if _HIERARCHICAL_ROLE in agent.capabilities:
        return None
    for at, _, stack in _stacks(field, resources):
        for each in stack:
            if "/" in each.role:
                reason = "lies below another role, and the agent lacks HIERARCHICAL_ROLE"
                return problem(rule, f"{at}.reservations", each.role, reason)
    return None


def check_refinement(
    rule: str, field: str, resources: Iterable[Resource], agent: AgentFacts
) -> Problem | None:
    """Check that the agent knows refined reservations, where there is one."""
    if _RESERVATION_REFINEMENT in agent.capabilities:
        return None
    for at, _, stack in _stacks(field, resources):
        if len(stack) > 1:
            reason = "refines a reservation, and the agent lacks RESERVATION_REFINEMENT"
            return problem(rule, f"{at}.reservations", stack[-1].role, reason)
    return None


def allocation_role_of(resource: Resource) -> str | None:
    """Return the role that ``resource`` is allocated to, if it is to any."""
    return None if resource.allocation_info is None else resource.allocation_info.role


def reservation_role_of(resource: Resource) -> str:
    """Return the innermost role that ``resource`` is reserved for."""
    stack = reservations_of(resource)
    return stack[-1].role if stack else ANYBODY


def _stacks(
    field: str, resources: Iterable[Resource]
) -> Iterator[tuple[str, Resource, tuple[Reservation, ...]]]:
    for index, resource in enumerate(resources):
        yield f"{field}[{index}]", resource, reservations_of(resource)
