"""The API between an agent and the resource providers on its machine."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.ids import UUID, FrameworkID, ResourceProviderID
from tepui.messages.offers import Offer
from tepui.messages.operations import Operation, OperationStatus
from tepui.messages.providers import ResourceProviderInfo
from tepui.messages.resources import Resource


class Event(Message, kw_only=True):
    """Something that the agent tells a resource provider; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The events; TEARDOWN has no field."""

        UNKNOWN = 0
        SUBSCRIBED = 1
        APPLY_OPERATION = 2
        PUBLISH_RESOURCES = 3
        ACKNOWLEDGE_OPERATION_STATUS = 4
        RECONCILE_OPERATIONS = 5
        TEARDOWN = 6

    class Subscribed(Message, kw_only=True):
        """The first event of a stream: the provider's id."""

        provider_id: Annotated[ResourceProviderID, 1]

    class ApplyOperation(Message, kw_only=True):
        """Apply this operation, if the provider's resources are still those of that version."""

        framework_id: Annotated[FrameworkID | None, 1] = None
        info: Annotated[Offer.Operation, 2]
        operation_uuid: Annotated[UUID, 3]
        resource_version_uuid: Annotated[UUID, 4]

    class PublishResources(Message, kw_only=True):
        """Make these resources usable for containers; repeated ones stay so."""

        uuid: Annotated[UUID, 1]
        resources: Annotated[list[Resource], 2] = []

    class AcknowledgeOperationStatus(Message, kw_only=True):
        """The update of an operation has arrived."""

        status_uuid: Annotated[UUID, 1]
        operation_uuid: Annotated[UUID, 2]

    class ReconcileOperations(Message, kw_only=True):
        """Tell the state of these operations again."""

        operation_uuids: Annotated[list[UUID], 1] = []

    type: Annotated[Type | None, 1] = None
    subscribed: Annotated[Subscribed | None, 2] = None
    apply_operation: Annotated[ApplyOperation | None, 3] = None
    publish_resources: Annotated[PublishResources | None, 4] = None
    acknowledge_operation_status: Annotated[AcknowledgeOperationStatus | None, 5] = None
    reconcile_operations: Annotated[ReconcileOperations | None, 6] = None


class Call(Message, kw_only=True):
    """What a resource provider tells its agent; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The calls."""

        UNKNOWN = 0
        SUBSCRIBE = 1
        UPDATE_OPERATION_STATUS = 2
        UPDATE_STATE = 3
        UPDATE_PUBLISH_RESOURCES_STATUS = 4

    class Subscribe(Message, kw_only=True):
        """Opens the stream; with an id in the info it goes on as that provider."""

        resource_provider_info: Annotated[ResourceProviderInfo, 1]

    class UpdateOperationStatus(Message, kw_only=True):
        """An operation's state; repeated until it is acknowledged."""

        framework_id: Annotated[FrameworkID | None, 1] = None
        status: Annotated[OperationStatus, 2]
        latest_status: Annotated[OperationStatus | None, 3] = None
        operation_uuid: Annotated[UUID, 4]

    class UpdateState(Message, kw_only=True):
        """All that the provider has, and the version of it."""

        operations: Annotated[list[Operation], 1] = []
        resources: Annotated[list[Resource], 2] = []
        resource_version_uuid: Annotated[UUID, 3]

    class UpdatePublishResourcesStatus(Message, kw_only=True):
        """Whether resources were published."""

        class Status(ProtoEnum):
            """How publishing went."""

            UNKNOWN = 0
            OK = 1
            FAILED = 2

        uuid: Annotated[UUID, 1]
        status: Annotated[Status, 2]

    resource_provider_id: Annotated[ResourceProviderID | None, 1] = None
    type: Annotated[Type | None, 2] = None
    subscribe: Annotated[Subscribe | None, 3] = None
    update_operation_status: Annotated[UpdateOperationStatus | None, 4] = None
    update_state: Annotated[UpdateState | None, 5] = None
    update_publish_resources_status: Annotated[UpdatePublishResourcesStatus | None, 6] = None
