"""The scheduler API: what frameworks call, and the events that the master streams to them."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Int32, OneOf, ProtoEnum, UInt32, at_most_one
from tepui.messages.base import Message as Base
from tepui.messages.commands import KillPolicy
from tepui.messages.frameworks import Filters, FrameworkInfo
from tepui.messages.ids import (
    AgentID,
    ExecutorID,
    FrameworkID,
    OfferID,
    OperationID,
    ResourceProviderID,
    TaskID,
)
from tepui.messages.masters import MasterInfo
from tepui.messages.offers import InverseOffer, Offer
from tepui.messages.operations import OperationStatus
from tepui.messages.resources import Request
from tepui.messages.tasks import TaskStatus


class Event(Base, kw_only=True):
    """Something that the master tells a framework; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The events."""

        UNKNOWN = 0
        SUBSCRIBED = 1
        OFFERS = 2
        INVERSE_OFFERS = 9
        RESCIND = 3
        RESCIND_INVERSE_OFFER = 10
        UPDATE = 4
        UPDATE_OPERATION_STATUS = 11
        MESSAGE = 5
        FAILURE = 6
        ERROR = 7
        HEARTBEAT = 8

    class Subscribed(Base, kw_only=True):
        """The first event of a stream: the framework's id and how often heartbeats come."""

        framework_id: Annotated[FrameworkID, 1]
        heartbeat_interval_seconds: Annotated[float | None, 2] = None
        master_info: Annotated[MasterInfo | None, 3] = None

    class Offers(Base, kw_only=True):
        """New offers."""

        offers: Annotated[list[Offer], 1] = []

    class InverseOffers(Base, kw_only=True):
        """New inverse offers."""

        inverse_offers: Annotated[list[InverseOffer], 1] = []

    class Rescind(Base, kw_only=True):
        """An offer that cannot be accepted any more."""

        offer_id: Annotated[OfferID, 1]

    class RescindInverseOffer(Base, kw_only=True):
        """An inverse offer that is void."""

        inverse_offer_id: Annotated[OfferID, 1]

    class Update(Base, kw_only=True):
        """A task's new state; repeated until it is acknowledged."""

        status: Annotated[TaskStatus, 1]

    class UpdateOperationStatus(Base, kw_only=True):
        """An operation's new state; repeated until it is acknowledged."""

        status: Annotated[OperationStatus, 1]

    class Message(Base, kw_only=True):
        """What an executor sent; it may get lost."""

        agent_id: Annotated[AgentID, 1]
        executor_id: Annotated[ExecutorID, 2]
        data: Annotated[bytes, 3]

    class Failure(Base, kw_only=True):
        """An agent was lost, or, with an executor, that one ended with a wait(2) status."""

        agent_id: Annotated[AgentID | None, 1] = None
        executor_id: Annotated[ExecutorID | None, 2] = None
        status: Annotated[Int32 | None, 3] = None

    class Error(Base, kw_only=True):
        """Why the subscription is over."""

        message: Annotated[str, 1]

    type: Annotated[Type | None, 1] = None
    subscribed: Annotated[Subscribed | None, 2] = None
    offers: Annotated[Offers | None, 3] = None
    inverse_offers: Annotated[InverseOffers | None, 9] = None
    rescind: Annotated[Rescind | None, 4] = None
    rescind_inverse_offer: Annotated[RescindInverseOffer | None, 10] = None
    update: Annotated[Update | None, 5] = None
    update_operation_status: Annotated[UpdateOperationStatus | None, 11] = None
    message: Annotated[Message | None, 6] = None
    failure: Annotated[Failure | None, 7] = None
    error: Annotated[Error | None, 8] = None


class Response(Base, kw_only=True):
    """The answer to a call that has one."""

    class Type(ProtoEnum):
        """The calls that are answered."""

        UNKNOWN = 0
        RECONCILE_OPERATIONS = 1  # deprecated

    class ReconcileOperations(Base, kw_only=True):
        """The state of each operation that was asked about."""

        operation_statuses: Annotated[list[OperationStatus], 1, DEPRECATED] = []

    type: Annotated[Type | None, 1] = None
    reconcile_operations: Annotated[ReconcileOperations | None, 2, DEPRECATED] = None


