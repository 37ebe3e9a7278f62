"""Who is asked to leave which agent before it becomes unavailable, and who is not asked again.

An agent with a time of unavailability is looked at when something about it changes, and in each
periodic pass: every active framework that holds something there is asked, unless it was asked
and has not answered yet, or has answered and said for how long that is to hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import islice

from tepui.allocator.filters import seconds_of
from tepui.allocator.interface import InverseAllocation
from tepui.base.time import Instant
from tepui.messages import Unavailability

_HEAP_SLACK = 1024

Holders = Callable[[str], Iterable[str]]
"""Returns the active frameworks that hold something on an agent."""


class _Scheduled:
    """An agent that will be unavailable.

    Attributes:
        asked: The frameworks that have not answered yet.
        answered: Until when those that have are not asked again.
    """

    __slots__ = ("answered", "asked", "unavailability")

    def __init__(self, unavailability: Unavailability) -> None:
        self.unavailability = unavailability
        self.asked: dict[str, None] = {}
        self.answered: dict[str, float] = {}


class InverseOffers:
    """All agents that will be unavailable, and what is known of their frameworks."""

    def __init__(self, allocation_interval: float) -> None:
        self._interval = allocation_interval
        self._scheduled: dict[str, _Scheduled] = {}
        # Where each framework was asked, or has answered.
        self._agents_of: dict[str, dict[str, None]] = {}
        self._candidates: dict[str, None] = {}
        self._expiries: list[tuple[float, str, str]] = []
        self._in_force = 0

    # -- what happens --

    def schedule(self, agent_id: str, unavailability: Unavailability | None) -> None:
        """Replace when an agent is unavailable; whoever was asked about it is asked anew."""
        self.forget_agent(agent_id)
        if unavailability is not None:
            self._scheduled[agent_id] = _Scheduled(unavailability)
            self.look_at([agent_id])

    def forget_agent(self, agent_id: str) -> None:
        """The agent is gone, or stays."""
        forgotten = self._scheduled.pop(agent_id, None)
        if forgotten is not None:
            self._in_force -= len(forgotten.answered)
            for framework_id in (*forgotten.asked, *forgotten.answered):
                self._unlist(framework_id, agent_id)
        self._candidates.pop(agent_id, None)

    def forget_framework(self, framework_id: str) -> None:
        """The framework is gone: what it was asked, and what it answered, is void."""
        for agent_id in self._agents_of.pop(framework_id, ()):
            scheduled = self._scheduled[agent_id]
            scheduled.asked.pop(framework_id, None)
            self._lift(scheduled, framework_id)

    def revive(self, framework_id: str) -> None:
        """Ask a framework again whatever it has answered."""
        for agent_id in list(self._agents_of.get(framework_id, ())):
            scheduled = self._scheduled[agent_id]
            if self._lift(scheduled, framework_id):
                self._unlist(framework_id, agent_id)
                self.look_at([agent_id])

    def answer(
        self, framework_id: str, agent_id: str, refuse_seconds: float | None, now: Instant
    ) -> None:
        """A framework is not asked about an agent any more.

        Without ``refuse_seconds`` the question was taken back, and may be asked again at once;
        after 0 it waits for the next periodic pass.
        """
        scheduled = self._scheduled.get(agent_id)
        if scheduled is None:
            return
        scheduled.asked.pop(framework_id, None)
        self._lift(scheduled, framework_id)
        self._unlist(framework_id, agent_id)
        if refuse_seconds is None:
            self.look_at([agent_id])
        elif refuse_seconds != 0:
            self._agents_of.setdefault(framework_id, {})[agent_id] = None
            expires = now.monotonic + seconds_of(refuse_seconds, self._interval)
            self._in_force += 1
            scheduled.answered[framework_id] = expires
            heapq.heappush(self._expiries, (expires, agent_id, framework_id))
            self._compact()

    def look_at(self, agent_ids: Iterable[str] | None = None) -> None:
        """See in the next pass who has to be asked about the agents named, or about all."""
        for agent_id in self._scheduled if agent_ids is None else agent_ids:
            if agent_id in self._scheduled:
                self._candidates[agent_id] = None

    # -- time --

    def next_expiry(self) -> float | None:
        """Return the monotonic time at which somebody may be asked again, if there is any."""
        while self._expiries and not self._is_in_force(self._expiries[0]):
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None

    def expire(self, monotonic: float) -> None:
        """Ask those again whose answers held until now."""
        while self._expiries and self._expiries[0][0] <= monotonic:
            entry = heapq.heappop(self._expiries)
            if self._is_in_force(entry):
                _, agent_id, framework_id = entry
                self._lift(self._scheduled[agent_id], framework_id)
                self._unlist(framework_id, agent_id)
                self.look_at([agent_id])

    # -- passes --

    def is_pending(self) -> bool:
        """Tell whether there are agents to look at."""
        return bool(self._candidates)

    def ask(self, holders: Holders, agents_max: int) -> list[InverseAllocation]:
        """Look at some agents; whoever is asked is accounted as asked when it returns."""
        asked: list[InverseAllocation] = []
        for agent_id in list(islice(self._candidates, agents_max)):
            del self._candidates[agent_id]
            scheduled = self._scheduled[agent_id]
            for framework_id in holders(agent_id):
                if framework_id in scheduled.asked or framework_id in scheduled.answered:
                    continue
                scheduled.asked[framework_id] = None
                self._agents_of.setdefault(framework_id, {})[agent_id] = None
                asked.append(InverseAllocation(framework_id, agent_id, scheduled.unavailability))
        return asked

    def _unlist(self, framework_id: str, agent_id: str) -> None:
        agents = self._agents_of.get(framework_id)
        if agents is not None:
            agents.pop(agent_id, None)
            if not agents:
                del self._agents_of[framework_id]

    def _lift(self, scheduled: _Scheduled, framework_id: str) -> bool:
        was_there = scheduled.answered.pop(framework_id, None) is not None
        self._in_force -= was_there
        return was_there

    def _is_in_force(self, entry: tuple[float, str, str]) -> bool:
        expires, agent_id, framework_id = entry
        scheduled = self._scheduled.get(agent_id)
        return scheduled is not None and scheduled.answered.get(framework_id) == expires

    def _compact(self) -> None:
        """Drop what is void once it is most of the heap, or it would grow for ever."""
        if len(self._expiries) > 2 * self._in_force + _HEAP_SLACK:
            self._expiries = [each for each in self._expiries if self._is_in_force(each)]
            heapq.heapify(self._expiries)
