"""Where the masters are: at addresses that were given, or where ZooKeeper says that one leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tepui.base.zookeeper_url import SCHEME, parse_url
from tepui.ha.detector import DetectionRefused, address_of
from tepui.sdk.core.addresses import parse_masters
from tepui.sdk.errors import Unreachable

FILE = "file://"
SESSION_SECONDS = 10.0
"""How long the leader counts as known while ZooKeeper does not answer."""


def find_masters(masters: str | Sequence[str]) -> tuple[str, ...] | ElectedMasters:
    """Return the base URLs that ``masters`` give, or what finds them.

    Args:
        masters: Addresses, separated by commas or in a sequence; or ``zk://…``; or ``file://…``,
            a file with one of these.

    Raises:
        ValueError: It is none of these.
    """
    text = masters if isinstance(masters, str) else ",".join(masters)
    if text.startswith(FILE):
        path = Path(text.removeprefix(FILE))
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the file {path} with the master cannot be read: {error}") from error
    return ElectedMasters(text) if text.startswith(SCHEME) else parse_masters(text)


class ElectedMasters:
    """The leading master, for as long as ``run`` runs.

    Attributes:
        url: Its base URL, once one is known; the last one while none is.
        on_change: Called whenever a master has begun to lead, and when none can be found at all.
    """

    def __init__(self, text: str, timeout_seconds: float = SESSION_SECONDS) -> None:
        from tepui.ha.zookeeper import ZooKeeperDiscovery  # few need its client

        self.url: str | None = None
        self.on_change: Callable[[], None] | None = None
        self._place = parse_url(text)
        self._discovery = ZooKeeperDiscovery(self._place, timeout_seconds)
        self._refusal: str | None = None
        self._changed = asyncio.Event()

    def __str__(self) -> str:
        """Return where they are looked for, without a password."""
        return str(self._place)

    async def run(self) -> None:
        """Keep up with who leads, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._discovery.run())
                group.create_task(self._follow())
        except* DetectionRefused as errors:
            self._refusal = str(errors.exceptions[0])
            self._tell()

    async def _follow(self) -> None:
        leader = None
        while True:
            leader = await self._discovery.detect(leader)
            if leader is not None:
                self.url = f"http://{address_of(leader)}"
                self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self.on_change is not None:
            self.on_change()

    async def wait_for_leader(self, timeout_seconds: float | None = None) -> str:
        """Return the leader's base URL.

        Raises:
            Unreachable: None is known in time, or ZooKeeper does not let us look.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.url is None:
                    if self._refusal is not None:
                        raise Unreachable(str(self), self._refusal)
                    await self._changed.wait()
        except TimeoutError:
            raise Unreachable(str(self), "no leading master is known there") from None
        return self.url