class AttributeConstraint(Base, kw_only=True):
    """What an agent's attribute must be like for its offers to be wanted."""

    class Selector(Base, kw_only=True):
        """Which attribute: one by name, or a property of the agent that acts as one."""

        class PseudoattributeType(ProtoEnum):
            """Properties that act as attributes."""

            UNKNOWN = 0
            HOSTNAME = 1
            REGION = 2
            ZONE = 3

        pseudoattribute_type: Annotated[PseudoattributeType | None, 1, OneOf("selector")] = None
        attribute_name: Annotated[str | None, 2, OneOf("selector")] = None

        def __post_init__(self) -> None:
            at_most_one(
                pseudoattribute_type=self.pseudoattribute_type,
                attribute_name=self.attribute_name,
            )

    class Predicate(Base, kw_only=True):
        """What must hold of the attribute."""

        class Exists(Base, kw_only=True):
            """There is one."""

        class NotExists(Base, kw_only=True):
            """There is none."""

        class TextEquals(Base, kw_only=True):
            """There is one, and if it is a text it is this one."""

            value: Annotated[str, 1]

        class TextNotEquals(Base, kw_only=True):
            """There is none, or it is no text, or not this one."""

            value: Annotated[str, 1]

        class TextMatches(Base, kw_only=True):
            """There is one, and if it is a text the RE2 expression matches all of it."""

            regex: Annotated[str, 1]

        class TextNotMatches(Base, kw_only=True):
            """There is none, or it is no text, or the RE2 expression does not match all of it."""

            regex: Annotated[str, 1]

        exists: Annotated[Exists | None, 1, OneOf("predicate")] = None
        not_exists: Annotated[NotExists | None, 2, OneOf("predicate")] = None
        text_equals: Annotated[TextEquals | None, 3, OneOf("predicate")] = None
        text_not_equals: Annotated[TextNotEquals | None, 4, OneOf("predicate")] = None
        text_matches: Annotated[TextMatches | None, 5, OneOf("predicate")] = None
        text_not_matches: Annotated[TextNotMatches | None, 6, OneOf("predicate")] = None

        def __post_init__(self) -> None:
            at_most_one(
                exists=self.exists,
                not_exists=self.not_exists,
                text_equals=self.text_equals,
                text_not_equals=self.text_not_equals,
                text_matches=self.text_matches,
                text_not_matches=self.text_not_matches,
            )

    selector: Annotated[Selector, 1]
    predicate: Annotated[Predicate, 2]


class OfferConstraints(Base, kw_only=True):
    """Which agents a framework wants offers of, by role; no entry wants all."""

    class RoleConstraints(Base, kw_only=True):
        """An agent is wanted if one of the groups holds."""

        class Group(Base, kw_only=True):
            """Holds if every constraint of it does."""

            attribute_constraints: Annotated[list[AttributeConstraint], 1] = []

        groups: Annotated[list[Group], 1] = []

    role_constraints: Annotated[dict[str, RoleConstraints], 1] = {}


