"""Reservations: for their role and those below, past limits and headroom, and always consumed."""

from __future__ import annotations

from typing import Any

from tepui.resources import parse_resources


def test_rule_78_dynamic_and_refined_reservations_are_for_the_innermost_role(
    cluster: Any, things: Any
) -> None:
    refined = things.scalar("cpus", 1, "a", "a/x")
    cluster.agent("s", refined + things.scalar("cpus", 2, "b"))
    cluster.framework("f", "a")
    assert cluster.brief() == []
    cluster.framework("g", "a/x/y")
    cluster.framework("h", "b")
    offers = {each.role: each.resources.unallocated() for each in cluster.offers()}
    assert offers == {"a/x/y": refined, "b": things.scalar("cpus", 2, "b")}


def test_rule_79_reservations_pass_limits_and_headroom(cluster: Any) -> None:
    cluster.quota("a", limits="cpus:1;mem:10")
    cluster.quota("absent", "cpus:100;mem:1000")
    cluster.framework("f", "a")
    cluster.agent("s", "cpus:4;mem:64;cpus(a):3;mem(a):32")
    assert cluster.brief() == [("f", "a", "s", "cpus(a):3;mem(a):32")]
    assert cluster.role("a").consumed == {"cpus": 3000, "mem": 32_000}


def test_rule_79_a_nested_role_gets_reservations_of_its_ancestors_without_headroom(
    cluster: Any,
) -> None:
    cluster.quota("absent", "cpus:100;mem:1000")
    cluster.framework("f", "a/x")
    cluster.agent("s", "cpus:4;mem:64;cpus(a):3;mem(a/x):32;cpus(a/y):1")
    assert cluster.brief() == [("f", "a/x", "s", "cpus(a):3;mem(a/x):32")]


def test_an_agent_of_many_reservations_gives_each_role_its_own(cluster: Any) -> None:
    text = ";".join(f"cpus(r{number}):1" for number in range(30))
    for number in range(0, 30, 3):
        cluster.framework(f"f{number}", f"r{number}")
    cluster.agent("s", parse_resources(text))
    offers = cluster.brief()
    assert sorted(offers) == sorted(
        (f"f{number}", f"r{number}", "s", f"cpus(r{number}):1") for number in range(0, 30, 3)
    )
