"""The scheduler's calls as messages, and the stream on which they come."""

from __future__ import annotations

import msgspec

from tepui.master.validation.problem import Problem, problem
from tepui.messages import FrameworkInfo
from tepui.messages.scheduler import Call

Type = Call.Type

_UUID_BYTES = 16

# The field that each type of call carries; the others may come without one.
_PAYLOADS: dict[Type, str] = {
    Type.SUBSCRIBE: "subscribe",
    Type.ACCEPT: "accept",
    Type.DECLINE: "decline",
    Type.ACCEPT_INVERSE_OFFERS: "accept_inverse_offers",
    Type.DECLINE_INVERSE_OFFERS: "decline_inverse_offers",
    Type.KILL: "kill",
    Type.SHUTDOWN: "shutdown",
    Type.ACKNOWLEDGE: "acknowledge",
    Type.ACKNOWLEDGE_OPERATION_STATUS: "acknowledge_operation_status",
    Type.RECONCILE: "reconcile",
    Type.RECONCILE_OPERATIONS: "reconcile_operations",
    Type.MESSAGE: "message",
    Type.REQUEST: "request",
    Type.UPDATE_FRAMEWORK: "update_framework",
}


def validate_call(call: Call, principal: str | None = None) -> Problem | None:
    """Check a decoded call by itself; a problem is answered by HTTP 400.

    Args:
        call: Complete as a message: a decoder has refused it if a required field was absent.
        principal: Who sent it, if the sender authenticated.
    """
    return (
        check_type(call)
        or check_payload(call)
        or check_framework_id(call)
        or _check_special(call, principal)
    )


def check_type(call: Call) -> Problem | None:
    """``sched.call.type``."""
    if call.type is not None:
        return None
    return problem("sched.call.type", "type", None, "is missing, or no type of call that we know")


def check_payload(call: Call) -> Problem | None:
    """``sched.call.body``."""
    assert call.type is not None
    name = _PAYLOADS.get(call.type)
    if name is None or getattr(call, name) is not None:
        return None
    return problem("sched.call.body", name, None, f"is missing from the {call.type.value} call")


def check_framework_id(call: Call) -> Problem | None:
    """``sched.call.framework_id``."""
    if call.framework_id is not None or call.type in (Type.SUBSCRIBE, Type.UNKNOWN):
        return None
    assert call.type is not None
    return problem(
        "sched.call.framework_id", "framework_id", None, f"is missing from {call.type.value}"
    )


def check_subscribe_id(call: Call) -> Problem | None:
    """``sched.subscribe.id``."""
    assert call.subscribe is not None
    return _check_same_id(
        "sched.subscribe.id", call, "subscribe.framework_info.id", call.subscribe.framework_info
    )


def check_subscribe_principal(call: Call, principal: str | None) -> Problem | None:
    """``sched.subscribe.principal``."""
    assert call.subscribe is not None
    claimed = call.subscribe.framework_info.principal
    if principal is None or claimed is None or claimed == principal:
        return None
    return problem(
        "sched.subscribe.principal",
        "subscribe.framework_info.principal",
        claimed,
        f"is not the authenticated principal {principal!r}",
    )


def check_acknowledge_uuid(call: Call) -> Problem | None:
    """``sched.ack.uuid``."""
    assert call.acknowledge is not None
    return _check_uuid("sched.ack.uuid", "acknowledge.uuid", call.acknowledge.uuid)


def check_acknowledge_operation_uuid(call: Call) -> Problem | None:
    """``sched.ackop.uuid``."""
    assert call.acknowledge_operation_status is not None
    return _check_uuid(
        "sched.ackop.uuid",
        "acknowledge_operation_status.uuid",
        call.acknowledge_operation_status.uuid,
    )


def check_acknowledge_operation_agent(call: Call) -> Problem | None:
    """``sched.ackop.agent_id``."""
    assert call.acknowledge_operation_status is not None
    if call.acknowledge_operation_status.agent_id is not None:
        return None
    return problem(
        "sched.ackop.agent_id", "acknowledge_operation_status.agent_id", None, "is missing"
    )


