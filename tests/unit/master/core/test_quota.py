"""Quota: checked, stored, then in force, with room made for it."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import Quota
from tepui.codec import json
from tepui.master.core.events import (
    QuotaRemovalRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
)
from tepui.master.core.quota import expected_quotas
from tepui.master.core.registry import RegistryDamaged
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.resources import Quantities

Amounts = dict[str, float]


def config(role: str, guarantees: Amounts | None = None, limits: Amounts | None = None) -> Any:
    given = {"guarantees": guarantees or {}, "limits": limits or {}}
    scalars = {
        part: {name: {"value": value} for name, value in amounts.items()}
        for part, amounts in given.items()
    }
    return json.from_builtins(QuotaConfig, {"role": role, **scalars})


def update(cluster: Any, *configs: QuotaConfig, force: bool = False) -> Any:
    """Ask for quotas; return the status, or None while the registry is at work."""
    answer = cluster.ask(
        lambda number: QuotaUpdateRequested(request_id=number, configs=configs, is_forced=force)
    )
    return None if answer is None else answer.status


def set_quota(cluster: Any, role: str, *, force: bool = False, **guarantee: float) -> Any:
    """Ask for a quota in the older form; return the status."""
    scalars = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}}
        for name, value in guarantee.items()
    ]
    given = {"role": role, "guarantee": scalars, "force": force}
    request = json.from_builtins(QuotaRequest, given)
    answer = cluster.ask(lambda number: QuotaSettingRequested(request_id=number, request=request))
    return None if answer is None else answer.status


def remove(cluster: Any, role: str, *, must_exist: bool = False) -> Any:
    """Ask to forget a quota; return the status."""
    answer = cluster.ask(
        lambda number: QuotaRemovalRequested(request_id=number, role=role, must_exist=must_exist)
    )
    return None if answer is None else answer.status


def quota_of(cluster: Any, role: str) -> Quota:
    """Return the quota that the allocator shares by."""
    views = {view.name: view.quota for view in cluster.allocator.roles()}
    return views.get(role, Quota())


def cpus(amount: float) -> Quantities:
    return Quantities.from_floats({"cpus": amount})


def offered_cpus(scheduler: Any) -> list[float]:
    """Let the allocator run; return the cpus of each offer that came."""
    return [
        sum(each["scalar"]["value"] for each in offer["resources"] if each["name"] == "cpus")
        for offer in scheduler.offers()
    ]


# -- in force once stored --


def test_quota_is_in_force_once_the_registry_holds_it_and_not_before(cluster: Any) -> None:
    cluster.agent().register()
    cluster.is_storing = False
    assert update(cluster, config("red", {"cpus": 1}, {"cpus": 2})) is None
    assert cluster.state.quotas == {}
    assert quota_of(cluster, "red") == Quota()
    cluster.store()
    assert [each.status for each in cluster.answers] == [200]
    wanted = Quota(guarantees=cpus(1), limits=cpus(2))
    assert cluster.state.quotas == {"red": wanted}
    assert quota_of(cluster, "red") == wanted


def test_quotas_of_one_update_come_together_or_not_at_all(cluster: Any) -> None:
    red, blue = config("red", limits={"cpus": 1}), config("blue", limits={"cpus": 2})
    assert update(cluster, red, config("blue", limits={"cpus": -1})) == 400
    assert cluster.state.quotas == {}
    assert cluster.records == {}
    cluster.is_storing = False
    assert update(cluster, red, blue) is None
    [write] = cluster.unstored
    assert list(write.puts) == ["quotas/red", "quotas/blue"]
    cluster.store()
    assert list(cluster.state.quotas) == ["red", "blue"]


def test_an_update_replaces_the_quota_of_a_role_and_leaves_the_others(cluster: Any) -> None:
    assert update(cluster, config("red", limits={"cpus": 1, "mem": 5})) == 200
    assert update(cluster, config("blue", limits={"cpus": 1})) == 200
    assert update(cluster, config("red", limits={"mem": 7})) == 200
    assert quota_of(cluster, "red") == Quota(limits=Quantities(mem=7000))
    assert quota_of(cluster, "blue") == Quota(limits=cpus(1))


def test_an_update_to_nothing_is_no_quota_at_all(cluster: Any) -> None:
    update(cluster, config("red", limits={"cpus": 1}))
    assert update(cluster, config("red")) == 200
    assert cluster.state.quotas == {}
    assert cluster.records == {}
    assert quota_of(cluster, "red") == Quota()


def test_an_update_of_no_role_is_answered_at_once_and_stores_nothing(cluster: Any) -> None:
    cluster.is_storing = False
    assert update(cluster) == 200
    assert cluster.unstored == []


def test_the_older_call_sets_the_limit_to_the_guarantee_once(cluster: Any) -> None:
    cluster.agent().register()
    assert set_quota(cluster, "red", cpus=2) == 200
    assert quota_of(cluster, "red") == Quota(guarantees=cpus(2), limits=cpus(2))
    assert set_quota(cluster, "red", cpus=1) == 400


def test_more_than_there_is_can_be_promised_by_force_only(cluster: Any) -> None:
    cluster.agent("cpus:4;cpus(dev):1").register()
    assert set_quota(cluster, "red", cpus=5) == 200  # what is reserved counts as there
    assert set_quota(cluster, "blue", cpus=1) == 409
    assert update(cluster, config("blue", {"cpus": 1})) == 400
    assert update(cluster, config("blue", {"cpus": 1}), force=True) == 200
    assert set_quota(cluster, "green", cpus=1, force=True) == 200


def test_a_removed_quota_is_gone_and_can_be_set_anew(cluster: Any) -> None:
    cluster.agent().register()
    set_quota(cluster, "red", cpus=1)
    assert remove(cluster, "red", must_exist=True) == 200
    assert cluster.state.quotas == {}
    assert cluster.records.keys() == {f"agents/{agent}" for agent in cluster.state.agents}
    assert remove(cluster, "red", must_exist=True) == 400
    assert remove(cluster, "red") == 200
    assert set_quota(cluster, "red", cpus=1) == 200


# -- several under way --


def test_a_request_is_checked_against_those_that_are_being_stored(cluster: Any) -> None:
    cluster.agent("cpus:4").register()
    cluster.is_storing = False
    assert update(cluster, config("red", {"cpus": 3})) is None
    assert update(cluster, config("blue", {"cpus": 3})) == 400
    assert set_quota(cluster, "red", cpus=1) == 400
    assert update(cluster, config("red", {"cpus": 1})) is None
    assert update(cluster, config("blue", {"cpus": 3})) is None
    assert remove(cluster, "blue", must_exist=True) is None
    assert expected_quotas(cluster.state) == {"red": Quota(guarantees=cpus(1))}
    cluster.store()
    assert cluster.state.quotas == {"red": Quota(guarantees=cpus(1))}
    assert cluster.fail_over().state.quotas == cluster.state.quotas


def test_two_of_the_older_calls_cannot_both_be_the_first(cluster: Any) -> None:
    cluster.agent().register()
    cluster.is_storing = False
    assert set_quota(cluster, "red", cpus=1) is None
    assert set_quota(cluster, "red", cpus=2) == 400
    assert remove(cluster, "red", must_exist=True) is None
    assert remove(cluster, "red", must_exist=True) == 400


# -- limits against what is consumed --


def test_a_limit_below_what_the_role_consumes_needs_force(cluster: Any) -> None:
    cluster.agent("cpus:4;mem:1024").register()
    scheduler = cluster.scheduler("red/web").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", resources="cpus:2;mem:64")
    assert update(cluster, config("red", limits={"cpus": 1})) == 400
    assert update(cluster, config("red", limits={"cpus": 2})) == 200
    assert update(cluster, config("red", limits={"cpus": 1}), force=True) == 200
    assert not scheduler.statuses()  # quota never ends a task


def test_what_is_offered_is_not_consumed(cluster: Any) -> None:
    cluster.agent("cpus:4").register()
    scheduler = cluster.scheduler("red").subscribe()
    assert offered_cpus(scheduler) == [4.0]
    assert update(cluster, config("red", limits={"cpus": 1})) == 200


def test_reservations_are_consumed_whether_used_or_not(cluster: Any) -> None:
    cluster.agent("cpus:4;cpus(red):2").register()
    assert update(cluster, config("red", limits={"cpus": 1})) == 400


# -- room --


def test_offers_beyond_a_new_limit_are_taken_back(cluster: Any) -> None:
    for port in (5051, 5052, 5053):
        cluster.agent("cpus:4;mem:1024", port).register()
    red = cluster.scheduler("red").subscribe()
    assert offered_cpus(red) == [4.0, 4.0, 4.0]
    assert update(cluster, config("red", limits={"cpus": 4})) == 200
    assert len(red.take("RESCIND")) == 2
    assert len(cluster.state.offers) == 1


def test_the_oldest_offer_stays_under_a_new_limit(cluster: Any) -> None:
    red = cluster.scheduler("red").subscribe()
    for port in (5051, 5052):
        cluster.agent("cpus:4;mem:1024", port).register()
        cluster.allocate()
    oldest, newest = red.offers()
    assert update(cluster, config("red", limits={"cpus": 4})) == 200
    assert [each["rescind"]["offer_id"] for each in red.take("RESCIND")] == [newest["id"]]
    assert list(cluster.state.offers) == [oldest["id"]["value"]]


def test_only_offers_of_what_is_limited_are_taken_back(cluster: Any) -> None:
    cluster.agent("cpus:4;mem:1024").register()
    red = cluster.scheduler("red").subscribe()
    assert len(red.offers()) == 1
    assert update(cluster, config("red", limits={"gpus": 0})) == 200
    assert red.take("RESCIND") == []


def test_offers_of_reservations_stay_under_a_limit(cluster: Any) -> None:
    cluster.agent("cpus(red):4").register()
    red = cluster.scheduler("red").subscribe()
    assert len(red.offers()) == 1
    assert update(cluster, config("red", limits={"cpus": 4})) == 200
    assert red.take("RESCIND") == []


def test_offers_of_roles_below_count_towards_the_limit(cluster: Any) -> None:
    for port in (5051, 5052):
        cluster.agent("cpus:4", port).register()
    web = cluster.scheduler("red/web").subscribe()
    assert len(web.offers()) == 2
    assert update(cluster, config("red", limits={"cpus": 4})) == 200
    assert len(web.take("RESCIND")) == 1


def test_others_give_back_what_a_guarantee_lacks_and_no_more(cluster: Any) -> None:
    for port in (5051, 5052, 5053):
        cluster.agent("cpus:4", port).register()
    hoarder = cluster.scheduler("blue").subscribe()
    assert len(hoarder.offers()) == 3
    cluster.scheduler("red").subscribe()
    assert update(cluster, config("red", {"cpus": 5})) == 200
    assert len(hoarder.take("RESCIND")) == 2


def test_each_waiting_framework_gets_an_agent_to_be_offered(cluster: Any) -> None:
    for port in (5051, 5052, 5053):
        cluster.agent("cpus:4", port).register()
    hoarder = cluster.scheduler("blue").subscribe()
    assert len(hoarder.offers()) == 3
    for _ in range(2):
        cluster.scheduler("red").subscribe()
    assert update(cluster, config("red", {"cpus": 1})) == 200
    assert len(hoarder.take("RESCIND")) == 2


def test_a_guarantee_that_is_free_or_met_takes_nothing_back(cluster: Any) -> None:
    cluster.agent("cpus:4", 5051).register()
    blue = cluster.scheduler("blue").subscribe()
    assert len(blue.offers()) == 1
    blue.call("SUPPRESS")
    cluster.agent("cpus:4", 5052).register()
    assert update(cluster, config("red", {"cpus": 4})) == 200
    assert update(cluster, config("blue", {"cpus": 4})) == 200
    assert blue.take("RESCIND") == []


def test_what_others_are_guaranteed_is_not_taken_from_them(cluster: Any) -> None:
    cluster.agent("cpus:4", 5051).register()
    blue = cluster.scheduler("blue").subscribe()
    assert update(cluster, config("blue", {"cpus": 4})) == 200
    assert len(blue.offers()) == 1
    assert update(cluster, config("red", {"cpus": 4}), force=True) == 200
    assert blue.take("RESCIND") == []


def test_a_guarantee_of_something_else_leaves_offers_alone(cluster: Any) -> None:
    cluster.agent("cpus:4").register()
    blue = cluster.scheduler("blue").subscribe()
    assert len(blue.offers()) == 1
    assert update(cluster, config("red", {"gpus": 1}), force=True) == 200
    assert blue.take("RESCIND") == []


def test_a_removed_quota_takes_nothing_back(cluster: Any) -> None:
    cluster.agent().register()
    red = cluster.scheduler("red").subscribe()
    set_quota(cluster, "red", cpus=4)
    assert len(red.offers()) == 1
    assert remove(cluster, "red") == 200
    assert red.take("RESCIND") == []


# -- after a failover --


def test_the_successor_begins_with_the_quotas_of_the_registry(cluster: Any) -> None:
    cluster.agent().register()
    update(cluster, config("red", {"cpus": 1.5}, {"cpus": 2, "gpus": 0}))
    update(cluster, config("blue", limits={"mem": 1}))
    successor = cluster.fail_over()
    assert successor.state.quotas == cluster.state.quotas
    assert quota_of(successor, "red").limits == Quantities(cpus=2000, gpus=0)
    assert quota_of(successor, "blue").limits == Quantities(mem=1000)


@pytest.mark.parametrize("record", [b"\xc1", b"\x01", b"\x81\xa6limits\x81\xa4cpus\xa1x"])
def test_a_damaged_quota_is_named(cluster: Any, record: bytes) -> None:
    cluster.records = {"quotas/red": record}
    with pytest.raises(RegistryDamaged, match="quotas/red"):
        cluster.fail_over()
