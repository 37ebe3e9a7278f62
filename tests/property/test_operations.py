"""Laws of operations: what one does another undoes, and nothing comes from nowhere."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tepui.messages import Offer, Resource, Value, Volume
from tepui.resources import Resources
from tepui.resources.conversions import reservations_of
from tepui.resources.operations import (
    OperationError,
    apply,
    conversions,
    is_volume,
    net,
    stripped,
    with_allocation,
    without_allocation,
)

pytestmark = pytest.mark.slow

Info = Resource.ReservationInfo
Source = Resource.DiskInfo.Source
Operation = Offer.Operation
Type = Operation.Type

millis = st.integers(1, 10_000_000)
lines = st.sampled_from([("a",), ("b",), ("a", "a/x"), ("b", "b/x", "b/x/y")])
sources = st.none() | st.sampled_from(
    [
        Source(type=Source.Type.PATH, path=Source.Path(root="/p")),
        Source(type=Source.Type.MOUNT, mount=Source.Mount(root="/m")),
    ]
)


@st.composite
def stacks(draw: st.DrawFn) -> list[Info]:
    """Reservations of which at least the innermost one is dynamic."""
    roles = draw(lines)
    is_static = len(roles) > 1 and draw(st.booleans())
    kinds = [Info.Type.STATIC if is_static else Info.Type.DYNAMIC]
    kinds += [Info.Type.DYNAMIC] * (len(roles) - 1)
    principals = st.none() | st.just("p")
    return [
        Info(type=kind, role=role, principal=draw(principals))
        for kind, role in zip(kinds, roles, strict=True)
    ]


@st.composite
def reserved(draw: st.DrawFn) -> Resource:
    name = draw(st.sampled_from(["cpus", "mem", "disk", "ports", "bugs"]))
    stack = draw(stacks())
    if name == "ports":
        begin = draw(st.integers(0, 60_000))
        value = Value.Ranges(range=[Value.Range(begin=begin, end=begin + draw(st.integers(0, 99)))])
        return Resource(name=name, type=Value.Type.RANGES, ranges=value, reservations=stack)
    if name == "bugs":
        items = Value.Set(item=sorted(draw(st.frozensets(st.sampled_from("abcd"), min_size=1))))
        return Resource(name=name, type=Value.Type.SET, set=items, reservations=stack)
    source = draw(sources) if name == "disk" else None
    return Resource(
        name=name,
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=draw(millis) / 1000),
        reservations=stack,
        disk=None if source is None else Resource.DiskInfo(source=source),
    )


@st.composite
def volumes(draw: st.DrawFn, *, is_resizable: bool = False) -> Resource:
    source = draw(sources)
    assume(not is_resizable or source is None or source.type is Source.Type.PATH)
    is_shared = not is_resizable and draw(st.booleans())
    return Resource(
        name="disk",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=draw(millis) / 1000),
        reservations=draw(stacks()),
        shared=Resource.SharedInfo() if is_shared else None,
        disk=Resource.DiskInfo(
            persistence=Resource.DiskInfo.Persistence(id=draw(st.sampled_from("vw"))),
            volume=Volume(mode=Volume.Mode.RW, container_path="data"),
            source=source,
        ),
    )


others = st.lists(reserved() | volumes(), max_size=4)


def of(messages: list[Resource]) -> Resources:
    return Resources.from_messages(messages)


def popped(resource: Resource) -> Resource:
    return replace(resource, reservations=resource.reservations[:-1])


def names(resources: list[Resource]) -> set[tuple[str, str]]:
    """Return the roles and ids of the volumes."""
    return {
        (reservations_of(each)[-1].role, each.disk.persistence.id)
        for each in resources
        if is_volume(each) and each.disk is not None and each.disk.persistence is not None
    }


def without_ports_and_bugs(resources: list[Resource]) -> list[Resource]:
    """Leave out what cannot be there twice, so that sums are sums."""
    return [each for each in resources if each.scalar is not None]


@given(reserved(), others)
def test_unreserve_undoes_reserve_and_quantities_are_conserved(
    wanted: Resource, rest: list[Resource]
) -> None:
    total = of([popped(wanted), *without_ports_and_bugs(rest)])
    reserve = Operation(type=Type.RESERVE, reserve=Operation.Reserve(resources=[wanted]))
    unreserve = Operation(type=Type.UNRESERVE, unreserve=Operation.Unreserve(resources=[wanted]))
    after = apply(total, reserve)
    assert after.quantities() == total.quantities()
    assert after.contains(of([wanted]))
    assert apply(after, unreserve) == total


@given(reserved(), stacks(), others)
def test_reserving_anew_there_and_back_is_nothing(
    held: Resource, stack: list[Info], rest: list[Resource]
) -> None:
    target = replace(held, reservations=stack)
    total = of([held, *without_ports_and_bugs(rest)])
    there = Operation(
        type=Type.RESERVE, reserve=Operation.Reserve(source=[held], resources=[target])
    )
    back = Operation(
        type=Type.RESERVE, reserve=Operation.Reserve(source=[target], resources=[held])
    )
    kinds = [
        [each.role for each in x if each.type is Info.Type.STATIC]
        for x in (held.reservations, stack)
    ]
    if kinds[0] != kinds[1]:
        with pytest.raises(OperationError):
            apply(total, there)
        return
    after = apply(total, there)
    assert after.quantities() == total.quantities()
    assert apply(after, back) == total


@given(volumes(), others)
def test_destroy_undoes_create_and_quantities_are_conserved(
    volume: Resource, rest: list[Resource]
) -> None:
    total = of([stripped(volume), *(each for each in rest if not is_volume(each))])
    create = Operation(type=Type.CREATE, create=Operation.Create(volumes=[volume]))
    destroy = Operation(type=Type.DESTROY, destroy=Operation.Destroy(volumes=[volume]))
    after = apply(total, create)
    assert after.quantities() == total.quantities()
    with pytest.raises(OperationError):
        apply(after, create)
    assert apply(after, destroy) == total


@given(volumes(is_resizable=True), millis, others)
def test_shrinking_by_what_it_grew_by_is_nothing(
    volume: Resource, added: int, rest: list[Resource]
) -> None:
    amount = Value.Scalar(value=added / 1000)
    addition = replace(stripped(volume), scalar=amount)
    kept = [each for each in without_ports_and_bugs(rest) if not names([each]) & names([volume])]
    total = of([volume, addition, *kept])
    grow = Operation(
        type=Type.GROW_VOLUME,
        grow_volume=Operation.GrowVolume(volume=volume, addition=addition),
    )
    grown = apply(total, grow)
    assert grown.quantities() == total.quantities()
    ((_, converted),) = conversions(grow)
    (larger,) = converted.to_messages()
    assert larger.disk == volume.disk
    shrink = Operation(
        type=Type.SHRINK_VOLUME,
        shrink_volume=Operation.ShrinkVolume(volume=larger, subtract=amount),
    )
    assert apply(grown, shrink) == total


@given(reserved() | volumes(), st.sampled_from([Type.RESERVE, Type.UNRESERVE, Type.CREATE]))
def test_allocated_resources_convert_as_unallocated_ones_do(resource: Resource, kind: Type) -> None:
    operation = Operation(
        type=kind,
        reserve=Operation.Reserve(resources=[resource]) if kind is Type.RESERVE else None,
        unreserve=Operation.Unreserve(resources=[resource]) if kind is Type.UNRESERVE else None,
        create=Operation.Create(volumes=[resource]) if kind is Type.CREATE else None,
    )
    allocated = with_allocation(operation, "r")
    assert without_allocation(allocated) == operation
    try:
        plain = conversions(operation)
    except OperationError as error:
        with pytest.raises(OperationError, match=re.escape(str(error))):
            conversions(allocated)
        return
    assert [
        (consumed.unallocated(), converted.unallocated())
        for consumed, converted in conversions(allocated)
    ] == [tuple(each) for each in plain]
    assert all(converted == converted.allocated_to("r") for _, converted in conversions(allocated))


@given(st.lists(reserved(), max_size=6), others)
def test_the_net_effect_is_that_of_the_steps_in_their_order(
    wanted: list[Resource], rest: list[Resource]
) -> None:
    scalars = without_ports_and_bugs(wanted)
    steps = conversions(Operation(type=Type.RESERVE, reserve=Operation.Reserve(resources=scalars)))
    needed, made = net(steps)
    total = of(without_ports_and_bugs(rest)) + needed
    in_order = total
    for consumed, converted in steps:
        assert in_order.contains(consumed)
        in_order = in_order - consumed + converted
    assert total - needed + made == in_order
    assert made.quantities() == needed.quantities()
