"""Who leads, seen from outside: the protocol of detectors."""

from __future__ import annotations

import asyncio
from typing import Protocol

from tepui.messages import MasterInfo


class DetectionRefused(Exception):
    """The leader cannot be looked for, and trying again would not help."""


class Detector(Protocol):
    """Knows the leading master, for as long as ``run`` runs."""

    @property
    def leader(self) -> MasterInfo | None:
        """The leading master, if one is known."""

    async def detect(self, known: MasterInfo | None) -> MasterInfo | None:
        """Return the leader as soon as it is another than ``known``."""

    async def run(self) -> None:
        """Keep up with what happens, until cancelled.

        Raises:
            DetectionRefused: It cannot be looked for.
        """


class Sighting:
    """The leader as it was last seen, and a way to wait for the next."""

    def __init__(self) -> None:
        self.leader: MasterInfo | None = None
        self._changed = asyncio.Event()

    def see(self, leader: MasterInfo | None) -> bool:
        """Take note of who leads; return whether that is news."""
        if leader == self.leader:
            return False
        self.leader = leader
        self._changed.set()
        self._changed = asyncio.Event()
        return True

    async def other_than(self, known: MasterInfo | None) -> MasterInfo | None:
        """Return the leader as soon as it is not ``known``."""
        while self.leader == known:
            await self._changed.wait()
        return self.leader


def address_of(master: MasterInfo) -> str:
    """Return where a master listens, as ``host:port``.

    Example:
        >>> address_of(MasterInfo(id="m", ip=16777343, port=5050))
        '127.0.0.1:5050'
    """
    host = None if master.address is None else master.address.ip or master.address.hostname
    if host is None:
        # Network byte order read as a little-endian number, as Mesos writes it.
        host = ".".join(str(octet) for octet in master.ip.to_bytes(4, "little"))
    return f"{host}:{master.port}"
