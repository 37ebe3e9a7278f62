"""The older names of the API, for the legacy endpoints and the node in ZooKeeper.

Version 0 says slave where version 1 says agent; beyond that a handful of fields differ. Bytes on
the protobuf wire are the same but for those, JSON is what this module is about.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from tepui.codec import json
from tepui.codec.errors import DecodeError
from tepui.codec.lenient import read_message
from tepui.messages import AgentInfo, TaskStatus, master, quota
from tepui.messages.base import Message, ProtoEnum
from tepui.messages.registry import Cardinality, Field, fields_of

M = TypeVar("M", bound=Message)

# Renamed wherever they occur, but for the messages that were named after agents from the start.
_FIELDS = {"agent_id": "slave_id", "agent_info": "slave_info"}
_FIELDS_KEPT_BY = (master.Response.GetAgents.Agent, master.Event.AgentRemoved)

_ENUMS: dict[type[ProtoEnum], dict[str, str]] = {
    TaskStatus.Source: {"SOURCE_AGENT": "SOURCE_SLAVE"},
    TaskStatus.Reason: {
        "REASON_AGENT_DISCONNECTED": "REASON_SLAVE_DISCONNECTED",
        "REASON_AGENT_DRAINING": "REASON_SLAVE_DRAINING",
        "REASON_AGENT_REMOVED": "REASON_SLAVE_REMOVED",
        "REASON_AGENT_REMOVED_BY_OPERATOR": "REASON_SLAVE_REMOVED_BY_OPERATOR",
        "REASON_AGENT_REREGISTERED": "REASON_SLAVE_REREGISTERED",
        "REASON_AGENT_RESTARTED": "REASON_SLAVE_RESTARTED",
        "REASON_AGENT_UNKNOWN": "REASON_SLAVE_UNKNOWN",
    },
}

# Defaults that only version 0 declares, and therefore writes.
_DEFAULTS: dict[type[Message], dict[str, object]] = {
    AgentInfo: {"checkpoint": False},
    quota.QuotaRequest: {"force": False},
}

_NANOSECONDS_PER_SECOND = 10**9


def to_builtins(message: Message) -> dict[str, Any]:
    """Return what the version 0 JSON of a message says, as dicts, lists and scalars.

    Example:
        >>> from tepui.messages import AgentID, TaskID, TaskState, TaskStatus
        >>> to_builtins(TaskStatus(
        ...     task_id=TaskID(value="t"), state=TaskState.TASK_LOST, agent_id=AgentID(value="a")
        ... ))
        {'task_id': {'value': 't'}, 'state': 'TASK_LOST', 'slave_id': {'value': 'a'}}
    """
    return _message_to_v0(type(message), json.to_builtins(message))


def enum_name(member: ProtoEnum) -> str:
    """Return the version 0 name of an enum's member, for example ``REASON_SLAVE_REMOVED``."""
    return _ENUMS.get(type(member), {}).get(member.name, member.name)


def field_name(cls: type[Message], name: str) -> str:
    """Return the version 0 name of a message's field, for example ``slave_id``."""
    return name if cls in _FIELDS_KEPT_BY else _FIELDS.get(name, name)


def from_builtins(cls: type[M], value: object) -> M:
    """Return the message that parsed version 0 JSON describes.

    Version 1 names are not known in version 0, and so are ignored.

    Raises:
        DecodeError: If it is not this message; the path has version 1 names.
    """
    return read_message(cls, _message_from_v0(cls, value))


def _message_to_v0(cls: type[Message], value: dict[str, Any]) -> dict[str, Any]:
    if not _differs(cls):
        return value
    renamed: dict[str, Any] = {}
    for field in fields_of(cls):
        if field.name in value:
            renamed[field_name(cls, field.name)] = _field_to_v0(cls, field, value[field.name])
    for name, default in _DEFAULTS.get(cls, {}).items():
        renamed.setdefault(name, default)
    return renamed


def _field_to_v0(cls: type[Message], field: Field, value: Any) -> Any:
    if cls is master.Call.DrainAgent and field.name == "max_grace_period":
        seconds, nanos = value.get("seconds", 0), value.get("nanos", 0)
        return {"nanoseconds": seconds * _NANOSECONDS_PER_SECOND + nanos}
    if field.kind == "enum":
        names = _ENUMS.get(field.type, {})
        return names.get(value, value) if isinstance(value, str) else value
    if field.kind != "message":
        return value
    if field.cardinality is Cardinality.REPEATED:
        return [_message_to_v0(field.type, item) for item in value]
    if field.cardinality is Cardinality.MAP:
        return {key: _message_to_v0(field.type, item) for key, item in value.items()}
    return _message_to_v0(field.type, value)


def _message_from_v0(cls: type[Message], value: object) -> object:
    if not isinstance(value, dict) or not _differs(cls):
        return value
    renamed: dict[str, object] = {}
    for field in fields_of(cls):
        given = value.get(field_name(cls, field.name))
        if given is not None:
            renamed[field.name] = _field_from_v0(cls, field, given)
    return renamed


def _field_from_v0(cls: type[Message], field: Field, value: object) -> object:
    if cls is master.Call.DrainAgent and field.name == "max_grace_period":
        return _duration(value)
    if field.kind == "enum":
        names = {v0: v1 for v1, v0 in _ENUMS.get(field.type, {}).items()}
        if isinstance(value, str):
            # A version 1 spelling is not a name in version 0.
            return names.get(value, "" if value in names.values() else value)
        return value
    if field.kind != "message":
        return value
    if isinstance(value, list):
        return [_message_from_v0(field.type, item) for item in value]
    if field.cardinality is Cardinality.MAP and isinstance(value, dict):
        return {key: _message_from_v0(field.type, item) for key, item in value.items()}
    return _message_from_v0(field.type, value)


def _duration(value: object) -> object:
    nanoseconds = value.get("nanoseconds") if isinstance(value, dict) else None
    if not isinstance(nanoseconds, int) or isinstance(nanoseconds, bool):
        raise DecodeError("expected an object with nanoseconds", "max_grace_period")
    # Both parts of a Duration carry its sign.
    sign = -1 if nanoseconds < 0 else 1
    seconds, nanos = divmod(abs(nanoseconds), _NANOSECONDS_PER_SECOND)
    return {"seconds": sign * seconds, "nanos": sign * nanos}


@functools.cache
def _differs(cls: type[Message]) -> bool:
    """Whether version 0 differs anywhere in what this message can hold."""
    if cls in _DEFAULTS or cls is master.Call.DrainAgent:
        return True
    return any(
        field_name(cls, field.name) != field.name
        or field.type in _ENUMS
        or (field.kind == "message" and field.type is not cls and _differs(field.type))
        for field in fields_of(cls)
    )
