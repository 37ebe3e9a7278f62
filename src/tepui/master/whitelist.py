"""``--whitelist``: the agents that may be offered, by host name, one a line.

The file is read every few seconds. While it cannot be read, the last list holds; before it was
read for the first time, there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

POLL_SECONDS = 5.0

_log = structlog.get_logger("tepui.master")


class WhitelistFile:
    """Reads the file, and tells when what it says has changed.

    Args:
        path: The file.
        tell: Takes the host names.
    """

    def __init__(self, path: str, tell: Callable[[tuple[str, ...]], None]) -> None:
        self._path = Path(path)
        self._tell = tell
        self._told: tuple[str, ...] | None = None
        self._complaint = ""

    def poll(self) -> None:
        """Read the file now."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            self._complain(str(error))
            return
        self._complaint = ""
        lines = (line.strip() for line in text.splitlines())
        hostnames = tuple(dict.fromkeys(line for line in lines if line))
        if hostnames == self._told:
            return
        if not hostnames:
            _log.warning("whitelist_empty", path=str(self._path))
        self._told = hostnames
        self._tell(hostnames)

    async def watch(self, poll_seconds: float = POLL_SECONDS) -> None:
        """Read the file again and again, until cancelled."""
        while True:
            await asyncio.sleep(poll_seconds)
            self.poll()

    def _complain(self, complaint: str) -> None:
        # Once, not every five seconds for as long as it lasts.
        if complaint != self._complaint:
            self._complaint = complaint
            _log.error("whitelist_unreadable", path=str(self._path), reason=complaint)
