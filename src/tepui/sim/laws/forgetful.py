"""Agents that may have forgotten something, and may tell once more how tasks ended, differently."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import Registered
from tepui.messages import TaskStatus
from tepui.sim.laws.law import StepWatch, Watch
from tepui.sim.observations import CheckpointLost, CoreStepped


class Forgetful:
    """Knows which agents may have forgotten something: their machines have lost power."""

    def __init__(self) -> None:
        self._agents: dict[str, str] = {}
        self._nodes: dict[str, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        """Return what it has to hear of."""
        return {CheckpointLost: self._on_lost}

    def step_watches(self) -> Mapping[type, StepWatch]:
        """Return what it has to hear of inside steps."""
        return {Registered: self._on_registered}

    def _on_registered(self, step: CoreStepped, message: Registered) -> None:
        if step.core == "agent":
            self._agents[message.agent_id] = step.node

    def _on_lost(self, lost: CheckpointLost) -> None:
        if lost.transactions:
            self._nodes[lost.node] = None

    def told(self, status: TaskStatus) -> bool:
        """Tell whether a status is of such an agent."""
        return status.agent_id is not None and self.knows(status.agent_id.value)

    def knows(self, agent_id: str) -> bool:
        """Tell whether this is an identifier that such an agent has, or had."""
        return self._agents.get(agent_id) in self._nodes
