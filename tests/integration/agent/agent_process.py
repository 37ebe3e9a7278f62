"""An agent as a process of its own, for those who want to kill it: WORK_DIR MASTER [RESOURCES]."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tepui.agent.checkpoint import CheckpointStore, checkpoint_path
from tepui.agent.core.config import AgentConfig
from tepui.agent.driver import AgentDriver
from tepui.agent.master_link import FixedMaster, LinkClient
from tepui.base.rng import Rng
from tepui.containers.fetcher import Fetcher
from tepui.containers.posix import PosixContainerizer
from tepui.resources import parse_resources


async def main(work_dir: Path, master: str, resources: str) -> None:
    link = LinkClient(FixedMaster(master))
    driver = AgentDriver(
        AgentConfig(
            work_dir=str(work_dir),
            hostname="localhost",
            resources=parse_resources(resources).to_messages(),
            registration_backoff_factor_seconds=0.01,
        ),
        containerizer=PosixContainerizer(work_dir, Fetcher(), recovery_timeout=30.0),
        link=link,
        rng=Rng(int.from_bytes(os.urandom(8))),
        store=CheckpointStore(checkpoint_path(work_dir)),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        group.create_task(driver.run())


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], "".join(sys.argv[3:])))
