"""What operations make of resources, told by example; the laws are property tests."""

import math

import pytest
from msgspec.structs import replace

from tepui.messages import Offer, Resource, Value, Volume
from tepui.resources import Resources, parse_resources
from tepui.resources.operations import (
    OperationError,
    apply,
    conversions,
    net,
    refined,
    resources_of,
    with_allocation,
    without_allocation,
)

Info = Resource.ReservationInfo
Operation = Offer.Operation
Type = Operation.Type
Source = Resource.DiskInfo.Source

DEV = Info(type=Info.Type.DYNAMIC, role="dev", principal="ops")
DEV_WEB = Info(type=Info.Type.DYNAMIC, role="dev/web")
TEST = Info(type=Info.Type.DYNAMIC, role="test")
STATIC = Info(type=Info.Type.STATIC, role="dev")
PATH = Source(type=Source.Type.PATH, path=Source.Path(root="/p"))
MOUNT = Source(type=Source.Type.MOUNT, mount=Source.Mount(root="/m"))
BLOCK = Source(type=Source.Type.BLOCK, id="b")
TOTAL = parse_resources("cpus:4;mem:1024;disk:100;ports:[1-9]")


def scalar(name: str, value: float, *stack: Info, **fields: object) -> Resource:
    amount = Value.Scalar(value=value)
    return Resource(
        name=name, type=Value.Type.SCALAR, scalar=amount, reservations=[*stack], **fields
    )


def disk(value: float, *stack: Info, source: Source | None = None) -> Resource:
    info = None if source is None else Resource.DiskInfo(source=source)
    return scalar("disk", value, *stack, disk=info)


def volume(
    value: float,
    *stack: Info,
    persistence_id: str = "v",
    source: Source | None = None,
    is_shared: bool = False,
) -> Resource:
    info = Resource.DiskInfo(
        persistence=Resource.DiskInfo.Persistence(id=persistence_id, principal="ops"),
        volume=Volume(mode=Volume.Mode.RW, container_path="data"),
        source=source,
    )
    shared = Resource.SharedInfo() if is_shared else None
    return scalar("disk", value, *(stack or (DEV,)), disk=info, shared=shared)


def reserve(*resources: Resource, source: list[Resource] | None = None) -> Operation:
    return Operation(
        type=Type.RESERVE,
        reserve=Operation.Reserve(source=source or [], resources=[*resources]),
    )


def unreserve(*resources: Resource) -> Operation:
    return Operation(type=Type.UNRESERVE, unreserve=Operation.Unreserve(resources=[*resources]))


def create(*volumes: Resource) -> Operation:
    return Operation(type=Type.CREATE, create=Operation.Create(volumes=[*volumes]))


def destroy(*volumes: Resource) -> Operation:
    return Operation(type=Type.DESTROY, destroy=Operation.Destroy(volumes=[*volumes]))


def grow(held: Resource, addition: Resource) -> Operation:
    return Operation(
        type=Type.GROW_VOLUME, grow_volume=Operation.GrowVolume(volume=held, addition=addition)
    )


def shrink(held: Resource, subtract: float) -> Operation:
    return Operation(
        type=Type.SHRINK_VOLUME,
        shrink_volume=Operation.ShrinkVolume(volume=held, subtract=Value.Scalar(value=subtract)),
    )


def of(*messages: Resource) -> Resources:
    return Resources.from_messages(messages)


# -- reservations --


def test_reserving_moves_resources_under_a_reservation() -> None:
    reserved = apply(TOTAL, reserve(scalar("cpus", 1, DEV)))
    assert reserved.unreserved().get_scalar("cpus") == 3
    assert reserved.reserved("dev") == of(scalar("cpus", 1, DEV))
    assert reserved.quantities() == TOTAL.quantities()


def test_a_reservation_is_refined_one_level_at_a_time() -> None:
    reserved = apply(TOTAL, reserve(scalar("cpus", 2, DEV)))
    refined_twice = apply(reserved, reserve(scalar("cpus", 1, DEV, DEV_WEB)))
    assert refined_twice.reserved("dev") == of(scalar("cpus", 1, DEV))
    with pytest.raises(OperationError, match=r"cpus:1 .* is not there"):
        apply(TOTAL, reserve(scalar("cpus", 1, DEV, DEV_WEB)))
    undone = apply(refined_twice, unreserve(scalar("cpus", 1, DEV, DEV_WEB)))
    assert undone == reserved


def test_the_steps_of_one_operation_build_on_each_other() -> None:
    both = reserve(scalar("cpus", 1, DEV), scalar("cpus", 1, DEV, DEV_WEB))
    assert apply(TOTAL, both).reserved() == of(scalar("cpus", 1, DEV, DEV_WEB))


