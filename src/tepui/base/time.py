"""Time as the cores see it: a reading that is handed in, never taken."""

from __future__ import annotations

import msgspec


class Instant(msgspec.Struct, frozen=True, gc=False, order=True):
    """One reading of both clocks.

    Timers and intervals use ``monotonic``; what is shown to people or crosses
    machines uses ``wall``. Both are seconds.
    """

    monotonic: float
    wall: float

    def later(self, seconds: float) -> Instant:
        """Return the instant ``seconds`` after this one on both clocks."""
        return Instant(self.monotonic + seconds, self.wall + seconds)

    def since(self, earlier: Instant) -> float:
        """Return the seconds passed since ``earlier`` on the monotonic clock."""
        return self.monotonic - earlier.monotonic
