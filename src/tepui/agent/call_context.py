"""What the handlers of an agent's operator calls are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from tepui.agent.container_views import Usage
from tepui.agent.core.model import Model
from tepui.http import calls
from tepui.http.files import Files
from tepui.messages import VersionInfo
from tepui.messages.agent import Call, Response
from tepui.telemetry.logs import Verbosity


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

OperatorCall = calls.OperatorCall[Handler]
