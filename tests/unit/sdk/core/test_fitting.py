"""What a task may take from an offer."""

from __future__ import annotations

from tepui.resources import Resources
from tepui.resources.parsing import parse_resources
from tepui.sdk.core.fitting import shortages, take


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


def missed(wanted: str, *offered: str) -> list[str]:
    return shortages(map(parse_resources, offered), parse_resources(wanted))


def test_what_no_offer_has_enough_of_is_told_with_the_best_offer() -> None:
    offered = ("cpus:4;mem:64", "cpus:2;cpus(red):3;mem:32")
    assert missed("cpus:16;mem:32", *offered) == ["cpus:16 needed, 5 offered"]
    assert missed("gpus:1", *offered) == ["gpus:1 needed, 0 offered"]
    assert missed("ports:[80-80]", *offered) == ["ports:[80-80] needed"]


def test_nothing_is_missing_if_each_is_there_and_only_not_together() -> None:
    assert missed("cpus:4;mem:64", "cpus:4;mem:32", "cpus:2;mem:64") == []
