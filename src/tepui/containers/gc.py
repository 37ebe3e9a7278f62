"""Remove old sandboxes: watches the disk, asks the core what is due, and deletes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tepui.base.time import Instant
from tepui.containers.core.gc import GarbageCollection, GcPolicy

DISK_WATCH_SECONDS = 60.0
"""Mesos' default of ``--disk_watch_interval``."""


def read_clocks() -> Instant:
    """Return both clocks' present reading."""
    return Instant(time.monotonic(), time.time())


class SandboxCollector:
    """Collects directories below one work directory; its owner awaits ``run``.

    Args:
        work_dir: Nothing outside of it is ever removed.
        policy: How long directories are kept.
        disk_watch_seconds: How often the disk is looked at.
        on_removed: Told of each directory, with what went wrong if it is still there.
    """

    def __init__(
        self,
        work_dir: Path,
        policy: GcPolicy,
        *,
        disk_watch_seconds: float = DISK_WATCH_SECONDS,
        on_removed: Callable[[Path, OSError | None], None] | None = None,
        now: Callable[[], Instant] = read_clocks,
        disk_usage: Callable[[Path], float] | None = None,
    ) -> None:
        self._work_dir = work_dir.resolve()
        self._core = GarbageCollection(policy)
        self._disk_watch_seconds = disk_watch_seconds
        self._on_removed = on_removed
        self._now = now
        self._disk_usage = disk_usage or used_fraction
        self._changed = asyncio.Event()

    def schedule(self, path: Path, *, age_seconds: float = 0.0) -> None:
        """Let ``path`` be removed when it is old enough; it is ``age_seconds`` old already."""
        is_first_due = not len(self._core) or age_seconds > 0
        self._core.schedule(str(path), self._now().later(-age_seconds))
        # What begins to age now is due after all others, and `run` waits for the first of them:
        # looking through them each time would cost more with every sandbox that is kept.
        if is_first_due:
            self._changed.set()

    def schedule_found(self, path: Path) -> None:
        """Schedule a directory of an earlier life, whose age its time of change tells."""
        with contextlib.suppress(FileNotFoundError):
            age = self._now().wall - path.lstat().st_mtime
            self.schedule(path, age_seconds=max(0.0, age))

    def unschedule(self, path: Path) -> bool:
        """Keep ``path`` after all; return whether it was waiting."""
        return self._core.unschedule(str(path))

    def __len__(self) -> int:
        """Return how many directories wait for their removal."""
        return len(self._core)

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            await self.collect()
            self._changed.clear()
            delay = self._core.seconds_until_due(self._now())
            seconds = self._disk_watch_seconds
            if delay is not None:
                seconds = min(seconds, delay)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def collect(self) -> list[Path]:
        """Look at the disk once, remove what is due and return it."""
        usage = self._disk_usage(self._work_dir)
        paths = [Path(path) for path in self._core.take_due(self._now(), usage)]
        for path in paths:
            problem = await asyncio.to_thread(self._remove, path)
            if self._on_removed is not None:
                self._on_removed(path, problem)
        return paths

    def _remove(self, path: Path) -> OSError | None:
        try:
            remove_tree(self._work_dir, path)
        except OSError as error:
            return error
        return None


def used_fraction(path: Path) -> float:
    """Return the fraction of the disk under ``path`` that is in use, as ``df`` counts."""
    usage = shutil.disk_usage(path)
    available = usage.used + usage.free
    return usage.used / available if available else 0.0


def remove_tree(work_dir: Path, path: Path) -> None:
    """Delete a directory below ``work_dir``; symbolic links are deleted, never followed.

    Raises:
        OSError: It is not below ``work_dir``, or something of it could not be deleted.
    """
    parent = path.parent.resolve()
    if ".." in path.parts or not parent.is_relative_to(work_dir):
        raise PermissionError(f"{path} is not below {work_dir}")
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    if path.exists():
        # shutil walks by descriptors: what is renamed under its feet does not lead it astray.
        shutil.rmtree(path, onerror=_make_writable)


def _make_writable(function: Callable[..., Any], name: str, info: Any) -> None:
    """Try again with rights that the owner had taken from itself; root needs none."""
    if os.geteuid() == 0 or not isinstance(info[1], PermissionError):
        raise info[1]
    parent = Path(name).parent
    if not parent.is_symlink():
        parent.chmod(0o700)
    if function in (os.unlink, os.rmdir):
        function(name)
    elif not Path(name).is_symlink():
        Path(name).chmod(0o700)
        shutil.rmtree(name)