def test_the_net_effect_needs_only_what_the_steps_do_not_make() -> None:
    both = reserve(scalar("cpus", 2, DEV), scalar("cpus", 1, DEV, DEV_WEB))
    needed, made = net(conversions(both))
    assert needed == of(scalar("cpus", 2))
    assert made == of(scalar("cpus", 1, DEV), scalar("cpus", 1, DEV, DEV_WEB))


def test_reserving_anew_goes_from_one_role_to_another_in_one_step() -> None:
    reserved = apply(TOTAL, reserve(scalar("cpus", 2, DEV)))
    anew = reserve(scalar("cpus", 1, TEST), source=[scalar("cpus", 1, DEV)])
    moved = apply(reserved, anew)
    assert moved.reserved("dev") == of(scalar("cpus", 1, DEV))
    assert moved.reserved("test") == of(scalar("cpus", 1, TEST))


def test_reserving_anew_may_skip_levels() -> None:
    deep = reserve(scalar("cpus", 1, DEV, DEV_WEB), source=[scalar("cpus", 1)])
    assert apply(TOTAL, deep).reserved() == of(scalar("cpus", 1, DEV, DEV_WEB))


def test_a_static_reservation_is_refined_and_never_taken_away() -> None:
    static = of(scalar("cpus", 1, STATIC))
    assert apply(static, reserve(scalar("cpus", 1, STATIC, DEV_WEB))) == of(
        scalar("cpus", 1, STATIC, DEV_WEB)
    )
    with pytest.raises(OperationError, match="static reservation is the agent's own"):
        conversions(reserve(scalar("cpus", 1, TEST), source=[scalar("cpus", 1, STATIC)]))
    with pytest.raises(OperationError, match="not dynamically reserved"):
        conversions(unreserve(scalar("cpus", 1, STATIC)))


def test_either_reservation_format_means_the_same() -> None:
    old = Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=1),
        role="dev",
        reservation=Info(principal="ops"),
    )
    assert conversions(reserve(old)) == conversions(reserve(scalar("cpus", 1, DEV)))
    assert refined(reserve(old)) == reserve(scalar("cpus", 1, DEV))


def test_ranges_are_reserved_in_part() -> None:
    ports = Resource(
        name="ports",
        type=Value.Type.RANGES,
        ranges=Value.Ranges(range=[Value.Range(begin=3, end=4)]),
        reservations=[DEV],
    )
    assert apply(TOTAL, reserve(ports)).unreserved().ports() == ((1, 2), (5, 9))


def test_nothing_is_reserved_where_the_amount_is_zero() -> None:
    assert conversions(reserve(scalar("cpus", 0, DEV))) == []
    assert conversions(reserve()) == []


# -- volumes --


def test_a_volume_is_made_of_reserved_disk_and_becomes_it_again() -> None:
    reserved = apply(TOTAL, reserve(disk(50, DEV)))
    created = apply(reserved, create(volume(20)))
    assert created.reserved("dev") == of(disk(30, DEV)) + of(volume(20))
    assert apply(created, destroy(volume(20))) == reserved


@pytest.mark.parametrize("source", [PATH, MOUNT, BLOCK])
def test_the_disk_beneath_a_volume_is_kept(source: Source) -> None:
    free = of(disk(50, DEV, source=source))
    created = apply(free, create(volume(50, source=source)))
    assert created == of(volume(50, source=source))
    assert apply(created, destroy(volume(50, source=source))) == free


def test_a_mounted_disk_becomes_a_volume_whole_or_not_at_all() -> None:
    with pytest.raises(OperationError, match="MOUNT disk"):
        apply(of(disk(50, DEV, source=MOUNT)), create(volume(20, source=MOUNT)))
    part = apply(of(disk(50, DEV, source=PATH)), create(volume(20, source=PATH)))
    assert part == of(disk(30, DEV, source=PATH)) + of(volume(20, source=PATH))


def test_an_id_is_used_once_in_a_role() -> None:
    reserved = apply(TOTAL, reserve(disk(50, DEV), disk(10, TEST)))
    created = apply(reserved, create(volume(20)))
    with pytest.raises(OperationError, match="role 'dev' has a volume 'v' already"):
        apply(created, create(volume(10)))
    with pytest.raises(OperationError, match="already"):
        apply(reserved, create(volume(10), volume(10)))
    assert apply(created, create(volume(10, TEST))).get_scalar("disk") == 100


def test_a_shared_volume_in_several_copies_is_not_destroyed() -> None:
    shared = volume(20, is_shared=True)
    held = apply(of(disk(20, DEV)), create(shared))
    with pytest.raises(OperationError, match="more copies"):
        apply(held + held, destroy(shared))
    assert apply(held, destroy(shared)) == of(disk(20, DEV))


