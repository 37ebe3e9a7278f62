"""``/allocator/offer_constraints_debug``: which agents the frameworks' constraints exclude.

All are judged anew when somebody asks, in steps: what was judged for passes is the allocator's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from tepui.allocator.constraints import Wish, compile_constraints
from tepui.base.errors import Rejected
from tepui.base.patterns import PatternLimits
from tepui.codec.assembly import Parts
from tepui.http.jsonp import json_response
from tepui.http.messages import Answer, Request
from tepui.master.core.model import Framework, State
from tepui.master.core.totals import describe_agent
from tepui.master.explaining.turns import Turns

EXCLUDED_MAX = 1_000_000
"""Agents named in one answer: some 50 MB of identifiers."""

CONSTRAINTS_PER_TURN = 2_000
"""Constraints judged before the loop's other work has its turn; some 2 µs each."""

_encode = msgspec.json.Encoder().encode


class Exclusions:
    """Answers whom of the agents each framework does not want, role by role.

    Args:
        pattern_limits: What a pattern may cost; those that are subscribed keep to it.
        excluded_max: See `EXCLUDED_MAX`.
    """

    def __init__(
        self, state: State, pattern_limits: PatternLimits, excluded_max: int = EXCLUDED_MAX
    ) -> None:
        self._state = state
        self._pattern_limits = pattern_limits
        self._excluded_max = excluded_max
        self._turns = Turns()

    async def answer(self, request: Request) -> Answer:
        """Answer about all frameworks, or about the one that ``framework_id`` names."""
        async with self._turns.take():
            parts = await self._excluded(request.param("framework_id"))
        return json_response(request, b"".join([b'{"frameworks":{', *parts, b"}}"]))

    async def _excluded(self, framework_id: str | None) -> Parts:
        frameworks = [
            each
            for each in self._state.frameworks.values()
            if framework_id in (None, each.framework_id)
        ]
        left = self._excluded_max
        parts: Parts = []
        for framework in frameworks:
            excluded = await self._excluded_by(framework, left)
            left -= sum(map(len, excluded.values()))
            if left < 0:
                raise Rejected(
                    f"More than {self._excluded_max} agents would have to be named: ask about"
                    " one framework, with framework_id",
                    413,
                )
            said = {
                "suppressed_roles": list(framework.suppressed_roles),
                "excluded_by_attribute_constraints": excluded,
            }
            head = b"," if parts else b""
            parts += [head, _encode(framework.framework_id), b":", _encode(said)]
        return parts

    async def _excluded_by(self, framework: Framework, left: int) -> dict[str, list[str]]:
        """Return the agents excluded, by role; no longer than it takes to see they are too many."""
        excluded: dict[str, list[str]] = {role: [] for role in framework.roles}
        constraints = framework.offer_constraints
        if constraints is None:
            return excluded
        wishes = compile_constraints(constraints, self._pattern_limits)
        effort = 0
        for role, wish in wishes.items():
            if role not in excluded:
                continue
            for agent_id, size in self._unwanted(wish):
                if agent_id is not None:
                    excluded[role].append(agent_id)
                    left -= 1
                effort += size
                if effort >= CONSTRAINTS_PER_TURN:
                    effort = 0
                    await asyncio.sleep(0)
                if left < 0:
                    return excluded
        return excluded

    def _unwanted(self, wish: Wish) -> Iterator[tuple[str | None, int]]:
        """Judge each agent; yield its identifier if it is excluded, and what it took to tell."""
        # Agents may come and go between two turns.
        for agent_id in list(self._state.agents):
            agent = self._state.agents.get(agent_id)
            if agent is not None:
                is_wanted = wish.includes(describe_agent(agent))
                yield None if is_wanted else agent_id, 1 + wish.size
