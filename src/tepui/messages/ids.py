"""Messages about ids."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message

# Linux nests namespaces no deeper; it also keeps every message far from the codecs' bounds.
CONTAINER_DEPTH_MAX = 32


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

    def __post_init__(self) -> None:
        depth, outer = 1, self.parent
        while outer is not None:
            depth, outer = depth + 1, outer.parent
        if depth > CONTAINER_DEPTH_MAX:
            raise ValueError(f"containers nest at most {CONTAINER_DEPTH_MAX} deep")


class ResourceProviderID(Message, kw_only=True):
    value: Annotated[str, 1]


class OperationID(Message, kw_only=True):
    value: Annotated[str, 1]


class UUID(Message, kw_only=True):
    value: Annotated[bytes, 1]
