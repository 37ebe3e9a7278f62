"""How offers look, and how they end without an answer."""

from __future__ import annotations


def test_an_offer_says_where_it_is_and_what_for(cluster) -> None:
    agent = cluster.agent(resources="cpus:2;mem:1024;ports:[31000-32000]").register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    assert offer["id"] == {"value": f"{cluster.state.master_id}-O0"}
    assert offer["agent_id"] == {"value": agent.agent_id}
    assert offer["framework_id"] == {"value": scheduler.framework_id}
    assert offer["hostname"] == "host-5051"
    assert offer["url"] == {
        "scheme": "http",
        "address": {"hostname": "host-5051", "ip": "10.0.0.51", "port": 5051},
        "path": "/slave(1)",
    }
    assert offer["allocation_info"] == {"role": "red"}
    assert {each["allocation_info"]["role"] for each in offer["resources"]} == {"red"}


def test_a_framework_of_one_role_hears_nothing_of_allocations(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler(role="red").subscribe()
    [offer] = scheduler.offers()
    assert "allocation_info" not in offer
    assert not any("allocation_info" in each for each in offer["resources"])
    assert {each["role"] for each in offer["resources"]} == {"*"}


def test_reservations_are_written_as_the_framework_can_read_them(cluster) -> None:
    cluster.agent(resources="cpus(red):2;mem(red):1024").register()
    old = cluster.scheduler("red").subscribe()
    [offer] = old.offers()
    assert {each["role"] for each in offer["resources"]} == {"red"}
    assert not any("reservations" in each for each in offer["resources"])
    old.call("TEARDOWN")
    capabilities = ["RESERVATION_REFINEMENT"]
    new = cluster.scheduler("red", capabilities=capabilities).subscribe()
    [offer] = new.offers()
    assert not any("role" in each for each in offer["resources"])
    assert {each["reservations"][0]["role"] for each in offer["resources"]} == {"red"}


def test_an_offer_is_rescinded_when_it_is_not_answered_in_time(make_cluster) -> None:
    cluster = make_cluster(offer_timeout=30.0)
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    cluster.pass_time(31.0)
    [event] = scheduler.take("RESCIND")
    assert event["rescind"]["offer_id"] == offer["id"]
    [again] = scheduler.offers()
    assert again["id"] != offer["id"]


def test_an_answered_offer_has_no_timer(make_cluster) -> None:
    cluster = make_cluster(offer_timeout=30.0)
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    assert not any(timer.key == offer["id"]["value"] for timer in cluster.timers)


def test_offers_of_a_lost_agent_are_rescinded(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    agent.disconnect()
    [event] = scheduler.take("RESCIND")
    assert event["rescind"]["offer_id"] == offer["id"]
    assert scheduler.offers() == []


def test_one_event_carries_all_offers_of_a_pass_to_a_framework(cluster) -> None:
    for port in range(5051, 5056):
        cluster.agent(port=port).register()
    scheduler = cluster.scheduler("red").subscribe()
    cluster.allocate()
    [event] = scheduler.take("OFFERS")
    assert len(event["offers"]["offers"]) == 5
