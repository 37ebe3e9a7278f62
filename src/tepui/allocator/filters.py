"""What frameworks do not want to be offered again for a while.

A filter belongs to a client (a framework in a role) and an agent, and covers what was refused:
an offer with anything more passes.
"""

from __future__ import annotations

import heapq
import math
from itertools import count

from tepui.allocator.roles import Client
from tepui.resources import Resources

REFUSE_SECONDS_DEFAULT = 5.0
REFUSE_SECONDS_MAX = 365 * 86_400.0
FILTERS_MAX = 16
"""Filters of one client on one agent; the one that would expire first gives way."""

_HEAP_SLACK = 1024


class Filter:
    """One refusal."""

    __slots__ = ("agent_id", "client", "expires", "is_in_force", "refused")

    def __init__(self, client: Client, agent_id: str, refused: Resources, expires: float) -> None:
        self.client = client
        self.agent_id = agent_id
        self.refused = refused
        self.expires = expires
        self.is_in_force = True


class Filters:
    """All filters, by agent, by client and by the time at which they expire."""

    def __init__(self) -> None:
        self._by_agent: dict[str, dict[Client, list[Filter]]] = {}
        self._agents_of: dict[Client, dict[str, None]] = {}
        self._heap: list[tuple[float, int, Filter]] = []
        self._held: list[Filter] = []
        self._sequence = count()
        self._in_force = 0

    def add(self, client: Client, agent_id: str, refused: Resources, expires: float) -> None:
        """Refuse ``refused`` until the monotonic time ``expires``."""
        added = Filter(client, agent_id, refused, expires)
        self._place(added)
        heapq.heappush(self._heap, (expires, next(self._sequence), added))
        self._in_force += 1
        self._compact()

    def hold(self, client: Client, agent_id: str, refused: Resources) -> None:
        """Refuse ``refused`` until `release_held`."""
        held = Filter(client, agent_id, refused, math.inf)
        self._place(held)
        self._held.append(held)

    def blocks(self, client: Client, agent_id: str, resources: Resources) -> bool:
        """Tell whether the client refused all of ``resources`` on the agent."""
        clients = self._by_agent.get(agent_id)
        if clients is None:
            return False
        filters = clients.get(client)
        if filters is None:
            return False
        for each in filters:  # noqa: SIM110 - a loop: this is asked for every agent and client
            if each.refused.contains(resources):
                return True
        return False

    def covering(self, client: Client, agent_id: str, resources: Resources) -> list[Filter]:
        """Return the filters for which `blocks` holds: to say until when."""
        filters = self._by_agent.get(agent_id, {}).get(client, [])
        return [each for each in filters if each.refused.contains(resources)]

    def agents_count(self, client: Client) -> int:
        """Return on how many agents the client has filters."""
        return len(self._agents_of.get(client, ()))

    def agents_of(self, client: Client) -> list[str]:
        """Return the agents on which the client has filters."""
        return list(self._agents_of.get(client, ()))

    def clear_client(self, client: Client) -> list[str]:
        """Drop all filters of a client; return the agents that they were on."""
        agent_ids = self.agents_of(client)
        for agent_id in agent_ids:
            for each in list(self._by_agent[agent_id][client]):
                self._drop(each)
        return agent_ids

    def clear_agent(self, agent_id: str) -> None:
        """Drop all filters on an agent."""
        for filters in list(self._by_agent.get(agent_id, {}).values()):
            for each in list(filters):
                self._drop(each)

    def expire(self, monotonic: float) -> list[Filter]:
        """Drop the filters whose time is over, and return them."""
        expired: list[Filter] = []
        heap = self._heap
        while heap and heap[0][0] <= monotonic:
            oldest = heapq.heappop(heap)[2]
            if oldest.is_in_force:
                self._drop(oldest)
                expired.append(oldest)
        return expired

    def release_held(self) -> list[Filter]:
        """Drop the filters that wait for it, and return them."""
        released = [each for each in self._held if each.is_in_force]
        for each in released:
            self._drop(each)
        self._held.clear()
        return released

    def next_expiry(self) -> float | None:
        """Return the monotonic time at which the next filter expires, if there is any."""
        while self._heap and not self._heap[0][2].is_in_force:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def counts(self) -> dict[str, int]:
        """Return how many filters with a time-out are in force in each role."""
        counts: dict[str, int] = {}
        for clients in self._by_agent.values():
            for client, filters in clients.items():
                timed = sum(each.expires != math.inf for each in filters)
                if timed:
                    counts[client.role] = counts.get(client.role, 0) + timed
        return counts

    def _place(self, added: Filter) -> None:
        filters = self._by_agent.setdefault(added.agent_id, {}).setdefault(added.client, [])
        self._agents_of.setdefault(added.client, {})[added.agent_id] = None
        for each in list(filters):
            if _outlives(added, each) and added.refused.contains(each.refused):
                self._unlist(each, filters)
        if len(filters) >= FILTERS_MAX:
            self._unlist(min(filters, key=lambda each: each.expires), filters)
        filters.append(added)

    def _unlist(self, dropped: Filter, filters: list[Filter]) -> None:
        filters.remove(dropped)
        dropped.is_in_force = False
        if dropped.expires != math.inf:
            self._in_force -= 1

    def _drop(self, dropped: Filter) -> None:
        clients = self._by_agent[dropped.agent_id]
        filters = clients[dropped.client]
        self._unlist(dropped, filters)
        if filters:
            return
        del clients[dropped.client]
        if not clients:
            del self._by_agent[dropped.agent_id]
        agents = self._agents_of[dropped.client]
        del agents[dropped.agent_id]
        if not agents:
            del self._agents_of[dropped.client]

    def _compact(self) -> None:
        """Forget dropped filters once they are most of the heap, or it would grow for ever."""
        if len(self._heap) > 2 * self._in_force + _HEAP_SLACK:
            self._heap = [entry for entry in self._heap if entry[2].is_in_force]
            heapq.heapify(self._heap)


def _outlives(added: Filter, earlier: Filter) -> bool:
    # What is held until the next periodic pass may end before what has a time.
    if (added.expires == math.inf) is not (earlier.expires == math.inf):
        return False
    return added.expires >= earlier.expires


def seconds_of(refuse_seconds: float, allocation_interval: float) -> float:
    """Return how long a filter lives: at least until the next periodic pass, at most a year."""
    if math.isnan(refuse_seconds) or refuse_seconds < 0:
        refuse_seconds = REFUSE_SECONDS_DEFAULT
    return max(min(refuse_seconds, REFUSE_SECONDS_MAX), allocation_interval)
