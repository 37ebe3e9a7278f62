"""Ends borrowers one by one while the machine is short of something.

Between a high mark, at which it begins, and a low one, at which it is content, it goes on; and
it pauses after each, since it takes a moment until the machine feels that somebody is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tepui.agent.core.oversubscription.interface import (
    Correction,
    ExecutorReading,
    MachineReading,
    Reading,
)
from tepui.agent.core.oversubscription.load import borrowers, correction
from tepui.agent.core.oversubscription.parameters import Parameters
from tepui.agent.core.oversubscription.usage_estimator import cpu_seconds, mem_bytes
from tepui.base.time import Instant

ORDERS = ("largest", "youngest")


class _Marks(msgspec.Struct, frozen=True):
    high: float
    low: float


class _Borrower(msgspec.Struct):
    """What is remembered of one: CPU seconds at the last reading, and the rate before it."""

    number: int
    spent: float
    at: float
    rate: float = 0.0


class UsageController:
    """Looks at the pressure on CPUs, or else at the load, and at the memory in use.

    Parameters: ``cpu_pressure_high`` and ``cpu_pressure_low``, ``load_high`` and ``load_low`` for
    each CPU, ``mem_high`` and ``mem_low`` as shares in use, ``pause`` between two corrections,
    and ``order``: whether the largest user of what is short goes first, or the youngest.
    """

    is_measuring = True

    def __init__(self, parameters: Mapping[str, str]) -> None:
        taken = Parameters(parameters)
        self._pressure = _marks(taken, "cpu_pressure", high=0.5, low=0.25, most=1.0)
        self._load = _marks(taken, "load", high=1.5, low=1.0, most=1e6)
        self._mem = _marks(taken, "mem", high=0.95, low=0.9, most=1.0)
        self._pause = taken.seconds("pause", 10.0)
        order = taken.text("order") or "largest"
        taken.finish()
        if order not in ORDERS:
            raise ValueError(f"order: {order!r} is not one of {', '.join(ORDERS)}")
        self._is_youngest_first = order == "youngest"
        self._borrowers: dict[str, _Borrower] = {}
        self._seen = 0
        self._short = {"mem": False, "cpus": False}
        self._paused_until = float("-inf")

    def corrections(self, reading: Reading, now: Instant) -> list[Correction]:
        """Return whom to end now: nobody, or one."""
        self._observe(reading, now.monotonic)
        shortages = self._shortages(reading.machine)
        candidates = borrowers(reading)
        if not shortages or not candidates or now.monotonic < self._paused_until:
            return []
        name, reason = next(iter(shortages.items()))
        # Rather those that have borrowed what is short.
        concerned = [each for each in candidates if each.allocated.revocable().scalars().get(name)]
        self._paused_until = now.monotonic + self._pause
        chosen = max(concerned or candidates, key=lambda each: self._rank(each, name))
        return [correction(chosen, reason)]

    def _observe(self, reading: Reading, now: float) -> None:
        before, self._borrowers = self._borrowers, {}
        for executor in borrowers(reading):
            spent = sum(cpu_seconds(each) for each in executor.used.values())
            known = before.get(executor.container_id)
            if known is None:
                self._seen += 1
                known = _Borrower(self._seen, spent, now)
            elif now > known.at:
                rate = max(0.0, spent - known.spent) / (now - known.at)
                known = _Borrower(known.number, spent, now, rate)
            self._borrowers[executor.container_id] = known

    def _shortages(self, machine: MachineReading) -> dict[str, str]:
        """Return what is short with why, the most dangerous first."""
        found: dict[str, str] = {}
        if machine.mem_total > 0:
            used = 1 - machine.mem_available / machine.mem_total
            if self._is_short("mem", used, self._mem):
                found["mem"] = f"{used:.0%} of the machine's memory is in use"
        if machine.cpu_pressure is not None:
            if self._is_short("cpus", machine.cpu_pressure, self._pressure):
                found["cpus"] = f"processes wait for a CPU {machine.cpu_pressure:.0%} of the time"
        else:
            load = machine.load_averages[0] / max(1, machine.cpus)
            if self._is_short("cpus", load, self._load):
                found["cpus"] = f"the load is {load:.2f} for each CPU"
        return found

    def _is_short(self, name: str, value: float, marks: _Marks) -> bool:
        self._short[name] = value >= (marks.low if self._short[name] else marks.high)
        return self._short[name]

    def _rank(self, executor: ExecutorReading, name: str) -> tuple[float, int]:
        known = self._borrowers[executor.container_id]
        if self._is_youngest_first:
            return 0.0, known.number
        return (mem_bytes(executor.used) if name == "mem" else known.rate), known.number


def _marks(taken: Parameters, name: str, *, high: float, low: float, most: float) -> _Marks:
    upper = taken.number(f"{name}_high", high, low=0.0, high=most)
    lower = taken.number(f"{name}_low", min(low, upper), low=0.0, high=most)
    if lower > upper:
        raise ValueError(f"{name}_low: {lower:g} is above {name}_high, {upper:g}")
    return _Marks(upper, lower)
