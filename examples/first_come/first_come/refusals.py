"""Who does not want what where, and until when."""

from __future__ import annotations

import math
from collections.abc import Callable

from tepui.resources import Resources

Place = tuple[str, str, str]
"""A framework, its role, and an agent."""

UNTIL_THE_PERIODIC_PASS = math.inf


class Refusals:
    """A short list for each place; the times in it are monotonic."""

    def __init__(self) -> None:
        self._by_place: dict[Place, list[tuple[Resources, float]]] = {}

    def add(self, place: Place, refused: Resources, until: float) -> None:
        """Remember a refusal; what is contained in it and ends before it is forgotten."""
        earlier = self._by_place.get(place, [])
        kept = [each for each in earlier if not (refused.contains(each[0]) and each[1] == until)]
        self._by_place[place] = [*kept, (refused, until)]

    def cover(self, place: Place, resources: Resources) -> bool:
        """Tell whether all of it was refused."""
        return any(refused.contains(resources) for refused, _ in self._by_place.get(place, ()))

    def forget(self, *, framework_id: str, role: str) -> None:
        """The framework wants offers in the role again, or never."""
        self._keep(lambda place, _: place[:2] != (framework_id, role))

    def forget_agent(self, agent_id: str) -> None:
        """The agent is another one now, or gone."""
        self._keep(lambda place, _: place[2] != agent_id)

    def release(self) -> list[str]:
        """End those that wait for the periodic pass; return their agents."""
        return self._keep(lambda _, until: until != UNTIL_THE_PERIODIC_PASS)

    def expire(self, monotonic: float) -> list[str]:
        """End those whose time is over; return their agents."""
        return self._keep(lambda _, until: until > monotonic)

    def next_expiry(self) -> float | None:
        """Return when the next one ends, if it has a time."""
        times = [until for each in self._by_place.values() for _, until in each]
        first = min(times, default=math.inf)
        return None if first == math.inf else first

    def counts(self) -> dict[str, int]:
        """Return how many there are, by role."""
        counts: dict[str, int] = {}
        for (_, role, _), refusals in self._by_place.items():
            timed = sum(until != UNTIL_THE_PERIODIC_PASS for _, until in refusals)
            if timed:
                counts[role] = counts.get(role, 0) + timed
        return counts

    def _keep(self, is_kept: Callable[[Place, float], bool]) -> list[str]:
        """Forget all others; return their agents."""
        agents: list[str] = []
        for place, refusals in list(self._by_place.items()):
            kept = [each for each in refusals if is_kept(place, each[1])]
            if len(kept) < len(refusals):
                agents.append(place[2])
                self._by_place[place] = kept
            if not kept:
                del self._by_place[place]
        return agents
