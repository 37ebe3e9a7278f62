"""Elections among candidates of one process, for tests: they end when the test says so."""

from __future__ import annotations

import asyncio
import math

from tepui.ha.detector import Sighting
from tepui.ha.election import NEVER, Lease
from tepui.messages import MasterInfo


class MemoryGroup:
    """What the elections and detectors of one cluster share: the candidates, oldest first."""

    def __init__(self) -> None:
        self._members: list[tuple[MemoryElection, MasterInfo]] = []
        self.sighting = Sighting()

    def join(self, election: MemoryElection, candidate: MasterInfo) -> None:
        """Put a candidate at the end of the line."""
        self._members.append((election, candidate))
        self._elect()

    def expire(self, election: MemoryElection) -> None:
        """Take a candidate out, as a session that expires does; its lease ends first."""
        self._members = [member for member in self._members if member[0] is not election]
        election.end("its session has expired")
        self._elect()

    def _elect(self) -> None:
        if not self._members:
            self.sighting.see(None)
            return
        election, candidate = self._members[0]
        election.begin()
        self.sighting.see(candidate)


class MemoryElection:
    """One candidate's part in the election of a `MemoryGroup`."""

    def __init__(self, group: MemoryGroup) -> None:
        self.lease = Lease(NEVER)
        self._group = group
        self._elected = asyncio.Event()
        self._lost = asyncio.Event()
        self._reason = ""

    async def contend(self, candidate: MasterInfo) -> None:
        """Return when ``candidate`` is the oldest."""
        self._lost.clear()
        self._group.join(self, candidate)
        await self._elected.wait()

    async def hold(self) -> str:
        """Return why the leadership was lost, once the group says so."""
        await self._lost.wait()
        return self._reason

    def begin(self) -> None:
        """Lead from now on."""
        self.lease.until = math.inf
        self._elected.set()

    def end(self, reason: str) -> None:
        """Lead no more."""
        self.lease.until = NEVER
        self._elected.clear()
        self._reason = reason
        self._lost.set()


class MemoryDetector:
    """Sees who leads a `MemoryGroup`."""

    def __init__(self, group: MemoryGroup) -> None:
        self._group = group

    @property
    def leader(self) -> MasterInfo | None:
        """The oldest candidate."""
        return self._group.sighting.leader

    async def detect(self, known: MasterInfo | None) -> MasterInfo | None:
        """Return the leader as soon as it is another than ``known``."""
        return await self._group.sighting.other_than(known)

    async def run(self) -> None:
        """Do nothing until cancelled: the group tells of itself."""
        await asyncio.Event().wait()
