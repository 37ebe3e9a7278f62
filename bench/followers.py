"""Many frameworks with the SDK in one process, that follow the leader and tell when offers come.

Each keeps what it is offered. Run as ``python -m bench.followers --master=zk://… --agents=N`` by
``bench.failover``; for each leader says in lines of JSON, by the clock that all processes of a
machine have in common, when the first was subscribed (``first_subscribed``) and the
``first_offer`` came, when ``all_subscribed``, and when all agents are offered. Ends with its
standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import time

import uvloop

from tepui.messages import FrameworkInfo
from tepui.messages.scheduler import Event
from tepui.sdk import SchedulerClient


class Reign:
    """What was heard under one leader."""

    def __init__(self) -> None:
        self.subscribed = 0
        self.agents: set[str] = set()


class Followers:
    """All frameworks, and what they hear together."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._reigns: dict[str, Reign] = {}

    async def follow(self, number: int) -> None:
        """Run one framework."""
        kind = FrameworkInfo.Capability
        described = FrameworkInfo(
            user="root",
            name=f"follower-{number}",
            roles=["*"],
            failover_timeout=3600.0,
            capabilities=[kind(type=kind.Type.MULTI_ROLE)],
        )
        async with SchedulerClient(self._options.master, described, seed=number) as client:
            async for event in client:
                if isinstance(event, Event.Subscribed):
                    self._on_subscribed(client.master_url)
                elif isinstance(event, Event.Offers):
                    self._on_offers(client.master_url, event)

    def _on_subscribed(self, leader: str) -> None:
        reign = self._reigns.setdefault(leader, Reign())
        reign.subscribed += 1
        if reign.subscribed == 1:
            self._tell("first_subscribed", leader)
        if reign.subscribed == self._options.frameworks:
            self._tell("all_subscribed", leader)

    def _on_offers(self, leader: str, event: Event.Offers) -> None:
        reign = self._reigns[leader]
        if not reign.agents:
            self._tell("first_offer", leader)
        before = len(reign.agents)
        reign.agents.update(offer.agent_id.value for offer in event.offers)
        if before < self._options.agents <= len(reign.agents):
            self._tell("all_offered", leader)

    def _tell(self, event: str, leader: str) -> None:
        said = {"event": event, "leader": leader, "at": time.monotonic()}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


async def run(options: argparse.Namespace) -> None:
    """Run all until standard input ends."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_input() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            over.set()

    loop.add_reader(0, on_input)
    followers = Followers(options)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(followers.follow(each)) for each in range(options.frameworks)]
        await over.wait()
        for task in tasks:
            task.cancel()


def main() -> int:
    """Read the command line and follow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="zk://…")
    parser.add_argument("--agents", type=int, required=True)
    parser.add_argument("--frameworks", type=int, default=200)
    options = parser.parse_args()
    gc.set_threshold(50_000, 50, 100)
    uvloop.run(run(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
