"""The one place of the soak that lets time pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

ASK_SECONDS = 0.1

T = TypeVar("T")


async def pause(seconds: float) -> None:
    """Let time pass where the time itself is meant: how long something is down, or how often."""
    await asyncio.sleep(seconds)


async def ask_until(
    ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds_max: float
) -> T:
    """Ask again until the answer is as it should be, or until the time is over; return the last.

    Only where nothing tells of the event.
    """
    deadline = time.monotonic() + seconds_max
    while not holds(answer := await ask()) and time.monotonic() < deadline:
        await pause(ASK_SECONDS)
    return answer
