"""The offers and operations of one ACCEPT."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Protocol

from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import validate_resources
from tepui.messages import Offer, OfferID, Resource, TaskInfo

OperationType = Offer.Operation.Type


class Outstanding(Protocol):
    """What the master remembers of an offer."""

    offer_id: str
    framework_id: str
    agent_id: str
    role: str


def validate_offer_ids(
    offer_ids: Sequence[OfferID], offers: Mapping[str, Outstanding], framework_id: str
) -> Problem | None:
    """Check the offers that a framework accepts.

    Args:
        offers: Those outstanding, by id, of every framework.
    """
    found = check_offers_given(offer_ids) or check_offers_once(offer_ids)
    if found is not None:
        return found
    accepted: list[Outstanding] = []
    for offer_id in offer_ids:
        offer = offers.get(offer_id.value)
        if offer is None:
            return check_offer_known(offer_id)
        accepted.append(offer)
    return (
        check_offers_own(accepted, framework_id)
        or check_offers_one_role(accepted)
        or check_offers_one_agent(accepted)
    )


def check_offers_given(offer_ids: Sequence[OfferID]) -> Problem | None:
    """``accept.offers.none``."""
    if offer_ids:
        return None
    return problem("accept.offers.none", "accept.offer_ids", None, "names no offer")


def check_offers_once(offer_ids: Sequence[OfferID]) -> Problem | None:
    """``accept.offers.duplicate``."""
    if len(offer_ids) == 1:
        return None
    seen: dict[str, None] = {}
    for offer_id in offer_ids:
        if offer_id.value in seen:
            return problem(
                "accept.offers.duplicate", "accept.offer_ids", offer_id.value, "is named twice"
            )
        seen[offer_id.value] = None
    return None


def check_offer_known(offer_id: OfferID) -> Problem:
    """``accept.offers.gone``, for an offer that is not outstanding."""
    return problem(
        "accept.offers.gone",
        "accept.offer_ids",
        offer_id.value,
        "is no longer outstanding: it was used, rescinded or never made",
    )


def check_offers_own(offers: Sequence[Outstanding], framework_id: str) -> Problem | None:
    """``accept.offers.framework``."""
    for offer in offers:
        if offer.framework_id != framework_id:
            return problem(
                "accept.offers.framework",
                "accept.offer_ids",
                offer.offer_id,
                f"was made to another framework than {framework_id!r}",
            )
    return None


def check_offers_one_role(offers: Sequence[Outstanding]) -> Problem | None:
    """``accept.offers.role``."""
    first = offers[0].role
    for offer in offers:
        if offer.role != first:
            return problem(
                "accept.offers.role",
                "accept.offer_ids",
                offer.offer_id,
                f"is for role {offer.role!r}, the first one for {first!r}",
            )
    return None


def check_offers_one_agent(offers: Sequence[Outstanding]) -> Problem | None:
    """``accept.offers.agent``."""
    first = offers[0].agent_id
    for offer in offers:
        if offer.agent_id != first:
            return problem(
                "accept.offers.agent",
                "accept.offer_ids",
                offer.offer_id,
                f"is from agent {offer.agent_id!r}, the first one from {first!r}",
            )
    return None


def validate_operation(
    operation: Offer.Operation, agent_capabilities: Container[str]
) -> Problem | None:
    """Check what an operation of any type must keep, before what its type asks for.

    The outcome depends on the type: LAUNCH and LAUNCH_GROUP end in TASK_ERROR for each of their
    tasks, others in OPERATION_ERROR where the operation has an id.
    """
    return (
        check_operation_resources(operation)
        or check_reserve_source(operation)
        or check_launch_id(operation)
        or check_feedback_provider(operation, agent_capabilities)
        or check_feedback(operation, agent_capabilities)
    )


def check_operation_resources(operation: Offer.Operation) -> Problem | None:
    """``accept.op.resources``: one malformed resource spoils all that a launch starts."""
    inner = validate_resources(_own_resources(operation) or _launched_resources(operation))
    return None if inner is None else within("accept.op.resources", "operation", inner)


def check_reserve_source(operation: Offer.Operation) -> Problem | None:
    """``accept.op.reserve_source``."""
    if operation.reserve is None or not operation.reserve.source:
        return None
    return problem(
        "accept.op.reserve_source",
        "operation.reserve.source",
        None,
        "is for operators; schedulers unreserve first",
    )


def check_launch_id(operation: Offer.Operation) -> Problem | None:
    """``accept.op.id_on_launch``."""
    if operation.id is None or not _is_launch(operation):
        return None
    return problem(
        "accept.op.id_on_launch",
        "operation.id",
        operation.id.value,
        "asks for feedback, which launches give by the status of their tasks",
    )


def check_feedback_provider(
    operation: Offer.Operation, agent_capabilities: Container[str]
) -> Problem | None:
    """``accept.op.id_agent_rp``."""
    if operation.id is None or "RESOURCE_PROVIDER" in agent_capabilities:
        return None
    return problem(
        "accept.op.id_agent_rp",
        "operation.id",
        operation.id.value,
        "asks for feedback, and the agent lacks RESOURCE_PROVIDER",
    )


def check_feedback(
    operation: Offer.Operation, agent_capabilities: Container[str]
) -> Problem | None:
    """``accept.op.id_agent_feedback``."""
    if operation.id is None or "AGENT_OPERATION_FEEDBACK" in agent_capabilities:
        return None
    if any(each.provider_id is not None for each in _own_resources(operation)):
        return None
    return problem(
        "accept.op.id_agent_feedback",
        "operation.id",
        operation.id.value,
        "asks for feedback, and the agent lacks AGENT_OPERATION_FEEDBACK",
    )


def _is_launch(operation: Offer.Operation) -> bool:
    return operation.type in (OperationType.LAUNCH, OperationType.LAUNCH_GROUP)


def _own_resources(operation: Offer.Operation) -> list[Resource]:
    """Return what the operation itself works on; the resources of tasks are their own."""
    resources: list[Resource] = []
    for part in (operation.reserve, operation.unreserve):
        if part is not None:
            resources += part.resources
    for volumes in (operation.create, operation.destroy):
        if volumes is not None:
            resources += volumes.volumes
    if operation.grow_volume is not None:
        resources += [operation.grow_volume.volume, operation.grow_volume.addition]
    if operation.shrink_volume is not None:
        resources.append(operation.shrink_volume.volume)
    for disk in (operation.create_disk, operation.destroy_disk):
        if disk is not None:
            resources.append(disk.source)
    return resources


def _launched_resources(operation: Offer.Operation) -> list[Resource]:
    """Return what the tasks and executors of a launch ask for."""
    tasks: list[TaskInfo] = []
    resources: list[Resource] = []
    if operation.launch is not None:
        tasks = operation.launch.task_infos
    elif operation.launch_group is not None:
        tasks = operation.launch_group.task_group.tasks
        resources += operation.launch_group.executor.resources
    for task in tasks:
        resources += task.resources
        if task.executor is not None:
            resources += task.executor.resources
    return resources
