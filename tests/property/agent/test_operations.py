"""Whatever happens between operations, disk and master: books and disk agree in the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tepui.agent.core.effects import AgentEffect, ChangeVolumes, Connect, SendToMaster
from tepui.agent.core.events import LinkClosed, LinkOpened, VolumesChanged
from tepui.base.rng import Rng
from tepui.link.messages import (
    AcknowledgeOperation,
    ApplyOperation,
    Ping,
    Register,
    Registered,
    Reregister,
    Reregistered,
    UpdateAgent,
    UpdateOperation,
)
from tepui.messages import Offer, OperationState, Resource, Value, Volume
from tepui.resources import Resources, parse_resources

Operation = Offer.Operation
Type = Operation.Type
DYNAMIC = Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="dev")
IDS = ("a", "b", "c")


def disk(value: float, persistence_id: str | None = None) -> Resource:
    info = None
    if persistence_id is not None:
        info = Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id=persistence_id),
            volume=Volume(mode=Volume.Mode.RW, container_path="data"),
        )
    return Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=value),
        reservations=[DYNAMIC],
        disk=info,
    )


def cpus(value: float) -> Resource:
    return msgspec.structs.replace(disk(value), name="cpus")


class World:
    """Plays the master and the disk of one agent, at random."""

    def __init__(self, conversation: Any, seed: int) -> None:
        self.agent = conversation
        self.rng = Rng(seed)
        self.given: dict[bytes, Operation] = {}
        self.ended: dict[bytes, OperationState] = {}
        self.updates: list[UpdateOperation] = []
        self.changes: list[ChangeVolumes] = []
        self.on_disk: dict[str, None] = {}
        self.wants_connection = False
        self.do(self.agent.start())
        self.open_link()
        whole = Operation.Reserve(resources=[disk(100)])
        self.apply(Operation(type=Type.RESERVE, reserve=whole))

    @property
    def total(self) -> Resources:
        total: Resources = self.agent.model.total
        return total

    @property
    def is_registered(self) -> bool:
        return bool(self.agent.model.state.value == "RUNNING")

    def do(self, effects: list[AgentEffect]) -> None:
        for effect in effects:
            match effect:
                case ChangeVolumes():
                    self.changes.append(effect)
                case SendToMaster(message=UpdateOperation() as update):
                    self.updates.append(update)
                case SendToMaster(message=UpdateAgent(total=total)):
                    assert total is not None
                    assert Resources.from_messages(total) == self.total
                case SendToMaster(message=Register()):
                    self.hear(Registered(agent_id="master-S0", ping_timeout_seconds=75.0))
                case SendToMaster(message=Reregister() as message):
                    self.take_over(message)
                    self.hear(Reregistered(agent_id="master-S0", ping_timeout_seconds=75.0))
                case Connect():
                    self.wants_connection = True
        assert self.total.get_scalar("disk") == 100

    def take_over(self, message: Reregister) -> None:
        """All that is neither ended nor reported is dropped, as the master drops it."""
        assert Resources.from_messages(message.total) == self.total
        reported = {report.uuid for report in message.operations}
        for uuid in self.given:
            assert uuid in reported or uuid in self.ended, "a told operation is never forgotten"

    def hear(self, message: Any) -> None:
        self.do(self.agent.hear(message))

    # What may happen.

    def apply(self, operation: Operation) -> None:
        if self.is_registered:
            uuid = self.rng.uuid_bytes()
            self.given[uuid] = operation
            self.hear(ApplyOperation(uuid=uuid, operation=operation))

    def reserve(self) -> None:
        wanted = [cpus(float(1 + self.rng.below(4)))]
        self.apply(Operation(type=Type.RESERVE, reserve=Operation.Reserve(resources=wanted)))

    def unreserve(self) -> None:
        wanted = [cpus(float(1 + self.rng.below(2)))]
        self.apply(Operation(type=Type.UNRESERVE, unreserve=Operation.Unreserve(resources=wanted)))

    def create(self) -> None:
        wanted = [disk(10.0, self.rng.choice(IDS))]
        self.apply(Operation(type=Type.CREATE, create=Operation.Create(volumes=wanted)))

    def destroy(self) -> None:
        wanted = [disk(10.0, self.rng.choice(IDS))]
        self.apply(Operation(type=Type.DESTROY, destroy=Operation.Destroy(volumes=wanted)))

    def repeat(self) -> None:
        waiting = [uuid for uuid in self.given if uuid not in self.ended]
        if self.is_registered and waiting:
            uuid = self.rng.choice(waiting)
            self.hear(ApplyOperation(uuid=uuid, operation=self.given[uuid]))

    def disk_obeys(self) -> None:
        self.disk_moves(is_obedient=True)

    def disk_refuses(self) -> None:
        self.disk_moves(is_obedient=False)

    def disk_moves(self, *, is_obedient: bool) -> None:
        if not self.changes:
            return
        effect = self.changes.pop(0)
        change = effect.change
        # What is not there is wiped without resistance.
        wipes = [place.path for place in change.remove if place.path in self.on_disk]
        problem = None
        if is_obedient or (change.remove and not wipes):
            self.on_disk |= dict.fromkeys(place.path for place in change.create)
            for path in wipes:
                del self.on_disk[path]
        else:
            problem = "it resists"
        self.do(
            self.agent.handle(VolumesChanged(operation_uuid=effect.operation_uuid, problem=problem))
        )

    def acknowledge(self) -> None:
        if not self.updates or not self.is_registered:
            return
        update = self.updates.pop(0)
        assert update.uuid in self.given
        known = self.ended.setdefault(update.uuid, update.status.state)
        assert known is update.status.state, "an operation ends once"
        assert update.status.uuid is not None
        status_uuid = update.status.uuid.value
        self.hear(AcknowledgeOperation(uuid=update.uuid, status_uuid=status_uuid))

    def wait(self) -> None:
        self.do(self.agent.advance(self.rng.choice([1.0, 11.0, 60.0])))
        if self.is_registered:
            self.hear(Ping())

    def open_link(self) -> None:
        if self.wants_connection:
            self.wants_connection = False
            self.do(self.agent.handle(LinkOpened(master="m:5050")))

    def close_link(self) -> None:
        if self.agent.model.master is not None:
            self.updates.clear()
            self.do(self.agent.handle(LinkClosed(reason="cut")))

    def restart(self) -> None:
        self.updates.clear()
        self.changes.clear()
        total = self.total
        self.do(self.agent.restart())
        assert self.total == total

    ACTIONS = (
        *("reserve", "reserve", "unreserve", "create", "create", "create", "destroy", "destroy"),
        *("repeat", "disk_obeys", "disk_obeys", "disk_refuses", "acknowledge", "acknowledge"),
        *("wait", "open_link", "open_link", "close_link", "restart"),
    )

    def calm_down(self) -> None:
        for _ in range(100):
            for action in ("open_link", "disk_obeys", "wait", "acknowledge"):
                getattr(self, action)()
            while self.updates and self.is_registered:
                self.acknowledge()
            if not self.agent.model.operations and self.is_registered:
                return
        raise AssertionError("some operation is never over")

    def volumes(self) -> set[str]:
        ids = (key.persistence_id for key, _ in self.total.entries())
        return {f"/w/volumes/roles/dev/{each}" for each in ids if each is not None}


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=st.lists(st.sampled_from(World.ACTIONS), max_size=60), seed=st.integers(0, 2**32))
def test_every_operation_ends_once_and_the_disk_has_what_the_books_say(
    open_conversation: Callable[..., Any], actions: list[str], seed: int
) -> None:
    resources = parse_resources("cpus:4;disk:100").to_messages()
    world = World(open_conversation(seed=seed, resources=resources), seed)
    for action in actions:
        getattr(world, action)()
    world.calm_down()
    assert world.ended.keys() == world.given.keys()
    assert set(world.on_disk) == world.volumes()
    assert set(world.agent.stored) <= {"agent", "resources"}
