"""Offer constraints on their way from a framework's call to its offers."""

from __future__ import annotations

from typing import Any

from tepui.allocator import AllocatorOptions
from tepui.base.patterns import PatternLimits
from tepui.master.core.config import MasterConfig
from tepui.master.core.views import framework_message

Constraints = dict[str, Any]


def hosts(pattern: str, role: str = "red") -> Constraints:
    """Return constraints that want agents whose host name matches."""
    constraint = {
        "selector": {"pseudoattribute_type": "HOSTNAME"},
        "predicate": {"text_matches": {"regex": pattern}},
    }
    groups = [{"attribute_constraints": [constraint]}]
    return {"role_constraints": {role: {"groups": groups}}}


def update(scheduler: Any, constraints: Constraints | None) -> Any:
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}}
    body = {"framework_info": info}
    if constraints is not None:
        body["offer_constraints"] = constraints
    return scheduler.call("UPDATE_FRAMEWORK", body)


def hosts_of(offers: list[dict[str, Any]]) -> list[str]:
    return sorted(each["hostname"] for each in offers)


def test_only_agents_that_a_subscription_wants_are_offered(cluster) -> None:
    cluster.agent(port=5051).register()
    cluster.agent(port=5052).register()
    scheduler = cluster.scheduler("red").subscribe(offer_constraints=hosts("host-.*1"))
    assert hosts_of(scheduler.offers()) == ["host-5051"]


def test_an_update_replaces_the_constraints_and_is_served_at_once(cluster) -> None:
    cluster.agent(port=5051).register()
    cluster.agent(port=5052).register()
    scheduler = cluster.scheduler("red").subscribe(offer_constraints=hosts("none"))
    assert scheduler.offers() == []
    assert update(scheduler, hosts("host-5052")) == 200
    assert hosts_of(scheduler.offers()) == ["host-5052"]
    assert update(scheduler, None) == 200
    assert hosts_of(scheduler.offers()) == ["host-5051"]


def test_a_subscription_without_constraints_forgets_those_of_the_last(cluster) -> None:
    cluster.agent(port=5051).register()
    scheduler = cluster.scheduler("red").subscribe(offer_constraints=hosts("none"))
    assert scheduler.offers() == []
    scheduler.subscribe()
    assert hosts_of(scheduler.offers()) == ["host-5051"]


def test_a_pattern_that_costs_too_much_ends_the_subscription_and_refuses_the_update(
    cluster,
) -> None:
    bad = hosts("(a{9}){90}")
    place = (
        "offer_constraints.role_constraints['red'].groups[0].attribute_constraints[0]"
        ".predicate.text_matches.regex '(a{9}){90}'"
    )
    refused = cluster.scheduler("red").subscribe(offer_constraints=bad)
    [error] = refused.take()
    assert error["type"] == "ERROR"
    assert place in error["error"]["message"]
    assert refused.is_closed
    scheduler = cluster.scheduler("red").subscribe()
    assert update(scheduler, bad) == 400
    assert update(scheduler, hosts("a", role="blue")) == 400


def test_the_operator_says_what_a_pattern_may_cost(make_cluster) -> None:
    limits = PatternLimits(memory_bytes_max=1 << 20, program_size_max=2000)
    generous = AllocatorOptions(allocation_interval=1.0, pattern_limits=limits)
    cluster = make_cluster().fail_over(MasterConfig(allocator=generous))
    cluster.agent(port=5051).register()
    scheduler = cluster.scheduler("red").subscribe(offer_constraints=hosts("(.{9}){1}|(a{9}){90}"))
    assert hosts_of(scheduler.offers()) == ["host-5051"]


def test_operators_see_the_constraints(cluster) -> None:
    scheduler = cluster.scheduler("red").subscribe(offer_constraints=hosts("host-.*"))
    framework = cluster.state.frameworks[scheduler.framework_id]
    [role] = framework.offer_constraints.role_constraints
    assert role == "red"
    assert framework_message(framework).offer_constraints == framework.offer_constraints
