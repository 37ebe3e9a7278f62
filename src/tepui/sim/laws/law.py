"""What a law is: something that has to hold of every run, whatever goes wrong in it.

A law hears of what happens, at the cost of a call for each thing that it asked for, and looks at
the whole world from time to time. It says what it found by raising `LawBroken`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tepui.sim.observations import CoreStepped
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

Watch = Callable[[Any], None]
"""Takes an observation of the type that it is asked for under."""

StepWatch = Callable[[CoreStepped, Any], None]
"""Takes a step of a core and, of it, the event, effect or message of that type."""


class LawBroken(Exception):
    """A law does not hold.

    Attributes:
        law: Its name.
        at: When, in the world's seconds.
        where: The node or the object.
        what: What was found, in a sentence.
    """

    def __init__(self, *, law: str, at: float, where: str, what: str) -> None:
        super().__init__(f"{law}: at {at:.3f} s, {where}: {what}")
        self.law = law
        self.at = at
        self.where = where
        self.what = what


class Law:
    """The base of all laws: it watches nothing and sees nothing.

    Attributes:
        name: What it demands, in a few words.
        look_seconds: How often, in the world's seconds, it looks at the whole world.
        world: Given by `Watching` before anything happens. While a law hears of a step, the core
            is as it is after that.
    """

    name: ClassVar[str]
    look_seconds: ClassVar[float] = 30.0
    world: WorldView

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def watches(self) -> Mapping[type, Watch]:
        """Return what it wants to hear of, by type of observation."""
        return {}

    def step_watches(self) -> Mapping[type, StepWatch]:
        """Return what it wants to hear of inside steps of cores.

        By type of event, of effect, or of the message that one of those carries.
        """
        return {}

    def look(self, world: WorldView) -> None:
        """Look at the whole world."""

    def conclude(self, world: WorldView) -> None:
        """Look at it for the last time, at the end of the run."""

    def broken(self, at: float, where: str, what: str) -> LawBroken:
        """Return what to raise."""
        return LawBroken(law=self.name, at=at, where=where, what=what)
