"""The tasks of LAUNCH, and what they share with those of task groups."""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec

from tepui.master.validation.checks import validate_check, validate_health_check
from tepui.master.validation.containers import validate_command, validate_container
from tepui.master.validation.executors import validate_executor
from tepui.master.validation.identifiers import validate_id
from tepui.master.validation.limits import validate_limits
from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import (
    check_persistence_unique,
    check_revocable_mix,
    check_single_role,
    validate_combined,
    validate_resources,
)
from tepui.messages import ContainerInfo, ExecutorInfo, Resource, TaskInfo
from tepui.resources import Resources


class LaunchContext(msgspec.Struct, kw_only=True):
    """What the tasks of one ACCEPT are checked against; the caller keeps it up to date.

    Attributes:
        framework_id: The framework that accepts.
        agent_id: The agent of the offers.
        agent_capabilities: What that agent can do.
        task_ids: Ids that the master still tracks for the framework.
        unreachable_task_ids: Those of its tasks on unreachable agents.
        executors: Its executors on the agent, by id.
        share_cgroups: Whether the tasks under such an executor share its cgroups, by its id.
    """

    framework_id: str
    agent_id: str
    agent_capabilities: Container[str] = ()
    task_ids: Container[str] = ()
    unreachable_task_ids: Container[str] = ()
    executors: Mapping[str, ExecutorInfo] = {}
    share_cgroups: Mapping[str, bool] = {}


def validate_task(task: TaskInfo, context: LaunchContext, offered: Resources) -> Problem | None:
    """Check one task of a LAUNCH; a problem ends in TASK_ERROR with REASON_TASK_INVALID.

    Args:
        task: With what `complete_task` fills in.
        offered: What is left of the offers.
    """
    return (
        validate_common(task, context)
        or check_executor_xor(task)
        or _check_own_executor(task, context)
        or check_offered(task, context, offered)
        or check_share_cgroups(task)
    )


def validate_common(task: TaskInfo, context: LaunchContext) -> Problem | None:
    """Check what holds for tasks of LAUNCH and of LAUNCH_GROUP alike."""
    return (
        check_id(task)
        or check_id_free(task, context)
        or check_id_reachable(task, context)
        or check_agent(task, context)
        or check_kill_policy(task)
        or check_completion_time(task)
        or check_check(task)
        or check_health_check(task)
        or check_resources_given(task)
        or check_resources(task)
        or check_persistence(task)
        or check_one_role(task)
        or check_revocable(task)
        or check_command(task)
        or check_container(task)
        or validate_limits(task, context.agent_capabilities)
    )


def needed_resources(task: TaskInfo, context: LaunchContext) -> Resources:
    """Return what launching a valid task takes: its executor's too if that is to be started."""
    return Resources.from_messages(_needed(task, context))


def check_id(task: TaskInfo) -> Problem | None:
    """``task.id``."""
    inner = validate_id(task.task_id.value, "task_id")
    return None if inner is None else within("task.id", "task", inner)


def check_id_free(task: TaskInfo, context: LaunchContext) -> Problem | None:
    """``task.id_dup``."""
    if task.task_id.value not in context.task_ids:
        return None
    reason = "is the id of another task of the framework"
    return problem("task.id_dup", "task_id", task.task_id.value, reason)


def check_id_reachable(task: TaskInfo, context: LaunchContext) -> Problem | None:
    """``task.id_unreachable``."""
    if task.task_id.value not in context.unreachable_task_ids:
        return None
    reason = "is the id of a task on an unreachable agent, which may come back"
    return problem("task.id_unreachable", "task_id", task.task_id.value, reason)


def check_agent(task: TaskInfo, context: LaunchContext) -> Problem | None:
    """``task.agent``."""
    if task.agent_id.value == context.agent_id:
        return None
    reason = f"is not the agent of the offers, {context.agent_id!r}"
    return problem("task.agent", "agent_id", task.agent_id.value, reason)


def check_kill_policy(task: TaskInfo) -> Problem | None:
    """``task.kill_policy``."""
    if task.kill_policy is None or task.kill_policy.grace_period is None:
        return None
    nanoseconds = task.kill_policy.grace_period.nanoseconds
    if nanoseconds >= 0:
        return None
    field = "kill_policy.grace_period.nanoseconds"
    return problem("task.kill_policy", field, nanoseconds, "is negative")


def check_completion_time(task: TaskInfo) -> Problem | None:
    """``task.max_completion_time``."""
    if task.max_completion_time is None or task.max_completion_time.nanoseconds >= 0:
        return None
    nanoseconds = task.max_completion_time.nanoseconds
    field = "max_completion_time.nanoseconds"
    return problem("task.max_completion_time", field, nanoseconds, "is negative")


def check_check(task: TaskInfo) -> Problem | None:
    """``task.check``."""
    if task.check is None:
        return None
    inner = validate_check(task.check)
    return None if inner is None else within("task.check", "check", inner)


