"""What a task may take from an offer."""

from __future__ import annotations

from tepui.resources import Resources
from tepui.resources.parsing import parse_resources
from tepui.sdk.core.fitting import take


def taken(available: str, wanted: str) -> Resources | None:
    return take(parse_resources(available), parse_resources(wanted))


def test_scalars_ranges_and_sets_are_taken_as_asked() -> None:
    wanted = "cpus:0.5;ports:[31005-31006,31009-31009];racks:{b}"
    assert taken("cpus:4;ports:[31000-31010];racks:{a,b}", wanted) == parse_resources(wanted)


def test_what_is_reserved_goes_first_and_the_rest_is_common() -> None:
    assert taken("cpus:1;cpus(red):2", "cpus:2.5") == parse_resources("cpus:0.5;cpus(red):2")


def test_too_little_is_nothing() -> None:
    assert taken("cpus:1;mem:64", "cpus:1;mem:65") is None
    assert taken("ports:[1-5]", "ports:[5-6]") is None
    assert taken("cpus:1", "gpus:1") is None


def test_disks_of_a_special_kind_are_left_alone() -> None:
    special = """[
        {"name": "disk", "type": "SCALAR", "scalar": {"value": 100},
         "disk": {"source": {"type": "MOUNT", "mount": {"root": "/mnt"}}}},
        {"name": "disk", "type": "SCALAR", "scalar": {"value": 10}}
    ]"""
    assert taken(special, "disk:10") == parse_resources("disk:10")
    assert taken(special, "disk:11") is None
