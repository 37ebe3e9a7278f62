"""A row for each rule about resources in Mesos' validation, by the rule's id."""

import msgspec
import pytest

from tepui.codec.json import from_builtins
from tepui.messages import Resource
from tepui.resources.roles import LEVELS_MAX, is_subrole, lineage, problem_with_role
from tepui.resources.validation import (
    duplicate_persistence,
    overlapping_amounts,
    problem_with_id,
    problem_with_resource,
    problem_with_resources,
    revocable_mix,
    several_allocation_roles,
)

DISK = {"persistence": {"id": "v"}, "volume": {"container_path": "p", "mode": "RW"}}
DYNAMIC = {"type": "DYNAMIC", "role": "a"}
STATIC = {"type": "STATIC", "role": "a"}


def resource(name: str = "cpus", value: object = 1, **fields: object) -> Resource:
    raw = {"name": name, "type": "SCALAR", "scalar": {"value": value}}
    return from_builtins(Resource, {**raw, **fields})


def disk(**fields: object) -> Resource:
    return resource("disk", 64, **fields)


GOOD = [
    resource(),
    resource(value=0),
    resource(role="*"),
    resource(role="a"),
    resource(role="a", reservation={"principal": "p"}),
    resource(role="a", reservation={}, reservations=[DYNAMIC]),
    resource(role="a", reservations=[STATIC]),
    resource(reservations=[STATIC, {"type": "DYNAMIC", "role": "a/b"}]),
    resource("gpus", 2),
    disk(reservations=[DYNAMIC], disk=DISK),
    disk(reservations=[DYNAMIC], disk=DISK, shared={}),
    disk(disk={"source": {"type": "PATH", "path": {"root": "/x"}}}),
    resource(revocable={}),
]

BAD = [
    ("resource.name", resource(""), "name"),
    ("resource.type", resource(scalar=None), "scalar"),
    ("resource.type", resource(set={"item": ["a"]}), "no other value"),
    ("resource.type", resource(type="TEXT"), "TEXT"),
    ("resource.type", resource(type="RANGES"), "RANGES"),
    ("resource.type", resource(type="SET"), "SET"),
    ("resource.scalar", resource(value=-1), "negative"),
    ("resource.scalar", resource(value="Infinity"), "finite"),
    ("resource.scalar", resource(value=1e300), "too large"),
    (
        "resource.ranges",
        resource(type="RANGES", scalar=None, ranges={"range": [{"begin": 2, "end": 1}]}),
        "ends before",
    ),
    (
        "resource.ranges",
        resource(
            type="RANGES",
            scalar=None,
            ranges={"range": [{"begin": 1, "end": 3}, {"begin": 3, "end": 4}]},
        ),
        "overlap",
    ),
    ("resource.set", resource(type="SET", scalar=None, set={"item": ["a", "a"]}), "repeat"),
    ("resource.disk_name", resource(disk=DISK), "'disk'"),
    ("resource.disk_source", disk(disk={"source": {"type": "UNKNOWN"}}), "unknown"),
    ("resource.disk_source", disk(disk={"source": {"type": "MOUNT", "path": {}}}), "no path"),
    ("resource.disk_source", disk(disk={"source": {"type": "PATH", "mount": {}}}), "no mount"),
    ("resource.reservation_legacy", resource(role="a", reservation=DYNAMIC), "type"),
    ("resource.reservation_legacy", resource(role="a", reservation={"role": "a"}), "role"),
    ("resource.reservation_legacy", resource(role="*", reservation={}), "'*'"),
    ("resource.reservation_legacy", resource(reservation={}), "'*'"),
    ("resource.reservation_legacy", resource(role="a//b"), "two slashes"),
    ("resource.reservations_stack", resource(reservations=[{"role": "a"}]), "type"),
    ("resource.reservations_stack", resource(reservations=[{"type": "STATIC"}]), "role"),
    (
        "resource.reservations_stack",
        resource(reservations=[{"type": "STATIC", "role": "*"}]),
        "'*'",
    ),
    (
        "resource.reservations_stack",
        resource(reservations=[{"type": "STATIC", "role": "-a"}]),
        "dash",
    ),
    (
        "resource.reservations_stack",
        resource(reservations=[STATIC, {"type": "STATIC", "role": "a/b"}]),
        "only a dynamic",
    ),
    (
        "resource.reservations_stack",
        resource(reservations=[STATIC, {"type": "DYNAMIC", "role": "ab"}]),
        "does not lie below",
    ),
    ("resource.reservations_stack", resource(role="b", reservations=[STATIC]), "'role' is 'b'"),
    (
        "resource.reservations_stack",
        resource(role="a", reservation={}, reservations=[STATIC]),
        "static reservation",
    ),
    ("resource.reservations_stack", resource(role="a", reservations=[DYNAMIC]), "without"),
    (
        "resource.reservations_stack",
        resource(role="a", reservation={"principal": "p"}, reservations=[DYNAMIC]),
        "differs",
    ),
    (
        "resource.reservations_stack",
        resource(role="a", reservations=[STATIC, {"type": "DYNAMIC", "role": "a/b"}]),
        "refined",
    ),
    ("resource.shared", resource(shared={}), "shared"),
    ("resource.gpus", resource("gpus", 1.5), "whole number"),
    (
        "resource.persistence_revocable",
        disk(reservations=[STATIC], disk=DISK, revocable={}),
        "revocable",
    ),
    ("resource.persistence_unreserved", disk(disk=DISK), "reserved"),
    (
        "resource.persistence_volume",
        disk(reservations=[DYNAMIC], disk={"persistence": {"id": "v"}}),
        "needs a volume",
    ),
    (
        "resource.persistence_host_path",
        disk(
            reservations=[DYNAMIC],
            disk={"persistence": {"id": "v"}, "volume": {**DISK["volume"], "host_path": "/x"}},
        ),
        "host_path",
    ),
    (
        "resource.persistence_id",
        disk(reservations=[DYNAMIC], disk={**DISK, "persistence": {"id": "a/b"}}),
        "contains '/'",
    ),
    ("resource.volume_only", disk(disk={"volume": DISK["volume"]}), "not persistent"),
    ("resource.disk_empty", disk(disk={}), "empty"),
    ("resource.dynamic_revocable", resource(reservations=[DYNAMIC], revocable={}), "dynamically"),
]


