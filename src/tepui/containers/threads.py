"""Work off the loop that stops when whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class GivenUp(Exception):
    """Whoever wanted the work done does not any more."""


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run ``work`` off the loop; when we are cancelled, tell it and wait until it has stopped."""
    given_up = threading.Event()
    running = asyncio.get_running_loop().run_in_executor(None, work, given_up)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        given_up.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # retrieved: it is GivenUp, or does not matter any more
        raise
