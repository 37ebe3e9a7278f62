"""The parameters of a plug-in: texts by name, each to be understood or refused."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tepui.base.duration import parse_duration


class Parameters:
    """Takes parameters one by one; what nobody has taken at the end was a mistake."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._known: list[str] = []

    def text(self, name: str) -> str | None:
        """Return a parameter as it stands."""
        self._known.append(name)
        return self._given.pop(name, None)

    def number(self, name: str, default: float, *, low: float, high: float = math.inf) -> float:
        """Return a number between ``low`` and ``high``."""
        found = self.optional_number(name, low=low, high=high)
        return default if found is None else found

    def optional_number(self, name: str, *, low: float, high: float = math.inf) -> float | None:
        """Return a number between ``low`` and ``high``, if there is one."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not a number") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{name}: {text} is not in {low:g}..{high:g}")
        return value

    def seconds(self, name: str, default: float, *, low: float = 0.0) -> float:
        """Return a duration of ``low`` to 1 day, in seconds."""
        text = self.text(name)
        if text is None:
            return default
        try:
            value = parse_duration(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if not low <= value <= 86_400:
            raise ValueError(f"{name}: {text} is not in {low:g}secs..1days")
        return value

    def names(self, name: str, default: tuple[str, ...], *, of: tuple[str, ...]) -> tuple[str, ...]:
        """Return names that stand between commas, each one of ``of``."""
        text = self.text(name)
        if text is None:
            return default
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        for each in found:
            if each not in of:
                raise ValueError(f"{name}: {each!r} is not one of {', '.join(of)}")
        return found

    def finish(self) -> None:
        """Refuse what nobody has taken.

        Raises:
            ValueError: There is such a parameter.
        """
        for name in self._given:
            known = ", ".join(self._known) or "none"
            raise ValueError(f"there is no parameter {name!r}; known: {known}")
