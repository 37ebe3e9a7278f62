"""How long after a leader's end does the next one offer?

A real ensemble of three ZooKeeper servers, two real masters, 4,000 emulated agents (the real
core and link, by the hundred on a connection) and 200 frameworks with the SDK, which hold what
they are offered. The leader is killed with -9, or told to stop; then there is another, and a
new standby, and so on. Measured is the time from the signal to the first offer that any
framework gets from the new leader, and until all are subscribed and all agents offered again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bench import ensemble
from bench.processes import Process, cpu_seconds, started, stop_on_sigterm, workspace
from bench.report import Goal, publish

CLEAN_GOAL_SECONDS = 1.0
EVENTS = ("first_subscribed", "first_offer", "all_subscribed", "all_offered")
"""What frameworks tell of each leader."""

KILLED_GOAL_SECONDS = 1.0  # beside the session timeout
AGENTS_PER_LINK = 100
HEARD_SECONDS_MAX = 180.0
PATH = "/bench"
QUICK = {"agents": 200, "frameworks": 20, "session_seconds": 2.0, "rounds": 1}


class Masters:
    """The leader, and a standby that stands in line."""

    def __init__(self, directory: Path, servers: Any, session_seconds: float) -> None:
        self.zk = servers.url(PATH)
        self._directory = directory
        self._servers = servers
        self._flags = (
            "--ip=127.0.0.1",
            "--port=0",
            "--hostname=127.0.0.1",
            "--log_format=json",
            "--logging_level=WARNING",
            f"--zk={self.zk}",
            "--quorum=2",
            f"--zk_session_timeout={session_seconds:g}secs",
        )
        self._started = 0
        self._running: list[tuple[Process, str]] = []

    def start(self) -> None:
        """Start one more, and wait until it stands in line."""
        self._started += 1
        place = self._directory / f"master{self._started}"
        flags = (*self._flags, f"--work_dir={place}")
        process = Process("tepui.daemons.master", flags, place.with_suffix(".log"))
        self._running.append((process, process.next_line()["url"]))
        wait_for_candidates(self._servers, len(self._running))

    @property
    def leader(self) -> tuple[Process, str]:
        """The process that leads, and its URL."""
        return self._running[0]

    def end_leader(self, number: int) -> float:
        """Send the leader a signal; return when that was."""
        process, _ = self._running.pop(0)
        at = time.monotonic()
        process.stop(number)
        return at

    def stop(self) -> None:
        """End all."""
        while self._running:
            self._running.pop()[0].stop(signal.SIGTERM)


def wait_for_candidates(servers: Any, count: int) -> None:
    """Return when so many masters want to lead."""
    with servers.client() as client:
        client.ensure_path(PATH)
        changed = client.handler.event_object()
        while True:
            names = client.get_children(PATH, watch=lambda event: changed.set())
            if sum("info" in name for name in names) == count:
                return
            if not changed.wait(120.0):
                raise RuntimeError(f"{count} masters should stand in line: {names}")
            changed.clear()


class Heard:
    """What the frameworks say, by leader."""

    def __init__(self, followers: Process) -> None:
        self._followers = followers

    def reign_of(self, leader: str) -> dict[str, float]:
        """Return when what happened first under ``leader``, once all has."""
        times: dict[str, float] = {}
        # Its pipe ends with it, and the wait with the pipe.
        watchdog = threading.Timer(
            HEARD_SECONDS_MAX, os.kill, (self._followers.pid, signal.SIGKILL)
        )
        watchdog.start()
        try:
            while len(times) < len(EVENTS):
                said = self._followers.next_line()
                if said["leader"] == leader:
                    times[said["event"]] = said["at"]
        finally:
            watchdog.cancel()
        return times


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Depose leaders in both ways, so often as wanted."""
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(workspace())
        place = directory / "zookeeper"
        servers = stack.enter_context(ensemble.started(place, 3, is_durable=True))
        masters = Masters(directory, servers, options.session_seconds)
        stack.callback(masters.stop)
        masters.start()
        masters.start()
        agents = (
            f"--master={masters.zk}",
            f"--session_seconds={options.session_seconds}",
            f"--agents={options.agents}",
            f"--agents_per_link={AGENTS_PER_LINK}",
            "--backoff_seconds=1",
        )
        log = directory / "agents.log"
        stack.enter_context(started("bench.emulated", *agents, log=log)).next_line()
        frameworks = (
            f"--master={masters.zk}",
            f"--agents={options.agents}",
            f"--frameworks={options.frameworks}",
        )
        log = directory / "frameworks.log"
        heard = Heard(stack.enter_context(started("bench.followers", *frameworks, log=log)))
        heard.reign_of(masters.leader[1])
        for _ in range(options.rounds):
            for how, number in (("kill -9", signal.SIGKILL), ("clean stop", signal.SIGTERM)):
                rows.append(depose(how, number, masters, heard))
                masters.start()
    return rows


def depose(how: str, number: int, masters: Masters, heard: Heard) -> dict[str, Any]:
    """End the leader and return how long what took."""
    at = masters.end_leader(number)
    process, url = masters.leader
    used = cpu_seconds(process.pid)
    times = heard.reign_of(url)
    return {
        "how": how,
        "first_subscribed_seconds": round(times["first_subscribed"] - at, 2),
        "first_offer_seconds": round(times["first_offer"] - at, 2),
        "all_subscribed_seconds": round(times["all_subscribed"] - at, 2),
        "all_offered_seconds": round(times["all_offered"] - at, 2),
        "leader_cpu_seconds": round(cpu_seconds(process.pid) - used, 2),
    }


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=4_000)
    parser.add_argument("--frameworks", type=int, default=200)
    parser.add_argument("--session_seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small one")
    options = parser.parse_args()
    if options.quick:
        parser.set_defaults(**QUICK)
        options = parser.parse_args()
    if not ensemble.is_installed():
        print(ensemble.MISSING, file=sys.stderr)
        return 1
    load = os.getloadavg()
    rows = measure(options)
    goals = [
        Goal(
            what=f"{how}: first offer of the next leader",
            value=max(row["first_offer_seconds"] for row in rows if row["how"] == how),
            limit=limit,
            unit="s",
        )
        for how, limit in (
            ("kill -9", options.session_seconds + KILLED_GOAL_SECONDS),
            ("clean stop", CLEAN_GOAL_SECONDS),
        )
    ]
    publish("failover", rows, goals=goals, parameters=vars(options), load_before=load)
    return 0


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
