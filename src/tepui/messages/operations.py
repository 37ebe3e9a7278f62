"""Operations on resources after they were accepted, and their feedback."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.ids import UUID, AgentID, FrameworkID, OperationID, ResourceProviderID
from tepui.messages.offers import Offer
from tepui.messages.resources import Resource


class OperationState(ProtoEnum):
    """The states of an operation."""

    OPERATION_UNSUPPORTED = 0
    OPERATION_PENDING = 1
    OPERATION_FINISHED = 2
    OPERATION_FAILED = 3
    OPERATION_ERROR = 4
    OPERATION_DROPPED = 5
    OPERATION_UNREACHABLE = 6
    OPERATION_GONE_BY_OPERATOR = 7
    OPERATION_RECOVERING = 8
    OPERATION_UNKNOWN = 9


class OperationStatus(Message, kw_only=True):
    """One update of an operation's state; ``uuid``, if there, is to be acknowledged."""

    operation_id: Annotated[OperationID | None, 1] = None
    state: Annotated[OperationState, 2]
    message: Annotated[str | None, 3] = None
    converted_resources: Annotated[list[Resource], 4] = []
    uuid: Annotated[UUID | None, 5] = None
    agent_id: Annotated[AgentID | None, 6] = None
    resource_provider_id: Annotated[ResourceProviderID | None, 7] = None


class Operation(Message, kw_only=True):
    """An operation as the cluster knows it, with its updates so far."""

    framework_id: Annotated[FrameworkID | None, 1] = None
    agent_id: Annotated[AgentID | None, 2] = None
    info: Annotated[Offer.Operation, 3]
    latest_status: Annotated[OperationStatus, 4]
    statuses: Annotated[list[OperationStatus], 5] = []
    uuid: Annotated[UUID, 6]
