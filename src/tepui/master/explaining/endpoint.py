"""``GET /api/explain``: ours alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from tepui.allocator import Allocator, Explanation, Question
from tepui.base.errors import Rejected, Unavailable
from tepui.base.time import Instant
from tepui.http.jsonp import json_response
from tepui.http.messages import Answer, Request
from tepui.http.negotiation import require_method
from tepui.master.core.model import State
from tepui.master.explaining.answers import answer_to, reasons_answer
from tepui.master.explaining.questions import read_question
from tepui.master.explaining.turns import Turns

LOOKS_PER_TURN = 200
"""At one agent for one framework, before the loop's other work has its turn; some 20 µs each."""

_encode = msgspec.json.Encoder().encode


class Explainer:
    """Answers why frameworks and roles wait, a little in each turn of the loop.

    Args:
        now: Reads the clocks that the core's filters are measured by.
        looks_per_turn: See `LOOKS_PER_TURN`.
    """

    def __init__(
        self,
        state: State,
        allocator: Allocator,
        now: Callable[[], Instant],
        looks_per_turn: int = LOOKS_PER_TURN,
    ) -> None:
        self._state = state
        self._allocator = allocator
        self._now = now
        self._looks_per_turn = looks_per_turn
        self._turns = Turns()

    async def explain(self, request: Request) -> Answer:
        """Answer one question."""
        require_method(request, "GET")
        self._require_recovered()
        question = read_question(request.query)
        self._require_known(question)
        async with self._turns.take():
            explanation = await self._explanation(question)
        return json_response(request, _encode(answer_to(question, explanation, self._state)))

    def reasons(self, request: Request) -> Answer:
        """Say of each role, in short, why it may be waiting."""
        require_method(request, "GET")
        self._require_recovered()
        return json_response(request, _encode(reasons_answer(self._allocator.reasons())))

    async def _explanation(self, question: Question) -> Explanation:
        explaining = self._allocator.explain(question, self._now())
        while True:
            found = explaining.step(self._now(), looks_max=self._looks_per_turn)
            if found is not None:
                return found
            await asyncio.sleep(0)

    def _require_recovered(self) -> None:
        if not self._state.is_recovered:
            raise Unavailable("The master is still reading its registry")

    def _require_known(self, question: Question) -> None:
        framework_id = question.framework_id
        if framework_id is None or framework_id in self._state.frameworks:
            return
        if framework_id in self._state.completed_frameworks:
            raise Rejected(f"Framework {framework_id} has ended", 404)
        raise Rejected(f"There is no framework {framework_id[:255]!r}", 404)
