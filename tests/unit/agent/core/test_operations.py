"""Operations are done once, survive the agent, and are told until somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tepui.agent.core import operations
from tepui.agent.core.effects import ChangeVolumes, Exit
from tepui.agent.core.events import LinkClosed, LinkOpened, VolumesChanged
from tepui.agent.core.operations import OPERATIONS_MAX
from tepui.containers.protocol import VolumeChange, VolumePlace
from tepui.link.messages import (
    AcknowledgeOperation,
    ApplyOperation,
    Ping,
    Registered,
    Reregister,
    Shutdown,
    UpdateAgent,
    UpdateOperation,
)
from tepui.messages import Offer, OperationID, OperationState, Resource, Value, Volume
from tepui.resources import Resources, parse_resources

DISK = Resource.DiskInfo
Operation = Offer.Operation
Type = Operation.Type
FINISHED = OperationState.OPERATION_FINISHED
FAILED = OperationState.OPERATION_FAILED
PLACE = VolumePlace("/w", ("volumes", "roles", "dev web", "v1"))


def reserved(name: str, value: float, role: str = "dev/web", **fields: Any) -> Resource:
    dynamic = Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role=role)
    return Resource(
        name=name,
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=value),
        reservations=[dynamic],
        **fields,
    )


def volume(value: float = 64, persistence_id: str = "v1") -> Resource:
    disk = DISK(
        persistence=DISK.Persistence(id=persistence_id),
        volume=Volume(mode=Volume.Mode.RW, container_path="data"),
    )
    return reserved("disk", value, disk=disk)


def reserve(*resources: Resource, id: str | None = None) -> Operation:  # noqa: A002 - its name
    given = None if id is None else OperationID(value=id)
    return Operation(type=Type.RESERVE, id=given, reserve=Operation.Reserve(resources=[*resources]))


def unreserve(*resources: Resource) -> Operation:
    return Operation(type=Type.UNRESERVE, unreserve=Operation.Unreserve(resources=[*resources]))


def create(*volumes: Resource) -> Operation:
    return Operation(type=Type.CREATE, create=Operation.Create(volumes=[*volumes]))


def destroy(*volumes: Resource) -> Operation:
    return Operation(type=Type.DESTROY, destroy=Operation.Destroy(volumes=[*volumes]))


class Operator:
    """Makes an agent do operations, as its master would."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent
        self.told = 0

    def apply(self, operation: Operation, uuid: bytes = b"") -> list[Any]:
        self.told += 1
        uuid = uuid or bytes([self.told]) * 16
        message = ApplyOperation(uuid=uuid, operation=operation, framework_id="f1")
        effects: list[Any] = self.agent.hear(message)
        return effects

    def done(self, operation: Operation) -> None:
        """Do an operation whose disk obeys, and acknowledge it."""
        effects = self.apply(operation)
        for effect in effects:
            if isinstance(effect, ChangeVolumes):
                effects = self.changed(effect.operation_uuid)
        (update,) = self.agent.told(effects)
        assert update.status.state is FINISHED
        self.acknowledge(update)

    def changed(self, uuid: bytes, problem: str | None = None) -> list[Any]:
        effects: list[Any] = self.agent.handle(VolumesChanged(operation_uuid=uuid, problem=problem))
        return effects

    def acknowledge(self, update: UpdateOperation) -> list[Any]:
        assert update.status.uuid is not None
        message = AcknowledgeOperation(uuid=update.uuid, status_uuid=update.status.uuid.value)
        effects: list[Any] = self.agent.hear(message)
        return effects

    @property
    def total(self) -> Resources:
        total: Resources = self.agent.model.total
        return total


@pytest.fixture
def agent(open_conversation: Callable[..., Any]) -> Any:
    resources = parse_resources("cpus:4;mem:1024;disk:1000").to_messages()
    return open_conversation(resources=resources).registered()


@pytest.fixture
def operator(agent: Any) -> Operator:
    return Operator(agent)


def test_a_reservation_changes_the_total_before_anybody_is_told(
    agent: Any, operator: Operator
) -> None:
    (update,) = agent.told(operator.apply(reserve(reserved("cpus", 1), id="o1")))
    assert isinstance(update, UpdateOperation)
    assert update.framework_id == "f1"
    assert update.status.state is FINISHED
    assert update.status.operation_id == OperationID(value="o1")
    assert update.status.converted_resources == [reserved("cpus", 1)]
    assert update.status.agent_id is not None
    assert update.status.agent_id.value == agent.model.agent_id
    assert operator.total.reserved("dev/web").get_scalar("cpus") == 1
    assert agent.stored["resources"].resources == [reserved("cpus", 1)]
    assert agent.stored[f"operation/{'01' * 16}"].status == update.status


