"""The answers of the agent's legacy JSON endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tepui.agent.container_views import ContainerView
from tepui.agent.core.model import AgentTask, Executor, Framework, Model
from tepui.codec import legacy
from tepui.messages import FrameworkInfo, Resource, TaskInfo
from tepui.resources import Resources, legacy_attributes
from tepui.resources.legacy import (
    encoded_full,
    encoded_full_reservations,
    encoded_reservations,
    encoded_resources,
)

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def state_answer(model: Model, *, version: Mapping[str, object], flags: Mapping[str, str]) -> bytes:
    """Answer /state."""
    total = model.total
    allocated = Resources()
    for executor in model.executors():
        allocated += Resources.from_messages(executor.allocated_resources())
    attributes = legacy.join_object(
        (name, _encode(value)) for name, value in legacy_attributes(model.info.attributes)
    )
    raw = msgspec.Raw
    answer: dict[str, object] = {
        **version,
        "start_time": model.started_at,
        "id": model.agent_id or "",
        "pid": model.pid,
        "hostname": model.info.hostname,
        "capabilities": list(model.config.capabilities),
        "resources": raw(encoded_resources(total)),
        "reserved_resources": raw(encoded_reservations(total)),
        "unreserved_resources": raw(encoded_resources(total.unreserved())),
        "reserved_resources_full": raw(encoded_full_reservations(total)),
        "unreserved_resources_full": raw(encoded_full(total.unreserved())),
        "reserved_resources_allocated": raw(encoded_reservations(allocated)),
        "unreserved_resources_allocated": raw(encoded_resources(allocated.unreserved())),
        "resource_providers": [],
        "attributes": raw(attributes),
    }
    if model.info.domain is not None:
        answer["domain"] = legacy.domain(model.info.domain)
    if model.drain is not None:
        answer["drain_config"] = model.drain.config
        answer["estimated_drain_start_time_seconds"] = int(model.drain.started_at)
    if model.master is not None:
        answer["master_hostname"] = model.master.rpartition(":")[0]
    for name in ("log_dir", "external_log_file"):
        if name in flags:
            answer[name] = flags[name]
    answer |= {
        "flags": dict(flags),
        "frameworks": [_framework(each) for each in model.frameworks.values()],
        "completed_frameworks": [_framework(each) for each in model.completed_frameworks.values()],
    }
    return _encode(answer)


def containers_answer(views: Iterable[ContainerView]) -> bytes:
    """Answer /containers."""
    return _encode_sorted([_container(view) for view in views])


def statistics_answer(views: Iterable[ContainerView]) -> bytes:
    """Answer /monitor/statistics: what runs nothing is left out."""
    return _encode_sorted(
        [
            {**_owner(view), "statistics": view.statistics}
            for view in views
            if view.statistics is not None
        ]
    )


def _container(view: ContainerView) -> dict[str, object]:
    shown = {
        **_owner(view),
        "container_id": view.container_id.value,
        "status": view.status,
    }
    if view.statistics is not None:
        shown["statistics"] = view.statistics
    return shown


def _owner(view: ContainerView) -> dict[str, object]:
    return {
        "framework_id": view.framework_id,
        "executor_id": view.executor_id,
        "executor_name": view.name,
        "source": view.source,
    }


def _framework(framework: Framework) -> dict[str, object]:
    info = framework.info
    shown: dict[str, object] = {
        "id": framework.framework_id,
        "name": info.name,
        "user": info.user,
        "failover_timeout": info.failover_timeout,
        "checkpoint": info.checkpoint,
        "hostname": info.hostname or "",
    }
    if info.principal is not None:
        shown["principal"] = info.principal
    if framework.has_capability(FrameworkInfo.Capability.Type.MULTI_ROLE):
        shown["roles"] = info.roles
    else:
        shown["role"] = info.role or "*"
    shown["executors"] = [_executor(each) for each in framework.executors.values()]
    shown["completed_executors"] = [
        _executor(each) for each in framework.completed_executors.values()
    ]
    return shown


def _executor(executor: Executor) -> dict[str, object]:
    info = executor.info
    shown: dict[str, object] = {
        "id": executor.executor_id,
        "name": info.name or "",
        "source": info.source or "",
        "container": executor.container_id,
        "directory": executor.directory,
        "resources": _resources(executor.allocated_resources()),
    }
    if info.resources:
        shown["role"] = _role(info.resources)
    if info.labels is not None:
        shown["labels"] = legacy.labels(info.labels)
    if info.type is not None:
        shown["type"] = info.type.name
    shown["tasks"] = [_task(each) for each in executor.handed_over()]
    shown["queued_tasks"] = [_queued(each.info) for each in executor.held_back()]
    shown["completed_tasks"] = [
        *map(_task, executor.completed_tasks.values()),
        *map(_task, executor.terminated_tasks.values()),
    ]
    return shown


def _task(task: AgentTask) -> legacy.Task:
    message = task.to_message()
    return legacy.task(
        message,
        state=message.state.name,
        statuses=message.statuses,
        resources=encoded_resources(Resources.from_messages(message.resources)),
        role=_role(message.resources),
    )


def _queued(info: TaskInfo) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": info.task_id.value,
        "name": info.name,
        "slave_id": info.agent_id.value,
        "resources": _resources(info.resources),
        "role": _role(info.resources),
    }
    if info.command is not None:
        shown["command"] = legacy.command(info.command)
    if info.executor is not None:
        shown["executor_id"] = info.executor.executor_id.value
    if info.discovery is not None:
        shown["discovery"] = info.discovery
    return shown


def _resources(resources: Iterable[Resource]) -> msgspec.Raw:
    return msgspec.Raw(encoded_resources(Resources.from_messages(resources)))


def _role(resources: Iterable[Resource]) -> str:
    for each in resources:
        if each.allocation_info is not None and each.allocation_info.role is not None:
            return each.allocation_info.role
    return "*"
