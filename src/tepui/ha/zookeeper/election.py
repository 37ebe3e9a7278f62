"""Be elected by ZooKeeper, and know by one's own clock until when.

A candidate is an ephemeral numbered znode; the smallest number leads. The leader asks the
ensemble again and again whether its session lives. ZooKeeper lets go of a session that was
silent for its whole timeout, so whoever counts a smaller part of it from the moment of *asking*
has stopped before anybody else is first in line, also when it is cut off, paused or slow.
"""

from __future__ import annotations

import asyncio
import time

from tepui.ha.election import NEVER, ElectionRefused, Lease
from tepui.ha.zookeeper import candidates, log
from tepui.ha.zookeeper.client import Disconnected, NodeExists, NoNode, Refused
from tepui.ha.zookeeper.renewal import LEASE_SHARE, RENEWALS
from tepui.ha.zookeeper.session import Session
from tepui.messages import MasterInfo


class ZooKeeperElection:
    """One candidate's part in the election at the path of ``session``.

    Attributes:
        lease: Until when this candidate leads.
    """

    def __init__(self, session: Session) -> None:
        self.lease = Lease(NEVER)
        self._session = session
        self._path = session.url.path
        self._member: str | None = None
        self._expirations = 0
        self._elected_session = 0

    async def contend(self, candidate: MasterInfo) -> None:
        """Return when ``candidate`` has been elected; a session that expires begins anew.

        Raises:
            ElectionRefused: We may not write there.
        """
        content = candidates.encode(candidate)
        while True:
            try:
                if await self._stand(content):
                    return
            except Disconnected:
                await self._session.wait_until_connected()
            except (NoNode, NodeExists):
                self._member = None  # somebody is clearing up, or was quicker
            except Refused as error:
                raise ElectionRefused(f"{self._session.url}: {error}") from error

    async def _stand(self, content: bytes) -> bool:
        """Return whether we are first in line; if not, when that may have changed."""
        session = self._session
        await session.wait_until_connected()
        if self._expirations != session.expirations:
            self._expirations = session.expirations
            self._member = None
        self._elected_session = session.id
        await session.ensure_path(self._path)
        changed = asyncio.Event()
        names = await session.children(self._path, changed.set)
        if self._member not in names:
            self._member = await self._own(names) or await self._join(content)
            return False
        if candidates.first_of(names) == self._member:
            await self._renew()
            # Numbers do not come back: all of this was in one session.
            return session.id == self._elected_session
        await changed.wait()
        return False

    async def _own(self, names: list[str]) -> str | None:
        """Return a candidate that this session made without hearing that it did."""
        for name in sorted(names):
            if name.startswith(candidates.PREFIX):
                owner = await self._session.owner(f"{self._path}/{name}")
                if owner is not None and owner == self._session.id:
                    return name
        return None

    async def _join(self, content: bytes) -> str:
        path = await self._session.create_candidate(f"{self._path}/{candidates.PREFIX}", content)
        log.info("candidate", znode=path)
        return path.rpartition("/")[2]

    async def _renew(self) -> None:
        session = self._session
        asked_at = time.monotonic()
        await session.sync(self._path)
        self.lease.until = asked_at + LEASE_SHARE * session.timeout_seconds

    async def hold(self) -> str:
        """Renew the lease for as long as that is possible; then return why it is not."""
        renewal = self._session.renewal(self._path, self._elected_session, self.lease)
        renewal.start()
        try:
            return await self._hold()
        finally:
            renewal.stop()

    async def _hold(self) -> str:
        session = self._session
        member = f"{self._path}/{self._member}"
        gone = asyncio.Event()
        gone.set()
        while (left := self.lease.until - time.monotonic()) > 0:
            if session.expirations != self._expirations:
                return f"the session with {session.url} has expired"
            try:
                async with asyncio.timeout(left):
                    await session.wait_until_connected()
                    if gone.is_set():
                        # Watched once, not once a round: kazoo keeps what has not happened yet.
                        gone = asyncio.Event()
                        if not await session.exists(member, gone.set):
                            return f"its znode {member} is gone"
            except Disconnected:
                gone.set()
            except (Refused, NoNode) as error:
                return f"{session.url}: {error}"
            except TimeoutError:
                continue
            await _wait(gone, min(left, session.timeout_seconds / RENEWALS))
        return f"{session.url} has not answered in time"


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Return when ``event`` is set, or after ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
