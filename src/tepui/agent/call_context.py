"""What the handlers of an agent's operator calls are given."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from tepui.agent.container_views import Usage
from tepui.agent.core.model import Model
from tepui.http.files import Files
from tepui.messages import VersionInfo
from tepui.messages.agent import Call, Response
from tepui.telemetry.logs import Verbosity


class CallKind(enum.Enum):
    """What a call does, and so how it is answered."""

    READ = "read"  # 200 with a Response of the same type
    WRITE = "write"  # 200 or 202 without a body
    STREAM = "stream"  # records, until somebody leaves


class CallContext(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to read and to change.

    Attributes:
        flags: Names and values as Mesos shows them.
        metrics: Computes all metrics.
        usage: Asks what a container uses.
        verbosity: How much is logged.
    """

    model: Model
    files: Files
    version: VersionInfo
    flags: Mapping[str, str]
    metrics: Callable[[], Mapping[str, float]]
    usage: Usage
    verbosity: Verbosity


Handler = Callable[[Call, CallContext], Response | Awaitable[Response] | None]
"""``None`` is done, with nothing to say."""


class OperatorCall(msgspec.Struct, frozen=True, kw_only=True):
    """How one type of call is served.

    Attributes:
        kind: What it does.
        permission: The action that an authorizer is asked about, if any.
        filters: The actions that decide which parts of an answer somebody sees.
        payload: The field that has to be there.
        handler: ``None`` while the call is not supported.
    """

    kind: CallKind = CallKind.READ
    permission: str | None = None
    filters: tuple[str, ...] = ()
    payload: str | None = None
    handler: Handler | None = None
