"""Ends all that runs on what was lent when the machine's load is too high."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.agent.core.oversubscription.interface import Correction, ExecutorReading, Reading
from tepui.agent.core.oversubscription.parameters import Parameters
from tepui.base.time import Instant


class LoadController:
    """Keeps the load below its parameters ``load_threshold_5min`` and ``load_threshold_15min``."""

    is_measuring = False

    def __init__(self, parameters: Mapping[str, str]) -> None:
        taken = Parameters(parameters)
        self._five = taken.optional_number("load_threshold_5min", low=0.0)
        self._fifteen = taken.optional_number("load_threshold_15min", low=0.0)
        taken.finish()
        if self._five is None and self._fifteen is None:
            raise ValueError("load_threshold_5min or load_threshold_15min has to be given")

    def corrections(self, reading: Reading, now: Instant) -> list[Correction]:
        """Return everybody who holds something revocable, if the load exceeds a threshold."""
        del now
        _, five, fifteen = reading.machine.load_averages
        for minutes, load, threshold in ((5, five, self._five), (15, fifteen, self._fifteen)):
            if threshold is not None and load > threshold:
                reason = f"the load over {minutes} minutes is {load:g}, above {threshold:g}"
                return [correction(each, reason) for each in borrowers(reading)]
        return []


def borrowers(reading: Reading) -> list[ExecutorReading]:
    """Return the executors that could be ended: they hold something revocable and go on."""
    return [each for each in reading.executors if not each.is_ending and each.allocated.revocable()]


def correction(executor: ExecutorReading, reason: str) -> Correction:
    """Return the correction that ends this run of an executor."""
    return Correction(
        framework_id=executor.framework_id,
        executor_id=executor.executor_id,
        container_id=executor.container_id,
        reason=reason,
    )
