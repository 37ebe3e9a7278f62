"""A master's life: wait to be elected, lead, and end when that is over.

A master that led never goes back to waiting: what it knows may be wrong from then on. It ends,
and whoever started it starts another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tepui.daemons.starting import StartFailed, Stops
from tepui.ha.detector import DetectionRefused, Detector
from tepui.ha.election import Election, ElectionRefused
from tepui.ha.store import Fenced, StoreError
from tepui.master.driver import MasterDriver
from tepui.master.whitelist import WhitelistFile
from tepui.messages import MasterInfo

log = structlog.get_logger("tepui.master")


class Leading:
    """One master among those that may lead.

    Args:
        driver: Leads, once it may.
        election: Says when; without one, it may at once.
        detector: Sees who leads meanwhile.
        on_leading: Called when the registry has been read; returns what is watched from then on.
    """

    def __init__(
        self,
        driver: MasterDriver,
        election: Election | None,
        detector: Detector | None,
        on_leading: Callable[[], WhitelistFile | None],
    ) -> None:
        self._driver = driver
        self._election = election
        self._detector = detector
        self._on_leading = on_leading
        self._is_leading = False
        self._failure: str | None = None

    def leader(self) -> MasterInfo | None:
        """Return the master to which others are sent, if one is known and ready."""
        state = self._driver.core.state
        if state.elected_time is not None:
            return state.master_info
        known = None if self._detector is None else self._detector.leader
        # Our own address: we read the registry still, or one before us died of late.
        return None if known is None or known.pid == state.master_info.pid else known

    async def run(self, stops: Stops) -> bool:
        """Lead when it is time to, until there is a reason to stop; return whether it is none.

        Raises:
            StartFailed: It cannot lead, or not even wait.
        """
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(self._lead(group))
            tasks = [leading]
            if self._detector is not None:
                tasks.append(group.create_task(self._detect(self._detector)))
            for task in tasks:
                task.add_done_callback(lambda _: stops.ask("the master ended"))
            await stops.wait()
            self._driver.stop()
            if self._is_leading:
                # What was decided is written first.
                await asyncio.wait([leading])
            for task in tasks:
                task.cancel()
        if self._failure is not None:
            raise StartFailed(self._failure)
        return self._driver.failure is None

    async def _detect(self, detector: Detector) -> None:
        try:
            await detector.run()
        except DetectionRefused as error:
            self._failure = f"the leader cannot be looked for: {error}"

    async def _lead(self, group: asyncio.TaskGroup) -> None:
        beside: list[asyncio.Task[None]] = []
        try:
            if self._election is not None:
                await self._election.contend(self._driver.core.state.master_info)
                log.info("elected", id=self._driver.core.state.master_id)
                beside.append(group.create_task(self._hold(self._election)))
            await self._driver.start()
            if self._driver.is_leading:
                self._is_leading = True
                whitelist = self._on_leading()
                if whitelist is not None:
                    beside.append(group.create_task(whitelist.watch()))
            await self._driver.run()
        except Fenced as error:
            self._driver.fail(f"it leads no more: {error}")
        except (ElectionRefused, StoreError) as error:
            self._failure = str(error)
        finally:
            for task in beside:
                task.cancel()

    async def _hold(self, election: Election) -> None:
        reason = await election.hold()
        self._driver.fail(f"it leads no more: {reason}")
