"""Lends nothing: what an agent does unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.agent.core.oversubscription.interface import Correction, Reading
from tepui.agent.core.oversubscription.parameters import Parameters
from tepui.base.time import Instant
from tepui.resources import EMPTY, Resources


class NoopEstimator:
    """Nothing may be lent."""

    is_measuring = False

    def __init__(self, parameters: Mapping[str, str]) -> None:
        Parameters(parameters).finish()

    def estimate(self, reading: Reading, now: Instant) -> Resources:
        """Return nothing."""
        del reading, now
        return EMPTY


class NoopController:
    """Nobody has to go."""

    is_measuring = False

    def __init__(self, parameters: Mapping[str, str]) -> None:
        Parameters(parameters).finish()

    def corrections(self, reading: Reading, now: Instant) -> list[Correction]:
        """Return nobody."""
        del reading, now
        return []
