from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tepui.base.time import Instant
from tepui.containers.core.gc import GcPolicy
from tepui.containers.gc import SandboxCollector, remove_tree, used_fraction


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> Instant:
        return Instant(self.seconds, self.seconds)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_directory_is_removed_when_its_time_has_come(tmp_path: Path) -> None:
    async def story() -> None:
        clock = Clock()
        gone: list[tuple[Path, OSError | None]] = []
        collector = SandboxCollector(
            tmp_path,
            GcPolicy(delay_seconds=100.0, disk_headroom=0.1),
            now=clock,
            disk_usage=lambda _: 0.4,
            on_removed=lambda path, problem: gone.append((path, problem)),
        )
        for name in ("kept", "old", "older"):
            (tmp_path / name / "deep").mkdir(parents=True)
            collector.schedule(tmp_path / name)
        os.utime(tmp_path / "older", (clock.seconds - 45, clock.seconds - 45))
        collector.schedule_found(tmp_path / "older")
        collector.schedule_found(tmp_path / "missing")
        assert collector.unschedule(tmp_path / "kept")
        clock.seconds += 5
        assert await collector.collect() == [tmp_path / "older"]
        clock.seconds += 45
        assert await collector.collect() == [tmp_path / "old"]
        assert gone == [(tmp_path / "older", None), (tmp_path / "old", None)]
        assert names(tmp_path) == ["kept"]

    asyncio.run(story())


def test_the_collector_wakes_when_something_is_scheduled(tmp_path: Path) -> None:
    async def story() -> None:
        removed = asyncio.Event()
        collector = SandboxCollector(
            tmp_path,
            GcPolicy(delay_seconds=0.0),
            disk_watch_seconds=3600.0,
            on_removed=lambda _path, _problem: removed.set(),
        )
        (tmp_path / "a").mkdir()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(collector.run())
            await asyncio.sleep(0)
            collector.schedule(tmp_path / "a")
            await removed.wait()
            running.cancel()
        assert names(tmp_path) == []

    asyncio.run(story())


def test_what_is_scheduled_behind_others_is_not_looked_at_before_them(tmp_path: Path) -> None:
    """Each look goes through all that wait, of which a busy agent has very many."""

    async def story() -> None:
        looks = 0

        def disk_usage(_path: Path) -> float:
            nonlocal looks
            looks += 1
            return 0.0

        collector = SandboxCollector(
            tmp_path,
            GcPolicy(delay_seconds=3600.0),
            disk_watch_seconds=3600.0,
            disk_usage=disk_usage,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(collector.run())
            await asyncio.sleep(0)
            for number in range(10):
                collector.schedule(tmp_path / str(number))
                for _ in range(3):
                    await asyncio.sleep(0)
            running.cancel()
        assert looks == 2, "at the start, and for the first"

    asyncio.run(story())


def test_links_are_deleted_and_not_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    (work / "run").mkdir(parents=True)
    outside.mkdir()
    (outside / "precious").touch()
    (work / "run" / "link").symlink_to(outside)
    (work / "latest").symlink_to(outside)
    (work / "door").symlink_to(tmp_path)
    remove_tree(work, work / "run")
    remove_tree(work, work / "latest")
    remove_tree(work, work / "not there")
    with pytest.raises(PermissionError, match="is not below"):
        remove_tree(work, work / "door" / "outside")
    with pytest.raises(PermissionError, match="is not below"):
        remove_tree(work, work / ".." / "outside")
    assert (outside / "precious").exists()
    assert [path.name for path in work.iterdir()] == ["door"]


def test_directories_that_their_owner_made_unwritable_go_too(tmp_path: Path) -> None:
    (tmp_path / "run" / "a" / "b").mkdir(parents=True)
    (tmp_path / "run" / "a" / "b" / "file").touch()
    (tmp_path / "run" / "a" / "b").chmod(0)
    (tmp_path / "run" / "a").chmod(0o500)
    remove_tree(tmp_path, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_disks_usage_is_a_fraction(tmp_path: Path) -> None:
    assert 0.0 < used_fraction(tmp_path) <= 1.0