@pytest.mark.parametrize("message", GOOD, ids=lambda each: msgspec.json.encode(each).decode())
def test_good_resources_pass(message: Resource) -> None:
    assert problem_with_resource(message) is None


@pytest.mark.parametrize(("message", "word"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_resources_are_named_with_what_is_wrong(message: Resource, word: str) -> None:
    problem = problem_with_resources([resource(), message])
    assert problem is not None
    assert word in problem


def test_task_resources_persistence_dup_is_within_a_role() -> None:
    first = disk(reservations=[DYNAMIC], disk=DISK)
    other = disk(reservations=[{"type": "DYNAMIC", "role": "b"}], disk=DISK)
    assert duplicate_persistence([first, other, resource()]) is None
    assert duplicate_persistence([first, other, first]) == "volume 'v' of role 'a' appears twice"


def test_task_resources_single_role() -> None:
    one, two = resource(allocation_info={"role": "a"}), resource(allocation_info={"role": "b"})
    assert several_allocation_roles([one, one]) is None
    assert several_allocation_roles([one, two]) is not None


def test_task_resources_revocable_mix() -> None:
    assert revocable_mix([resource(), resource("mem", revocable={})]) is None
    assert revocable_mix([resource(), resource(revocable={})]) is not None


def test_task_with_executor_resources_must_not_overlap() -> None:
    low = resource("ports", type="RANGES", scalar=None, ranges={"range": [{"begin": 1, "end": 3}]})
    high = resource("ports", type="RANGES", scalar=None, ranges={"range": [{"begin": 3, "end": 4}]})
    assert overlapping_amounts([low]) is None
    assert overlapping_amounts([low, high]) is not None
    names = resource("bugs", type="SET", scalar=None, set={"item": ["a", "b"]})
    assert overlapping_amounts([names]) is None
    assert overlapping_amounts([names, names]) == "resource 'bugs' has 'a' twice"


@pytest.mark.parametrize("role", ["*", "a", "a/b/c", "a-b", ".a", "a*"])
def test_good_roles_pass(role: str) -> None:
    assert problem_with_role(role) is None


@pytest.mark.parametrize(
    "role", ["", "/a", "a/", "a//b", ".", "a/..", "a/*", "-a", "a/-b", "a b", "a\tb", "a\x7f"]
)
def test_bad_roles_do_not(role: str) -> None:
    assert problem_with_role(role) is not None


def test_roles_lie_only_so_deep() -> None:
    """The tree is walked recursively: a role of a thousand levels ended what showed it."""
    assert problem_with_role("/".join("a" * LEVELS_MAX)) is None
    assert problem_with_role("/".join("a" * (LEVELS_MAX + 1))) is not None


def test_roles_form_a_tree() -> None:
    assert list(lineage("a/b/c")) == ["a", "a/b", "a/b/c"]
    assert is_subrole("a/b", "a")
    assert not is_subrole("a", "a")
    assert not is_subrole("ab", "a")


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "a\\b", "a\nb", "x" * 256, "é" * 128])
def test_bad_ids_are_refused(id: str) -> None:  # noqa: A002
    assert problem_with_id(id) is not None


def test_good_ids_pass() -> None:
    assert problem_with_id("x" * 255) is None
    assert problem_with_id("task 1.é") is None
