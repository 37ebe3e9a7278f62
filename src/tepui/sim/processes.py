"""Processes of a simulated machine: they live, are paused, and end in several ways.

Whatever waits for a process (a message, a timer, an answer) belongs to one life of it, and is
gone with that. A paused process is alive for everyone else: it only does nothing until it goes
on, and then all that has gathered in the order in which it came.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any

from tepui.base.rng import Rng
from tepui.sim.clock import Act, Clock, NodeClock
from tepui.sim.observations import Ending, Observation, ProcessEnded, ProcessStarted

Observe = Callable[[Observation], None]


class Process:
    """One process of one node, over all its lives.

    Attributes:
        name: The node's name.
        life: Counted from 1; 0 before the first.
        is_alive: Whether it runs, be it paused.
        times: The clocks of its machine.
    """

    def __init__(self, name: str, clock: Clock, times: NodeClock, observe: Observe) -> None:
        self.name = name
        self.clock = clock
        self.times = times
        self.observe = observe
        self.life = 0
        self.is_alive = False
        self._paused_until = 0.0
        self._held: deque[tuple[Act, tuple[Any, ...]]] = deque()
        self._ends: dict[int, Any] = {}
        self.on_ended: Callable[[], None] | None = None

    # -- life --

    def start(self) -> None:
        """Begin a life, unless there is one."""
        if self.is_alive:
            return
        self.life += 1
        self.is_alive = True
        self._paused_until = 0.0
        self.observe(ProcessStarted(at=self.clock.now, node=self.name, life=self.life))
        self.on_start()

    def on_start(self) -> None:
        """Do what the process does first."""
        raise NotImplementedError

    def end(self, ending: Ending, reason: str) -> None:
        """Be over: connections are closed by the system, unless there is no power."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._held.clear()
        ends, self._ends = self._ends, {}
        for each in ends.values():
            if ending is Ending.POWER_LOST:
                each.abandon()
            else:
                each.close("the process ended")
        self.on_end(ending)
        self.observe(
            ProcessEnded(
                at=self.clock.now, node=self.name, life=self.life, ending=ending, reason=reason
            )
        )
        if self.on_ended is not None:
            self.on_ended()

    def on_end(self, ending: Ending) -> None:
        """Forget what a process forgets."""

    # -- what reaches it --

    def after(self, seconds: float, act: Act, *args: Any) -> None:
        """Do something later in this life."""
        self.clock.after(seconds, self.run, self.life, act, *args)

    def run(self, life: int, act: Act, *args: Any) -> None:
        """Do something now, if that life still lasts; once it goes on, if it is paused."""
        if life != self.life or not self.is_alive:
            return
        if self._paused_until:
            self._held.append((act, args))
        else:
            act(*args)

    def pause(self, seconds: float) -> None:
        """Stand still for a while."""
        if not self.is_alive or not seconds:
            return
        until = self.clock.now + seconds
        if until > self._paused_until:
            self._paused_until = until
            self.clock.at(until, self._resume, self.life, until)

    def _resume(self, life: int, until: float) -> None:
        if life != self.life or not self.is_alive or until != self._paused_until:
            return
        self._paused_until = 0.0
        while self._held and not self._paused_until and self.is_alive:
            act, args = self._held.popleft()
            act(*args)

    # -- its connections --

    def keep(self, end: Any) -> None:
        """Have an end of a connection closed with this life."""
        self._ends[id(end)] = end

    def let_go(self, end: Any) -> None:
        """Forget an end that is closed."""
        self._ends.pop(id(end), None)


def rng_for(seed: int, *names: object) -> Rng:
    """Return the chance of one thing in a run, which does not hang on that of any other."""
    text = "/".join(str(each) for each in (seed, *names))
    return Rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big"))
