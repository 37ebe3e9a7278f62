"""``/logging/toggle``: how much is logged, shown and raised for a while."""

from __future__ import annotations

from typing import Final, Protocol

from tepui.base.duration import parse_duration
from tepui.base.errors import Rejected
from tepui.http.messages import Answer, Request, Response
from tepui.http.routes import Router

# What the calls GET_LOGGING_LEVEL and SET_LOGGING_LEVEL can say.
_LEVEL_MAX: Final = 2**32 - 1


class Verbosity(Protocol):
    """How much a process logs; 0 is what its flags say."""

    level: int

    def set(self, level: int, seconds: float) -> None:
        """Log by another level for a while."""


class LoggingRoute:
    """The endpoint; ``add_to`` puts it where Mesos has it."""

    def __init__(self, verbosity: Verbosity) -> None:
        self._verbosity = verbosity

    def add_to(self, router: Router) -> None:
        """Serve the endpoint."""
        router.add("/logging/toggle", self.toggle)

    def toggle(self, request: Request) -> Answer:
        """Tell the level; with ``level`` and ``duration``, change it until that is over."""
        level, duration = request.param("level"), request.param("duration")
        if level is None and duration is None:
            # Mesos ends the line, and says what kind of text it is.
            shown = f"{self._verbosity.level}\n".encode()
            return Response(200, shown, content_type="text/plain; charset=utf-8")
        if level is None or duration is None:
            missing = "level" if level is None else "duration"
            raise Rejected(f"{missing} is missing: level and duration come together")
        self._verbosity.set(_level(level), _seconds(duration))
        return Response(200)


def _level(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10) or int(text) > _LEVEL_MAX:
        raise Rejected(f"level: {text[:20]!r} is not a whole number of 0 to {_LEVEL_MAX}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Rejected(f"duration: {error}") from error
