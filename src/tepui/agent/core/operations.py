"""Operations on the agent's resources: done once, durably, and told until acknowledged.

What an operation makes of the total is stored before anything else happens; volumes on the
disk follow, also in the life of the agent after this one. Only when both are done is the
operation FINISHED. If the disk refuses, the total goes back to what it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tepui.agent.core import records, timers, volumes
from tepui.agent.core.effects import ChangeVolumes, StartTimer
from tepui.agent.core.model import AgentOperation, AgentState, Model
from tepui.agent.core.records import OperationRecord, ResourcesRecord
from tepui.agent.core.step import Step
from tepui.agent.core.volumes import VolumeError
from tepui.containers.protocol import VolumeChange, VolumePlace
from tepui.link.messages import ApplyOperation, OperationReport, UpdateAgent, UpdateOperation
from tepui.messages import (
    UUID,
    AgentID,
    FrameworkID,
    Offer,
    Operation,
    OperationState,
    OperationStatus,
    Resource,
)
from tepui.resources import Resources
from tepui.resources.conversions import ReservationType
from tepui.resources.formatting import describe_resources
from tepui.resources.operations import (
    SPECULATIVE,
    OperationError,
    apply,
    conversions,
    stripped,
    without_allocation,
)

OPERATIONS_MAX = 1000
"""An agent on which this many operations wait for their acknowledgement takes no more."""
OPERATIONS_BYTES_MAX = 8 * 1024 * 1024
"""All of them are told in one frame of the link when the agent comes back."""
RESOURCES_BYTES_MAX = 8 * 1024 * 1024
"""So is what operations have made of the agent's resources, labels and all."""

OperationType = Offer.Operation.Type


def apply_operation(step: Step, message: ApplyOperation) -> None:
    """Do an operation, unless it is known; say how it went when that is stored."""
    model = step.model
    known = model.operations.get(message.uuid)
    if known is not None or message.uuid in model.acknowledged_operations:
        if known is not None and known.status is not None:
            known.retry_seconds = 0.0
            _send(step, known)
        return
    operation = AgentOperation(
        uuid=message.uuid,
        operation=without_allocation(message.operation),
        number=1 + max((each.number for each in model.operations.values()), default=0),
        framework_id=message.framework_id,
        size=len(msgspec.msgpack.encode(message.operation)),
    )
    bytes_waiting = sum(each.size for each in model.operations.values())
    if (
        len(model.operations) >= OPERATIONS_MAX
        or bytes_waiting + operation.size > OPERATIONS_BYTES_MAX
    ):
        _refuse(step, operation)
        return
    model.operations[operation.uuid] = operation
    try:
        total = apply(model.total, operation.operation)
        change = _change_of(model, operation.operation)
        kept, size = model.remembered.describe(total)
        if size > RESOURCES_BYTES_MAX:
            raise OperationError(
                f"the agent's reservations and volumes would take more than "
                f"{RESOURCES_BYTES_MAX:,} bytes to describe"
            )
    except (OperationError, VolumeError) as error:
        _fail(step, operation, str(error))
        return
    model.total = total
    _store_resources(step, kept)
    if change is None:
        _finish(step, operation)
        return
    _store(step, operation)
    step.out.append(ChangeVolumes(operation_uuid=operation.uuid, change=change))


def volumes_changed(step: Step, uuid: bytes, problem: str | None) -> None:
    """Note what came of an operation on the disk."""
    operation = step.model.operations.get(uuid)
    if operation is None or operation.status is not None:
        return
    disks = [place.root for place in _places(step.model, operation.operation) if not place.parts]
    if problem is None:
        if any(step.model.unwiped.pop(disk, True) is None for disk in disks):
            _store_resources(step)
        _finish(step, operation)
        return
    if operation.operation.type is OperationType.DESTROY:
        step.model.unwiped |= dict.fromkeys(disks)
    _take_back(step, operation)
    _store_resources(step)
    _fail(step, operation, problem)


