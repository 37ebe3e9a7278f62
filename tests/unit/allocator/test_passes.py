"""The order of a pass: two stages over the candidates, each shuffled, in slices."""

from __future__ import annotations

from typing import Any

from tepui.allocator.passes import Pass, Stage
from tepui.base.rng import Rng


def drawn(each_pass: Pass, count: int) -> list[str]:
    return [each_pass.draw() for _ in range(count)]


def test_rule_12_agents_are_shuffled_anew_before_the_second_stage() -> None:
    orders = set()
    for seed in range(200):
        one = Pass(Rng(seed))
        one.begin("abc", Stage.GUARANTEES)
        first = drawn(one, 3)
        assert one.agents_left == 0
        assert not one.is_over()
        one.begin_fair_shares()
        second = drawn(one, 3)
        assert one.is_over()
        orders.add(("".join(first), "".join(second)))
    assert len(orders) == 36


def test_a_stage_that_is_cut_short_loses_nobody() -> None:
    one = Pass(Rng(1))
    one.begin("abcd", Stage.GUARANTEES)
    drawn(one, 2)
    one.begin_fair_shares()
    assert sorted(drawn(one, 4)) == ["a", "b", "c", "d"]
    assert one.is_over()


def test_rule_12_both_stages_look_at_the_candidates_alone(cluster: Any) -> None:
    cluster.quota("a", "cpus:100")
    cluster.agent("s", "cpus:1;mem:64")
    cluster.offers()
    cluster.framework("f", "a", is_active=False)
    cluster.offers()
    cluster.allocator._ledger.frameworks["f"].is_active = True
    cluster.allocator._ledger.refresh(cluster.allocator._ledger.frameworks["f"])
    cluster.agent("t", "cpus:1;mem:64")
    assert [each.agent_id for each in cluster.offers()] == ["t"]


def test_a_pass_in_slices_decides_what_a_pass_in_one_decides(new_cluster: Any) -> None:
    made = []
    for agents_max in (1, 100):
        cluster = new_cluster(7)
        cluster.quota("a", "cpus:3", limits="cpus:4")
        cluster.quota("b", "mem:64")
        for role in "abc":
            cluster.framework(role, role)
        for number in range(6):
            cluster.agent(f"s{number}", "cpus:2;mem:64")
        offers = []
        while cluster.allocator.is_pending():
            part = cluster.allocator.allocate_slice(
                cluster.now, agents_max=agents_max, offers_max=100
            )
            offers += part.allocations
        made.append(cluster.brief(offers))
    assert made[0] == made[1]


def test_rule_92_a_run_is_counted_once_however_many_stages_and_slices(cluster: Any) -> None:
    cluster.quota("a", "cpus:3")
    cluster.framework("f", "a")
    for number in range(4):
        cluster.agent(f"s{number}", "cpus:2;mem:64")
    while cluster.allocator.is_pending():
        cluster.allocator.allocate_slice(cluster.now, agents_max=1, offers_max=1)
    assert cluster.allocator.statistics().runs == 1
    cluster.periodic()
    assert cluster.allocator.statistics().runs == 2