def test_a_status_is_told_again_with_patience_until_it_is_acknowledged(
    agent: Any, operator: Operator
) -> None:
    (update,) = agent.told(operator.apply(reserve(reserved("cpus", 1))))
    told_at = []
    for second in range(1, 3600):
        agent.hear(Ping())
        if agent.told(agent.advance(1.0)) == [update]:
            told_at.append(second)
    # Twice as long each time, up to ten minutes.
    assert told_at == [10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]
    operator.acknowledge(update)
    assert agent.model.operations == {}
    assert f"operation/{'01' * 16}" not in agent.stored


def test_an_acknowledgement_of_something_else_is_none(agent: Any, operator: Operator) -> None:
    (update,) = agent.told(operator.apply(reserve(reserved("cpus", 1))))
    agent.hear(AcknowledgeOperation(uuid=update.uuid, status_uuid=b"x" * 16))
    agent.hear(AcknowledgeOperation(uuid=b"y" * 16, status_uuid=update.status.uuid.value))
    assert len(agent.model.operations) == 1


def test_the_same_operation_told_twice_is_done_once(agent: Any, operator: Operator) -> None:
    (first,) = agent.told(operator.apply(reserve(reserved("cpus", 1)), b"1" * 16))
    (again,) = agent.told(operator.apply(reserve(reserved("cpus", 1)), b"1" * 16))
    assert again == first
    assert operator.total.reserved().get_scalar("cpus") == 1
    operator.acknowledge(first)
    assert operator.apply(reserve(reserved("cpus", 1)), b"1" * 16) == []
    assert operator.total.reserved().get_scalar("cpus") == 1


def test_what_is_not_there_cannot_be_converted_and_the_master_hears_the_truth(
    agent: Any, operator: Operator
) -> None:
    update, correction = agent.told(operator.apply(reserve(reserved("cpus", 5))))
    assert update.status.state is FAILED
    assert "cpus" in update.status.message
    assert isinstance(correction, UpdateAgent)
    assert correction.total is not None
    assert Resources.from_messages(correction.total) == operator.total
    assert operator.total.reserved().is_empty()
    assert "resources" not in agent.stored


def test_nobody_counts_on_a_volume_that_should_grow(agent: Any, operator: Operator) -> None:
    grow = Operation.GrowVolume(volume=volume(), addition=reserved("disk", 1))
    (update,) = agent.told(operator.apply(Operation(type=Type.GROW_VOLUME, grow_volume=grow)))
    assert update.status.state is FAILED


def test_a_volume_is_told_of_when_it_is_on_the_disk(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 100)))
    (effect,) = operator.apply(create(volume()))
    assert effect == ChangeVolumes(
        operation_uuid=b"\x02" * 16, change=VolumeChange(create=[PLACE], remove=[])
    )
    # The total is stored by now: a launch that follows finds the volume there.
    assert volume() in agent.stored["resources"].resources
    (update,) = agent.told(operator.changed(b"\x02" * 16))
    assert update.status.state is FINISHED
    assert update.status.converted_resources == [volume()]


def test_a_volume_grows_and_shrinks_in_the_books_alone(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.done(create(volume()))
    grow = Operation.GrowVolume(volume=volume(), addition=reserved("disk", 6))
    operator.done(Operation(type=Type.GROW_VOLUME, grow_volume=grow))
    assert operator.total.contains(Resources.from_messages([volume(70)]))
    shrink = Operation.ShrinkVolume(volume=volume(70), subtract=Value.Scalar(value=20))
    operator.done(Operation(type=Type.SHRINK_VOLUME, shrink_volume=shrink))
    assert operator.total.contains(Resources.from_messages([volume(50), reserved("disk", 50)]))


def test_a_volume_that_cannot_be_made_is_none(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 100)))
    before = operator.total
    operator.apply(create(volume()))
    update, correction = agent.told(operator.changed(b"\x02" * 16, "no space left"))
    assert update.status.state is FAILED
    assert update.status.message == "no space left"
    assert Resources.from_messages(correction.total) == before == operator.total
    assert agent.stored["resources"].resources == [reserved("disk", 100)]


def test_a_volume_that_cannot_be_wiped_stays(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.done(create(volume()))
    before = operator.total
    (effect,) = operator.apply(destroy(volume()))
    assert effect.change == VolumeChange(remove=[PLACE])
    assert not operator.total.contains(Resources.from_messages([volume()]))
    update, _ = agent.told(operator.changed(effect.operation_uuid, "busy"))
    assert update.status.state is FAILED
    assert operator.total == before


def test_what_cannot_be_undone_is_left_as_it_is(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 64)))
    operator.done(create(volume()))
    (effect,) = operator.apply(destroy(volume()))
    operator.done(unreserve(reserved("disk", 64)))
    total = operator.total
    update, _ = agent.told(operator.changed(effect.operation_uuid, "busy"))
    assert update.status.state is FAILED
    assert operator.total == total


