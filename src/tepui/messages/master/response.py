"""What a master answers to operators."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.agents import AgentInfo, DrainInfo
from tepui.messages.base import DEPRECATED, Message, ProtoEnum, UInt32, UInt64
from tepui.messages.daemons import FileInfo, Flag, Metric, VersionInfo
from tepui.messages.executors import ExecutorInfo
from tepui.messages.frameworks import FrameworkInfo
from tepui.messages.ids import AgentID
from tepui.messages.maintenance import ClusterStatus, Schedule
from tepui.messages.masters import MasterInfo, Role, WeightInfo
from tepui.messages.offers import InverseOffer, Offer
from tepui.messages.operations import Operation
from tepui.messages.providers import ResourceProviderInfo
from tepui.messages.quota import QuotaStatus
from tepui.messages.resources import Resource
from tepui.messages.scheduler import OfferConstraints
from tepui.messages.tasks import Task
from tepui.messages.values import TimeInfo


class Response(Message, kw_only=True):
    """What a master answers; ``type`` is that of the call and says which field holds it."""

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
        GET_AGENTS = 9
        GET_FRAMEWORKS = 10
        GET_EXECUTORS = 11
        GET_OPERATIONS = 19
        GET_TASKS = 12
        GET_ROLES = 13
        GET_WEIGHTS = 14
        GET_MASTER = 15
        GET_MAINTENANCE_STATUS = 16
        GET_MAINTENANCE_SCHEDULE = 17
        GET_QUOTA = 18

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
        """All at once: tasks, executors, frameworks and agents."""

        get_tasks: Annotated[Response.GetTasks | None, 1] = None
        get_executors: Annotated[Response.GetExecutors | None, 2] = None
        get_frameworks: Annotated[Response.GetFrameworks | None, 3] = None
        get_agents: Annotated[Response.GetAgents | None, 4] = None

    class GetAgents(Message, kw_only=True):
        """The registered agents, and those that have not come back after a failover."""

        class Agent(Message, kw_only=True):
            """An agent with what it has, what is allocated and what is offered of it."""

            class ResourceProvider(Message, kw_only=True):
                """A resource provider of the agent."""

                resource_provider_info: Annotated[ResourceProviderInfo, 1]
                total_resources: Annotated[list[Resource], 2] = []

            agent_info: Annotated[AgentInfo, 1]
            active: Annotated[bool, 2]
            deactivated: Annotated[bool | None, 12] = None
            version: Annotated[str, 3]
            pid: Annotated[str | None, 4] = None
            registered_time: Annotated[TimeInfo | None, 5] = None
            reregistered_time: Annotated[TimeInfo | None, 6] = None
            total_resources: Annotated[list[Resource], 7] = []
            allocated_resources: Annotated[list[Resource], 8] = []
            offered_resources: Annotated[list[Resource], 9] = []
            capabilities: Annotated[list[AgentInfo.Capability], 10] = []
            resource_providers: Annotated[list[ResourceProvider], 11] = []
            drain_info: Annotated[DrainInfo | None, 13] = None
            estimated_drain_start_time: Annotated[TimeInfo | None, 14] = None

        agents: Annotated[list[Agent], 1] = []
        recovered_agents: Annotated[list[AgentInfo], 2] = []

    class GetFrameworks(Message, kw_only=True):
        """The frameworks, and those that are over."""

        class Framework(Message, kw_only=True):
            """A framework, whether it is connected, and what it holds."""

            framework_info: Annotated[FrameworkInfo, 1]
            active: Annotated[bool, 2]
            connected: Annotated[bool, 3]
            recovered: Annotated[bool, 11]
            registered_time: Annotated[TimeInfo | None, 4] = None
            reregistered_time: Annotated[TimeInfo | None, 5] = None
            unregistered_time: Annotated[TimeInfo | None, 6] = None
            offers: Annotated[list[Offer], 7] = []
            inverse_offers: Annotated[list[InverseOffer], 8] = []
            allocated_resources: Annotated[list[Resource], 9] = []
            offered_resources: Annotated[list[Resource], 10] = []
            offer_constraints: Annotated[OfferConstraints | None, 12] = None

        frameworks: Annotated[list[Framework], 1] = []
        completed_frameworks: Annotated[list[Framework], 2] = []
        recovered_frameworks: Annotated[list[FrameworkInfo], 3, DEPRECATED] = []

    class GetExecutors(Message, kw_only=True):
        """The custom and default executors that run."""

        class Executor(Message, kw_only=True):
            """An executor and its agent."""

            executor_info: Annotated[ExecutorInfo, 1]
            agent_id: Annotated[AgentID, 2]

        executors: Annotated[list[Executor], 1] = []
        orphan_executors: Annotated[list[Executor], 2, DEPRECATED] = []

    class GetOperations(Message, kw_only=True):
        """The operations that are not forgotten yet."""

        operations: Annotated[list[Operation], 1] = []

    class GetTasks(Message, kw_only=True):
        """The tasks, by what the master knows of them."""

        pending_tasks: Annotated[list[Task], 1, DEPRECATED] = []
        tasks: Annotated[list[Task], 2] = []
        unreachable_tasks: Annotated[list[Task], 5] = []
        completed_tasks: Annotated[list[Task], 3] = []
        orphan_tasks: Annotated[list[Task], 4, DEPRECATED] = []

    class GetRoles(Message, kw_only=True):
        """The roles that somebody uses or configured."""

        roles: Annotated[list[Role], 1] = []

    class GetWeights(Message, kw_only=True):
        """The weights that somebody set."""

        weight_infos: Annotated[list[WeightInfo], 1] = []

    class GetMaster(Message, kw_only=True):
        """The leading master, and since when it leads."""

        master_info: Annotated[MasterInfo | None, 1] = None
        start_time: Annotated[float | None, 2] = None
        elected_time: Annotated[float | None, 3] = None

    class GetMaintenanceStatus(Message, kw_only=True):
        """How far scheduled machines are."""

        status: Annotated[ClusterStatus, 1]

    class GetMaintenanceSchedule(Message, kw_only=True):
        """The schedule."""

        schedule: Annotated[Schedule, 1]

    class GetQuota(Message, kw_only=True):
        """The quotas."""

        status: Annotated[QuotaStatus, 1]

    type: Annotated[Type | None, 1] = None
    get_health: Annotated[GetHealth | None, 2] = None
    get_flags: Annotated[GetFlags | None, 3] = None
    get_version: Annotated[GetVersion | None, 4] = None
    get_metrics: Annotated[GetMetrics | None, 5] = None
    get_logging_level: Annotated[GetLoggingLevel | None, 6] = None
    list_files: Annotated[ListFiles | None, 7] = None
    read_file: Annotated[ReadFile | None, 8] = None
    get_state: Annotated[GetState | None, 9] = None
    get_agents: Annotated[GetAgents | None, 10] = None
    get_frameworks: Annotated[GetFrameworks | None, 11] = None
    get_executors: Annotated[GetExecutors | None, 12] = None
    get_operations: Annotated[GetOperations | None, 20] = None
    get_tasks: Annotated[GetTasks | None, 13] = None
    get_roles: Annotated[GetRoles | None, 14] = None
    get_weights: Annotated[GetWeights | None, 15] = None
    get_master: Annotated[GetMaster | None, 16] = None
    get_maintenance_status: Annotated[GetMaintenanceStatus | None, 17] = None
    get_maintenance_schedule: Annotated[GetMaintenanceSchedule | None, 18] = None
    get_quota: Annotated[GetQuota | None, 19] = None
