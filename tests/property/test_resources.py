"""Laws of resources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.codec import json as codec
from tepui.messages import Label, Labels, Resource, ResourceProviderID, Value, Volume
from tepui.resources import (
    ReservationFormat,
    Resources,
    format_resources,
    parse_resources,
    ranges,
)
from tepui.resources.validation import problem_with_resource

pytestmark = pytest.mark.slow

Info = Resource.ReservationInfo
Source = Resource.DiskInfo.Source

millis = st.integers(1, 10_000).map(lambda value: value / 1000)
spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))),
    max_size=5,
).map(ranges.normalize)
labels = st.none() | st.lists(
    st.builds(Label, key=st.sampled_from("kl"), value=st.none() | st.sampled_from("vw"))
).map(
    lambda items: Labels(
        labels=sorted(items, key=lambda each: (each.key, each.value or "", each.value is None))
    )
)


@st.composite
def stacks(draw: st.DrawFn) -> list[Info]:
    roles = draw(st.sampled_from([(), ("a",), ("b",), ("a", "a/x"), ("a", "a/x", "a/x/y")]))
    stack = []
    for depth, role in enumerate(roles):
        kind = draw(st.sampled_from([Info.Type.STATIC, Info.Type.DYNAMIC])) if depth == 0 else None
        kind = kind or Info.Type.DYNAMIC
        dynamic = kind is Info.Type.DYNAMIC
        stack.append(
            Info(
                type=kind,
                role=role,
                principal=draw(st.none() | st.just("p")) if dynamic else None,
                labels=draw(labels) if dynamic else None,
            )
        )
    return stack


@st.composite
def disks(draw: st.DrawFn) -> Resource.DiskInfo:
    source = draw(
        st.none()
        | st.builds(Source, type=st.just(Source.Type.PATH), path=st.just(Source.Path(root="/p")))
        | st.builds(Source, type=st.just(Source.Type.MOUNT), mount=st.just(Source.Mount(root="/m")))
        | st.builds(Source, type=st.just(Source.Type.RAW), id=st.none() | st.just("raw"))
    )
    if source is None or draw(st.booleans()):
        persistence = Resource.DiskInfo.Persistence(id=draw(st.sampled_from("uv")))
        volume = Volume(mode=Volume.Mode.RW, container_path="data")
        return Resource.DiskInfo(persistence=persistence, volume=volume, source=source)
    return Resource.DiskInfo(source=source)


@st.composite
def messages(draw: st.DrawFn) -> Resource:
    name = draw(st.sampled_from(["cpus", "mem", "disk", "ports", "bugs"]))
    common = {
        "reservations": draw(stacks()),
        "allocation_info": draw(st.none() | st.just(Resource.AllocationInfo(role="r"))),
        "provider_id": draw(st.none() | st.just(ResourceProviderID(value="rp"))),
        "revocable": None,
    }
    if name == "ports":
        pairs = [Value.Range(begin=begin, end=end) for begin, end in draw(spans)]
        value = Value.Ranges(range=pairs)
        return Resource(name=name, type=Value.Type.RANGES, ranges=value, **common)
    if name == "bugs":
        items = Value.Set(item=sorted(draw(st.frozensets(st.sampled_from("abcd")))))
        return Resource(name=name, type=Value.Type.SET, set=items, **common)
    if name == "disk" and common["reservations"] and draw(st.booleans()):
        disk = draw(disks())
        common["disk"] = disk
        if disk.persistence is not None and draw(st.booleans()):
            common["shared"] = Resource.SharedInfo()
    elif not common["reservations"] and draw(st.booleans()):
        common["revocable"] = Resource.RevocableInfo()
    scalar = Value.Scalar(value=draw(millis))
    return Resource(name=name, type=Value.Type.SCALAR, scalar=scalar, **common)


collections = st.lists(messages(), max_size=6).map(Resources.from_messages)


def overlap(left: Resources, right: Resources) -> bool:
    """Tell whether the two claim the same port or the same name twice."""
    amounts = dict(left.entries())
    for key, amount in right.entries():
        held = amounts.get(key)
        if (
            isinstance(held, tuple)
            and isinstance(amount, tuple)
            and ranges.intersects(held, amount)
        ):
            return True
        if isinstance(held, frozenset) and isinstance(amount, frozenset) and held & amount:
            return True
    return False


@given(messages())
def test_what_is_generated_is_valid(message: Resource) -> None:
    assert problem_with_resource(message) is None


@given(collections, collections)
def test_adding_and_taking_away_again_changes_nothing(a: Resources, b: Resources) -> None:
    if not overlap(a, b):
        assert a + b - b == a


@given(collections, collections)
def test_taking_away_what_is_contained_and_adding_it_again_changes_nothing(
    a: Resources, b: Resources
) -> None:
    if a.contains(b):
        assert a - b + b == a


@given(collections, collections, collections)
def test_addition_is_commutative_and_associative(a: Resources, b: Resources, c: Resources) -> None:
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert (a + b) + c == a + (b + c)


@given(collections, collections, collections)
def test_containment_is_a_partial_order(a: Resources, b: Resources, c: Resources) -> None:
    assert a.contains(a)
    if a.contains(b) and b.contains(a):
        assert a == b
    ab, abc = a + b, a + b + c
    assert abc.contains(ab)
    assert ab.contains(a)
    assert abc.contains(a)


@given(collections, collections)
def test_a_difference_is_contained_in_what_it_was_taken_from(a: Resources, b: Resources) -> None:
    assert a.contains(a - b)
    assert (a - b).is_empty() == b.contains(a)


@given(collections, collections)
def test_quantities_of_a_sum_are_the_sum_of_quantities(a: Resources, b: Resources) -> None:
    shared = {key for key, _ in a.entries() if key.shared} & {key for key, _ in b.entries()}
    if not shared:
        assert (a + b).scalars() == a.scalars().plus(b.scalars())


@given(collections)
def test_nothing_is_lost_on_the_way_through_messages(a: Resources) -> None:
    for style in (ReservationFormat.POST_REFINEMENT, ReservationFormat.ENDPOINT):
        written = a.to_messages(format=style)
        assert all(problem_with_resource(message) is None for message in written)
        assert Resources.from_messages(written) == a
        assert (
            Resources.from_messages(
                [codec.decode(Resource, codec.encode(message)) for message in written]
            )
            == a
        )


@given(collections)
def test_nothing_is_lost_in_the_old_format_unless_it_refuses(a: Resources) -> None:
    refined = any(len(key.reservations) > 1 for key, _ in a.entries())
    try:
        written = a.to_messages(format=ReservationFormat.PRE_REFINEMENT)
    except ValueError:
        assert refined
        return
    assert not refined
    assert Resources.from_messages(written) == a


@given(collections)
def test_parts_make_up_the_whole(a: Resources) -> None:
    assert a.reserved() + a.unreserved() == a
    assert a.revocable() + a.non_revocable() == a
    assert sum(a.reservations().values(), start=a.unreserved()) == a
    assert a.allocated_to("q").unallocated() == a.unallocated()


@given(collections, st.integers(0, 20_000))
def test_a_shrunk_collection_is_contained_and_within_the_target(a: Resources, target: int) -> None:
    shrunk = a.shrink({"cpus": target, "mem": target, "disk": target})
    assert a.contains(shrunk)
    assert all(millis <= target for millis in shrunk.scalars().values())


@given(
    st.lists(
        st.one_of(
            st.builds("{}:{}".format, st.sampled_from(["cpus", "mem(a)", "disk(a/b)"]), millis),
            st.builds(
                "ports{}:[{}-{}]".format,
                st.sampled_from(["", "(a)"]),
                st.just(1),
                st.integers(1, 9),
            ),
            st.builds("bugs:{{{}}}".format, st.sampled_from(["a", "a,b", "b,c"])),
        )
    )
)
def test_texts_round_trip(parts: list[str]) -> None:
    parsed = parse_resources(";".join(parts))
    assert parse_resources(format_resources(parsed)) == parsed


@given(spans, spans)
def test_ranges_agree_with_sets_of_numbers(left: ranges.Ranges, right: ranges.Ranges) -> None:
    def numbers(value: ranges.Ranges) -> set[int]:
        return {number for begin, end in value for number in range(begin, end + 1)}

    assert numbers(ranges.union(left, right)) == numbers(left) | numbers(right)
    assert numbers(ranges.subtract(left, right)) == numbers(left) - numbers(right)
    assert ranges.contains(left, right) == (numbers(left) >= numbers(right))
    assert ranges.count(left) == len(numbers(left))
    assert ranges.subtract(left, right) == ranges.normalize(ranges.subtract(left, right))