class Call(Base, kw_only=True):
    """What a framework asks of the master; ``type`` says which field tells more.

    Every call but the first SUBSCRIBE carries the framework's id.
    """

    class Type(ProtoEnum):
        """The calls; TEARDOWN has no field."""

        UNKNOWN = 0
        SUBSCRIBE = 1
        TEARDOWN = 2
        ACCEPT = 3
        DECLINE = 4
        ACCEPT_INVERSE_OFFERS = 13
        DECLINE_INVERSE_OFFERS = 14
        REVIVE = 5
        KILL = 6
        SHUTDOWN = 7
        ACKNOWLEDGE = 8
        ACKNOWLEDGE_OPERATION_STATUS = 15
        RECONCILE = 9
        RECONCILE_OPERATIONS = 16
        MESSAGE = 10
        REQUEST = 11
        SUPPRESS = 12
        UPDATE_FRAMEWORK = 17

    class Subscribe(Base, kw_only=True):
        """Opens the stream of events; with an id in the info it goes on as that framework."""

        framework_info: Annotated[FrameworkInfo, 1]
        suppressed_roles: Annotated[list[str], 2] = []
        offer_constraints: Annotated[OfferConstraints | None, 3] = None

    class Accept(Base, kw_only=True):
        """Accepts offers of one agent and uses them; ``filters`` decline what is left over."""

        offer_ids: Annotated[list[OfferID], 1] = []
        operations: Annotated[list[Offer.Operation], 2] = []
        filters: Annotated[Filters | None, 3] = None

    class Decline(Base, kw_only=True):
        """Declines offers; ``filters`` says for how long."""

        offer_ids: Annotated[list[OfferID], 1] = []
        filters: Annotated[Filters | None, 2] = None

    class AcceptInverseOffers(Base, kw_only=True):
        """Agrees to leave."""

        inverse_offer_ids: Annotated[list[OfferID], 1] = []
        filters: Annotated[Filters | None, 2] = None

    class DeclineInverseOffers(Base, kw_only=True):
        """Does not agree to leave."""

        inverse_offer_ids: Annotated[list[OfferID], 1] = []
        filters: Annotated[Filters | None, 2] = None

    class Revive(Base, kw_only=True):
        """Forgets filters and suppression, for all roles or those named."""

        roles: Annotated[list[str], 1] = []

    class Kill(Base, kw_only=True):
        """Ends a task; an unknown one is answered as in reconciliation."""

        task_id: Annotated[TaskID, 1]
        agent_id: Annotated[AgentID | None, 2] = None
        kill_policy: Annotated[KillPolicy | None, 3] = None

    class Shutdown(Base, kw_only=True):
        """Ends a custom executor with all its tasks."""

        executor_id: Annotated[ExecutorID, 1]
        agent_id: Annotated[AgentID, 2]

    class Acknowledge(Base, kw_only=True):
        """Says that an update has arrived; the next one of that task may come."""

        agent_id: Annotated[AgentID, 1]
        task_id: Annotated[TaskID, 2]
        uuid: Annotated[bytes, 3]

    class AcknowledgeOperationStatus(Base, kw_only=True):
        """Says that an operation's update has arrived."""

        agent_id: Annotated[AgentID | None, 1] = None
        resource_provider_id: Annotated[ResourceProviderID | None, 2] = None
        uuid: Annotated[bytes, 3]
        operation_id: Annotated[OperationID, 4]

    class Reconcile(Base, kw_only=True):
        """Asks for the state of the tasks named, or of all if none is."""

        class Task(Base, kw_only=True):
            """A task, and the agent it should be on."""

            task_id: Annotated[TaskID, 1]
            agent_id: Annotated[AgentID | None, 2] = None

        tasks: Annotated[list[Task], 1] = []

    class ReconcileOperations(Base, kw_only=True):
        """Asks for the state of the operations named, or of all if none is."""

        class Operation(Base, kw_only=True):
            """An operation, and where it should be."""

            operation_id: Annotated[OperationID, 1]
            agent_id: Annotated[AgentID | None, 2] = None
            resource_provider_id: Annotated[ResourceProviderID | None, 3] = None

        operations: Annotated[list[Operation], 1] = []

    class Message(Base, kw_only=True):
        """Sends bytes to a custom executor; they may get lost."""

        agent_id: Annotated[AgentID, 1]
        executor_id: Annotated[ExecutorID, 2]
        data: Annotated[bytes, 3]

    class Request(Base, kw_only=True):
        """Hints at what the framework would like to be offered."""

        requests: Annotated[list[Request], 1] = []

    class Suppress(Base, kw_only=True):
        """Wants no offers until revived, for all roles or those named."""

        roles: Annotated[list[str], 1] = []

    class UpdateFramework(Base, kw_only=True):
        """Replaces the framework's info, suppression and constraints."""

        framework_info: Annotated[FrameworkInfo, 1]
        suppressed_roles: Annotated[list[str], 2] = []
        offer_constraints: Annotated[OfferConstraints | None, 3] = None

    framework_id: Annotated[FrameworkID | None, 1] = None
    type: Annotated[Type | None, 2] = None
    subscribe: Annotated[Subscribe | None, 3] = None
    accept: Annotated[Accept | None, 4] = None
    decline: Annotated[Decline | None, 5] = None
    accept_inverse_offers: Annotated[AcceptInverseOffers | None, 13] = None
    decline_inverse_offers: Annotated[DeclineInverseOffers | None, 14] = None
    revive: Annotated[Revive | None, 15] = None
    kill: Annotated[Kill | None, 6] = None
    shutdown: Annotated[Shutdown | None, 7] = None
    acknowledge: Annotated[Acknowledge | None, 8] = None
    acknowledge_operation_status: Annotated[AcknowledgeOperationStatus | None, 17] = None
    reconcile: Annotated[Reconcile | None, 9] = None
    reconcile_operations: Annotated[ReconcileOperations | None, 18] = None
    message: Annotated[Message | None, 10] = None
    request: Annotated[Call.Request | None, 11] = None
    suppress: Annotated[Suppress | None, 16] = None
    update_framework: Annotated[UpdateFramework | None, 19] = None


class APIResult(Base, kw_only=True):
    """How a call went, for client libraries that pass answers on."""

    status_code: Annotated[UInt32, 1]
    response: Annotated[Response | None, 2] = None
    error: Annotated[str | None, 3] = None
