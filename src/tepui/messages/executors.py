"""Executors."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message, ProtoEnum
from tepui.messages.commands import CommandInfo
from tepui.messages.containers import ContainerInfo
from tepui.messages.discovery import DiscoveryInfo
from tepui.messages.ids import ExecutorID, FrameworkID
from tepui.messages.resources import Resource
from tepui.messages.values import DurationInfo, Labels


class ExecutorInfo(Message, kw_only=True):
    """An executor: custom ones have a command, the default one runs task groups."""

    class Type(ProtoEnum):
        """Whether the framework brings the executor or the agent plays it."""

        UNKNOWN = 0
        DEFAULT = 1
        CUSTOM = 2

    type: Annotated[Type | None, 15] = None
    executor_id: Annotated[ExecutorID, 1]
    framework_id: Annotated[FrameworkID | None, 8] = None
    command: Annotated[CommandInfo | None, 7] = None
    container: Annotated[ContainerInfo | None, 11] = None
    resources: Annotated[list[Resource], 5] = []
    name: Annotated[str | None, 9] = None
    source: Annotated[str | None, 10, DEPRECATED] = None
    data: Annotated[bytes | None, 4] = None
    discovery: Annotated[DiscoveryInfo | None, 12] = None
    shutdown_grace_period: Annotated[DurationInfo | None, 13] = None
    labels: Annotated[Labels | None, 14] = None
