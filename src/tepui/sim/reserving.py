"""What simulated frameworks do besides tasks: reserve, make volumes, and undo both.

Every operation has an id and is in the framework's books before it goes out, so that its feedback
is known, acknowledged, and asked for again when nothing was heard.
"""

from __future__ import annotations

from msgspec.structs import replace

from tepui.base.rng import Rng
from tepui.messages import (
    AgentID,
    Filters,
    Offer,
    OperationID,
    OperationState,
    OperationStatus,
    Resource,
    Volume,
    scheduler,
)
from tepui.resources import Resources, parse_resources
from tepui.sdk.core.fitting import take
from tepui.sim.calling import Answer, Caller
from tepui.sim.clock import Clock

Call = scheduler.Call
Operation = Offer.Operation

NEED = parse_resources("cpus:0.1;mem:16;disk:16")
"""What is reserved at a time."""

RESERVED_MAX = 20
"""An offer with so many reserved resources gets no more."""

UNDO_SHARE = 0.5
DOUBT_SECONDS = 60.0

TERMINAL: dict[OperationState, None] = dict.fromkeys(
    (
        OperationState.OPERATION_FINISHED,
        OperationState.OPERATION_FAILED,
        OperationState.OPERATION_ERROR,
        OperationState.OPERATION_DROPPED,
        OperationState.OPERATION_GONE_BY_OPERATOR,
        OperationState.OPERATION_UNKNOWN,
    )
)


class Reserving:
    """The operations of one framework.

    Attributes:
        open: Where and when each operation that is not over went out, by its id.
        made: How many there were in all.
    """

    def __init__(self, name: str, per_hour: float, clock: Clock, rng: Rng) -> None:
        self.open: dict[str, tuple[str, float]] = {}
        self.made = 0
        self._name = name
        self._mean = 3600.0 / per_hour
        self._clock = clock
        self._rng = rng
        self._next_at = clock.now + rng.between(0.0, self._mean)
        self._process: Caller

    def attach(self, process: Caller) -> None:
        """Make calls through this process."""
        self._process = process

    def use(self, offer: Offer) -> bool:
        """Do an operation with an offer if it is time for one; return whether it is used."""
        if self._clock.now < self._next_at or not self._process.is_subscribed:
            return False
        operation = self._operation(offer)
        if operation is None:
            return False
        self._next_at = self._clock.now + self._rng.between(0.0, 2 * self._mean)
        self.made += 1
        name = f"{self._name}-operation-{self.made}"
        self.open[name] = (offer.agent_id.value, self._clock.now)
        accept = Call.Accept(
            offer_ids=[offer.id],
            operations=[replace(operation, id=OperationID(value=name))],
            filters=Filters(refuse_seconds=0.0),
        )

        def done(answer: Answer | None) -> None:
            if answer is not None and answer.status != 202:
                self.open.pop(name, None)

        self._process.call(Call(type=Call.Type.ACCEPT, accept=accept), done)
        return True

    def hear(self, status: OperationStatus) -> None:
        """Take in how an operation went."""
        name = "" if status.operation_id is None else status.operation_id.value
        if status.state in TERMINAL:
            self.open.pop(name, None)
        if status.uuid is not None and status.operation_id is not None:
            acknowledge = Call.AcknowledgeOperationStatus(
                agent_id=status.agent_id,
                uuid=status.uuid.value,
                operation_id=status.operation_id,
            )
            self._process.call(
                Call(
                    type=Call.Type.ACKNOWLEDGE_OPERATION_STATUS,
                    acknowledge_operation_status=acknowledge,
                )
            )

    def ask(self) -> None:
        """Ask for what was not heard of for long."""
        doubtful = self._clock.now - DOUBT_SECONDS
        operations = [
            Call.ReconcileOperations.Operation(
                operation_id=OperationID(value=name), agent_id=AgentID(value=agent_id)
            )
            for name, (agent_id, at) in self.open.items()
            if at < doubtful
        ]
        if operations:
            reconcile = Call.ReconcileOperations(operations=operations)
            self._process.call(
                Call(type=Call.Type.RECONCILE_OPERATIONS, reconcile_operations=reconcile)
            )

    def _operation(self, offer: Offer) -> Operation | None:
        info = offer.allocation_info
        role = None if info is None else info.role
        if role is None or role == "*":
            return None
        volumes = [each for each in offer.resources if each.disk is not None]
        reserved = [each for each in offer.resources if each.reservations and each.disk is None]
        if volumes and self._rng.unit() < UNDO_SHARE:
            destroy = Operation.Destroy(volumes=[self._rng.choice(volumes)])
            return Operation(type=Operation.Type.DESTROY, destroy=destroy)
        if reserved and self._rng.unit() < UNDO_SHARE:
            return self._with_reserved(self._rng.choice(reserved))
        if len(reserved) < RESERVED_MAX:
            return _reserve(offer, role)
        return None

    def _with_reserved(self, piece: Resource) -> Operation:
        if piece.name != "disk":
            unreserve = Operation.Unreserve(resources=[piece])
            return Operation(type=Operation.Type.UNRESERVE, unreserve=unreserve)
        persistence = Resource.DiskInfo.Persistence(id=f"{self._name}-{self.made}")
        disk = Resource.DiskInfo(
            persistence=persistence,
            volume=Volume(container_path="data", mode=Volume.Mode.RW),
        )
        create = Operation.Create(volumes=[replace(piece, disk=disk)])
        return Operation(type=Operation.Type.CREATE, create=create)


def _reserve(offer: Offer, role: str) -> Operation | None:
    free = [each for each in offer.resources if not each.reservations and each.disk is None]
    part = take(Resources.from_messages(free), NEED)
    if part is None:
        return None
    kind = Resource.ReservationInfo.Type.DYNAMIC
    reservation = Resource.ReservationInfo(type=kind, role=role)
    reserve = Operation.Reserve(
        resources=[replace(each, reservations=[reservation]) for each in part.to_messages()]
    )
    return Operation(type=Operation.Type.RESERVE, reserve=reserve)
