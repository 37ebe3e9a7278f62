"""Checks and health checks of tasks, and what they found."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int32, Message, ProtoEnum, UInt32, explicit
from tepui.messages.commands import CommandInfo
from tepui.messages.networks import NetworkInfo


class CheckInfo(Message, kw_only=True):
    """How a task is checked; the result is told, and nothing else is done.

    Times are in seconds: until the first check, between checks, and until one counts as failed.
    """

    class Type(ProtoEnum):
        """What a check does."""

        UNKNOWN = 0
        COMMAND = 1
        HTTP = 2
        TCP = 3

    class Command(Message, kw_only=True):
        """Runs a command in the task's container and reports its exit code."""

        command: Annotated[CommandInfo, 1]

    class Http(Message, kw_only=True):
        """Sends a GET to the task's port and reports the status."""

        port: Annotated[UInt32, 1]
        path: Annotated[str | None, 2] = None

    class Tcp(Message, kw_only=True):
        """Connects to the task's port and reports whether that succeeded."""

        port: Annotated[UInt32, 1]

    type: Annotated[Type | None, 1] = None
    command: Annotated[Command | None, 2] = None
    http: Annotated[Http | None, 3] = None
    tcp: Annotated[Tcp | None, 7] = None
    delay_seconds: Annotated[float, 4] = explicit(15.0)
    interval_seconds: Annotated[float, 5] = explicit(10.0)
    timeout_seconds: Annotated[float, 6] = explicit(20.0)


class HealthCheck(Message, kw_only=True):
    """How a task's health is found; an unhealthy one is killed.

    Failures count once the grace period has passed or the task was healthy before; as many in a
    row as ``consecutive_failures`` kill it, none at all if that is zero. Times are in seconds.
    """

    class Type(ProtoEnum):
        """What a health check does."""

        UNKNOWN = 0
        COMMAND = 1
        HTTP = 2
        TCP = 3

    class HTTPCheckInfo(Message, kw_only=True):
        """Sends a GET; healthy if ``statuses`` has the answer's, or 200 to 399 if it is empty."""

        protocol: Annotated[NetworkInfo.Protocol, 5] = explicit(NetworkInfo.Protocol.IPv4)
        scheme: Annotated[str | None, 3] = None
        port: Annotated[UInt32, 1]
        path: Annotated[str | None, 2] = None
        statuses: Annotated[list[UInt32], 4] = []

    class TCPCheckInfo(Message, kw_only=True):
        """Connects; healthy if that succeeds."""

        protocol: Annotated[NetworkInfo.Protocol, 2] = explicit(NetworkInfo.Protocol.IPv4)
        port: Annotated[UInt32, 1]

    delay_seconds: Annotated[float, 2] = explicit(15.0)
    interval_seconds: Annotated[float, 3] = explicit(10.0)
    timeout_seconds: Annotated[float, 4] = explicit(20.0)
    consecutive_failures: Annotated[UInt32, 5] = explicit(3)
    grace_period_seconds: Annotated[float, 6] = explicit(10.0)
    type: Annotated[Type | None, 8] = None
    command: Annotated[CommandInfo | None, 7] = None
    http: Annotated[HTTPCheckInfo | None, 1] = None
    tcp: Annotated[TCPCheckInfo | None, 9] = None


class CheckStatusInfo(Message, kw_only=True):
    """What a check found the last time; an inner message without its field: nothing yet."""

    class Command(Message, kw_only=True):
        """The exit code of the command."""

        exit_code: Annotated[Int32 | None, 1] = None

    class Http(Message, kw_only=True):
        """The status that the task answered."""

        status_code: Annotated[UInt32 | None, 1] = None

    class Tcp(Message, kw_only=True):
        """Whether the connection was made."""

        succeeded: Annotated[bool | None, 1] = None

    type: Annotated[CheckInfo.Type | None, 1] = None
    command: Annotated[Command | None, 2] = None
    http: Annotated[Http | None, 3] = None
    tcp: Annotated[Tcp | None, 4] = None
