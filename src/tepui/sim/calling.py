"""How what a framework decides becomes calls, seen from where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from tepui.messages.scheduler import Call
from tepui.sim.clock import Act


class Answer(msgspec.Struct, frozen=True):
    """What HTTP answers; ``text`` is the location if that is a redirect."""

    status: int
    text: str = ""


class Caller(Protocol):
    """A framework's process, for what runs in it."""

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made now."""
        ...

    def call(self, call: Call, done: Callable[[Answer | None], None] | None = None) -> bool:
        """Make a call in the framework's name; return whether it went out.

        Args:
            done: Told the answer, or None if nobody knows what became of the call.
        """
        ...

    def after(self, seconds: float, act: Act, *args: Any) -> None:
        """Do something later in this life of the process."""
