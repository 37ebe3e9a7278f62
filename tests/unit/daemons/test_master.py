"""How a master is put together."""

from __future__ import annotations

import asyncio
import time

from tepui.base.zookeeper_url import parse_url
from tepui.daemons.master import coordination
from tepui.ha.memory import MemoryStore
from tepui.ha.zookeeper import ZooKeeperStore
from tepui.master.flags import MasterFlags

NOBODY = "zk://127.0.0.1:1/mesos"
"""An address at which nothing listens."""


def test_a_registry_in_zookeeper_is_opened_only_while_its_master_leads() -> None:
    async def story() -> None:
        flags = MasterFlags(zk=NOBODY)
        store = ZooKeeperStore(parse_url(NOBODY))
        async with coordination(flags, store) as (election, detector):
            assert election is not None
            assert detector is not None
            assert not store.may_open(), "it was not elected"
            election.lease.until = time.monotonic() + 60.0
            assert store.may_open()
            election.lease.until = time.monotonic()
            assert not store.may_open(), "it was paused, and somebody else may lead"

    asyncio.run(story())


def test_a_master_without_zookeeper_stands_in_no_election() -> None:
    async def story() -> None:
        async with coordination(MasterFlags(), MemoryStore()) as (election, detector):
            assert election is None
            assert detector is None

    asyncio.run(story())