def mounted(persistence_id: str | None = None) -> Resource:
    source = DISK.Source(type=DISK.Source.Type.MOUNT, mount=DISK.Source.Mount(root="/mnt/a"))
    if persistence_id is None:
        return reserved("disk", 9, disk=DISK(source=source))
    held = volume(9, persistence_id)
    assert held.disk is not None
    return replace(held, disk=replace(held.disk, source=source))


def test_what_is_left_on_a_whole_disk_is_wiped_before_anybody_else_gets_it(
    open_conversation: Callable[..., Any],
) -> None:
    agent = open_conversation(resources=[replace(mounted(), reservations=[])]).registered()
    operator = Operator(agent)
    operator.done(reserve(mounted()))
    operator.done(create(mounted("v1")))
    (effect,) = operator.apply(destroy(mounted("v1")))
    # The master lets others have the disk at once; when it resists, there is no way back.
    operator.done(unreserve(mounted()))
    operator.changed(effect.operation_uuid, "it resists")
    operator.done(reserve(mounted()))
    for is_wiped in (False, True):
        agent.restart()
        agent.reregistered()
        (effect,) = operator.apply(create(mounted("v2")))
        place = VolumePlace("/mnt/a")
        assert effect.change == VolumeChange(create=[place], unwiped=[place])
        operator.changed(effect.operation_uuid, None if is_wiped else "still")
    operator.done(destroy(mounted("v2")))
    (effect,) = operator.apply(create(mounted("v3")))
    assert effect.change.unwiped == []


def test_of_several_operations_on_a_volume_the_last_decides(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 64)))
    effects = [operator.apply(each) for each in (create(volume()), destroy(volume()))]
    effects.append(operator.apply(create(volume())))
    (first,), (second,), (third,) = effects
    operator.changed(first.operation_uuid, "no space left")
    assert operator.total.contains(Resources.from_messages([volume()]))
    operator.changed(second.operation_uuid)
    operator.changed(third.operation_uuid, "no space left")
    assert operator.total.contains(Resources.from_messages([reserved("disk", 64)]))


def test_a_volume_whose_wipe_failed_is_there_again_if_its_successor_fails_as_well(
    agent: Any, operator: Operator
) -> None:
    operator.done(reserve(reserved("disk", 64)))
    operator.done(create(volume()))
    (wipe,) = operator.apply(destroy(volume()))
    (make,) = operator.apply(create(volume()))
    operator.changed(wipe.operation_uuid, "busy")
    effects = [each for each in agent.restart() if isinstance(each, ChangeVolumes)]
    # The successor may not take over what was there.
    (again,) = effects
    assert again == ChangeVolumes(
        operation_uuid=make.operation_uuid,
        change=VolumeChange(create=[PLACE], unwiped=[PLACE], is_repeated=True),
    )
    operator.changed(make.operation_uuid, "busy")
    assert operator.total.contains(Resources.from_messages([volume()]))


def test_operations_that_wait_for_the_disk_are_redone_in_their_order(
    agent: Any, operator: Operator
) -> None:
    operator.done(reserve(reserved("disk", 64)))
    for uuid, operation in ((b"z", create(volume())), (b"a", destroy(volume()))):
        operator.apply(operation, uuid * 16)
    effects = [each for each in agent.restart() if isinstance(each, ChangeVolumes)]
    assert [effect.operation_uuid for effect in effects] == [b"z" * 16, b"a" * 16]


def test_a_disk_that_takes_no_volumes_is_refused(agent: Any, operator: Operator) -> None:
    raw = Resource.DiskInfo.Source(type=Resource.DiskInfo.Source.Type.RAW)
    disk = DISK(
        persistence=DISK.Persistence(id="v1"),
        volume=Volume(mode=Volume.Mode.RW, container_path="data"),
        source=raw,
    )
    agent.model.total += Resources.from_messages([reserved("disk", 9, disk=DISK(source=raw))])
    update, _ = agent.told(operator.apply(create(reserved("disk", 9, disk=disk))))
    assert update.status.state is FAILED
    assert "RAW" in update.status.message


def test_total_and_operations_survive_kill_9(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("cpus", 1)))
    (update,) = agent.told(operator.apply(reserve(reserved("mem", 32))))
    total = operator.total
    agent.restart()
    assert operator.total == total
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Reregister)
    assert Resources.from_messages(message.total) == total
    (report,) = message.operations
    assert report.uuid == update.uuid
    assert report.status == update.status
    assert report.framework_id == "f1"
    assert agent.told(agent.reregistered())[-1] == update


