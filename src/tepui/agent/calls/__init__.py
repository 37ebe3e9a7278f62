"""The operator calls of an agent: a module per family, and the table of how each is served.

To add one, write its handler in the module of its family and give it to its row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tepui.agent.call_context import OperatorCall
from tepui.agent.calls import containers, daemon, files, inventory
from tepui.http.calls import CallKind
from tepui.messages.agent import Call

Type = Call.Type

_WRITE = CallKind.WRITE
_STREAM = CallKind.STREAM
_SEEN = ("VIEW_FRAMEWORK", "VIEW_TASK", "VIEW_EXECUTOR")
_CONFIG = "MODIFY_RESOURCE_PROVIDER_CONFIG"


def _write(payload: str, permission: str) -> OperatorCall:
    return OperatorCall(kind=_WRITE, payload=payload, permission=permission)


TABLE: Mapping[Type, OperatorCall] = MappingProxyType(
    {
        Type.GET_HEALTH: OperatorCall(handler=daemon.get_health),
        Type.GET_VERSION: OperatorCall(handler=daemon.get_version),
        Type.GET_METRICS: OperatorCall(payload="get_metrics", handler=daemon.get_metrics),
        Type.GET_LOGGING_LEVEL: OperatorCall(handler=daemon.get_logging_level),
        Type.GET_FLAGS: OperatorCall(permission="VIEW_FLAGS", handler=daemon.get_flags),
        Type.SET_LOGGING_LEVEL: OperatorCall(
            kind=_WRITE,
            permission="SET_LOG_LEVEL",
            payload="set_logging_level",
            handler=daemon.set_logging_level,
        ),
        Type.LIST_FILES: OperatorCall(payload="list_files", handler=files.list_files),
        Type.READ_FILE: OperatorCall(payload="read_file", handler=files.read_file),
        Type.GET_STATE: OperatorCall(filters=_SEEN, handler=inventory.get_state),
        Type.GET_FRAMEWORKS: OperatorCall(filters=_SEEN, handler=inventory.get_frameworks),
        Type.GET_EXECUTORS: OperatorCall(filters=_SEEN, handler=inventory.get_executors),
        Type.GET_TASKS: OperatorCall(filters=_SEEN, handler=inventory.get_tasks),
        Type.GET_OPERATIONS: OperatorCall(filters=("VIEW_ROLE",), handler=inventory.get_operations),
        Type.GET_AGENT: OperatorCall(filters=("VIEW_ROLE",), handler=inventory.get_agent),
        Type.GET_RESOURCE_PROVIDERS: OperatorCall(
            filters=("VIEW_RESOURCE_PROVIDER",), handler=inventory.get_resource_providers
        ),
        Type.GET_CONTAINERS: OperatorCall(
            filters=("VIEW_CONTAINER", "VIEW_STANDALONE_CONTAINER"),
            handler=containers.get_containers,
        ),
        Type.LAUNCH_NESTED_CONTAINER: _write("launch_nested_container", "LAUNCH_NESTED_CONTAINER"),
        Type.WAIT_NESTED_CONTAINER: OperatorCall(
            payload="wait_nested_container", permission="WAIT_NESTED_CONTAINER"
        ),
        Type.KILL_NESTED_CONTAINER: _write("kill_nested_container", "KILL_NESTED_CONTAINER"),
        Type.REMOVE_NESTED_CONTAINER: _write("remove_nested_container", "REMOVE_NESTED_CONTAINER"),
        Type.LAUNCH_CONTAINER: _write("launch_container", "LAUNCH_STANDALONE_CONTAINER"),
        Type.WAIT_CONTAINER: OperatorCall(
            payload="wait_container", permission="WAIT_STANDALONE_CONTAINER"
        ),
        Type.KILL_CONTAINER: _write("kill_container", "KILL_STANDALONE_CONTAINER"),
        Type.REMOVE_CONTAINER: _write("remove_container", "REMOVE_STANDALONE_CONTAINER"),
        Type.LAUNCH_NESTED_CONTAINER_SESSION: OperatorCall(
            kind=_STREAM,
            payload="launch_nested_container_session",
            permission="LAUNCH_NESTED_CONTAINER_SESSION",
        ),
        Type.ATTACH_CONTAINER_INPUT: OperatorCall(
            kind=_STREAM, payload="attach_container_input", permission="ATTACH_CONTAINER_INPUT"
        ),
        Type.ATTACH_CONTAINER_OUTPUT: OperatorCall(
            kind=_STREAM, payload="attach_container_output", permission="ATTACH_CONTAINER_OUTPUT"
        ),
        Type.ADD_RESOURCE_PROVIDER_CONFIG: _write("add_resource_provider_config", _CONFIG),
        Type.UPDATE_RESOURCE_PROVIDER_CONFIG: _write("update_resource_provider_config", _CONFIG),
        Type.REMOVE_RESOURCE_PROVIDER_CONFIG: _write("remove_resource_provider_config", _CONFIG),
        Type.MARK_RESOURCE_PROVIDER_GONE: _write(
            "mark_resource_provider_gone", "MARK_RESOURCE_PROVIDER_GONE"
        ),
        Type.PRUNE_IMAGES: OperatorCall(kind=_WRITE, permission="PRUNE_IMAGES"),
    }
)
