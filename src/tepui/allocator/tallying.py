"""Count the agents that were passed over, by cause, and keep the nearest of them."""

from __future__ import annotations

import math
from bisect import insort

from tepui.allocator.agents import Agent
from tepui.allocator.explanation import (
    NAMES_MAX,
    NEAREST_MAX,
    Cause,
    Fit,
    Near,
    Tally,
)
from tepui.allocator.judging import Finding
from tepui.base.time import Instant

_ORDER = list(Cause)
_FIT_ORDER = {fit: at for at, fit in enumerate(Fit)}


class Tallies:
    """What was found for one client so far.

    Attributes:
        fit: The best so far.
    """

    def __init__(self) -> None:
        self.fit = Fit.NEVER
        self._counts: dict[Cause, _Count] = {}

    def add(self, agent: Agent, finding: Finding) -> None:
        """Count an agent."""
        if _FIT_ORDER[finding.fit] < _FIT_ORDER[self.fit]:
            self.fit = finding.fit
        count = self._counts.get(finding.cause)
        if count is None:
            count = self._counts[finding.cause] = _Count()
        count.add(agent, finding)

    def result(self, now: Instant) -> list[Tally]:
        """Return the counts, the causes that may end soonest first."""
        return [self._counts[cause].tally(cause, now) for cause in _ORDER if cause in self._counts]


class _Count:
    """The agents with one cause."""

    __slots__ = ("_agents", "_first", "_held", "_last", "_names", "_nearest")

    def __init__(self) -> None:
        self._agents = 0
        self._names: dict[str, int] = {}
        # Distance, a number that decides between equals, and what is told of the agent.
        self._nearest: list[tuple[float, int, Near]] = []
        self._first = math.inf
        self._last = 0.0
        self._held = 0

    def add(self, agent: Agent, finding: Finding) -> None:
        self._agents += 1
        for name in finding.names:
            self._names[name] = self._names.get(name, 0) + 1
        if len(self._nearest) < NEAREST_MAX or finding.distance < self._nearest[-1][0]:
            near = Near(
                agent_id=agent.id, hostname=agent.description.hostname, lacking=finding.lacking
            )
            insort(self._nearest, (finding.distance, self._agents, near))
            del self._nearest[NEAREST_MAX:]
        if finding.until == math.inf:
            self._held += 1
        elif finding.until is not None:
            self._first = min(self._first, finding.until)
            self._last = max(self._last, finding.until)

    def tally(self, cause: Cause, now: Instant) -> Tally:
        names = sorted(self._names.items(), key=lambda each: (-each[1], each[0]))
        timed = None
        if self._first < math.inf:
            to_wall = now.wall - now.monotonic
            timed = (self._first + to_wall, self._last + to_wall)
        return Tally(
            cause=cause,
            agents=self._agents,
            names=dict(names[:NAMES_MAX]),
            names_left_out=max(0, len(names) - NAMES_MAX),
            nearest=[near for _, _, near in self._nearest],
            until=timed,
            held=self._held,
        )
