"""How offers are cut: by name, in random order, and what cannot be split whole or not at all."""

from __future__ import annotations

from typing import Any

from tepui.allocator.trimming import within
from tepui.base.rng import Rng
from tepui.resources import parse_resources


def test_rule_34_amounts_are_cut_by_name_and_names_without_a_target_stay() -> None:
    total = parse_resources("cpus:4;mem:100;disk:7;ports:[1-5];cpus(a):2")
    cut = within(total, {"cpus": 1500, "mem": 0}, Rng(1))
    assert cut == parse_resources("cpus:1.5;disk:7;ports:[1-5];cpus(a):2")


def test_rule_34_what_fits_is_the_same_collection() -> None:
    total = parse_resources("cpus:4;mem:100")
    assert within(total, {"cpus": 4000}, Rng(1)) is total


def test_rule_34_a_mount_disk_is_taken_whole_or_not_at_all(things: Any) -> None:
    mount = things.disk("MOUNT", 100, id="1")
    assert within(mount, {"disk": 99_999}, Rng(1)).is_empty()
    assert within(mount, {"disk": 100_000}, Rng(1)) == mount
    path = things.disk("PATH", 100, id="1")
    assert within(path, {"disk": 40_000}, Rng(1)) == things.disk("PATH", 40, id="1")


def test_rule_34_of_disks_alike_as_many_are_taken_as_fit(things: Any) -> None:
    mount = things.disk("MOUNT", 100, id="1")
    assert within(mount + mount + mount, {"disk": 250_000}, Rng(1)) == mount + mount


def test_rule_34_several_disks_are_taken_in_random_order(things: Any) -> None:
    disks = [things.disk("MOUNT", 100, id=str(number)) for number in range(4)]
    total = disks[0] + disks[1] + disks[2] + disks[3]
    taken = {
        tuple(disks.index(disk) for disk in disks if cut.contains(disk))
        for cut in (within(total, {"disk": 200_000}, Rng(seed)) for seed in range(60))
    }
    assert len(taken) == 6
    again = within(total, {"disk": 200_000}, Rng(5))
    assert again == within(total, {"disk": 200_000}, Rng(5))


def test_rule_34_the_root_disk_fills_up_what_whole_disks_leave(things: Any) -> None:
    total = things.disk("MOUNT", 100, id="1") + parse_resources("disk:500")
    cut = within(total, {"disk": 150_000}, Rng(3))
    assert cut.scalars() == {"disk": 150_000}


def test_rule_34_a_mount_disk_that_is_larger_than_the_guarantee_does_not_satisfy_it(
    cluster: Any, things: Any
) -> None:
    cluster.quota("a", "disk:50")
    cluster.framework("f", "a")
    cluster.framework("other", "A")
    cluster.agent("s", parse_resources("cpus:2;mem:64") + things.disk("MOUNT", 100, id="1"))
    # Stage one has no part of it; in stage two half of it is headroom, which keeps all of it.
    assert cluster.brief() == [("other", "A", "s", "cpus:2;mem:64")]
