"""Messages about ids."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message


class FrameworkID(Message, kw_only=True):
    value: Annotated[str, 1]


class OfferID(Message, kw_only=True):
    value: Annotated[str, 1]


class AgentID(Message, kw_only=True):
    value: Annotated[str, 1]


class TaskID(Message, kw_only=True):
    value: Annotated[str, 1]


class ExecutorID(Message, kw_only=True):
    value: Annotated[str, 1]


class ContainerID(Message, kw_only=True):
    value: Annotated[str, 1]
    parent: Annotated[ContainerID | None, 2] = None


class ResourceProviderID(Message, kw_only=True):
    value: Annotated[str, 1]


class OperationID(Message, kw_only=True):
    value: Annotated[str, 1]


class UUID(Message, kw_only=True):
    value: Annotated[bytes, 1]
