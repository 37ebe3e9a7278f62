from __future__ import annotations

from tepui.base.time import Instant
from tepui.containers.core.gc import GarbageCollection, GcPolicy

POLICY = GcPolicy(delay_seconds=1000.0, disk_headroom=0.1)
T0 = Instant(100.0, 5000.0)


def test_the_fuller_the_disk_the_younger_a_directory_goes() -> None:
    assert POLICY.allowed_age(0.0) == 900.0
    assert POLICY.allowed_age(0.4) == 500.0
    assert POLICY.allowed_age(0.95) == 0.0


def test_a_directory_goes_when_it_is_old_enough() -> None:
    collection = GarbageCollection(POLICY)
    collection.schedule("/a", T0)
    collection.schedule("/b", T0.later(100))
    assert collection.seconds_until_due(T0.later(200)) == 700.0
    assert collection.take_due(T0.later(450), disk_usage=0.4) == []
    assert collection.take_due(T0.later(500), disk_usage=0.4) == ["/a"]
    assert collection.take_due(T0.later(500), disk_usage=0.9) == ["/b"]
    assert collection.seconds_until_due(T0) is None


def test_what_is_used_again_stays() -> None:
    collection = GarbageCollection(POLICY)
    collection.schedule("/a", T0)
    assert collection.unschedule("/a")
    assert not collection.unschedule("/a")
    assert collection.take_due(T0.later(9999), disk_usage=1.0) == []


def test_scheduling_again_starts_the_age_anew() -> None:
    collection = GarbageCollection(POLICY)
    collection.schedule("/a", T0)
    collection.schedule("/a", T0.later(800))
    assert collection.take_due(T0.later(900), disk_usage=0.0) == []
    assert "/a" in collection
    assert len(collection) == 1