def acknowledge(step: Step, uuid: bytes, status_uuid: bytes) -> None:
    """Forget an operation of which the status has arrived."""
    operation = step.model.operations.get(uuid)
    status = operation.status if operation is not None else None
    if status is None or status.uuid is None or status.uuid.value != status_uuid:
        step.log("operation_acknowledgement_ignored", level="debug", operation=uuid.hex())
        return
    _forget(step, uuid)
    step.model.acknowledged_operations.put(uuid, True)


def recover(step: Step, checkpointed: records.Checkpointed) -> str | None:
    """Take up the total and the operations of the life before, and do what was left undone.

    Returns:
        Why the agent's resources do not go with what was made of them, if they do not.
    """
    model = step.model
    if checkpointed.resources is not None:
        kept = Resources.from_messages(checkpointed.resources.resources)
        needed = Resources.from_messages(map(_as_given, checkpointed.resources.resources))
        if not model.total.contains(needed):
            return _lacking(model, needed)
        model.total = model.total - needed + kept
        model.unwiped = dict.fromkeys(checkpointed.resources.unwiped)
    for record in sorted(checkpointed.operations, key=lambda record: record.number):
        operation = AgentOperation(
            uuid=record.uuid,
            operation=record.operation,
            number=record.number,
            undone_before=record.undone_before,
            framework_id=record.framework_id,
            size=len(msgspec.msgpack.encode(record.operation)),
            status=record.status,
            # A new agent's master has never heard of it.
            is_orphan=checkpointed.agent is None,
        )
        model.operations[operation.uuid] = operation
        if operation.status is None:
            _redo(step, operation)
        elif operation.is_orphan:
            _forget(step, operation.uuid)
    return None


def registered(step: Step) -> None:
    """Tell a master that admits this agent as a new one what it has kept from another life."""
    model = step.model
    if model.total != Resources.from_messages(model.info.resources):
        step.send(UpdateAgent(total=model.total.to_messages()))


def _as_given(resource: Resource) -> Resource:
    """Return a resource as an operator gives it to an agent, before any operation."""
    given = stripped(resource)
    static = [each for each in given.reservations if each.type is ReservationType.STATIC]
    return msgspec.structs.replace(given, reservations=static)


def _lacking(model: Model, needed: Resources) -> str:
    missing = describe_resources(needed - model.total)
    return (
        f"the agent's resources lack {missing}, of which reservations or volumes were made: start "
        f"it with what it had, or undo them before; to lose them, empty {model.config.work_dir}"
    )


def reports(model: Model) -> list[OperationReport]:
    """Return all operations that the master waits for."""
    return [
        OperationReport(
            uuid=operation.uuid,
            operation=operation.operation,
            status=operation.status or _status(model, operation, OperationState.OPERATION_PENDING),
            framework_id=operation.framework_id,
        )
        for operation in model.operations.values()
    ]


def messages(model: Model) -> list[Operation]:
    """Return all operations as operators see them."""
    agent_id = None if model.agent_id is None else AgentID(value=model.agent_id)
    return [
        Operation(
            framework_id=None
            if report.framework_id is None
            else FrameworkID(value=report.framework_id),
            agent_id=agent_id,
            info=report.operation,
            latest_status=report.status,
            statuses=[report.status],
            uuid=UUID(value=report.uuid),
        )
        for report in reports(model)
    ]


def resend_all(step: Step) -> None:
    """Send what is unacknowledged to a master that has admitted this agent again."""
    for operation in _told(step.model):
        operation.retry_seconds = 0.0
        _send(step, operation)


def pause(model: Model) -> None:
    """Keep what is unacknowledged until there is a master again."""
    for operation in model.operations.values():
        operation.retry_at = None


def retry_due(step: Step) -> None:
    """Send again what has waited long enough, and look again when the next one has."""
    model, now = step.model, step.now.monotonic
    model.is_retrying_operations = False
    next_at: float | None = None
    for operation in _told(model):
        if operation.retry_at is not None and operation.retry_at <= now:
            _send(step, operation)
        if operation.retry_at is not None and (next_at is None or operation.retry_at < next_at):
            next_at = operation.retry_at
    if next_at is not None:
        model.is_retrying_operations = True
        step.out.append(StartTimer(timer=timers.OperationRetry(), seconds=next_at - now))


