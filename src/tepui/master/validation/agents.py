"""What agents say about themselves when they register."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tepui.master.validation.identifiers import validate_id, validate_role
from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import validate_resources
from tepui.messages import AgentInfo, ExecutorInfo, FrameworkInfo, Resource, Task

_VERSION_PARTS = 3

INFO_BYTES_MAX = 512 * 1024
"""A description beyond this is refused: the registry keeps it, and bounds its records."""


class AgentRules(msgspec.Struct, frozen=True, kw_only=True):
    """What this master asks of agents.

    Attributes:
        has_domain: Whether the master has a fault domain of its own.
        requires_domain: Whether agents must have one.
    """

    has_domain: bool = False
    requires_domain: bool = False


def validate_agent_info(
    info: AgentInfo,
    version: str,
    rules: AgentRules,
    *,
    frameworks: Sequence[FrameworkInfo] = (),
    executors: Sequence[ExecutorInfo] = (),
    tasks: Sequence[Task] = (),
) -> Problem | None:
    """Check what an agent registers with; Mesos ignores it if there is a problem.

    Args:
        frameworks: Those that a re-registering agent works for.
        executors: Those that it has.
        tasks: Those that it runs.
    """
    return (
        check_info(info, frameworks, executors)
        or check_tasks(tasks)
        or check_version(version)
        or check_domain(info, rules)
        or check_domain_given(info, rules)
    )


def check_info(
    info: AgentInfo,
    frameworks: Sequence[FrameworkInfo] = (),
    executors: Sequence[ExecutorInfo] = (),
) -> Problem | None:
    """``agent.info``."""
    inner = None if info.id is None else validate_id(info.id.value, "id")
    inner = inner or validate_resources(info.resources)
    if inner is not None:
        return within("agent.info", "agent_info", inner)
    size = len(msgspec.msgpack.encode(info))
    if size > INFO_BYTES_MAX:
        reason = f"takes {size} bytes; at most {INFO_BYTES_MAX} are kept of an agent"
        return problem("agent.info", "agent_info", info.hostname[:255], reason)
    return _check_frameworks(frameworks) or _check_executors(frameworks, executors)


def check_tasks(tasks: Sequence[Task]) -> Problem | None:
    """``agent.info``: what the books take over without another look has to make sense."""
    checked: list[Resource] = []
    for task in tasks:
        inner = validate_id(task.task_id.value, "tasks.task_id")
        if inner is None and task.resources != checked:
            # Most tasks are like the one before.
            inner = validate_resources(task.resources)
            checked = task.resources
        if inner is not None:
            return within("agent.info", "reregister", inner)
    return None


def check_version(version: str) -> Problem | None:
    """``agent.version``."""
    numbers = version.partition("-")[0].partition("+")[0].split(".")
    if len(numbers) != _VERSION_PARTS or not all(
        each.isascii() and each.isdigit() for each in numbers
    ):
        return problem("agent.version", "version", version, "is not of the form 1.2.3")
    if int(numbers[0][:9]) < 1:
        return problem("agent.version", "version", version, "is below 1.0.0, too old for us")
    return None


def check_domain(info: AgentInfo, rules: AgentRules) -> Problem | None:
    """``agent.domain``."""
    if info.domain is None or info.domain.fault_domain is None or rules.has_domain:
        return None
    zone = info.domain.fault_domain.zone.name
    reason = "is set, but the master has no fault domain to compare it with"
    return problem("agent.domain", "agent_info.domain.fault_domain.zone", zone, reason)


def check_domain_given(info: AgentInfo, rules: AgentRules) -> Problem | None:
    """``agent.domain_required``."""
    if not rules.requires_domain or info.domain is not None:
        return None
    reason = "is missing, and this master requires one"
    return problem("agent.domain_required", "agent_info.domain", None, reason)


def check_same_address(old: AgentInfo, new: AgentInfo, old_ip: str, new_ip: str) -> Problem | None:
    """``agent.address``: an agent keeps its host when it re-registers."""
    if old.hostname != new.hostname:
        reason = f"replaces {old.hostname!r}; an agent that moves is a new agent"
        return problem("agent.address", "agent_info.hostname", new.hostname, reason)
    if old_ip != new_ip:
        reason = f"replaces {old_ip!r}; an agent that moves is a new agent"
        return problem("agent.address", "ip", new_ip, reason)
    return None


def _check_frameworks(frameworks: Sequence[FrameworkInfo]) -> Problem | None:
    seen: dict[str, None] = {}
    for framework in frameworks:
        name = "" if framework.id is None else framework.id.value
        inner = validate_id(name, "frameworks.id")
        roles = framework.roles if framework.role is None else [*framework.roles, framework.role]
        for role in roles:
            inner = inner or validate_role(role, "frameworks.roles")
        if inner is not None:
            return within("agent.info", "reregister", inner)
        if name in seen:
            return problem("agent.info", "frameworks.id", name, "is named twice")
        seen[name] = None
    return None


def _check_executors(
    frameworks: Sequence[FrameworkInfo], executors: Sequence[ExecutorInfo]
) -> Problem | None:
    known = dict.fromkeys(each.id.value for each in frameworks if each.id is not None)
    seen: dict[tuple[str, str], None] = {}
    for executor in executors:
        framework_id = "" if executor.framework_id is None else executor.framework_id.value
        executor_id = executor.executor_id.value
        inner = validate_id(executor_id, "executors.executor_id")
        inner = inner or validate_resources(executor.resources)
        if inner is not None:
            return within("agent.info", "reregister", inner)
        if framework_id not in known:
            reason = "belongs to a framework that the agent does not name"
            return problem("agent.info", "executors.executor_id", executor_id, reason)
        if (framework_id, executor_id) in seen:
            return problem("agent.info", "executors.executor_id", executor_id, "is named twice")
        seen[framework_id, executor_id] = None
    return None