def check_health_check(task: TaskInfo) -> Problem | None:
    """``task.health_check``."""
    if task.health_check is None:
        return None
    inner = validate_health_check(task.health_check)
    return None if inner is None else within("task.health_check", "health_check", inner)


def check_resources_given(task: TaskInfo) -> Problem | None:
    """``task.resources.none``."""
    if task.resources:
        return None
    return problem("task.resources.none", "resources", None, "is empty: a task uses some")


def check_resources(task: TaskInfo) -> Problem | None:
    """``task.resources.invalid``."""
    inner = validate_resources(task.resources)
    return None if inner is None else within("task.resources.invalid", "task", inner)


def check_persistence(task: TaskInfo) -> Problem | None:
    """``task.resources.persistence_dup``."""
    return check_persistence_unique("task.resources.persistence_dup", task.resources)


def check_one_role(task: TaskInfo) -> Problem | None:
    """``task.resources.single_role``."""
    return check_single_role("task.resources.single_role", task.resources)


def check_revocable(task: TaskInfo) -> Problem | None:
    """``task.resources.revocable_mix``."""
    return check_revocable_mix("task.resources.revocable_mix", task.resources)


def check_command(task: TaskInfo) -> Problem | None:
    """``task.command``."""
    if task.command is None:
        return None
    inner = validate_command(task.command)
    return None if inner is None else within("task.command", "command", inner)


def check_container(task: TaskInfo) -> Problem | None:
    """``task.container``."""
    if task.container is None:
        return None
    inner = validate_container(task.container)
    return None if inner is None else within("task.container", "container", inner)


def check_executor_xor(task: TaskInfo) -> Problem | None:
    """``task.executor_xor``."""
    if (task.command is None) != (task.executor is None):
        return None
    both = "has both a command and an executor" if task.command else "has no command, no executor"
    return problem("task.executor_xor", "task", task.task_id.value, f"{both}; it needs one")


def check_executor(task: TaskInfo, context: LaunchContext) -> Problem | None:
    """``task.executor``."""
    assert task.executor is not None
    inner = validate_executor(
        task.executor, framework_id=context.framework_id, known=context.executors
    )
    return None if inner is None else within("task.executor", "executor", inner)


def check_executor_type(executor: ExecutorInfo) -> Problem | None:
    """``task.executor_type``."""
    if executor.type is None or executor.type is ExecutorInfo.Type.CUSTOM:
        return None
    reason = "is not CUSTOM; the DEFAULT executor runs task groups"
    return problem("task.executor_type", "executor.type", executor.type.value, reason)


def check_executor_command(executor: ExecutorInfo) -> Problem | None:
    """``task.executor_command_set``."""
    if executor.command is not None:
        return None
    return problem("task.executor_command_set", "executor.command", None, "is missing")


def check_executor_shared(executor: ExecutorInfo) -> Problem | None:
    """``task.executor_shared``."""
    for resource in executor.resources:
        if resource.shared is not None:
            reason = "is shared, which an executor's own resources cannot be"
            field = "executor.resources"
            return problem("task.executor_shared", field, resource.name, reason)
    return None


def check_with_executor(task: TaskInfo) -> Problem | None:
    """``task.with_executor.resources``."""
    assert task.executor is not None
    return validate_combined(
        "task.with_executor.resources", [*task.resources, *task.executor.resources]
    )


def check_offered(task: TaskInfo, context: LaunchContext, offered: Resources) -> Problem | None:
    """``task.offered``."""
    needed = needed_resources(task, context)
    if offered.contains(needed):
        return None
    reason = f"asks for {describe(needed)}, of which the offers have {describe(offered)} left"
    return problem("task.offered", "task", task.task_id.value, reason)


def check_share_cgroups(task: TaskInfo) -> Problem | None:
    """``task.share_cgroups``."""
    if shares_cgroups(task.container):
        return None
    field = "container.linux_info.share_cgroups"
    return problem("task.share_cgroups", field, False, "is for tasks of task groups")


def shares_cgroups(container: ContainerInfo | None) -> bool:
    """Tell whether a task in ``container`` shares the cgroups of its executor."""
    if container is None or container.linux_info is None:
        return True
    return container.linux_info.share_cgroups


def describe(resources: Resources) -> str:
    """Return quantities as people write them: ``cpus:2; mem:1024``."""
    quantities = resources.quantities()
    return "; ".join(f"{name}:{amount / 1000:g}" for name, amount in quantities.items()) or "none"


def _check_own_executor(task: TaskInfo, context: LaunchContext) -> Problem | None:
    if task.executor is None:
        return None
    return (
        check_executor(task, context)
        or check_executor_type(task.executor)
        or check_executor_command(task.executor)
        or check_executor_shared(task.executor)
        or check_with_executor(task)
    )


def _needed(task: TaskInfo, context: LaunchContext) -> list[Resource]:
    executor = task.executor
    if executor is None or executor.executor_id.value in context.executors:
        return task.resources
    return [*task.resources, *executor.resources]
