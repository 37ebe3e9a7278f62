"""Calls about the agent as a process: health, version, flags, metrics, logging."""

from __future__ import annotations

from tepui.agent.call_context import CallContext
from tepui.messages import Flag, Metric
from tepui.messages.agent import Call, Response

Type = Response.Type


def get_health(call: Call, context: CallContext) -> Response:
    """Answer GET_HEALTH."""
    del call, context
    return Response(type=Type.GET_HEALTH, get_health=Response.GetHealth(healthy=True))


def get_version(call: Call, context: CallContext) -> Response:
    """Answer GET_VERSION."""
    del call
    version = Response.GetVersion(version_info=context.version)
    return Response(type=Type.GET_VERSION, get_version=version)


def get_flags(call: Call, context: CallContext) -> Response:
    """Answer GET_FLAGS."""
    del call
    flags = [Flag(name=name, value=value) for name, value in context.flags.items()]
    return Response(type=Type.GET_FLAGS, get_flags=Response.GetFlags(flags=flags))


def get_metrics(call: Call, context: CallContext) -> Response:
    """Answer GET_METRICS."""
    del call
    metrics = [Metric(name=name, value=value) for name, value in context.metrics().items()]
    return Response(type=Type.GET_METRICS, get_metrics=Response.GetMetrics(metrics=metrics))


def get_logging_level(call: Call, context: CallContext) -> Response:
    """Answer GET_LOGGING_LEVEL."""
    del call
    level = Response.GetLoggingLevel(level=context.verbosity.level)
    return Response(type=Type.GET_LOGGING_LEVEL, get_logging_level=level)


def set_logging_level(call: Call, context: CallContext) -> None:
    """Do SET_LOGGING_LEVEL."""
    asked = call.set_logging_level
    assert asked is not None
    context.verbosity.set(asked.level, asked.duration.nanoseconds / 1e9)
