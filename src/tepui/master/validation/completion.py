"""What Mesos fills in before it checks a launch."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tepui.messages import (
    ExecutorInfo,
    FrameworkID,
    HealthCheck,
    Offer,
    Resource,
    TaskGroupInfo,
    TaskInfo,
)

LaunchGroup = Offer.Operation.LaunchGroup


def complete_task(task: TaskInfo, framework_id: FrameworkID, role: str) -> TaskInfo:
    """Return a task of LAUNCH with what it left out.

    Args:
        role: The one that the offers are for.
    """
    executor = task.executor
    if executor is not None:
        executor = _with_resources(executor, role)
        if executor.framework_id is None:
            executor = replace(executor, framework_id=framework_id)
    return _completed(task, executor, role)


def complete_group(group: LaunchGroup, role: str) -> LaunchGroup:
    """Return a LAUNCH_GROUP whose tasks name its executor, and with what they left out."""
    executor = _with_resources(group.executor, role)
    tasks = [
        _completed(
            task, executor if task.executor is None else _with_resources(task.executor, role), role
        )
        for task in group.task_group.tasks
    ]
    return replace(group, executor=executor, task_group=TaskGroupInfo(tasks=tasks))


def allocate(resources: Sequence[Resource], role: str) -> list[Resource]:
    """Return ``resources`` as allocated to ``role``, except those that say otherwise."""
    info = Resource.AllocationInfo(role=role)
    return [
        replace(each, allocation_info=info) if each.allocation_info is None else each
        for each in resources
    ]


def _completed(task: TaskInfo, executor: ExecutorInfo | None, role: str) -> TaskInfo:
    return replace(
        task,
        executor=executor,
        resources=allocate(task.resources, role),
        health_check=_typed_health_check(task.health_check),
    )


def _with_resources(executor: ExecutorInfo, role: str) -> ExecutorInfo:
    if not executor.resources:
        return executor
    return replace(executor, resources=allocate(executor.resources, role))


def _typed_health_check(check: HealthCheck | None) -> HealthCheck | None:
    """Return a health check from before there were types with the type that it means."""
    if check is None or check.type is not None:
        return check
    if check.command is not None and check.http is None:
        return replace(check, type=HealthCheck.Type.COMMAND)
    if check.http is not None and check.command is None:
        return replace(check, type=HealthCheck.Type.HTTP)
    return check
