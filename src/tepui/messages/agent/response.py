"""What an agent answers to operators."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.agents import AgentInfo, DrainConfig
from tepui.messages.base import Int32, Message, ProtoEnum, UInt32, UInt64
from tepui.messages.containers import ContainerStatus
from tepui.messages.daemons import FileInfo, Flag, Metric, VersionInfo
from tepui.messages.executors import ExecutorInfo
from tepui.messages.frameworks import FrameworkInfo
from tepui.messages.ids import ContainerID, ExecutorID, FrameworkID
from tepui.messages.operations import Operation
from tepui.messages.providers import ResourceProviderInfo
from tepui.messages.resources import Resource, TaskResourceLimitation
from tepui.messages.statistics import ResourceStatistics
from tepui.messages.tasks import Task, TaskState, TaskStatus
from tepui.messages.values import TimeInfo


class Response(Message, kw_only=True):
    """What an agent answers; ``type`` is that of the call and says which field holds it."""

    class Type(ProtoEnum):
        """The calls that are answered with more than a status."""

        UNKNOWN = 0
        GET_HEALTH = 1
        GET_FLAGS = 2
        GET_VERSION = 3
        GET_METRICS = 4
        GET_LOGGING_LEVEL = 5
        LIST_FILES = 6
        READ_FILE = 7
        GET_STATE = 8
        GET_CONTAINERS = 9
        GET_FRAMEWORKS = 10
        GET_EXECUTORS = 11
        GET_OPERATIONS = 17
        GET_TASKS = 12
        GET_AGENT = 14
        GET_RESOURCE_PROVIDERS = 16
        WAIT_NESTED_CONTAINER = 13  # deprecated
        WAIT_CONTAINER = 15

    class GetHealth(Message, kw_only=True):
        """Whether the daemon is healthy; one that is not does not answer."""

        healthy: Annotated[bool, 1]

    class GetFlags(Message, kw_only=True):
        """The flags with their values, defaults included."""

        flags: Annotated[list[Flag], 1] = []

    class GetVersion(Message, kw_only=True):
        """The version of the daemon."""

        version_info: Annotated[VersionInfo, 1]

    class GetMetrics(Message, kw_only=True):
        """All metrics."""

        metrics: Annotated[list[Metric], 1] = []

    class GetLoggingLevel(Message, kw_only=True):
        """How much is logged now."""

        level: Annotated[UInt32, 1]

    class ListFiles(Message, kw_only=True):
        """The entries of a directory."""

        file_infos: Annotated[list[FileInfo], 1] = []

    class ReadFile(Message, kw_only=True):
        """The whole size of a file, and the bytes that were asked for."""

        size: Annotated[UInt64, 1]
        data: Annotated[bytes, 2]

    class GetState(Message, kw_only=True):
        """All at once: tasks, executors and frameworks."""

        get_tasks: Annotated[Response.GetTasks | None, 1] = None
        get_executors: Annotated[Response.GetExecutors | None, 2] = None
        get_frameworks: Annotated[Response.GetFrameworks | None, 3] = None

    class GetContainers(Message, kw_only=True):
        """The containers."""

        class Container(Message, kw_only=True):
            """A container: whose it is, how it is doing, and what it uses."""

            framework_id: Annotated[FrameworkID | None, 1] = None
            executor_id: Annotated[ExecutorID | None, 2] = None
            executor_name: Annotated[str | None, 3] = None
            container_id: Annotated[ContainerID, 4]
            container_status: Annotated[ContainerStatus | None, 5] = None
            resource_statistics: Annotated[ResourceStatistics | None, 6] = None

        containers: Annotated[list[Container], 1] = []

    class GetFrameworks(Message, kw_only=True):
        """The frameworks with executors here, and those that had some."""

        class Framework(Message, kw_only=True):
            """A framework."""

            framework_info: Annotated[FrameworkInfo, 1]

        frameworks: Annotated[list[Framework], 1] = []
        completed_frameworks: Annotated[list[Framework], 2] = []

    class GetExecutors(Message, kw_only=True):
        """The executors, and those that are over."""

        class Executor(Message, kw_only=True):
            """An executor."""

            executor_info: Annotated[ExecutorInfo, 1]

        executors: Annotated[list[Executor], 1] = []
        completed_executors: Annotated[list[Executor], 2] = []

    class GetOperations(Message, kw_only=True):
        """The operations that are not forgotten yet."""

        operations: Annotated[list[Operation], 1] = []

    class GetTasks(Message, kw_only=True):
        """The tasks, by how far they are.

        Pending ones wait for authorisation, queued ones for their executor; terminated ones have
        an update that was not acknowledged yet.
        """

        pending_tasks: Annotated[list[Task], 1] = []
        queued_tasks: Annotated[list[Task], 2] = []
        launched_tasks: Annotated[list[Task], 3] = []
        terminated_tasks: Annotated[list[Task], 4] = []
        completed_tasks: Annotated[list[Task], 5] = []

    class GetAgent(Message, kw_only=True):
        """The agent as it registered, and whether it is drained."""

        agent_info: Annotated[AgentInfo | None, 1] = None
        drain_config: Annotated[DrainConfig | None, 2] = None
        estimated_drain_start_time: Annotated[TimeInfo | None, 3] = None

    class GetResourceProviders(Message, kw_only=True):
        """The resource providers that are subscribed."""

        class ResourceProvider(Message, kw_only=True):
            """A resource provider and what it has."""

            resource_provider_info: Annotated[ResourceProviderInfo, 1]
            total_resources: Annotated[list[Resource], 2] = []

        resource_providers: Annotated[list[ResourceProvider], 1] = []

    class WaitNestedContainer(Message, kw_only=True):
        """How a nested container ended; ``exit_status`` as wait(2) has it."""

        exit_status: Annotated[Int32 | None, 1] = None
        state: Annotated[TaskState | None, 2] = None
        reason: Annotated[TaskStatus.Reason | None, 3] = None
        limitation: Annotated[TaskResourceLimitation | None, 4] = None
        message: Annotated[str | None, 5] = None

    class WaitContainer(Message, kw_only=True):
        """How a container ended; ``exit_status`` as wait(2) has it."""

        exit_status: Annotated[Int32 | None, 1] = None
        state: Annotated[TaskState | None, 2] = None
        reason: Annotated[TaskStatus.Reason | None, 3] = None
        limitation: Annotated[TaskResourceLimitation | None, 4] = None
        message: Annotated[str | None, 5] = None

    type: Annotated[Type | None, 1] = None
    get_health: Annotated[GetHealth | None, 2] = None
    get_flags: Annotated[GetFlags | None, 3] = None
    get_version: Annotated[GetVersion | None, 4] = None
    get_metrics: Annotated[GetMetrics | None, 5] = None
    get_logging_level: Annotated[GetLoggingLevel | None, 6] = None
    list_files: Annotated[ListFiles | None, 7] = None
    read_file: Annotated[ReadFile | None, 8] = None
    get_state: Annotated[GetState | None, 9] = None
    get_containers: Annotated[GetContainers | None, 10] = None
    get_frameworks: Annotated[GetFrameworks | None, 11] = None
    get_executors: Annotated[GetExecutors | None, 12] = None
    get_operations: Annotated[GetOperations | None, 18] = None
    get_tasks: Annotated[GetTasks | None, 13] = None
    get_agent: Annotated[GetAgent | None, 15] = None
    get_resource_providers: Annotated[GetResourceProviders | None, 17] = None
    wait_nested_container: Annotated[WaitNestedContainer | None, 14] = None
    wait_container: Annotated[WaitContainer | None, 16] = None
