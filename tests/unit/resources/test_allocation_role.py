"""Whom resources are allocated to."""

from __future__ import annotations

from tepui.resources import Resources, parse_resources


def test_the_role_is_that_of_the_allocation_if_there_is_one() -> None:
    free = parse_resources("cpus:1;mem:2")
    assert free.allocation_role() is None
    assert free.allocated_to("dev").allocation_role() == "dev"
    assert Resources().allocation_role() is None