def test_what_the_disk_lacked_at_kill_9_is_done_by_the_next(agent: Any, operator: Operator) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.apply(create(volume()))
    effects = agent.restart()
    (effect,) = [each for each in effects if isinstance(each, ChangeVolumes)]
    assert effect.change == VolumeChange(create=[PLACE], is_repeated=True)
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    (report,) = message.operations
    assert report.status.state is OperationState.OPERATION_PENDING
    assert report.status.uuid is None
    agent.reregistered()
    (update,) = agent.told(operator.changed(effect.operation_uuid))
    assert update.status.state is FINISHED


def test_without_a_master_nothing_is_told(agent: Any, operator: Operator) -> None:
    (update,) = agent.told(operator.apply(reserve(reserved("cpus", 1))))
    agent.handle(LinkClosed(reason="gone"))
    assert not any(isinstance(each, UpdateOperation) for each in agent.told(agent.advance(3600.0)))
    assert update in agent.told(agent.reregistered())


def test_a_new_agent_in_the_same_place_still_has_the_volumes(
    agent: Any, operator: Operator
) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.done(create(volume()))
    operator.apply(reserve(reserved("cpus", 1)))
    agent.hear(Shutdown(message="gone"))
    agent.restart()
    agent.handle(LinkOpened(master="m:5050"))
    effects = agent.hear(Registered(agent_id="master-S1", ping_timeout_seconds=75.0))
    (correction,) = agent.told(effects)
    assert isinstance(correction, UpdateAgent)
    assert correction.total is not None
    assert volume() in correction.total
    assert agent.model.operations == {}


def test_what_a_former_agent_left_undone_is_done_without_a_word(
    agent: Any, operator: Operator
) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.done(create(volume()))
    operator.apply(destroy(volume()))
    agent.hear(Shutdown(message="gone"))
    effects = agent.restart()
    (effect,) = [each for each in effects if isinstance(each, ChangeVolumes)]
    agent.registered()
    assert agent.told(operator.changed(effect.operation_uuid)) == []
    assert not [key for key in agent.stored if key.startswith("operation/")]


def test_an_agent_that_lacks_what_was_reserved_does_not_start(
    agent: Any, operator: Operator, open_conversation: Callable[..., Any]
) -> None:
    operator.done(reserve(reserved("disk", 100), reserved("cpus", 2)))
    smaller = parse_resources("cpus:1;mem:1024;disk:1000").to_messages()
    heir = open_conversation(resources=smaller)
    heir.stored = {"resources": agent.stored["resources"]}
    (effect,) = heir.start()
    assert isinstance(effect, Exit)
    assert effect.is_failure
    assert "cpus:1" in effect.reason
    assert "/w" in effect.reason


def test_an_agent_that_has_more_than_was_reserved_starts(
    agent: Any, operator: Operator, open_conversation: Callable[..., Any]
) -> None:
    operator.done(reserve(reserved("disk", 100)))
    operator.done(create(volume()))
    larger = parse_resources("cpus:8;mem:1024;disk:1000").to_messages()
    heir = open_conversation(resources=larger)
    heir.stored = {"resources": agent.stored["resources"]}
    heir.start()
    assert heir.model.total.get_scalar("cpus") == 8
    assert heir.model.total.get_scalar("disk") == 1000
    assert heir.model.total.contains(Resources.from_messages([volume()]))


def test_operations_that_wait_are_bounded(
    agent: Any, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "OPERATIONS_MAX", 3)
    assert OPERATIONS_MAX == 1000
    updates = [agent.told(operator.apply(reserve(reserved("cpus", 1))))[0] for _ in range(3)]
    refusal, correction = agent.told(operator.apply(reserve(reserved("cpus", 1))))
    assert refusal.status.state is FAILED
    assert isinstance(correction, UpdateAgent)
    assert len(agent.model.operations) == 3
    assert operator.total.reserved().get_scalar("cpus") == 3
    operator.acknowledge(updates[0])
    (update,) = agent.told(operator.apply(reserve(reserved("cpus", 1))))
    assert update.status.state is FINISHED


def test_the_bytes_of_operations_that_wait_are_bounded(
    agent: Any, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "OPERATIONS_BYTES_MAX", 100)
    refusal, _ = agent.told(operator.apply(reserve(reserved("cpus", 1, role="r" * 100))))
    assert refusal.status.state is FAILED
    assert agent.model.operations == {}


def test_what_reservations_take_to_describe_is_bounded(
    agent: Any, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "RESOURCES_BYTES_MAX", 300)
    operator.done(reserve(reserved("cpus", 1)))
    update, _ = agent.told(operator.apply(reserve(reserved("cpus", 1, role="r" * 255))))
    assert update.status.state is FAILED
    assert "300 bytes" in update.status.message
    assert operator.total.reserved().get_scalar("cpus") == 1
