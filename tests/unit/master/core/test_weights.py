"""Weights of roles: checked, stored, then in force."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.allocator import AllocatorOptions
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import WeightsUpdateRequested
from tepui.master.core.registry import RegistryDamaged
from tepui.messages import WeightInfo


def update(cluster: Any, **weights: float) -> Any:
    """Ask for weights; return the status, or None while the registry is at work."""
    infos = tuple(WeightInfo(role=role, weight=weight) for role, weight in weights.items())
    answer = cluster.ask(lambda number: WeightsUpdateRequested(request_id=number, weights=infos))
    return None if answer is None else answer.status


def weight_of(cluster: Any, role: str) -> float:
    """Return the weight that the allocator divides by."""
    return next(view.weight for view in cluster.allocator.roles() if view.name == role)


def configured(weights: dict[str, float], **changes: Any) -> MasterConfig:
    return MasterConfig(
        allocator=AllocatorOptions(allocation_interval=1.0, weights=weights), **changes
    )


def test_weights_are_in_force_once_the_registry_holds_them_and_not_before(cluster) -> None:
    cluster.is_storing = False
    assert update(cluster, red=3.0) is None
    assert cluster.state.weights == {}
    cluster.store()
    assert [each.status for each in cluster.answers] == [200]
    assert cluster.state.weights == {"red": 3.0}
    assert weight_of(cluster, "red") == 3.0


def test_roles_that_are_not_named_keep_their_weight(cluster) -> None:
    assert update(cluster, red=3.0, blue=2.0) == 200
    assert update(cluster, red=1.5) == 200
    assert cluster.state.weights == {"red": 1.5, "blue": 2.0}


def test_an_update_of_nothing_is_answered_at_once_and_stores_nothing(cluster) -> None:
    cluster.is_storing = False
    assert update(cluster) == 200
    assert cluster.unstored == []


def test_a_weight_of_a_role_with_frameworks_takes_all_offers_back(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    assert update(cluster, red=2.0) == 200
    [rescind] = scheduler.take("RESCIND")
    assert rescind["rescind"]["offer_id"] == offer["id"]
    assert len(scheduler.offers()) == 1


def test_a_weight_of_a_parent_concerns_the_frameworks_below_it(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red/deep/er").subscribe()
    assert len(scheduler.offers()) == 1
    assert update(cluster, red=2.0) == 200
    assert len(scheduler.take("RESCIND")) == 1


def test_a_weight_of_a_role_that_nobody_uses_leaves_offers_alone(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    assert len(scheduler.offers()) == 1
    assert update(cluster, blue=2.0, re=2.0) == 200
    assert scheduler.take("RESCIND") == []


def test_the_successor_knows_the_weights_whatever_its_flag_says(cluster) -> None:
    update(cluster, red=3.0)
    successor = cluster.fail_over(configured({"red": 7.0, "blue": 7.0}))
    assert successor.state.weights == {"red": 3.0}
    assert weight_of(successor, "red") == 3.0
    successor.scheduler("blue").subscribe()
    assert weight_of(successor, "blue") == 1.0


def test_the_first_update_takes_over_what_the_flag_says(make_cluster) -> None:
    first = make_cluster().fail_over(configured({"blue": 7.0}))
    assert first.state.weights == {"blue": 7.0}
    update(first, red=3.0)
    assert first.state.weights == {"blue": 7.0, "red": 3.0}
    assert first.fail_over(configured({})).state.weights == {"blue": 7.0, "red": 3.0}


def test_updates_that_overtake_the_registry_are_stored_in_their_order(make_cluster) -> None:
    first = make_cluster().fail_over(configured({"blue": 7.0}))
    first.is_storing = False
    update(first, blue=2.0)
    update(first, red=3.0)
    first.store()
    assert first.state.weights == {"blue": 2.0, "red": 3.0}
    assert first.fail_over(configured({})).state.weights == {"blue": 2.0, "red": 3.0}


def test_a_refused_update_changes_nothing(cluster) -> None:
    assert update(cluster, red=2.0, blue=0.0) == 400
    assert update(cluster, blue=float("nan")) == 400
    assert update(cluster, blue=float("inf")) == 400
    assert cluster.state.weights == {}
    assert cluster.records == {}


def test_roles_off_the_list_have_no_weight(make_cluster) -> None:
    cluster = make_cluster(roles=("red",))
    assert update(cluster, red=2.0) == 200
    assert update(cluster, blue=2.0) == 400


def test_a_damaged_weight_is_named(cluster) -> None:
    cluster.records = {"weights/red": b"\xa1x"}
    with pytest.raises(RegistryDamaged, match="weights/red"):
        cluster.fail_over()
