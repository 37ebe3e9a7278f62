"""What operators see of containers: whose they are, and what they use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec.structs import replace

from tepui.agent.core.model import Container, Executor, Model
from tepui.messages import ContainerID, ContainerStatus, Resource, ResourceStatistics
from tepui.resources import Resources

Usage = Callable[[str], Awaitable[ResourceStatistics | None]]
"""Asks the containerizer what a container uses; ``None`` if it does not run."""

_MEGABYTE = 1024 * 1024


class ContainerView(msgspec.Struct, frozen=True, kw_only=True):
    """A container of an executor, or one nested in it.

    Attributes:
        name: The executor's.
        statistics: ``None`` as long as nothing runs in it.
    """

    container_id: ContainerID
    framework_id: str
    executor_id: str
    name: str
    source: str
    status: ContainerStatus
    statistics: ResourceStatistics | None


async def view_containers(
    model: Model, usage: Usage, *, are_nested_shown: bool = False
) -> list[ContainerView]:
    """Return the containers of all executors.

    Args:
        model: What the agent knows.
        usage: Asks what a container uses.
        are_nested_shown: Whether containers nested in those of executors are listed, too.
    """
    views: list[ContainerView] = []
    # Copies: executors may come and go while usage is read.
    for executor in list(model.executors()):
        containers = list(executor.containers.values())
        used = {each.container_id: await usage(each.container_id) for each in containers}
        known = [each for each in used.values() if each is not None]
        allocated = Resources.from_messages(executor.allocated_resources())
        views.append(
            _view(executor, executor.container_id, executor.pid, _limited(_sum(known), allocated))
        )
        if are_nested_shown:
            views += [
                _view(
                    executor,
                    each.container_id,
                    each.pid,
                    _limited(used[each.container_id], _resources_of(executor, each)),
                )
                for each in containers
                if each.container_id != executor.container_id
            ]
    return views


def container_id_message(container_id: str) -> ContainerID:
    """Return the id of a container as a message: those after a dot are nested."""
    parent, _, own = container_id.rpartition(".")
    if not parent:
        return ContainerID(value=own)
    return ContainerID(value=own, parent=container_id_message(parent))


def _view(
    executor: Executor, container_id: str, pid: int | None, statistics: ResourceStatistics | None
) -> ContainerView:
    message = container_id_message(container_id)
    return ContainerView(
        container_id=message,
        framework_id=executor.framework_id,
        executor_id=executor.executor_id,
        name=executor.info.name or "",
        source=executor.info.source or "",
        status=ContainerStatus(container_id=message, executor_pid=pid),
        statistics=statistics,
    )


def _resources_of(executor: Executor, container: Container) -> Resources:
    task = None if container.task_id is None else executor.task(container.task_id)
    resources: list[Resource] = [] if task is None else task.info.resources
    return Resources.from_messages(resources)


def _sum(parts: list[ResourceStatistics]) -> ResourceStatistics | None:
    """Add up what the containers of one executor use."""
    if not parts:
        return None
    return ResourceStatistics(
        timestamp=max(each.timestamp for each in parts),
        cpus_user_time_secs=sum(each.cpus_user_time_secs or 0.0 for each in parts),
        cpus_system_time_secs=sum(each.cpus_system_time_secs or 0.0 for each in parts),
        mem_rss_bytes=sum(each.mem_rss_bytes or 0 for each in parts),
    )


def _limited(
    statistics: ResourceStatistics | None, allocated: Resources
) -> ResourceStatistics | None:
    """Add what the container may use; without isolation that is what it asked for."""
    if statistics is None:
        return None
    memory = int(allocated.get_scalar("mem") * _MEGABYTE)
    return replace(
        statistics,
        cpus_soft_limit=allocated.get_scalar("cpus"),
        mem_soft_limit_bytes=memory,
        mem_limit_bytes=memory,
        # Mesos counts those only when a flag asks for it.
        processes=None,
        threads=None,
    )
