"""Resources as the legacy endpoints show them."""

from __future__ import annotations

import json

from tepui.resources import Resources, parse_resources
from tepui.resources.legacy import (
    encoded_full,
    encoded_full_reservations,
    encoded_reservations,
    encoded_resources,
)

TOTAL = parse_resources("cpus:4;mem:1024;ports:[1-3];cpus(dev):1;mem(test):5")


def test_sums_run_over_all_reservations_and_name_what_is_missing() -> None:
    assert json.loads(encoded_resources(TOTAL)) == {
        "cpus": 5.0,
        "gpus": 0.0,
        "mem": 1029.0,
        "disk": 0.0,
        "ports": "[1-3]",
    }


def test_equal_resources_are_encoded_once() -> None:
    again = parse_resources("cpus:4;mem:1024;ports:[1-3];cpus(dev):1;mem(test):5")
    assert encoded_resources(again) is encoded_resources(TOTAL)


def test_reservations_are_shown_by_role() -> None:
    shown = json.loads(encoded_reservations(TOTAL))
    assert {role: amounts["cpus"] for role, amounts in shown.items()} == {"dev": 1.0, "test": 0.0}
    assert json.loads(encoded_reservations(Resources())) == {}


def test_full_resources_are_in_both_formats_of_reservations() -> None:
    [cpus] = json.loads(encoded_full_reservations(TOTAL))["dev"]
    assert cpus["role"] == "dev"
    assert cpus["reservations"] == [{"type": "STATIC", "role": "dev"}]
    unreserved = json.loads(encoded_full(TOTAL.unreserved()))
    assert [each["role"] for each in unreserved] == ["*"] * 3
