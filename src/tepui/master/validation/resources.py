"""Resources as messages: each by itself, and all those of one owner.

The rules stand in `tepui.resources.validation`, which agents and flags use too; here their
words become problems.
"""

from __future__ import annotations

from collections.abc import Sequence

from tepui.master.validation.problem import Problem
from tepui.messages import Resource, Value
from tepui.resources import validation

_ORDINARY = ("cpus", "mem", "disk")
_SCALAR = Value.Type.SCALAR


def validate_resources(resources: Sequence[Resource]) -> Problem | None:
    """Check each resource by the rules ``resource.*``."""
    for index, resource in enumerate(resources):
        if _is_ordinary(resource):
            continue
        words = validation.problem_with_resource(resource)
        if words is not None:
            return _problem("resource", f"resources[{index}]", resource.name, words)
    return None


def validate_owned(resources: Sequence[Resource]) -> Problem | None:
    """Check the resources of one executor: each, and all together."""
    return (
        validate_resources(resources)
        or check_persistence_unique("resource.persistence_dup", resources)
        or check_single_role("resource.single_role", resources)
        or check_revocable_mix("resource.revocable_mix", resources)
    )


def validate_combined(rule: str, resources: Sequence[Resource]) -> Problem | None:
    """Check the resources of a task and its executor, or of a group, together."""
    return (
        check_persistence_unique(rule, resources)
        or check_revocable_mix(rule, resources)
        or check_no_overlap(rule, resources)
    )


def check_persistence_unique(rule: str, resources: Sequence[Resource]) -> Problem | None:
    """Check that no volume is named twice within a role, except where it is shared."""
    return _together(rule, validation.duplicate_persistence(resources))


def check_single_role(rule: str, resources: Sequence[Resource]) -> Problem | None:
    """Check that all is allocated to one role."""
    return _together(rule, validation.several_allocation_roles(resources))


def check_revocable_mix(rule: str, resources: Sequence[Resource]) -> Problem | None:
    """Check that what is revocable is so in all of its name."""
    return _together(rule, validation.revocable_mix(resources))


def check_no_overlap(rule: str, resources: Sequence[Resource]) -> Problem | None:
    """Check that no range or item is asked for twice."""
    return _together(rule, validation.overlapping_amounts(resources))


def _together(rule: str, words: str | None) -> Problem | None:
    return None if words is None else _problem(rule, "resources", "", words)


def _problem(rule: str, field: str, value: str, words: str) -> Problem:
    return Problem(rule=rule, field=field, value=value, message=f"{field}: {words}")


def _is_ordinary(resource: Resource) -> bool:
    """Tell whether there is nothing to check: most resources of most tasks are like that."""
    return (
        resource.type is _SCALAR
        and resource.scalar is not None
        and 0 <= resource.scalar.value <= validation.SCALAR_MAX
        and resource.name in _ORDINARY
        and resource.disk is None
        and not resource.reservations
        and resource.reservation is None
        and (resource.role is None or resource.role == "*")
        and resource.shared is None
        and resource.ranges is None
        and resource.set is None
    )