def _told(model: Model) -> Iterator[AgentOperation]:
    return (each for each in model.operations.values() if each.status is not None)


def _change_of(model: Model, operation: Offer.Operation) -> VolumeChange | None:
    """Return what has to happen on the disk.

    Raises:
        VolumeError: A volume is on a disk that takes none.
    """
    if operation.type is OperationType.CREATE:
        places = _places(model, operation)
        unwiped = [each for each in places if not each.parts and each.root in model.unwiped]
        return VolumeChange(create=places, unwiped=unwiped)
    if operation.type is OperationType.DESTROY:
        return VolumeChange(remove=_places(model, operation))
    return None


def _places(model: Model, operation: Offer.Operation) -> list[VolumePlace]:
    return [volumes.place_of(model.config.work_dir, each) for each in _volumes(operation)]


def _volumes(operation: Offer.Operation) -> list[Resource]:
    """Return what an operation makes or wipes."""
    if operation.type is OperationType.CREATE and operation.create is not None:
        return operation.create.volumes
    if operation.type is OperationType.DESTROY and operation.destroy is not None:
        return operation.destroy.volumes
    return []


def _redo(step: Step, operation: AgentOperation) -> None:
    change = _change_of(step.model, operation.operation)
    assert change is not None, "an operation without a change on the disk has its status at once"
    unwiped = [
        place
        for failed in operation.undone_before
        if failed.type is OperationType.DESTROY
        for place in _places(step.model, failed)
    ]
    change = msgspec.structs.replace(change, is_repeated=True, unwiped=[*change.unwiped, *unwiped])
    step.out.append(ChangeVolumes(operation_uuid=operation.uuid, change=change))


def _take_back(step: Step, operation: AgentOperation) -> None:
    """Undo what an operation has made of the total, volume by volume.

    Where another operation on the same volume waits for the disk, that one decides.
    """
    model = step.model
    for volume in _volumes(operation.operation):
        place = volumes.place_of(model.config.work_dir, volume)
        failed = [_about(operation.operation, volume)]
        failed += [each for each in operation.undone_before if place in _places(model, each)]
        successor = _next_at(model, operation, place)
        if successor is not None:
            successor.undone_before = failed + successor.undone_before
            _store(step, successor)
        else:
            _undo(step, failed)


def _next_at(model: Model, operation: AgentOperation, place: VolumePlace) -> AgentOperation | None:
    """Return the operation that changes the same volume next."""
    for other in model.operations.values():
        is_later = other.number > operation.number and other.status is None
        if is_later and place in _places(model, other.operation):
            return other
    return None


def _undo(step: Step, failed: list[Offer.Operation]) -> None:
    model = step.model
    total = model.total
    try:
        for operation in failed:
            total = apply(total, _inverse(operation))
    except OperationError as error:
        # What it was to be made of again is used for something else by now.
        step.log("volume_left_over", level="error", reason=str(error))
    else:
        model.total = total


def _about(operation: Offer.Operation, volume: Resource) -> Offer.Operation:
    """Return the part of an operation that is about one volume."""
    if operation.type is OperationType.CREATE:
        return _create(volume)
    return _destroy(volume)


def _inverse(operation: Offer.Operation) -> Offer.Operation:
    """Return what undoes an operation on one volume."""
    (volume,) = _volumes(operation)
    if operation.type is OperationType.CREATE:
        return _destroy(volume)
    return _create(volume)


def _create(volume: Resource) -> Offer.Operation:
    create = Offer.Operation.Create(volumes=[volume])
    return Offer.Operation(type=OperationType.CREATE, create=create)


def _destroy(volume: Resource) -> Offer.Operation:
    destroy = Offer.Operation.Destroy(volumes=[volume])
    return Offer.Operation(type=OperationType.DESTROY, destroy=destroy)


