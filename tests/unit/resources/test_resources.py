"""The algebra of resources, entry by entry."""

import copy
import pickle

from tepui.messages import Resource, Value, Volume
from tepui.resources import EMPTY, Quantities, Resources, format_resources, parse_resources

ReservationType = Resource.ReservationInfo.Type


def scalar(name: str, value: float, **fields: object) -> Resource:
    return Resource(
        name=name,
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=value),
        **fields,  # type: ignore[arg-type]
    )


def volume(id: str, size: float, path: str = "data", **fields: object) -> Resource:  # noqa: A002
    disk = Resource.DiskInfo(
        persistence=Resource.DiskInfo.Persistence(id=id),
        volume=Volume(mode=Volume.Mode.RW, container_path=path),
    )
    reservation = Resource.ReservationInfo(type=ReservationType.DYNAMIC, role="db")
    return scalar("disk", size, disk=disk, reservations=[reservation], **fields)


def mount(size: float, root: str) -> Resource:
    source = Resource.DiskInfo.Source(
        type=Resource.DiskInfo.Source.Type.MOUNT,
        mount=Resource.DiskInfo.Source.Mount(root=root),
    )
    return scalar("disk", size, disk=Resource.DiskInfo(source=source))


def test_sums_of_tenths_do_not_drift() -> None:
    total = EMPTY
    for _ in range(10):
        total += parse_resources("cpus:0.1")
    assert total == parse_resources("cpus:1")
    assert total - parse_resources("cpus:1") == EMPTY


def test_addition_and_subtraction_work_entry_by_entry() -> None:
    total = parse_resources("cpus:4;mem:1024;ports:[1-10]") + parse_resources(
        "cpus:1;ports:[11-12]"
    )
    assert format_resources(total) == "cpus:5;mem:1024;ports:[1-12]"
    rest = total - parse_resources("cpus:5;mem:24;ports:[3-4]")
    assert format_resources(rest) == "mem:1000;ports:[1-2,5-12]"


def test_taking_away_what_is_not_there_leaves_the_rest_alone() -> None:
    assert parse_resources("cpus:1") - parse_resources("cpus:2;mem:1") == EMPTY


def test_containment_needs_enough_of_everything() -> None:
    offer = parse_resources("cpus:4;mem:1024;ports:[1-10];bugs:{a,b}")
    assert offer.contains(parse_resources("cpus:4;ports:[2-3,9-10];bugs:{b}"))
    assert not offer.contains(parse_resources("cpus:4.001"))
    assert not offer.contains(parse_resources("ports:[10-11]"))
    assert not offer.contains(parse_resources("bugs:{c}"))
    assert not offer.contains(parse_resources("gpus:1"))


def test_reserved_and_unreserved_are_different_things() -> None:
    total = parse_resources("cpus:4;cpus(ops):2")
    assert not total.contains(parse_resources("cpus:5"))
    assert total.scalars() == {"cpus": 6000}
    assert total.reserved("ops") == parse_resources("cpus(ops):2")
    assert total.reserved() == parse_resources("cpus(ops):2")
    assert total.unreserved() == parse_resources("cpus:4")
    assert total.reservations() == {"ops": parse_resources("cpus(ops):2")}


def test_allocating_to_a_role_and_back_changes_nothing_else() -> None:
    free = parse_resources("cpus:4;disk(ops):10")
    held = free.allocated_to("web")
    assert held != free
    assert held.unallocated() == free
    assert (held + free.allocated_to("db")).allocations() == {
        "web": held,
        "db": free.allocated_to("db"),
    }
    assert (held + free.allocated_to("db")).unallocated() == free + free


def test_entries_of_zero_are_no_entries() -> None:
    assert not Resources.from_messages([scalar("cpus", 0)])
    assert Resources.from_messages([scalar("cpus", 0)]).is_empty()


def test_a_volume_is_the_same_wherever_it_is_mounted() -> None:
    offered = Resources.from_messages([volume("v1", 64, path="here")])
    wanted = Resources.from_messages([volume("v1", 64, path="there")])
    assert offered.contains(wanted)
    assert offered == wanted
    assert offered - wanted == EMPTY
    disk = wanted.allocated_to("db").to_messages()[0].disk
    assert disk is not None
    assert disk.volume is not None
    assert disk.volume.container_path == "there"


