"""Who took in what, and whose writes were taken, is held against who leads."""

from __future__ import annotations

import pytest

from tepui.master.core.events import AllocateSlice
from tepui.sim.laws import LawBroken
from tepui.sim.laws.leadership import OneLeader
from tepui.sim.observations import LeadershipBegan, RegistryOpened, RegistryWritten


def opened(node: str, epoch: int) -> RegistryOpened:
    return RegistryOpened(at=1.0, node=node, life=1, epoch=epoch, records={})


def began(node: str, epoch: int) -> LeadershipBegan:
    return LeadershipBegan(at=2.0, node=node, life=1, epoch=epoch)


def written(node: str, epoch: int) -> RegistryWritten:
    return RegistryWritten(at=3.0, node=node, life=1, epoch=epoch, puts={"a": b"1"}, deletes=())


def test_leaders_may_follow_each_other(watched, stepped) -> None:
    watched(
        OneLeader,
        *[opened("master-0", 1), began("master-0", 1), written("master-0", 1)],
        stepped("master", AllocateSlice(), node="master-0"),
        *[opened("master-1", 2), began("master-1", 2), written("master-1", 2)],
        stepped("master", AllocateSlice(), node="master-1"),
    )


def test_a_deposed_leader_that_takes_something_in_breaks_the_law(watched, stepped) -> None:
    with pytest.raises(LawBroken, match="master-0: took in AllocateSlice, and master-1 leads"):
        watched(
            OneLeader,
            *[opened("master-0", 1), began("master-0", 1)],
            *[opened("master-1", 2), began("master-1", 2)],
            stepped("master", AllocateSlice(), node="master-0"),
        )


def test_a_write_of_an_older_epoch_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="wrote in epoch 1, which is 2 by now"):
        watched(OneLeader, opened("master-0", 1), opened("master-1", 2), written("master-0", 1))


def test_an_epoch_that_is_used_twice_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="opened the registry with epoch 1 after 1"):
        watched(OneLeader, opened("master-0", 1), opened("master-1", 1))
