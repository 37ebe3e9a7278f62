"""When the allocator runs."""

from __future__ import annotations

from tepui.master.core.effects import ContinueAllocation
from tepui.master.core.events import AllocateSlice


def delays(effects) -> list[float]:
    return [each.seconds for each in effects if isinstance(each, ContinueAllocation)]


def test_changes_in_a_row_share_one_pass(cluster) -> None:
    cluster.scheduler("red").subscribe()
    cluster.agent(port=5051).register()
    cluster.agent(port=5052).register()
    assert cluster.passes_asked_for == 1
    cluster.allocate()
    assert cluster.passes_asked_for == 1


def test_a_long_pass_is_cut_into_slices_and_each_lets_others_have_their_turn(
    make_cluster,
) -> None:
    cluster = make_cluster(slice_agents_max=2)
    scheduler = cluster.scheduler("red").subscribe()
    for port in range(5051, 5056):
        cluster.agent(port=port).register()
    sliced = []
    while not sliced or sliced[-1]:
        sliced.append(delays(cluster.handle(AllocateSlice())))
    assert sliced[:-1] == [[0.0]] * (len(sliced) - 1)
    assert len(sliced) >= 3
    offers = [each for event in scheduler.take("OFFERS") for each in event["offers"]["offers"]]
    assert len(offers) == 5


def test_freed_resources_are_offered_without_waiting_for_the_interval(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1", resources="cpus:4;mem:4096;disk:1000")
    assert scheduler.offers() == []
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    assert len(scheduler.offers()) == 1


def test_a_slice_that_meets_a_framework_which_left_gives_back(cluster) -> None:
    cluster.agent().register()
    scheduler = cluster.scheduler("red", failover_timeout=60.0).subscribe()
    scheduler.disconnect()
    cluster.handle(AllocateSlice())
    assert not cluster.state.offers
