"""The task groups of LAUNCH_GROUP: all of one group is launched, or none."""

from __future__ import annotations

from collections.abc import Callable

from tepui.master.validation.executors import validate_executor
from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import validate_combined
from tepui.master.validation.tasks import (
    LaunchContext,
    describe,
    shares_cgroups,
    validate_common,
)
from tepui.messages import ContainerInfo, ExecutorInfo, HealthCheck, Offer, Resource, TaskInfo
from tepui.resources import Resources

LaunchGroup = Offer.Operation.LaunchGroup

# What Mesos leaves an executor at least.
_CPUS_MIN = 0.01
_MEM_MIN = 32.0

_NETWORK_CHECKS = (HealthCheck.Type.HTTP, HealthCheck.Type.TCP)


def validate_task_group(
    group: LaunchGroup, context: LaunchContext, offered: Resources
) -> Problem | None:
    """Check one LAUNCH_GROUP; a problem ends all its tasks with REASON_TASK_GROUP_INVALID.

    Args:
        group: With what `complete_group` fills in.
        offered: What is left of the offers.
    """
    for index, task in enumerate(group.task_group.tasks):
        found = (
            check_task(task, context, index)
            or check_task_executor(task)
            or check_health_network(task)
            or check_docker_task(task)
            or check_limits(task)
        )
        if found is not None:
            return found
    return (
        check_executor(group, context)
        or check_executor_type(group.executor)
        or check_executor_unknown(group.executor)
        or check_docker_executor(group.executor)
        or check_executor_same(group)
        or _check_executor_size(group.executor)
        or check_resources(group)
        or check_offered(group, context, offered)
        or check_share_cgroups_same(group, context)
    )


def group_resources(group: LaunchGroup, context: LaunchContext) -> Resources:
    """Return what launching a valid group takes: its executor's too if that is to be started."""
    messages: list[Resource] = []
    if group.executor.executor_id.value not in context.executors:
        messages += group.executor.resources
    for task in group.task_group.tasks:
        messages += task.resources
    return Resources.from_messages(messages)


def check_task(task: TaskInfo, context: LaunchContext, index: int) -> Problem | None:
    """``group.task``."""
    inner = validate_common(task, context)
    return None if inner is None else within("group.task", f"task_group.tasks[{index}]", inner)


def check_task_executor(task: TaskInfo) -> Problem | None:
    """``group.executor_missing``."""
    if task.executor is not None:
        return None
    reason = "has no executor, not even the group's"
    return problem("group.executor_missing", "task", task.task_id.value, reason)


def check_health_network(task: TaskInfo) -> Problem | None:
    """``group.health_net``."""
    if task.health_check is None or task.health_check.type not in _NETWORK_CHECKS:
        return None
    if task.container is None or not task.container.network_infos:
        return None
    reason = "has a network of its own, where an HTTP or TCP health check does not reach it"
    return problem("group.health_net", "task", task.task_id.value, reason)


def check_docker_task(task: TaskInfo) -> Problem | None:
    """``group.docker_task``."""
    if not _is_docker(task.container):
        return None
    reason = "is in a DOCKER container, which cannot be nested in its executor's"
    return problem("group.docker_task", "task", task.task_id.value, reason)


def check_limits(task: TaskInfo) -> Problem | None:
    """``group.limits``."""
    if not task.limits or not shares_cgroups(task.container):
        return None
    reason = "has limits and shares its executor's cgroups; set share_cgroups to false"
    return problem("group.limits", "task", task.task_id.value, reason)


def check_executor(group: LaunchGroup, context: LaunchContext) -> Problem | None:
    """``group.executor``."""
    inner = validate_executor(
        group.executor, framework_id=context.framework_id, known=context.executors
    )
    return None if inner is None else within("group.executor", "executor", inner)


def check_executor_type(executor: ExecutorInfo) -> Problem | None:
    """``group.executor_type``."""
    if executor.type is not None:
        return None
    return problem("group.executor_type", "executor.type", None, "is missing")


def check_executor_unknown(executor: ExecutorInfo) -> Problem | None:
    """``group.executor_unknown``."""
    if executor.type is not ExecutorInfo.Type.UNKNOWN:
        return None
    return problem("group.executor_unknown", "executor.type", "UNKNOWN", "is no type of executor")


def check_docker_executor(executor: ExecutorInfo) -> Problem | None:
    """``group.docker_executor``."""
    if not _is_docker(executor.container):
        return None
    reason = "is DOCKER, in which no task can be nested"
    return problem("group.docker_executor", "executor.container.type", "DOCKER", reason)


def check_executor_same(group: LaunchGroup) -> Problem | None:
    """``group.executor_differs``."""
    for task in group.task_group.tasks:
        if task.executor is not None and task.executor != group.executor:
            reason = "has another executor than its group"
            return problem("group.executor_differs", "task", task.task_id.value, reason)
    return None


def check_cpus(executor: ExecutorInfo) -> Problem | None:
    """``group.cpus``."""
    return _check_least("group.cpus", executor, "cpus", lambda cpus: cpus >= _CPUS_MIN)


def check_mem(executor: ExecutorInfo) -> Problem | None:
    """``group.mem``."""
    return _check_least("group.mem", executor, "mem", lambda mem: mem >= _MEM_MIN)


def check_disk(executor: ExecutorInfo) -> Problem | None:
    """``group.disk``."""
    return _check_least("group.disk", executor, "disk", lambda disk: disk > 0)


def check_resources(group: LaunchGroup) -> Problem | None:
    """``group.resources``."""
    messages = list(group.executor.resources)
    for task in group.task_group.tasks:
        messages += task.resources
    return validate_combined("group.resources", messages)


def check_offered(group: LaunchGroup, context: LaunchContext, offered: Resources) -> Problem | None:
    """``group.offered``."""
    needed = group_resources(group, context)
    if offered.contains(needed):
        return None
    reason = f"asks for {describe(needed)}, of which the offers have {describe(offered)} left"
    return problem("group.offered", "task_group", None, reason)


def check_share_cgroups_same(group: LaunchGroup, context: LaunchContext) -> Problem | None:
    """``group.share_cgroups_mix``."""
    wanted = context.share_cgroups.get(group.executor.executor_id.value)
    for task in group.task_group.tasks:
        shares = shares_cgroups(task.container)
        if wanted is None:
            wanted = shares
        if shares is not wanted:
            reason = f"has share_cgroups {shares}, another task under its executor {wanted}"
            return problem("group.share_cgroups_mix", "task", task.task_id.value, reason)
    return None


def _check_executor_size(executor: ExecutorInfo) -> Problem | None:
    return check_cpus(executor) or check_mem(executor) or check_disk(executor)


def _check_least(
    rule: str, executor: ExecutorInfo, name: str, is_enough: Callable[[float], bool]
) -> Problem | None:
    amounts = [
        each.scalar.value for each in executor.resources if each.name == name and each.scalar
    ]
    total = sum(amounts)
    if is_enough(total):
        return None
    reason = "is too little for an executor"
    return problem(rule, f"executor.resources.{name}", total, reason)


def _is_docker(container: ContainerInfo | None) -> bool:
    return container is not None and container.type is ContainerInfo.Type.DOCKER
