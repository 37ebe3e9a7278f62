"""Tasks: as frameworks launch them, as they are now, and as their states are told."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.checks import CheckInfo, CheckStatusInfo, HealthCheck
from tepui.messages.commands import CommandInfo, KillPolicy
from tepui.messages.containers import ContainerInfo, ContainerStatus
from tepui.messages.discovery import DiscoveryInfo
from tepui.messages.executors import ExecutorInfo
from tepui.messages.ids import AgentID, ExecutorID, FrameworkID, TaskID
from tepui.messages.resources import Resource, TaskResourceLimitation
from tepui.messages.values import DurationInfo, Labels, TimeInfo, Value


class Status(ProtoEnum):
    """The state of an old-style driver; kept for programs that name it."""

    DRIVER_NOT_STARTED = 1
    DRIVER_RUNNING = 2
    DRIVER_ABORTED = 3
    DRIVER_STOPPED = 4


class TaskState(ProtoEnum):
    """The states of a task, from staging to the terminal ones."""

    TASK_STAGING = 6
    TASK_STARTING = 0
    TASK_RUNNING = 1
    TASK_KILLING = 8
    TASK_FINISHED = 2
    TASK_FAILED = 3
    TASK_KILLED = 4
    TASK_ERROR = 7
    TASK_LOST = 5
    TASK_DROPPED = 9
    TASK_UNREACHABLE = 10
    TASK_GONE = 11
    TASK_GONE_BY_OPERATOR = 12
    TASK_UNKNOWN = 13


class TaskInfo(Message, kw_only=True):
    """A task as its framework launches it: with a command, or with an executor that knows it.

    ``limits`` may exceed ``resources`` and allow bursts; infinity takes the bound away.
    """

    name: Annotated[str, 1]
    task_id: Annotated[TaskID, 2]
    agent_id: Annotated[AgentID, 3]
    resources: Annotated[list[Resource], 4] = []
    executor: Annotated[ExecutorInfo | None, 5] = None
    command: Annotated[CommandInfo | None, 7] = None
    container: Annotated[ContainerInfo | None, 9] = None
    health_check: Annotated[HealthCheck | None, 8] = None
    check: Annotated[CheckInfo | None, 13] = None
    kill_policy: Annotated[KillPolicy | None, 12] = None
    data: Annotated[bytes | None, 6] = None
    labels: Annotated[Labels | None, 10] = None
    discovery: Annotated[DiscoveryInfo | None, 11] = None
    max_completion_time: Annotated[DurationInfo | None, 14] = None
    limits: Annotated[dict[str, Value.Scalar], 15] = {}


class TaskGroupInfo(Message, kw_only=True):
    """Tasks that one executor launches together, and that end together."""

    tasks: Annotated[list[TaskInfo], 1] = []


class TaskStatus(Message, kw_only=True):
    """One update of a task's state, at ``timestamp`` seconds of the epoch.

    ``uuid`` is to be acknowledged; an update without one, as in reconciliation, is not.
    """

    class Source(ProtoEnum):
        """Who says it."""

        SOURCE_MASTER = 0
        SOURCE_AGENT = 1
        SOURCE_EXECUTOR = 2

    class Reason(ProtoEnum):
        """Why, for programs; ``message`` says it for people."""

        REASON_COMMAND_EXECUTOR_FAILED = 0
        REASON_CONTAINER_LAUNCH_FAILED = 21
        REASON_CONTAINER_LIMITATION = 19
        REASON_CONTAINER_LIMITATION_DISK = 20
        REASON_CONTAINER_LIMITATION_MEMORY = 8
        REASON_CONTAINER_PREEMPTED = 17
        REASON_CONTAINER_UPDATE_FAILED = 22
        REASON_MAX_COMPLETION_TIME_REACHED = 33
        REASON_EXECUTOR_REGISTRATION_TIMEOUT = 23
        REASON_EXECUTOR_REREGISTRATION_TIMEOUT = 24
        REASON_EXECUTOR_TERMINATED = 1
        REASON_EXECUTOR_UNREGISTERED = 2
        REASON_FRAMEWORK_REMOVED = 3
        REASON_GC_ERROR = 4
        REASON_INVALID_FRAMEWORKID = 5
        REASON_INVALID_OFFERS = 6
        REASON_IO_SWITCHBOARD_EXITED = 27
        REASON_MASTER_DISCONNECTED = 7
        REASON_RECONCILIATION = 9
        REASON_RESOURCES_UNKNOWN = 18
        REASON_AGENT_DISCONNECTED = 10
        REASON_AGENT_DRAINING = 34
        REASON_AGENT_REMOVED = 11
        REASON_AGENT_REMOVED_BY_OPERATOR = 31
        REASON_AGENT_REREGISTERED = 32
        REASON_AGENT_RESTARTED = 12
        REASON_AGENT_UNKNOWN = 13
        REASON_TASK_KILLED_DURING_LAUNCH = 30
        REASON_TASK_CHECK_STATUS_UPDATED = 28
        REASON_TASK_HEALTH_CHECK_STATUS_UPDATED = 29
        REASON_TASK_GROUP_INVALID = 25
        REASON_TASK_GROUP_UNAUTHORIZED = 26
        REASON_TASK_INVALID = 14
        REASON_TASK_UNAUTHORIZED = 15
        REASON_TASK_UNKNOWN = 16

    task_id: Annotated[TaskID, 1]
    state: Annotated[TaskState, 2]
    message: Annotated[str | None, 4] = None
    source: Annotated[Source | None, 9] = None
    reason: Annotated[Reason | None, 10] = None
    data: Annotated[bytes | None, 3] = None
    agent_id: Annotated[AgentID | None, 5] = None
    executor_id: Annotated[ExecutorID | None, 7] = None
    timestamp: Annotated[float | None, 6] = None
    uuid: Annotated[bytes | None, 11] = None
    healthy: Annotated[bool | None, 8] = None
    check_status: Annotated[CheckStatusInfo | None, 15] = None
    labels: Annotated[Labels | None, 12] = None
    container_status: Annotated[ContainerStatus | None, 13] = None
    unreachable_time: Annotated[TimeInfo | None, 14] = None
    limitation: Annotated[TaskResourceLimitation | None, 16] = None


class Task(Message, kw_only=True):
    """A task as the cluster knows it, with its updates so far."""

    name: Annotated[str, 1]
    task_id: Annotated[TaskID, 2]
    framework_id: Annotated[FrameworkID, 3]
    executor_id: Annotated[ExecutorID | None, 4] = None
    agent_id: Annotated[AgentID, 5]
    state: Annotated[TaskState, 6]
    resources: Annotated[list[Resource], 7] = []
    statuses: Annotated[list[TaskStatus], 8] = []
    status_update_state: Annotated[TaskState | None, 9] = None
    status_update_uuid: Annotated[bytes | None, 10] = None
    labels: Annotated[Labels | None, 11] = None
    discovery: Annotated[DiscoveryInfo | None, 12] = None
    container: Annotated[ContainerInfo | None, 13] = None
    health_check: Annotated[HealthCheck | None, 15] = None
    kill_policy: Annotated[KillPolicy | None, 16] = None
    user: Annotated[str | None, 14] = None
    limits: Annotated[dict[str, Value.Scalar], 17] = {}
