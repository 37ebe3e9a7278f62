"""A pass over the candidate agents: two stages, each in a random order of its own.

A pass is served in slices, so that where it is has a name: the stage, and who is left in it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from tepui.base.rng import Rng


class Stage(enum.Enum):
    """What the agents are visited for."""

    GUARANTEES = "guarantees"
    """Roles are served that have less than they are guaranteed."""
    FAIR_SHARES = "fair shares"
    """All roles are served."""


class Pass:
    """The pass under way, or that there is none.

    Attributes:
        runs: Passes begun so far; the number of the one under way.
        stage: What the agents are visited for now.
    """

    def __init__(self, rng: Rng) -> None:
        self.runs = 0
        self.stage = Stage.FAIR_SHARES
        self._rng = rng
        self._unvisited: list[str] = []
        # Those visited in the first stage, to be visited again in the second.
        self._visited: list[str] = []

    @property
    def agents_left(self) -> int:
        """How many visits are left in the stage."""
        return len(self._unvisited)

    def is_over(self) -> bool:
        """Tell whether no agent is left."""
        return not self._unvisited and not self._visited

    def begin(self, agent_ids: Iterable[str], stage: Stage) -> None:
        """Begin a pass at ``stage``."""
        self.runs += 1
        self.stage = stage
        self._unvisited.extend(agent_ids)

    def begin_fair_shares(self) -> None:
        """Go over to the second stage, even if not all agents were visited in the first."""
        self.stage = Stage.FAIR_SHARES
        self._unvisited += self._visited
        self._visited.clear()

    def draw(self) -> str:
        """Return the agent to visit next."""
        # One step of a shuffle, so that a long list costs no more at the start of a stage.
        unvisited = self._unvisited
        at = int(self._rng.unit() * len(unvisited))
        unvisited[at], unvisited[-1] = unvisited[-1], unvisited[at]
        drawn = unvisited.pop()
        if self.stage is Stage.GUARANTEES:
            self._visited.append(drawn)
        return drawn
