"""The cyclic garbage collector, kept from holding up the event loop.

Reference counting frees what ordinary work leaves behind; the collector is for the few objects
that refer to each other in a circle. By itself it runs when many more objects were made than
freed. In a busy cluster as many are freed as are made, old ones for new ones: it runs seldom,
and then looks at hundreds of thousands of them at once (measured: 130 ms with 10,000 agents). So
it is asked often, for what is new only.
"""

from __future__ import annotations

import asyncio
import gc

SWEEP_SECONDS = 0.1
"""Some 10 ms of work each while 8,000 offers are made and declined a second; 3 % of the time."""

SWEEPS_PER_FULL_COLLECTION = 36_000
"""Once an hour, what has grown old since the last time is looked at too."""

# By itself, the collector runs only if sweeps stop.
_THRESHOLDS = (1_000_000, 50, 1_000)


def calm_garbage_collector() -> None:
    """Keep the collector from what is there now, for ever, and from running by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


class Sweeper:
    """Collects the garbage of a process in small portions, from ``start`` to ``stop``."""

    def __init__(self, full_collection_every: int = SWEEPS_PER_FULL_COLLECTION) -> None:
        self._full_collection_every = full_collection_every
        self._sweeps = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Calm the collector, and sweep from now on."""
        calm_garbage_collector()
        self._schedule()

    def stop(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def sweep(self) -> None:
        """Free the circles among the objects made since the last sweep; now and then, all."""
        self._sweeps += 1
        if self._sweeps % self._full_collection_every:
            gc.collect(0)
        else:
            # What lives through this is there to stay: the next one need not look at it again.
            gc.collect()
            gc.freeze()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self.sweep()
        self._schedule()