def _finish(step: Step, operation: AgentOperation) -> None:
    converted = Resources()
    for conversion in conversions(operation.operation):
        converted += conversion.converted
    _conclude(
        step,
        operation,
        _status(
            step.model,
            operation,
            OperationState.OPERATION_FINISHED,
            converted=converted.to_messages(),
            uuid=step.rng.uuid_bytes(),
        ),
    )


def _fail(step: Step, operation: AgentOperation, problem: str) -> None:
    _log_failure(step, operation, problem)
    _conclude(step, operation, _failed(step, operation, problem))
    _correct(step, operation)


def _refuse(step: Step, operation: AgentOperation) -> None:
    """Fail an operation without keeping it: if this is lost, the master finds it dropped."""
    problem = (
        f"{len(step.model.operations)} operations of the agent wait for acknowledgement already: "
        "it takes no more"
    )
    _log_failure(step, operation, problem)
    status = _failed(step, operation, problem)
    step.send(
        UpdateOperation(uuid=operation.uuid, status=status, framework_id=operation.framework_id)
    )
    _correct(step, operation)


def _correct(step: Step, operation: AgentOperation) -> None:
    """Tell the real total to a master that has counted on what did not happen."""
    if operation.operation.type in SPECULATIVE:
        step.send(UpdateAgent(total=step.model.total.to_messages()))


def _log_failure(step: Step, operation: AgentOperation, problem: str) -> None:
    kind = operation.operation.type
    step.log(
        "operation_failed",
        level="warning",
        operation=operation.uuid.hex(),
        type=kind.value if kind is not None else None,
        reason=problem,
    )


def _failed(step: Step, operation: AgentOperation, problem: str) -> OperationStatus:
    return _status(
        step.model,
        operation,
        OperationState.OPERATION_FAILED,
        message=problem,
        uuid=step.rng.uuid_bytes(),
    )


def _status(
    model: Model,
    operation: AgentOperation,
    state: OperationState,
    *,
    message: str | None = None,
    converted: list[Resource] | None = None,
    uuid: bytes | None = None,
) -> OperationStatus:
    return OperationStatus(
        operation_id=operation.operation.id,
        state=state,
        message=message,
        converted_resources=converted or [],
        uuid=None if uuid is None else UUID(value=uuid),
        agent_id=None if model.agent_id is None else AgentID(value=model.agent_id),
    )


def _conclude(step: Step, operation: AgentOperation, status: OperationStatus) -> None:
    operation.status = status
    if operation.is_orphan:
        _forget(step, operation.uuid)
        return
    _store(step, operation)
    _send(step, operation)


def _send(step: Step, operation: AgentOperation) -> None:
    """Tell a status, now or when there is a master, and look after it."""
    model = step.model
    if model.state is not AgentState.RUNNING:
        return
    assert operation.status is not None
    config = model.config
    operation.retry_seconds = min(
        max(operation.retry_seconds * 2, config.update_retry_min_seconds),
        config.update_retry_max_seconds,
    )
    operation.retry_at = step.now.monotonic + operation.retry_seconds
    step.send(
        UpdateOperation(
            uuid=operation.uuid, status=operation.status, framework_id=operation.framework_id
        )
    )
    if not model.is_retrying_operations:
        model.is_retrying_operations = True
        timer = StartTimer(timer=timers.OperationRetry(), seconds=operation.retry_seconds)
        step.out.append(timer)


def _store_resources(step: Step, kept: list[Resource] | None = None) -> None:
    model = step.model
    if kept is None:
        kept, _ = model.remembered.describe(model.total)
    record = ResourcesRecord(resources=kept, unwiped=list(model.unwiped))
    step.put(records.RESOURCES_KEY, record)


def _store(step: Step, operation: AgentOperation) -> None:
    step.put(
        records.operation_key(operation.uuid),
        OperationRecord(
            uuid=operation.uuid,
            operation=operation.operation,
            number=operation.number,
            undone_before=operation.undone_before,
            framework_id=operation.framework_id,
            status=operation.status,
        ),
    )


def _forget(step: Step, uuid: bytes) -> None:
    del step.model.operations[uuid]
    step.delete(records.operation_key(uuid))
