"""Bring what happens to the laws that asked for it, at little cost for what nobody asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tepui.agent.core.effects import SendToMaster
from tepui.agent.core.events import MasterMessageReceived
from tepui.master.core.effects import SendToAgent
from tepui.master.core.events import AgentMessageReceived
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped
from tepui.sim.view import WorldView

CARRIERS = (SendToMaster, SendToAgent, MasterMessageReceived, AgentMessageReceived)
"""What has a message of the link in it."""


class Watching:
    """All laws of one run.

    Attributes:
        laws: In the order in which they are asked.
    """

    def __init__(self, laws: Iterable[Law]) -> None:
        self.laws = list(laws)
        self._watches: dict[type, list[Watch]] = {}
        self._step_watches: dict[type, list[StepWatch]] = {}
        self._looks: list[list[Any]] = []
        for law in self.laws:
            for kind, watch in law.watches().items():
                self._watches.setdefault(kind, []).append(watch)
            for kind, step_watch in law.step_watches().items():
                self._step_watches.setdefault(kind, []).append(step_watch)
            self._looks.append([law.look_seconds, law])

    def begin(self, world: WorldView) -> None:
        """Show all laws the world that they are about."""
        for law in self.laws:
            law.world = world

    def observe(self, observation: Any) -> None:
        """Take in what happened.

        Raises:
            LawBroken: It should not have.
        """
        kind = type(observation)
        for watch in self._watches.get(kind, ()):
            watch(observation)
        if kind is CoreStepped:
            self._tell(observation, observation.event)
            for effect in observation.effects:
                self._tell(observation, effect)

    def _tell(self, step: CoreStepped, part: Any) -> None:
        kind = type(part)
        for watch in self._step_watches.get(kind, ()):
            watch(step, part)
        if kind in CARRIERS:
            message = part.message
            for watch in self._step_watches.get(type(message), ()):
                watch(step, message)

    def look(self, world: WorldView) -> None:
        """Have the laws look whose time it is.

        Raises:
            LawBroken: One does not hold.
        """
        for entry in self._looks:
            due, law = entry
            if world.at >= due:
                entry[0] = world.at + law.look_seconds
                law.look(world)

    def conclude(self, world: WorldView) -> None:
        """Have all laws look for the last time.

        Raises:
            LawBroken: One does not hold.
        """
        for law in self.laws:
            law.conclude(world)
