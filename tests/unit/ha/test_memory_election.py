"""Elections in memory behave as those of ZooKeeper do."""

from __future__ import annotations

import asyncio

from tepui.ha.election import NEVER
from tepui.ha.memory_election import MemoryDetector, MemoryElection, MemoryGroup
from tepui.messages import MasterInfo

FIRST = MasterInfo(id="first", ip=0, port=1)
SECOND = MasterInfo(id="second", ip=0, port=2)


def test_the_next_in_line_leads_once_the_first_one_leads_no_more() -> None:
    async def story() -> None:
        group = MemoryGroup()
        one, two, detector = MemoryElection(group), MemoryElection(group), MemoryDetector(group)
        await one.contend(FIRST)
        assert await detector.detect(None) == FIRST
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(two.contend(SECOND))
            holding = tasks.create_task(one.hold())
            await asyncio.sleep(0)
            assert not waiting.done()
            assert two.lease.until == NEVER
            group.expire(one)
            assert (one.lease.until, two.lease.until > 0) == (NEVER, True)
            assert await holding == "its session has expired"
            assert await detector.detect(FIRST) == SECOND
        group.expire(two)
        assert detector.leader is None

    asyncio.run(story())
