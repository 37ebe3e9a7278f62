"""Questions that take many turns of the loop, answered one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tepui.base.errors import Unavailable

WAITING_MAX = 16
"""Questions that wait until others are answered; one is worked on at a time."""


class Turns:
    """Lets one question after the other be worked on, and few of them wait."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._asked = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for the turn of a question, and keep it until the answer is there.

        Raises:
            Unavailable: `WAITING_MAX` others wait already.
        """
        if self._asked > WAITING_MAX:
            raise Unavailable(f"{self._asked} questions are being answered: ask again later")
        self._asked += 1
        try:
            async with self._turn:
                yield
        finally:
            self._asked -= 1
