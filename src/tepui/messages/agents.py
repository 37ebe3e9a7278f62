"""Agents, and how they are drained of tasks."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int32, Message, ProtoEnum, explicit
from tepui.messages.ids import AgentID
from tepui.messages.machines import DomainInfo
from tepui.messages.resources import Resource
from tepui.messages.values import Attribute, DurationInfo


class AgentInfo(Message, kw_only=True):
    """An agent as it registered."""

    class Capability(Message, kw_only=True):
        """Something that an agent can do."""

        class Type(ProtoEnum):
            """What agents may be able to do."""

            UNKNOWN = 0
            MULTI_ROLE = 1
            HIERARCHICAL_ROLE = 2
            RESERVATION_REFINEMENT = 3
            RESOURCE_PROVIDER = 4
            RESIZE_VOLUME = 5
            AGENT_OPERATION_FEEDBACK = 6
            AGENT_DRAINING = 7
            TASK_RESOURCE_LIMITS = 8

        type: Annotated[Type | None, 1] = None

    hostname: Annotated[str, 1]
    port: Annotated[Int32, 8] = explicit(5051)
    resources: Annotated[list[Resource], 3] = []
    attributes: Annotated[list[Attribute], 5] = []
    id: Annotated[AgentID | None, 6] = None
    domain: Annotated[DomainInfo | None, 10] = None


class DrainState(ProtoEnum):
    """How far an agent is drained."""

    UNKNOWN = 0
    DRAINING = 1
    DRAINED = 2


class DrainConfig(Message, kw_only=True):
    """How an agent is drained: the longest grace period of its tasks, and what follows."""

    max_grace_period: Annotated[DurationInfo | None, 1] = None
    mark_gone: Annotated[bool, 2] = explicit(False)


class DrainInfo(Message, kw_only=True):
    """That an agent is drained, how, and how far."""

    state: Annotated[DrainState, 1]
    config: Annotated[DrainConfig, 2]
