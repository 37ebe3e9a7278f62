"""The operator calls: a module per family, and the table of how each type is served.

To add one, write its handler in the module of its family and give it to its row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tepui.http.calls import CallKind
from tepui.master.call_context import OperatorCall
from tepui.master.calls import (
    agents,
    cluster,
    daemon,
    events,
    files,
    frameworks,
    inventory,
    maintenance,
    quota,
    reservations,
    volumes,
    weights,
)
from tepui.messages.master import Call

Type = Call.Type

_WRITE = CallKind.WRITE
_SEEN_STATE = ("VIEW_FRAMEWORK", "VIEW_TASK", "VIEW_EXECUTOR", "VIEW_ROLE")

TABLE: Mapping[Type, OperatorCall] = MappingProxyType(
    {
        Type.GET_HEALTH: OperatorCall(handler=daemon.get_health),
        Type.GET_VERSION: OperatorCall(handler=daemon.get_version),
        Type.GET_FLAGS: OperatorCall(permission="VIEW_FLAGS", handler=daemon.get_flags),
        Type.GET_METRICS: OperatorCall(payload="get_metrics", handler=daemon.get_metrics),
        Type.GET_LOGGING_LEVEL: OperatorCall(handler=daemon.get_logging_level),
        Type.SET_LOGGING_LEVEL: OperatorCall(
            kind=_WRITE,
            permission="SET_LOG_LEVEL",
            payload="set_logging_level",
            handler=daemon.set_logging_level,
        ),
        Type.LIST_FILES: OperatorCall(payload="list_files", handler=files.list_files),
        Type.READ_FILE: OperatorCall(payload="read_file", handler=files.read_file),
        Type.GET_STATE: OperatorCall(filters=_SEEN_STATE, handler=inventory.get_state),
        Type.GET_AGENTS: OperatorCall(filters=("VIEW_ROLE",), handler=inventory.get_agents),
        Type.GET_FRAMEWORKS: OperatorCall(
            filters=("VIEW_FRAMEWORK",), handler=inventory.get_frameworks
        ),
        Type.GET_EXECUTORS: OperatorCall(
            filters=("VIEW_FRAMEWORK", "VIEW_EXECUTOR"), handler=inventory.get_executors
        ),
        Type.GET_TASKS: OperatorCall(
            filters=("VIEW_FRAMEWORK", "VIEW_TASK"), handler=inventory.get_tasks
        ),
        Type.GET_OPERATIONS: OperatorCall(filters=("VIEW_ROLE",), handler=cluster.get_operations),
        Type.GET_ROLES: OperatorCall(filters=("VIEW_ROLE",), handler=cluster.get_roles),
        Type.GET_WEIGHTS: OperatorCall(filters=("VIEW_ROLE",), handler=weights.get_weights),
        Type.UPDATE_WEIGHTS: OperatorCall(
            kind=_WRITE,
            permission="UPDATE_WEIGHT",
            payload="update_weights",
            handler=weights.update_weights,
        ),
        Type.GET_MASTER: OperatorCall(handler=cluster.get_master),
        Type.SUBSCRIBE: OperatorCall(
            kind=CallKind.STREAM, filters=_SEEN_STATE, handler=events.subscribe
        ),
        Type.RESERVE_RESOURCES: OperatorCall(
            kind=_WRITE,
            permission="RESERVE_RESOURCES",
            payload="reserve_resources",
            handler=reservations.reserve_resources,
        ),
        Type.UNRESERVE_RESOURCES: OperatorCall(
            kind=_WRITE,
            permission="UNRESERVE_RESOURCES",
            payload="unreserve_resources",
            handler=reservations.unreserve_resources,
        ),
        Type.CREATE_VOLUMES: OperatorCall(
            kind=_WRITE,
            permission="CREATE_VOLUME",
            payload="create_volumes",
            handler=volumes.create_volumes,
        ),
        Type.DESTROY_VOLUMES: OperatorCall(
            kind=_WRITE,
            permission="DESTROY_VOLUME",
            payload="destroy_volumes",
            handler=volumes.destroy_volumes,
        ),
        Type.GROW_VOLUME: OperatorCall(
            kind=_WRITE,
            permission="RESIZE_VOLUME",
            payload="grow_volume",
            handler=volumes.grow_volume,
        ),
        Type.SHRINK_VOLUME: OperatorCall(
            kind=_WRITE,
            permission="RESIZE_VOLUME",
            payload="shrink_volume",
            handler=volumes.shrink_volume,
        ),
        Type.GET_MAINTENANCE_STATUS: OperatorCall(
            filters=("GET_MAINTENANCE_STATUS",), handler=maintenance.get_maintenance_status
        ),
        Type.GET_MAINTENANCE_SCHEDULE: OperatorCall(
            filters=("GET_MAINTENANCE_SCHEDULE",), handler=maintenance.get_maintenance_schedule
        ),
        Type.UPDATE_MAINTENANCE_SCHEDULE: OperatorCall(
            kind=_WRITE,
            permission="UPDATE_MAINTENANCE_SCHEDULE",
            payload="update_maintenance_schedule",
            handler=maintenance.update_maintenance_schedule,
        ),
        Type.START_MAINTENANCE: OperatorCall(
            kind=_WRITE,
            permission="START_MAINTENANCE",
            payload="start_maintenance",
            handler=maintenance.start_maintenance,
        ),
        Type.STOP_MAINTENANCE: OperatorCall(
            kind=_WRITE,
            permission="STOP_MAINTENANCE",
            payload="stop_maintenance",
            handler=maintenance.stop_maintenance,
        ),
        Type.DRAIN_AGENT: OperatorCall(
            kind=_WRITE, permission="DRAIN_AGENT", payload="drain_agent", handler=agents.drain_agent
        ),
        Type.DEACTIVATE_AGENT: OperatorCall(
            kind=_WRITE,
            permission="DEACTIVATE_AGENT",
            payload="deactivate_agent",
            handler=agents.deactivate_agent,
        ),
        Type.REACTIVATE_AGENT: OperatorCall(
            kind=_WRITE,
            permission="REACTIVATE_AGENT",
            payload="reactivate_agent",
            handler=agents.reactivate_agent,
        ),
        Type.GET_QUOTA: OperatorCall(filters=("GET_QUOTA",), handler=quota.get_quota),
        Type.UPDATE_QUOTA: OperatorCall(
            kind=_WRITE,
            permission="UPDATE_QUOTA_WITH_CONFIG",
            payload="update_quota",
            handler=quota.update_quota,
        ),
        Type.SET_QUOTA: OperatorCall(
            kind=_WRITE,
            permission="UPDATE_QUOTA",
            payload="set_quota",
            handler=quota.set_quota,
        ),
        Type.REMOVE_QUOTA: OperatorCall(
            kind=_WRITE,
            permission="UPDATE_QUOTA",
            payload="remove_quota",
            handler=quota.remove_quota,
        ),
        Type.TEARDOWN: OperatorCall(
            kind=_WRITE,
            permission="TEARDOWN_FRAMEWORK",
            payload="teardown",
            handler=frameworks.teardown,
        ),
        Type.MARK_AGENT_GONE: OperatorCall(
            kind=_WRITE,
            permission="MARK_AGENT_GONE",
            payload="mark_agent_gone",
            handler=agents.mark_agent_gone,
        ),
    }
)
