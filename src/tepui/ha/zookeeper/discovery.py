"""A detector with a session of its own, for those who only want to know who leads."""

from __future__ import annotations

from tepui.base.zookeeper_url import ZooKeeperUrl
from tepui.ha.zookeeper.detector import ZooKeeperDetector
from tepui.ha.zookeeper.session import Session
from tepui.messages import MasterInfo


class ZooKeeperDiscovery:
    """Knows the leading master while ``run`` runs."""

    def __init__(self, url: ZooKeeperUrl, timeout_seconds: float) -> None:
        self._session = Session(url, timeout_seconds)
        self._detector = ZooKeeperDetector(self._session)

    @property
    def leader(self) -> MasterInfo | None:
        """The leading master, if one is known."""
        return self._detector.leader

    async def detect(self, known: MasterInfo | None) -> MasterInfo | None:
        """Return the leader as soon as it is another than ``known``."""
        return await self._detector.detect(known)

    async def run(self) -> None:
        """Keep up with what ZooKeeper says, until cancelled.

        Raises:
            DetectionRefused: We may not read there.
        """
        async with self._session:
            await self._detector.run()