def check_update_framework_id(call: Call) -> Problem | None:
    """``sched.update_framework.id``."""
    assert call.update_framework is not None
    return _check_same_id(
        "sched.update_framework.id",
        call,
        "update_framework.framework_info.id",
        call.update_framework.framework_info,
    )


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the master knows about the sender of a call.

    Attributes:
        principal: The one in the framework's description.
        stream_id: That of the live subscription; ``None`` if there is none.
        is_http: Whether it is subscribed over HTTP.
    """

    principal: str | None = None
    stream_id: str | None = None
    is_http: bool = True


def check_stream_on_subscribe(stream_id: str | None) -> Problem | None:
    """``sched.stream.on_subscribe``."""
    if stream_id is None:
        return None
    return problem(
        "sched.stream.on_subscribe",
        "Mesos-Stream-Id",
        stream_id,
        "may not be sent with SUBSCRIBE, which starts a stream of its own",
    )


def validate_session(
    call: Call, session: Session | None, *, principal: str | None, stream_id: str | None
) -> Problem | None:
    """Check that a call other than SUBSCRIBE belongs to a live subscription.

    Args:
        call: One that `validate_call` found right.
        session: ``None`` if the framework is unknown, completed or not yet back.
        principal: Who sent the call, if the sender authenticated.
        stream_id: The call's header.
    """
    if session is None:
        return check_framework_known(call)
    return (
        check_session_principal(session, principal)
        or check_session_connected(session)
        or check_session_http(session)
        or check_stream_given(stream_id)
        or check_stream_current(session, stream_id)
    )


def check_framework_known(call: Call) -> Problem:
    """``sched.framework.unknown``, for a framework without a session."""
    framework_id = "" if call.framework_id is None else call.framework_id.value
    return problem(
        "sched.framework.unknown", "framework_id", framework_id, "is not a registered framework"
    )


def check_session_principal(session: Session, principal: str | None) -> Problem | None:
    """``sched.framework.principal``."""
    if principal is None or session.principal is None or session.principal == principal:
        return None
    return problem(
        "sched.framework.principal",
        "principal",
        principal,
        f"is not the framework's, which is {session.principal!r}",
    )


def check_session_connected(session: Session) -> Problem | None:
    """``sched.framework.disconnected``."""
    if session.stream_id is not None or not session.is_http:
        return None
    return problem(
        "sched.framework.disconnected", "framework_id", None, "is not subscribed now", status=403
    )


def check_session_http(session: Session) -> Problem | None:
    """``sched.framework.v0``."""
    if session.is_http:
        return None
    return problem(
        "sched.framework.v0", "framework_id", None, "is not subscribed over HTTP", status=403
    )


def check_stream_given(stream_id: str | None) -> Problem | None:
    """``sched.stream.missing``."""
    if stream_id is not None:
        return None
    return problem("sched.stream.missing", "Mesos-Stream-Id", None, "is missing from the headers")


def check_stream_current(session: Session, stream_id: str | None) -> Problem | None:
    """``sched.stream.mismatch``."""
    if stream_id == session.stream_id:
        return None
    return problem(
        "sched.stream.mismatch",
        "Mesos-Stream-Id",
        stream_id,
        "is not that of the framework's current subscription",
    )


def _check_special(call: Call, principal: str | None) -> Problem | None:
    match call.type:
        case Type.SUBSCRIBE:
            return check_subscribe_id(call) or check_subscribe_principal(call, principal)
        case Type.ACKNOWLEDGE:
            return check_acknowledge_uuid(call)
        case Type.ACKNOWLEDGE_OPERATION_STATUS:
            return check_acknowledge_operation_uuid(call) or check_acknowledge_operation_agent(call)
        case Type.UPDATE_FRAMEWORK:
            return check_update_framework_id(call)
        case _:
            return None


def _check_same_id(rule: str, call: Call, field: str, info: FrameworkInfo) -> Problem | None:
    # An id that is absent and one that is empty are the same, as in protobuf.
    outer = "" if call.framework_id is None else call.framework_id.value
    inner = "" if info.id is None else info.id.value
    if outer == inner:
        return None
    return problem(rule, field, inner, f"differs from framework_id {outer!r}")


def _check_uuid(rule: str, field: str, value: bytes) -> Problem | None:
    if len(value) == _UUID_BYTES:
        return None
    return problem(rule, field, value, f"has {len(value)} bytes; a UUID has {_UUID_BYTES}")
