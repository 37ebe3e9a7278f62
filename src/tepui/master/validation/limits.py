"""How far tasks may go beyond what they asked for."""

from __future__ import annotations

from collections.abc import Container

from tepui.master.validation.problem import Problem, problem
from tepui.messages import TaskInfo

_LIMITED = ("cpus", "mem")


def validate_limits(task: TaskInfo, agent_capabilities: Container[str]) -> Problem | None:
    """Check by the rules ``task.limits.*``."""
    if not task.limits:
        return None
    return (
        check_capability(task, agent_capabilities)
        or check_names(task)
        or check_cpus_request(task)
        or check_cpus_low(task)
        or check_mem_request(task)
        or check_mem_low(task)
    )


def check_capability(task: TaskInfo, agent_capabilities: Container[str]) -> Problem | None:
    """``task.limits.capability``."""
    if "TASK_RESOURCE_LIMITS" in agent_capabilities:
        return None
    reason = "are set, and the agent lacks TASK_RESOURCE_LIMITS"
    return problem("task.limits.capability", "limits", list(task.limits), reason)


def check_names(task: TaskInfo) -> Problem | None:
    """``task.limits.names``."""
    for name in task.limits:
        if name not in _LIMITED:
            return problem("task.limits.names", "limits", name, "is neither cpus nor mem")
    return None


def check_cpus_request(task: TaskInfo) -> Problem | None:
    """``task.limits.cpus_request``."""
    return _check_request("task.limits.cpus_request", task, "cpus")


def check_cpus_low(task: TaskInfo) -> Problem | None:
    """``task.limits.cpus_low``."""
    return _check_low("task.limits.cpus_low", task, "cpus")


def check_mem_request(task: TaskInfo) -> Problem | None:
    """``task.limits.mem_request``."""
    return _check_request("task.limits.mem_request", task, "mem")


def check_mem_low(task: TaskInfo) -> Problem | None:
    """``task.limits.mem_low``: infinity is allowed."""
    return _check_low("task.limits.mem_low", task, "mem")


def _check_request(rule: str, task: TaskInfo, name: str) -> Problem | None:
    if name not in task.limits or _requested(task, name) is not None:
        return None
    reason = f"limits {name}, of which the task asks for none"
    return problem(rule, f"limits.{name}", task.limits[name].value, reason)


def _check_low(rule: str, task: TaskInfo, name: str) -> Problem | None:
    limit = task.limits.get(name)
    requested = _requested(task, name)
    if limit is None or requested is None or limit.value >= requested:
        return None
    reason = f"is below the {requested:g} that the task asks for, or no number"
    return problem(rule, f"limits.{name}", limit.value, reason)


def _requested(task: TaskInfo, name: str) -> float | None:
    amounts = [each.scalar.value for each in task.resources if each.name == name and each.scalar]
    return sum(amounts) if amounts else None
