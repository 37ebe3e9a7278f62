"""At most one master leads in effect.

A deposed leader may believe in itself for as long as it does nothing. So what counts is not who
believes, but whose core takes in events, and whose writes the registry takes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.sim.laws.law import Law, Watch
from tepui.sim.observations import (
    CoreStepped,
    LeadershipBegan,
    RegistryOpened,
    RegistryWritten,
)
from tepui.sim.scenario import Scenario


class OneLeader(Law):
    """No master's core takes in an event once another leads; no old epoch is written."""

    name = "one leader"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._leader: tuple[str, int] | None = None
        self._epoch = 0

    def watches(self) -> Mapping[type, Watch]:
        return {
            LeadershipBegan: self._on_began,
            CoreStepped: self._on_step,
            RegistryOpened: self._on_opened,
            RegistryWritten: self._on_written,
        }

    def _on_began(self, began: LeadershipBegan) -> None:
        if began.epoch < self._epoch:
            raise self.broken(
                began.at, began.node, f"leads in epoch {began.epoch} after {self._epoch} was opened"
            )
        self._leader = (began.node, began.life)

    def _on_step(self, step: CoreStepped) -> None:
        if step.core == "master" and (step.node, step.life) != self._leader:
            kind = type(step.event).__name__
            who = "nobody" if self._leader is None else self._leader[0]
            raise self.broken(step.at, step.node, f"took in {kind}, and {who} leads")

    def _on_opened(self, opened: RegistryOpened) -> None:
        if opened.epoch <= self._epoch:
            what = f"opened the registry with epoch {opened.epoch} after {self._epoch}"
            raise self.broken(opened.at, opened.node, what)
        self._epoch = opened.epoch

    def _on_written(self, written: RegistryWritten) -> None:
        if written.epoch != self._epoch:
            what = f"wrote in epoch {written.epoch}, which is {self._epoch} by now"
            raise self.broken(written.at, written.node, what)
