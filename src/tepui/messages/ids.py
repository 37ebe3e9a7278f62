"""Identifiers: texts wrapped in a message each, so that they cannot be mixed up."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message

# Linux nests namespaces no deeper; it also keeps every message far from the codecs' bounds.
CONTAINER_DEPTH_MAX = 32


class FrameworkID(Message, kw_only=True):
    """A framework, given by the master at its first subscription and kept across failovers."""

    value: Annotated[str, 1]


class OfferID(Message, kw_only=True):
    """An offer, given by the master."""

    value: Annotated[str, 1]


class AgentID(Message, kw_only=True):
    """An agent, given by the master at registration and kept while the agent recovers."""

    value: Annotated[str, 1]


class TaskID(Message, kw_only=True):
    """A task, chosen by its framework and unique within it while the task lives."""

    value: Annotated[str, 1]


class ExecutorID(Message, kw_only=True):
    """An executor, chosen by its framework and unique within it on one agent."""

    value: Annotated[str, 1]


class ContainerID(Message, kw_only=True):
    """A container; one that is nested names the container it is nested in."""

    value: Annotated[str, 1]
    parent: Annotated[ContainerID | None, 2] = None

    def __post_init__(self) -> None:
        depth, outer = 1, self.parent
        while outer is not None:
            depth, outer = depth + 1, outer.parent
        if depth > CONTAINER_DEPTH_MAX:
            raise ValueError(f"containers nest at most {CONTAINER_DEPTH_MAX} deep")


class ResourceProviderID(Message, kw_only=True):
    """A resource provider, given by its agent at the first subscription."""

    value: Annotated[str, 1]


class OperationID(Message, kw_only=True):
    """An operation, chosen by the framework that wants to hear how it went."""

    value: Annotated[str, 1]


class UUID(Message, kw_only=True):
    """A UUID as its 16 raw bytes."""

    value: Annotated[bytes, 1]