def test_a_volume_grows_and_shrinks() -> None:
    held = of(volume(20), disk(30, DEV))
    grown = apply(held, grow(volume(20), disk(5, DEV)))
    assert grown == of(volume(25), disk(25, DEV))
    assert apply(grown, shrink(volume(25), 5)) == held


def test_what_a_volume_grows_by_is_of_its_kind() -> None:
    for addition in (disk(5, TEST), disk(5, DEV, source=PATH), scalar("mem", 5, DEV)):
        with pytest.raises(OperationError, match="cannot become part of the volume 'v'"):
            conversions(grow(volume(20), addition))
    with pytest.raises(OperationError, match="more than nothing"):
        conversions(grow(volume(20), disk(0, DEV)))


@pytest.mark.parametrize("subtract", [0, -1, 20, 21, math.inf, math.nan, 1e300])
def test_a_volume_shrinks_to_something(subtract: float) -> None:
    with pytest.raises(OperationError, match="cannot be taken off the volume 'v', which has 20"):
        conversions(shrink(volume(20), subtract))


def test_shared_and_mounted_volumes_keep_their_size() -> None:
    for held in (volume(20, is_shared=True), volume(20, source=MOUNT)):
        with pytest.raises(OperationError, match="cannot shrink"):
            conversions(shrink(held, 1))
        with pytest.raises(OperationError, match="cannot grow"):
            conversions(grow(held, disk(1, DEV)))


# -- what cannot be --


def test_a_volume_has_a_reservation_of_its_own() -> None:
    with pytest.raises(OperationError, match="volume 'v' cannot be reserved anew"):
        conversions(reserve(volume(1)))
    with pytest.raises(OperationError, match="has to be destroyed first"):
        conversions(unreserve(volume(1)))
    with pytest.raises(OperationError, match="not a persistent volume"):
        conversions(create(disk(1, DEV)))
    with pytest.raises(OperationError, match="has no size"):
        conversions(destroy(volume(0)))


def test_what_is_missing_is_named() -> None:
    with pytest.raises(OperationError) as caught:
        apply(TOTAL, reserve(scalar("cpus", 1000, DEV)))
    assert str(caught.value) == "cpus:1000 is needed, and cpus:996 of it is not there"
    with pytest.raises(OperationError, match="differ in more than their reservations"):
        conversions(reserve(scalar("cpus", 2, DEV), source=[scalar("cpus", 1)]))
    mixed = [scalar("cpus", 1, DEV), scalar("cpus", 1)]
    with pytest.raises(OperationError, match="'source' mixes reservations"):
        conversions(reserve(scalar("cpus", 2, TEST), source=mixed))


def test_malformed_operations_are_errors_and_nothing_worse() -> None:
    for operation in (
        Operation(),
        Operation(type=Type.LAUNCH),
        Operation(type=Type.RESERVE),
        replace(reserve(scalar("cpus", 1, DEV)), type=Type.CREATE),
        reserve(scalar("cpus", math.nan, DEV)),
        reserve(scalar("cpus", 1e300, DEV)),
        reserve(replace(scalar("cpus", 1, DEV), type=Value.Type.RANGES)),
        reserve(replace(scalar("cpus", 1, DEV), scalar=None)),
        unreserve(scalar("cpus", 1, replace(DEV, role="*"))),
    ):
        with pytest.raises(OperationError):
            apply(TOTAL, operation)


# -- allocation --


def test_allocations_come_and_go_and_are_kept_meanwhile() -> None:
    operation = reserve(scalar("cpus", 1, DEV))
    allocated = with_allocation(operation, "dev")
    assert all(each.allocation_info is not None for each in resources_of(allocated))
    assert without_allocation(allocated) == operation
    offered = apply(TOTAL.allocated_to("dev"), allocated)
    assert offered == apply(TOTAL, operation).allocated_to("dev")
    assert with_allocation(allocated, "test") == allocated


@pytest.mark.parametrize(
    "operation",
    [
        reserve(disk(1, DEV), source=[disk(1)]),
        unreserve(disk(1, DEV)),
        create(volume(1)),
        destroy(volume(1)),
        grow(volume(1), disk(1, DEV)),
        shrink(volume(2), 1),
        Operation(
            type=Type.CREATE_DISK,
            create_disk=Operation.CreateDisk(source=disk(1), target_type=Source.Type.MOUNT),
        ),
        Operation(type=Type.DESTROY_DISK, destroy_disk=Operation.DestroyDisk(source=disk(1))),
    ],
    ids=lambda each: each.type.value,
)
def test_every_kind_of_operation_can_be_allocated(operation: Operation) -> None:
    allocated = with_allocation(operation, "dev")
    assert all(each.allocation_info is not None for each in resources_of(allocated))
    assert without_allocation(allocated) == operation
