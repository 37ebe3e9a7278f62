"""Virtual time: what is due when, and what each node's own clocks show.

Nothing waits for a real clock. What is due at one moment happens in the order in which it was
asked for, so that a run depends on nothing but its seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Any

from tepui.base.time import Instant

WALL_AT_START = 1_700_000_000.0

Act = Callable[..., None]


class Clock:
    """The world's time.

    Attributes:
        now: Seconds since the world began.
    """

    __slots__ = ("_numbers", "_queue", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Act, tuple[Any, ...]]] = []
        self._numbers = 0

    def at(self, second: float, act: Act, *args: Any) -> None:
        """Do something at a moment; one that is over means now."""
        self._numbers += 1
        heapq.heappush(self._queue, (max(second, self.now), self._numbers, act, args))

    def after(self, seconds: float, act: Act, *args: Any) -> None:
        """Do something later."""
        self._numbers += 1
        heapq.heappush(self._queue, (self.now + max(seconds, 0.0), self._numbers, act, args))

    def run_until(self, second: float) -> None:
        """Let time pass."""
        queue = self._queue
        while queue and queue[0][0] <= second:
            due, _, act, args = heapq.heappop(queue)
            self.now = due
            act(*args)
        self.now = max(self.now, second)

    def __len__(self) -> int:
        return len(self._queue)


class NodeClock:
    """The clocks of one machine.

    Its monotonic clock runs a little fast or slow and never goes back; its wall clock is set at
    will.

    Args:
        rate: Seconds that its clocks show for one second of the world.
    """

    __slots__ = ("_clock", "_wall_offset", "rate")

    def __init__(self, clock: Clock, rate: float = 1.0, wall_offset: float = 0.0) -> None:
        self._clock = clock
        self._wall_offset = WALL_AT_START + wall_offset
        self.rate = rate

    @property
    def monotonic(self) -> float:
        """What the monotonic clock shows."""
        return self._clock.now * self.rate

    def read(self) -> Instant:
        """Read both clocks."""
        monotonic = self._clock.now * self.rate
        return Instant(monotonic, monotonic + self._wall_offset)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock; timers do not care."""
        self._wall_offset += seconds


class Timers:
    """The timers of one process; each name runs once at a time, by the machine's own clock."""

    __slots__ = ("_clock", "_due", "_fire", "_last", "_node")

    def __init__(self, clock: Clock, node: NodeClock, fire: Callable[[Any], None]) -> None:
        self._clock = clock
        self._node = node
        self._fire = fire
        self._due: dict[Hashable, int] = {}
        self._last = 0

    def start(self, timer: Hashable, seconds: float) -> None:
        """Start a timer, or start it anew."""
        self._last = number = self._last + 1
        seconds = max(seconds, 0.0)
        self._due[timer] = number
        self._clock.after(seconds / self._node.rate, self._end, timer, number)

    def cancel(self, timer: Hashable) -> None:
        """Forget a timer if it runs."""
        self._due.pop(timer, None)

    def clear(self) -> None:
        """Forget all."""
        self._due.clear()

    def _end(self, timer: Hashable, number: int) -> None:
        if self._due.get(timer) == number:
            del self._due[timer]
            self._fire(timer)

    def __len__(self) -> int:
        return len(self._due)
