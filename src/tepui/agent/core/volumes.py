"""Persistent volumes: where they are kept, who uses them, and where they appear in a sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tepui.agent.core.model import AgentTask, Executor, Model
from tepui.agent.core.remembered import checkpointed
from tepui.containers.protocol import VolumeLink, VolumePlace
from tepui.messages import Resource, Volume
from tepui.resources import Resources
from tepui.resources.conversions import DiskType, reservations_of
from tepui.resources.formatting import describe_resources
from tepui.resources.operations import is_volume


class VolumeError(Exception):
    """A volume that this agent cannot keep, or not show in a sandbox; the text says which."""


def place_of(work_dir: str, volume: Resource) -> VolumePlace:
    """Return where a persistent volume is kept: Mesos' layout.

    Raises:
        VolumeError: Its disk takes none.
    """
    assert volume.disk is not None
    assert volume.disk.persistence is not None
    volume_id = volume.disk.persistence.id
    # A role has no spaces: so no role's directory is inside another's.
    role = reservations_of(volume)[-1].role.replace("/", " ")
    below = ("volumes", "roles", role, volume_id)
    source = volume.disk.source
    if volume.provider_id is not None:
        raise VolumeError(f"volume {volume_id!r} is on a disk of a resource provider")
    if source is None:
        return VolumePlace(work_dir, below)
    if source.type is DiskType.PATH and source.path is not None and source.path.root:
        return VolumePlace(rooted(work_dir, source.path.root), below)
    if source.type is DiskType.MOUNT and source.mount is not None and source.mount.root:
        return VolumePlace(rooted(work_dir, source.mount.root))
    raise VolumeError(
        f"volume {volume_id!r} cannot be made on a disk of type {source.type.value} without a root"
    )


def rooted(work_dir: str, root: str) -> str:
    """Return the root of a disk as an absolute path: a relative one begins in ``work_dir``."""
    return root if root.startswith("/") else f"{work_dir}/{root}"


def unknown_resources(model: Model, wanted: Iterable[Resource]) -> str | None:
    """Return which of the reservations and volumes that a launch counts on are not here."""
    for resource in wanted:
        if not resource.reservations and resource.reservation is None:
            continue  # nor is it a volume, then
        needed = checkpointed(Resources.from_messages([resource])).unallocated()
        if needed and not model.total.contains(needed):
            return f"the agent does not have {describe_resources(needed)}, as the launch supposes"
    return None


def task_links(model: Model, task: AgentTask) -> list[VolumeLink]:
    """Return the volumes of a task, for the sandbox that it finds them in.

    Raises:
        VolumeError: One of them cannot be linked there.
    """
    return [
        _link(model, volume, is_exclusive=not _is_used(model, volume, task))
        for volume in _volumes(task.info.resources)
    ]


def executor_links(model: Model, executor: Executor) -> list[VolumeLink]:
    """Return an executor's own volumes, for its sandbox.

    Raises:
        VolumeError: One of them cannot be linked there.
    """
    is_first = len(executor.containers) <= 1
    is_in_parent = executor.is_built_in
    return [
        _link(
            model,
            volume,
            is_exclusive=is_first and not _is_used(model, volume, executor),
            is_in_parent=is_in_parent,
        )
        for volume in _volumes(executor.info.resources)
    ]


def has_volumes(resources: Iterable[Resource]) -> bool:
    """Tell whether any of ``resources`` is a persistent volume."""
    return any(map(is_volume, resources))


def visible_volumes(model: Model) -> Iterator[tuple[str, str]]:
    """Iterate where volumes appear in the sandboxes of what runs, with where they are kept."""
    for executor in model.executors():
        if not executor.containers:
            continue
        shown = [(executor.directory, _volumes(executor.info.resources))]
        for task in executor.launched_tasks.values():
            container = executor.containers.get(task.container_id)
            if container is not None:
                shown.append((container.sandbox, _volumes(task.info.resources)))
        for sandbox, volumes in shown:
            for volume in volumes:
                link = _link(model, volume, is_exclusive=False)
                yield f"{sandbox}/{link.container_path}", link.place.path


def _link(
    model: Model, resource: Resource, *, is_exclusive: bool, is_in_parent: bool = False
) -> VolumeLink:
    assert resource.disk is not None
    volume = resource.disk.volume
    if volume is None:
        raise VolumeError("a persistent volume has no container_path")
    path = volume.container_path
    if path.startswith("/"):
        raise VolumeError(
            f"the volume's container_path {path!r} is absolute, which takes a container "
            "with an image of its own"
        )
    return VolumeLink(
        place=place_of(model.config.work_dir, resource),
        container_path=path,
        is_in_parent=is_in_parent,
        is_exclusive=is_exclusive,
        is_read_only=volume.mode is Volume.Mode.RO,
    )


def _volumes(resources: Iterable[Resource]) -> list[Resource]:
    return [resource for resource in resources if is_volume(resource)]


def released_links(model: Model, executor: Executor, task: AgentTask) -> list[VolumeLink]:
    """Return the volumes in a custom executor's sandbox that only a task that ends has used."""
    if executor.is_built_in or not executor.containers or not has_volumes(task.info.resources):
        return []
    try:
        kept = {(link.place, link.container_path) for link in executor_links(model, executor)}
        for other in executor.live_tasks():
            if other is not task:
                kept |= {(link.place, link.container_path) for link in task_links(model, other)}
        links = task_links(model, task)
    except VolumeError:
        return []  # nothing of it was ever linked
    return [link for link in links if (link.place, link.container_path) not in kept]


def _is_used(model: Model, volume: Resource, besides: AgentTask | Executor) -> bool:
    """Tell whether anybody else uses a volume, which only a shared one allows."""
    if volume.shared is None:
        return False
    wanted = Resources.from_messages([volume]).unallocated()
    for executor in model.executors():
        holders: list[tuple[object, list[Resource]]] = [(executor, executor.info.resources)]
        holders += [(task, task.info.resources) for task in executor.live_tasks()]
        for holder, resources in holders:
            held = Resources.from_messages(_volumes(resources)).unallocated()
            if holder is not besides and held.contains(wanted):
                return True
    return False