def test_a_volume_is_used_whole_or_not_at_all() -> None:
    offered = Resources.from_messages([volume("v1", 64)])
    assert not offered.contains(Resources.from_messages([volume("v1", 32)]))
    assert not offered.contains(Resources.from_messages([volume("v2", 64)]))


def test_mounted_disks_of_one_size_are_counted_not_joined() -> None:
    two = Resources.from_messages([mount(100, "/a"), mount(100, "/a")])
    assert two.scalars() == {"disk": 200_000}
    assert not two.contains(Resources.from_messages([mount(200, "/a")]))
    assert len(two.to_messages()) == 2
    assert two.shrink({"disk": 150_000}).scalars() == {"disk": 100_000}


def test_copies_of_a_shared_volume_count_once() -> None:
    one = Resources.from_messages([volume("v1", 64, shared=Resource.SharedInfo())])
    assert (one + one).scalars() == {"disk": 64_000}
    assert (one + one).contains(one + one)
    assert not one.contains(one + one)
    assert one + one - one == one


def test_shrinking_trims_scalars_by_name() -> None:
    total = parse_resources("cpus:4;cpus(ops):2;mem:100;ports:[1-2]")
    assert format_resources(total.shrink({"cpus": 5000})) == "cpus:4;cpus(ops):1;ports:[1-2]"
    kept = total.shrink({"cpus": 0}, keep_unnamed=True)
    assert format_resources(kept) == "mem:100;ports:[1-2]"


def test_quantities_count_the_items_of_ranges_and_sets() -> None:
    total = parse_resources("cpus:1;ports:[1-10,20-20];bugs:{a,b}")
    assert total.quantities() == {"cpus": 1000, "ports": 11_000, "bugs": 2000}
    assert total.scalars() == {"cpus": 1000}
    assert total.get_scalar("cpus") == 1.0
    assert total.ports() == ((1, 10), (20, 20))


def test_quantities_subtract_down_to_nothing() -> None:
    have = Quantities.from_floats({"cpus": 1.5, "mem": 10, "gpus": 0})
    assert have == {"cpus": 1500, "mem": 10_000}
    assert have.minus({"cpus": 2000, "disk": 1}) == {"mem": 10_000}
    assert have.plus({"cpus": 500, "disk": 1}).to_floats() == {
        "cpus": 2.0,
        "mem": 10.0,
        "disk": 0.001,
    }
    assert have.contains({"cpus": 1500})
    assert not have.contains({"disk": 1})


def test_plain_means_that_any_framework_can_use_it() -> None:
    assert parse_resources("cpus:4;ports:[1-2]").is_plain
    assert not parse_resources("cpus:4;cpus(ops):2").is_plain
    revocable = Resources.from_messages([scalar("cpus", 1, revocable=Resource.RevocableInfo())])
    assert not revocable.is_plain
    assert revocable.revocable() == revocable
    assert revocable.non_revocable() == EMPTY


def test_copies_of_a_collection_are_equal_and_have_the_same_hash() -> None:
    total = parse_resources("cpus:4;mem(ops):10;ports:[1-2]") + Resources.from_messages(
        [volume("v1", 64), mount(100, "/a")]
    )
    for other in (copy.deepcopy(total), pickle.loads(pickle.dumps(total))):
        assert other == total
        assert hash(other) == hash(total)
        assert other.contains(total)


def test_scalars_counted_by_what_changed_are_those_counted_anew() -> None:
    """Sums of an agent with thousands of reservations follow each operation on a few of them."""
    many = parse_resources(";".join(f"cpus(r{number}):1" for number in range(200)))
    one_copy = Resources.from_messages([volume("v", 5, shared=Resource.SharedInfo())])
    steps = [
        *(one_copy, one_copy),
        parse_resources("cpus(r1):0.5;mem:7;ports:[1-9]"),
        parse_resources("cpus(r2):1;mem:3"),
        parse_resources("ports:[4-5];mem:4;absent:1"),
    ]
    total = many
    for step in steps:
        total.scalars()
        total = total + step
        assert total.scalars() == Resources(dict(total.entries())).scalars()
    for step in [*steps, *steps]:
        total.scalars()
        total = total - step
        assert total.scalars() == Resources(dict(total.entries())).scalars()
