"""Tasks, executors and their parts as the legacy endpoints of masters and agents show them.

Those shapes are nobody's protobuf: ids are flat, lists of labels too, and a slave is an agent.
They are structs rather than dicts because an answer may hold ten thousand of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from tepui.codec import json
from tepui.messages import (
    CgroupInfo,
    CommandInfo,
    ContainerID,
    ContainerInfo,
    ContainerStatus,
    DiscoveryInfo,
    DomainInfo,
    Environment,
    ExecutorInfo,
    HealthCheck,
    Labels,
    NetworkInfo,
    TaskStatus,
    Value,
)
from tepui.messages import Task as TaskMessage

_encoder = msgspec.json.Encoder()


class Label(msgspec.Struct, omit_defaults=True, gc=False):
    """A label; the value may be missing."""

    key: str
    value: str | None = None


class Network(msgspec.Struct, omit_defaults=True, gc=False):
    """A network of a container."""

    groups: list[str] = []
    labels: list[Label] | None = None
    ip_addresses: list[NetworkInfo.IPAddress] = []
    name: str | None = None
    port_mappings: list[NetworkInfo.PortMapping] = []


class Container(msgspec.Struct, omit_defaults=True, gc=False):
    """The container in which a task runs."""

    container_id: ContainerID | None = None
    network_infos: list[Network] = []
    cgroup_info: CgroupInfo | None = None


class Status(msgspec.Struct, omit_defaults=True, gc=False):
    """A status of a task."""

    state: str
    timestamp: float
    labels: list[Label] | None = None
    container_status: Container | None = None
    healthy: bool | None = None


class Task(msgspec.Struct, omit_defaults=True, gc=False):
    """A task."""

    id: str
    name: str
    framework_id: str
    executor_id: str
    slave_id: str
    state: str
    resources: msgspec.Raw
    role: str
    statuses: list[Status]
    limits: dict[str, float | str] | None = None
    user: str | None = None
    labels: list[Label] | None = None
    discovery: DiscoveryInfo | None = None
    container: ContainerInfo | None = None
    health_check: HealthCheck | None = None


class Uri(msgspec.Struct, gc=False):
    """Something that the fetcher fetches."""

    value: str
    executable: bool


class Command(msgspec.Struct, omit_defaults=True, gc=False, kw_only=True):
    """A command."""

    shell: bool | None = None
    value: str | None = None
    argv: list[str]
    environment: Environment | None = None
    uris: list[Uri]


class Executor(msgspec.Struct, omit_defaults=True, gc=False):
    """An executor as masters show it."""

    executor_id: str
    name: str
    framework_id: str
    command: Command
    resources: msgspec.Raw
    role: str | None = None
    labels: list[Label] | None = None
    type: str | None = None
    slave_id: str | None = None


def task(
    message: TaskMessage,
    *,
    state: str,
    statuses: Iterable[TaskStatus],
    resources: bytes,
    role: str,
) -> Task:
    """Describe a task.

    Args:
        message: All about it that does not change.
        resources: The JSON of what it uses, as the legacy endpoints show resources.
        role: The one that its resources are allocated to.
    """
    return Task(
        message.task_id.value,
        message.name,
        message.framework_id.value,
        "" if message.executor_id is None else message.executor_id.value,
        message.agent_id.value,
        state,
        msgspec.Raw(resources),
        role,
        _statuses(statuses),
        limits(message.limits) if message.limits else None,
        message.user,
        None if message.labels is None else labels(message.labels),
        message.discovery,
        message.container,
        message.health_check,
    )


def status(message: TaskStatus) -> Status:
    """Describe a status."""
    return _statuses((message,))[0]


def container(message: ContainerStatus) -> Container:
    """Describe a container."""
    return Container(
        message.container_id,
        [network(each) for each in message.network_infos],
        message.cgroup_info,
    )


def network(message: NetworkInfo) -> Network:
    """Describe a network."""
    return Network(
        message.groups,
        None if message.labels is None else labels(message.labels),
        message.ip_addresses,
        message.name,
        message.port_mappings,
    )


def executor(message: ExecutorInfo, *, resources: bytes, role: str | None) -> Executor:
    """Describe an executor."""
    return Executor(
        message.executor_id.value,
        message.name or "",
        "" if message.framework_id is None else message.framework_id.value,
        command(message.command or CommandInfo(), is_set=message.command is not None),
        msgspec.Raw(resources),
        role,
        None if message.labels is None else labels(message.labels),
        None if message.type is None else message.type.name,
    )


def command(message: CommandInfo, *, is_set: bool = True) -> Command:
    """Describe a command; ``shell`` is told only of one that somebody set."""
    return Command(
        shell=message.shell if is_set else None,
        value=message.value,
        argv=message.arguments,
        environment=message.environment,
        uris=[Uri(each.value, bool(each.executable)) for each in message.uris],
    )


def labels(message: Labels) -> list[Label]:
    """Describe labels."""
    return [Label(each.key, each.value) for each in message.labels]


def limits(given: Mapping[str, Value.Scalar]) -> dict[str, float | str]:
    """Describe limits; JSON has no infinity."""
    return {
        name: "Infinity" if math.isinf(each.value) else each.value for name, each in given.items()
    }


def domain(message: DomainInfo) -> dict[str, object]:
    """Describe a domain."""
    return json.to_builtins(message)


def _statuses(messages: Iterable[TaskStatus]) -> list[Status]:
    described: list[Status] = []
    known: ContainerStatus | None = None
    shown: Container | None = None
    for message in messages:
        # A task stays in its container: to compare is cheaper than to describe it again.
        if message.container_status != known:
            known = message.container_status
            shown = None if known is None else container(known)
        described.append(
            Status(
                message.state._name_,
                message.timestamp or 0.0,
                None if message.labels is None else labels(message.labels),
                shown,
                message.healthy,
            )
        )
    return described


def encode(described: object) -> bytes:
    """Return the JSON of what the functions above return."""
    return _encoder.encode(described)


def join_object(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a JSON object whose keys, which may repeat, have encoded values."""
    return b"{" + b",".join(_encoder.encode(key) + b":" + value for key, value in members) + b"}"
