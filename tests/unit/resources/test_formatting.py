"""What the legacy endpoints show."""

import pytest

from tepui.messages import Resource, Value
from tepui.resources import (
    Resources,
    describe_resources,
    format_resources,
    legacy_attributes,
    legacy_resources,
    parse_attributes,
    parse_resources,
)


def test_four_scalars_are_always_shown() -> None:
    assert legacy_resources(parse_resources("")) == {"cpus": 0, "gpus": 0, "mem": 0, "disk": 0}


def test_reservations_are_summed_and_ranges_and_sets_are_texts() -> None:
    total = parse_resources("cpus:1.5;cpus(a):2;ports:[1-2];ports(a):[4-5];bugs:{b,a};x:1")
    assert legacy_resources(total) == {
        "cpus": 3.5,
        "gpus": 0.0,
        "mem": 0.0,
        "disk": 0.0,
        "ports": "[1-2, 4-5]",
        "bugs": "{a, b}",
        "x": 1.0,
    }


def test_revocable_resources_have_names_of_their_own() -> None:
    revocable = Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=2),
        revocable=Resource.RevocableInfo(),
    )
    shown = legacy_resources(parse_resources("cpus:1") + Resources.from_messages([revocable]))
    assert (shown["cpus"], shown["cpus_revocable"]) == (1.0, 2.0)
    with pytest.raises(ValueError, match="no text form"):
        format_resources(Resources.from_messages([revocable]))


def test_attributes_are_numbers_or_texts() -> None:
    attributes = parse_attributes("rack:r1;n:4.5;x:[1-2,5-9];s:{a,b}")
    assert legacy_attributes(attributes) == [
        ("rack", "r1"),
        ("n", 4.5),
        ("x", "[1-2, 5-9]"),
        ("s", "{a, b}"),
    ]


def test_ranges_and_a_set_of_one_name_do_not_break_the_answer() -> None:
    assert legacy_resources(parse_resources("x:[1-2];x:{a}"))["x"] in ("[1-2]", "{a}")


def test_messages_name_a_few_resources_and_say_how_many_there_are_besides() -> None:
    many = parse_resources(";".join(f"r{number}:1" for number in range(4000)))
    assert describe_resources(many) == ("r0:1; r1:1; r2:1; r3:1; r4:1; r5:1; r6:1; r7:1; 3992 more")


def test_what_frameworks_chose_makes_no_message_long() -> None:
    """It is told once for each operation of an ACCEPT that asks for too much."""
    ports = ",".join(f"{number}-{number}" for number in range(0, 20_000, 2))
    long = parse_resources(f"cpus({'r' * 8000}):1;{'n' * 8000}:1;ports:[{ports}]")
    assert len(describe_resources(long)) < 500
