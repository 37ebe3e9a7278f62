"""One task, framework, executor, offer or agent in the legacy JSON.

What is here returns encoded fragments, kept until their object changes. Those of frameworks and
agents end without the closing brace, because each endpoint adds fields of its own.
"""

from __future__ import annotations

import msgspec

from tepui.codec import legacy, v0
from tepui.codec.assembly import Parts, separated
from tepui.master.core.model import (
    Agent,
    Executor,
    Framework,
    FrameworkState,
    Offer,
    RecoveredAgent,
    Task,
)
from tepui.master.core.views import role_of, used_of
from tepui.master.core.views_v1 import executors_of
from tepui.messages import AgentInfo
from tepui.resources import legacy_attributes
from tepui.resources.legacy import (
    encoded_full,
    encoded_full_reservations,
    encoded_reservations,
    encoded_resources,
)

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode

_TASK = "legacy"
_SUMMARY = "legacy summary"
_DETAILS = "legacy details"


def task(shown: Task) -> bytes:
    """Return a task."""
    body = shown.fragments.get(_TASK)
    if body is None:
        resources = shown.resources
        body = shown.fragments[_TASK] = _encode(
            legacy.task(
                shown.template,
                state=shown.state._name_,
                statuses=shown.statuses,
                resources=encoded_resources(resources),
                role=role_of(resources),
            )
        )
    return body


def framework(shown: Framework) -> Parts:
    """Return a framework with its tasks, executors and offers."""
    return [
        framework_summary(shown),
        _framework_details(shown),
        b',"tasks":[',
        *separated([task(each) for each in shown.tasks.values()]),
        b'],"unreachable_tasks":[',
        *separated([task(each) for each in shown.unreachable_tasks.values()]),
        b'],"completed_tasks":[',
        *separated([task(each) for each in shown.completed_tasks]),
        b'],"executors":[',
        *separated([executor(each) for each in executors_of(shown)]),
        b"]}",
    ]


def framework_summary(shown: Framework) -> bytes:
    """Return what every endpoint says of a framework, without the closing brace."""
    body = shown.fragments.get(_SUMMARY)
    if body is None:
        body = shown.fragments[_SUMMARY] = _open_object(
            {
                "id": shown.framework_id,
                "name": shown.info.name,
                "used_resources": msgspec.Raw(encoded_resources(shown.used)),
                "offered_resources": msgspec.Raw(encoded_resources(shown.offered)),
                "capabilities": [
                    each.type.name for each in shown.info.capabilities if each.type is not None
                ],
                "hostname": shown.info.hostname or "",
                "webui_url": shown.info.webui_url or "",
                "active": shown.is_active,
                "connected": shown.is_connected,
                "recovered": shown.state is FrameworkState.RECOVERED,
            }
        )
    return body


def executor(shown: Executor) -> bytes:
    """Return an executor and where it is."""
    body = shown.fragments.get(_TASK)
    if body is None:
        resources = shown.resources
        described = legacy.executor(
            shown.info,
            resources=encoded_resources(resources),
            role=None if resources.is_empty() else role_of(resources),
        )
        described.slave_id = shown.agent_id
        body = shown.fragments[_TASK] = _encode(described)
    return body


def offer(shown: Offer) -> dict[str, object]:
    """Return an offer, not encoded yet."""
    return {
        "id": shown.offer_id,
        "framework_id": shown.framework_id,
        "allocation_info": {"role": shown.role},
        "slave_id": shown.agent_id,
        "resources": msgspec.Raw(encoded_resources(shown.resources)),
    }


def slave(shown: Agent) -> bytes:
    """Return what every endpoint says of an agent, without the closing brace."""
    body = shown.fragments.get(_SUMMARY)
    if body is None:
        times: dict[str, object] = {"registered_time": shown.registered_time}
        if shown.reregistered_time is not None:
            times["reregistered_time"] = shown.reregistered_time
        rest = {
            "pid": shown.pid,
            **times,
            "resources": msgspec.Raw(encoded_resources(shown.total)),
            "used_resources": msgspec.Raw(encoded_resources(used_of(shown))),
            "offered_resources": msgspec.Raw(encoded_resources(shown.offered)),
            "reserved_resources": msgspec.Raw(encoded_reservations(shown.total)),
            "unreserved_resources": msgspec.Raw(encoded_resources(shown.total.unreserved())),
            "active": shown.is_active and shown.is_connected,
            "deactivated": shown.is_deactivated,
            "version": shown.version,
            "capabilities": list(shown.capabilities),
        }
        if shown.drain is not None:
            rest["drain_info"] = shown.drain
            if shown.drain_start_time is not None:
                rest["estimated_drain_start_time_seconds"] = shown.drain_start_time
        body = _slave_info(shown.agent_id, shown.info) + b"," + _open_object(rest)[1:]
        shown.fragments[_SUMMARY] = body
    return body


def slave_in_full(shown: Agent) -> Parts:
    """Return an agent with each of its resources as a message, as /slaves does."""
    body = shown.fragments.get(_DETAILS)
    if body is None:
        used = used_of(shown)
        body = shown.fragments[_DETAILS] = b"".join(
            (
                b',"reserved_resources_full":',
                encoded_full_reservations(shown.total),
                b',"unreserved_resources_full":',
                encoded_full(shown.total.unreserved()),
                b',"used_resources_full":',
                encoded_full(used),
                b',"offered_resources_full":',
                encoded_full(shown.offered),
                b"}",
            )
        )
    return [slave(shown), body]


def recovered_slave(shown: RecoveredAgent) -> bytes:
    """Return an agent that has not come back yet."""
    return _slave_info(shown.agent_id, shown.info) + b"}"


def domain(info: AgentInfo) -> dict[str, object]:
    """Return the fault domain, if there is one, as a field."""
    return {} if info.domain is None else {"domain": legacy.domain(info.domain)}


def _framework_details(shown: Framework) -> bytes:
    body = shown.fragments.get(_DETAILS)
    if body is not None:
        return body
    info = shown.info
    fields: dict[str, object] = {
        "user": info.user,
        "failover_timeout": info.failover_timeout,
        "checkpoint": info.checkpoint,
        "registered_time": shown.registered_time,
        "unregistered_time": shown.unregistered_time or 0.0,
    }
    if info.principal is not None:
        fields["principal"] = info.principal
    fields["resources"] = msgspec.Raw(encoded_resources(shown.used + shown.offered))
    if shown.reregistered_time not in (None, shown.registered_time):
        fields["reregistered_time"] = shown.reregistered_time
    if shown.is_multi_role:
        fields["roles"] = list(shown.info.roles)
    else:
        fields["role"] = shown.info.role or "*"
    fields["offers"] = [offer(each) for each in shown.offers.values()]
    if info.labels is not None:
        fields["labels"] = legacy.labels(info.labels)
    constraints = shown.offer_constraints
    fields["offer_constraints"] = {} if constraints is None else v0.to_builtins(constraints)
    body = shown.fragments[_DETAILS] = b"," + _open_object(fields)[1:]
    return body


def _slave_info(agent_id: str, info: AgentInfo) -> bytes:
    attributes = legacy.join_object(
        (name, _encode(value)) for name, value in legacy_attributes(info.attributes)
    )
    return _open_object(
        {
            "id": agent_id,
            "hostname": info.hostname,
            "port": info.port,
            "attributes": msgspec.Raw(attributes),
            **domain(info),
        }
    )


def _open_object(fields: dict[str, object]) -> bytes:
    return _encode(fields)[:-1]
