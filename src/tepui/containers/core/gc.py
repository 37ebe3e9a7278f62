"""Decide which old directories are to go: those past an age that shrinks as the disk fills."""

from __future__ import annotations

import msgspec

from tepui.base.time import Instant


class GcPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long directories are kept.

    Attributes:
        delay_seconds: ``--gc_delay``, the age reached on an empty disk.
        disk_headroom: ``--gc_disk_headroom``, the fraction of the disk to be kept free.
    """

    delay_seconds: float = 604_800.0
    disk_headroom: float = 0.1

    def allowed_age(self, disk_usage: float) -> float:
        """Return the seconds that a directory may be kept, with this fraction of the disk used."""
        return self.delay_seconds * max(0.0, 1.0 - self.disk_headroom - disk_usage)


class GarbageCollection:
    """The directories that wait for their removal, in the order in which they were scheduled."""

    def __init__(self, policy: GcPolicy) -> None:
        self.policy = policy
        self._since: dict[str, Instant] = {}

    def schedule(self, path: str, since: Instant) -> None:
        """Let ``path`` age from ``since`` on; a second time, it starts anew."""
        self._since.pop(path, None)
        self._since[path] = since

    def unschedule(self, path: str) -> bool:
        """Keep ``path`` after all; return whether it was waiting."""
        return self._since.pop(path, None) is not None

    def take_due(self, now: Instant, disk_usage: float) -> list[str]:
        """Return, and forget, what has reached the age that is allowed now."""
        allowed = min(self.policy.allowed_age(disk_usage), self.policy.delay_seconds)
        due = [path for path, since in self._since.items() if now.since(since) >= allowed]
        for path in due:
            del self._since[path]
        return due

    def seconds_until_due(self, now: Instant) -> float | None:
        """Return when the next one is due however empty the disk is; ``None`` for nothing."""
        if not self._since:
            return None
        oldest = max(now.since(since) for since in self._since.values())
        return max(0.0, self.policy.allowed_age(0.0) - oldest)

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, path: object) -> bool:
        return path in self._since
