"""Follow the leading master in ZooKeeper."""

from __future__ import annotations

import asyncio

from tepui.ha.detector import DetectionRefused, Sighting
from tepui.ha.zookeeper import candidates, log
from tepui.ha.zookeeper.client import Disconnected, NoNode, Refused
from tepui.ha.zookeeper.session import Session
from tepui.messages import MasterInfo


class ZooKeeperDetector:
    """Sees the candidate with the smallest number.

    While ZooKeeper cannot be asked, the leader counts as known for as long as its session would
    live, and then as unknown.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._path = session.url.path
        self._sighting = Sighting()

    @property
    def leader(self) -> MasterInfo | None:
        """The leading master, if one is known."""
        return self._sighting.leader

    async def detect(self, known: MasterInfo | None) -> MasterInfo | None:
        """Return the leader as soon as it is another than ``known``."""
        return await self._sighting.other_than(known)

    async def run(self) -> None:
        """Keep up with what ZooKeeper says, until cancelled.

        Raises:
            DetectionRefused: We may not read there.
        """
        while True:
            try:
                if not self._session.is_connected:
                    await self._doubt()
                await self._look()
            except Disconnected:
                await self._doubt()
            except Refused as error:
                raise DetectionRefused(f"{self._session.url}: {error}") from error

    async def _look(self) -> None:
        """Look once, and return when it may be worth to look again."""
        changed = asyncio.Event()
        try:
            names = await self._session.children(self._path, changed.set)
        except NoNode:
            self._see(None)
            # The first master makes the path.
            if not await self._session.exists(self._path, changed.set):
                await changed.wait()
            return
        name = candidates.first_of(names)
        leader: MasterInfo | None = None
        if name is not None:
            try:
                content = await self._session.read(f"{self._path}/{name}")
                leader = candidates.decode(name, content)
            except NoNode:
                return  # it has gone since
            except candidates.CandidateUnreadable as error:
                log.warning("leader_unreadable", reason=str(error))
        self._see(leader)
        await changed.wait()

    async def _doubt(self) -> None:
        """Wait for the connection; after a while, what was known may be so no more."""
        try:
            async with asyncio.timeout(self._session.timeout_seconds):
                await self._session.wait_until_connected()
        except TimeoutError:
            log.warning("zookeeper_unreachable", zookeeper=str(self._session.url))
            self._see(None)
            await self._session.wait_until_connected()

    def _see(self, leader: MasterInfo | None) -> None:
        if self._sighting.see(leader):
            known = {} if leader is None else {"pid": leader.pid, "id": leader.id}
            log.info("leader_detected" if leader is not None else "no_leader", **known)
