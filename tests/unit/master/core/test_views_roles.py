"""Roles as operators see them."""

from __future__ import annotations

from typing import Any

from tepui.allocator import Quota
from tepui.allocator.interface import RoleView
from tepui.master.core.views_roles import get_roles, known_roles
from tepui.resources import Quantities


def views(cluster: Any) -> dict[str, RoleView]:
    found = known_roles(cluster.state, cluster.allocator.roles())
    assert [view.name for view in found] == sorted(view.name for view in found)
    return {view.name: view for view in found}


def test_a_role_holds_what_the_roles_below_it_hold(cluster: Any) -> None:
    cluster.agent("cpus:4;mem:1024;disk:100").register()
    scheduler = cluster.scheduler("eng/web").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    found = views(cluster)
    assert list(found) == ["eng", "eng/web"]
    assert found["eng"].allocated == found["eng/web"].allocated == {"cpus": 1000, "mem": 64000}
    assert found["eng"].frameworks == []
    assert found["eng/web"].frameworks == [scheduler.framework_id]
    assert found["eng"].consumed == {"cpus": 1000, "mem": 64000}


def test_reservations_count_as_consumed_whether_used_or_not(cluster: Any) -> None:
    cluster.agent("cpus:4;cpus(dev):1").register()
    found = views(cluster)
    assert found["dev"].reserved == {"cpus": 1000}
    assert found["dev"].consumed == {"cpus": 1000}


def test_a_role_that_was_left_still_names_who_holds_something_in_it(cluster: Any) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("a", "b").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    left = offer["allocation_info"]["role"]
    kept = "b" if left == "a" else "a"
    info = {**scheduler.info, "roles": [kept], "id": {"value": scheduler.framework_id}}
    assert scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info}) == 200
    assert views(cluster)[left].frameworks == [scheduler.framework_id]


def test_with_a_whitelist_its_roles_are_shown_and_no_others(make_cluster: Any) -> None:
    cluster = make_cluster(roles=("b", "a"))
    cluster.scheduler("a").subscribe()
    assert list(views(cluster)) == ["*", "a", "b"]


def test_weights_are_shown_without_frameworks(cluster: Any) -> None:
    cluster.allocator.update_weights({"dev": 2.0})
    answer = get_roles(cluster.state, cluster.allocator.roles())
    assert answer.get_roles is not None
    [role] = answer.get_roles.roles
    assert (role.name, role.weight, role.resources) == ("dev", 2.0, [])


def test_a_role_with_quota_is_shown_without_frameworks(cluster: Any) -> None:
    cluster.allocator.update_quota({"dev": Quota(limits=Quantities(cpus=1000))})
    [view] = views(cluster).values()
    assert (view.name, view.quota.limits, view.consumed) == ("dev", {"cpus": 1000}, {})
