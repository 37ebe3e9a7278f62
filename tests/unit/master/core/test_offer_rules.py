"""Rules of Mesos' allocator that take a master: what is said, and for how long it holds."""

from __future__ import annotations

from typing import Any

from tepui.codec import json
from tepui.master.core.events import AllocateSlice, OperationRequested
from tepui.messages import Offer


def agent_of(cluster: Any, port: int = 5051) -> Any:
    return cluster.agent(port=port).register()


def decline(scheduler: Any, offer: dict[str, Any], **filters: float) -> None:
    body: dict[str, Any] = {"offer_ids": [offer["id"]]}
    if filters:
        body["filters"] = filters
    assert scheduler.call("DECLINE", body) == 202


def update(scheduler: Any, *roles: str, **fields: Any) -> None:
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, "roles": list(roles)}
    assert scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info, **fields}) == 200


def roles(offers: list[dict[str, Any]]) -> list[str]:
    return sorted(each["allocation_info"]["role"] for each in offers)


def test_rule_62_without_a_filter_a_decline_holds_for_five_seconds(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    decline(scheduler, scheduler.offers()[0])
    cluster.pass_time(4.9)
    assert scheduler.offers() == []
    cluster.pass_time(0.1)
    assert len(scheduler.offers()) == 1


def test_rule_62_what_an_accept_leaves_is_filtered_too(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.accept([offer], [], filters={"refuse_seconds": 30})
    cluster.pass_time(29.0)
    assert scheduler.offers() == []
    cluster.pass_time(1.0)
    assert len(scheduler.offers()) == 1


def test_rule_63_a_negative_time_stands_for_five_seconds(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    decline(scheduler, scheduler.offers()[0], refuse_seconds=-1)
    cluster.pass_time(4.9)
    assert scheduler.offers() == []
    cluster.pass_time(0.1)
    assert len(scheduler.offers()) == 1


def test_rule_68_what_an_operator_takes_back_is_not_offered_again_for_five_seconds(
    cluster,
) -> None:
    agent = agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    assert len(scheduler.offers()) == 1
    reserve = {
        "type": "RESERVE",
        "reserve": {
            "resources": [
                {
                    "name": "cpus",
                    "type": "SCALAR",
                    "scalar": {"value": 1},
                    "reservations": [{"type": "DYNAMIC", "role": "blue"}],
                }
            ]
        },
    }
    asked = json.from_builtins(Offer.Operation, reserve)
    answer = cluster.ask(
        lambda number: OperationRequested(
            request_id=number, agent_id=agent.agent_id, operation=asked
        )
    )
    assert answer.status == 202
    assert len(scheduler.take("RESCIND")) == 1
    cluster.pass_time(4.9)
    assert scheduler.offers() == []
    cluster.pass_time(0.1)
    [offer] = scheduler.offers()
    assert {"name": "cpus", "value": 3.0} in [
        {"name": each["name"], "value": each.get("scalar", {}).get("value")}
        for each in offer["resources"]
    ]


def test_rule_70_offers_outstanding_stay_valid_when_their_role_is_suppressed(cluster) -> None:
    agent = agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.call("SUPPRESS")
    assert scheduler.take("RESCIND") == []
    assert scheduler.launch(offer, "t1") == 202
    assert agent.launched() == ["t1"]
    assert scheduler.offers() == []


def test_rule_71_revive_clears_filters_and_is_served_without_waiting(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red", "blue").subscribe()
    for _ in range(2):
        decline(scheduler, scheduler.offers()[0], refuse_seconds=600)
    assert scheduler.offers() == []
    assert scheduler.call("REVIVE", {"roles": ["blue"]}) == 202
    assert roles(scheduler.offers()) == ["blue"]


def test_rule_72_an_update_says_which_roles_are_suppressed(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red", "blue").subscribe(suppressed_roles=["red", "blue"])
    assert scheduler.offers() == []
    update(scheduler, "red", "blue", suppressed_roles=["blue"])
    assert roles(scheduler.offers()) == ["red"]


def test_rule_73_to_subscribe_again_revives_all(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    decline(scheduler, scheduler.offers()[0], refuse_seconds=600)
    scheduler.call("SUPPRESS")
    assert scheduler.offers() == []
    scheduler.subscribe()
    assert len(scheduler.offers()) == 1


def test_rule_74_new_roles_start_active_and_offers_for_those_left_are_rescinded(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    update(scheduler, "blue")
    [rescinded] = scheduler.take("RESCIND")
    assert rescinded["rescind"]["offer_id"] == offer["id"]
    assert roles(scheduler.offers()) == ["blue"]
    assert [each.name for each in cluster.allocator.roles()] == ["blue"]


def test_rule_75_a_framework_that_is_not_there_gets_no_offers(cluster) -> None:
    agent_of(cluster)
    scheduler = cluster.scheduler("red", failover_timeout=3600).subscribe()
    scheduler.call("SUPPRESS")
    scheduler.disconnect()
    cluster.pass_time(10.0)
    assert cluster.state.offers == {}
    scheduler.subscribe(suppressed_roles=["red"])
    assert scheduler.offers() == []


def test_rule_90_requests_for_resources_are_ignored(cluster) -> None:
    agent = agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe(suppressed_roles=["red"])
    scheduler.take()
    request = {"requests": [{"agent_id": {"value": agent.agent_id}}]}
    assert scheduler.call("REQUEST", request) == 202
    assert scheduler.offers() == []
    assert scheduler.take() == []


def test_rule_91_what_is_decided_for_an_agent_that_went_leaves_no_filter(cluster) -> None:
    agent = agent_of(cluster)
    scheduler = cluster.scheduler("red").subscribe()
    agent.disconnect()
    cluster.handle(AllocateSlice())
    assert cluster.state.offers == {}
    agent.reregister()
    assert len(scheduler.offers()) == 1


def test_rule_53_what_a_framework_does_not_know_it_is_not_told(cluster) -> None:
    cluster.agent("cpus:2;mem:64;cpus(red):1").register()
    old = cluster.scheduler(role="red").subscribe()
    [offer] = old.offers()
    assert "allocation_info" not in offer
    assert all("allocation_info" not in each for each in offer["resources"])
    assert all("reservations" not in each for each in offer["resources"])
    assert sorted(each["role"] for each in offer["resources"]) == ["*", "*", "red"]
    decline(old, offer, refuse_seconds=600)
    new = cluster.scheduler("red", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = new.offers()
    assert offer["allocation_info"] == {"role": "red"}
    assert all(each["allocation_info"] == {"role": "red"} for each in offer["resources"])
    [reserved] = [each for each in offer["resources"] if each.get("reservations")]
    assert reserved["reservations"] == [{"type": "STATIC", "role": "red"}]
    assert all("role" not in each for each in offer["resources"])
