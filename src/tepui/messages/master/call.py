"""What operators ask a master."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message, ProtoEnum, UInt32, UInt64, explicit
from tepui.messages.ids import AgentID, FrameworkID
from tepui.messages.machines import MachineID
from tepui.messages.maintenance import Schedule
from tepui.messages.masters import WeightInfo
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.messages.resources import Resource
from tepui.messages.values import DurationInfo, Value
from tepui.messages.well_known import Duration


class Call(Message, kw_only=True):
    """What an operator asks a master; ``type`` says which field tells more, if any."""

    class Type(ProtoEnum):
        """The calls; those without a field of the same name need none."""

        UNKNOWN = 0
        GET_HEALTH = 1
        GET_FLAGS = 2
        GET_VERSION = 3
        GET_METRICS = 4
        GET_LOGGING_LEVEL = 5
        SET_LOGGING_LEVEL = 6
        LIST_FILES = 7
        READ_FILE = 8
        GET_STATE = 9
        GET_AGENTS = 10
        GET_FRAMEWORKS = 11
        GET_EXECUTORS = 12
        GET_OPERATIONS = 33
        GET_TASKS = 13
        GET_ROLES = 14
        GET_WEIGHTS = 15
        UPDATE_WEIGHTS = 16
        GET_MASTER = 17
        SUBSCRIBE = 18
        RESERVE_RESOURCES = 19
        UNRESERVE_RESOURCES = 20
        CREATE_VOLUMES = 21
        DESTROY_VOLUMES = 22
        GROW_VOLUME = 34
        SHRINK_VOLUME = 35
        GET_MAINTENANCE_STATUS = 23
        GET_MAINTENANCE_SCHEDULE = 24
        UPDATE_MAINTENANCE_SCHEDULE = 25
        START_MAINTENANCE = 26
        STOP_MAINTENANCE = 27
        DRAIN_AGENT = 37
        DEACTIVATE_AGENT = 38
        REACTIVATE_AGENT = 39
        GET_QUOTA = 28
        UPDATE_QUOTA = 36
        SET_QUOTA = 29  # deprecated
        REMOVE_QUOTA = 30  # deprecated
        TEARDOWN = 31
        MARK_AGENT_GONE = 32

    class GetMetrics(Message, kw_only=True):
        """Waits so long for slow metrics, at most."""

        timeout: Annotated[DurationInfo | None, 1] = None

    class SetLoggingLevel(Message, kw_only=True):
        """Logs more for a while; levels count up from 0."""

        level: Annotated[UInt32, 1]
        duration: Annotated[DurationInfo, 2]

    class ListFiles(Message, kw_only=True):
        """Lists a directory that the daemon shows."""

        path: Annotated[str, 1]

    class ReadFile(Message, kw_only=True):
        """Reads a file that the daemon shows, ``length`` bytes from ``offset``."""

        path: Annotated[str, 1]
        offset: Annotated[UInt64, 2]
        length: Annotated[UInt64 | None, 3] = None

    class UpdateWeights(Message, kw_only=True):
        """Sets weights of roles."""

        weight_infos: Annotated[list[WeightInfo], 1] = []

    class ReserveResources(Message, kw_only=True):
        """Reserves unused resources of an agent, as the operation does."""

        agent_id: Annotated[AgentID, 1]
        source: Annotated[list[Resource], 3] = []
        resources: Annotated[list[Resource], 2] = []

    class UnreserveResources(Message, kw_only=True):
        """Takes the innermost reservation of unused resources away."""

        agent_id: Annotated[AgentID, 1]
        resources: Annotated[list[Resource], 2] = []

    class CreateVolumes(Message, kw_only=True):
        """Makes persistent volumes of unused reserved disk."""

        agent_id: Annotated[AgentID, 1]
        volumes: Annotated[list[Resource], 2] = []

    class DestroyVolumes(Message, kw_only=True):
        """Destroys unused persistent volumes."""

        agent_id: Annotated[AgentID, 1]
        volumes: Annotated[list[Resource], 2] = []

    class GrowVolume(Message, kw_only=True):
        """Makes an unused persistent volume larger."""

        agent_id: Annotated[AgentID | None, 1] = None
        volume: Annotated[Resource, 2]
        addition: Annotated[Resource, 3]

    class ShrinkVolume(Message, kw_only=True):
        """Makes an unused persistent volume smaller."""

        agent_id: Annotated[AgentID | None, 1] = None
        volume: Annotated[Resource, 2]
        subtract: Annotated[Value.Scalar, 3]

    class UpdateMaintenanceSchedule(Message, kw_only=True):
        """Replaces the whole schedule."""

        schedule: Annotated[Schedule, 1]

    class StartMaintenance(Message, kw_only=True):
        """Takes scheduled machines down; their agents are removed."""

        machines: Annotated[list[MachineID], 1] = []

    class StopMaintenance(Message, kw_only=True):
        """Brings machines up again, and off the schedule."""

        machines: Annotated[list[MachineID], 1] = []

    class DrainAgent(Message, kw_only=True):
        """Empties an agent of tasks, each given no longer than the grace period to end."""

        agent_id: Annotated[AgentID, 1]
        max_grace_period: Annotated[Duration | None, 2] = None
        mark_gone: Annotated[bool, 3] = explicit(False)

    class DeactivateAgent(Message, kw_only=True):
        """Offers nothing of an agent any more; its tasks go on."""

        agent_id: Annotated[AgentID, 1]

    class ReactivateAgent(Message, kw_only=True):
        """Undoes draining and deactivation."""

        agent_id: Annotated[AgentID, 1]

    class UpdateQuota(Message, kw_only=True):
        """Sets guarantees and limits of roles, all or none of them."""

        force: Annotated[bool | None, 1] = None
        quota_configs: Annotated[list[QuotaConfig], 2] = []

    class SetQuota(Message, kw_only=True):
        """Sets a guarantee in the older form."""

        quota_request: Annotated[QuotaRequest, 1]

    class RemoveQuota(Message, kw_only=True):
        """Removes a guarantee in the older form."""

        role: Annotated[str, 1]

    class Teardown(Message, kw_only=True):
        """Ends a framework with all its tasks."""

        framework_id: Annotated[FrameworkID, 1]

    class MarkAgentGone(Message, kw_only=True):
        """Declares an agent gone for good, with all its tasks."""

        agent_id: Annotated[AgentID, 1]

    type: Annotated[Type | None, 1] = None
    get_metrics: Annotated[GetMetrics | None, 2] = None
    set_logging_level: Annotated[SetLoggingLevel | None, 3] = None
    list_files: Annotated[ListFiles | None, 4] = None
    read_file: Annotated[ReadFile | None, 5] = None
    update_weights: Annotated[UpdateWeights | None, 6] = None
    reserve_resources: Annotated[ReserveResources | None, 7] = None
    unreserve_resources: Annotated[UnreserveResources | None, 8] = None
    create_volumes: Annotated[CreateVolumes | None, 9] = None
    destroy_volumes: Annotated[DestroyVolumes | None, 10] = None
    grow_volume: Annotated[GrowVolume | None, 18] = None
    shrink_volume: Annotated[ShrinkVolume | None, 19] = None
    update_maintenance_schedule: Annotated[UpdateMaintenanceSchedule | None, 11] = None
    start_maintenance: Annotated[StartMaintenance | None, 12] = None
    stop_maintenance: Annotated[StopMaintenance | None, 13] = None
    drain_agent: Annotated[DrainAgent | None, 21] = None
    deactivate_agent: Annotated[DeactivateAgent | None, 22] = None
    reactivate_agent: Annotated[ReactivateAgent | None, 23] = None
    update_quota: Annotated[UpdateQuota | None, 20] = None
    teardown: Annotated[Teardown | None, 16] = None
    mark_agent_gone: Annotated[MarkAgentGone | None, 17] = None
    set_quota: Annotated[SetQuota | None, 14, DEPRECATED] = None
    remove_quota: Annotated[RemoveQuota | None, 15, DEPRECATED] = None
