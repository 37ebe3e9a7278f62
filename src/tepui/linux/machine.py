"""How busy the machine is as a whole: load, memory, and what the kernel says about pressure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import psutil

PRESSURE = Path("/proc/pressure")


class Machine(NamedTuple):
    """One look; sizes are bytes, pressures shares of the last 10 seconds."""

    cpus: int
    load_averages: tuple[float, float, float]
    mem_total: int
    mem_available: int
    cpu_pressure: float | None
    mem_pressure: float | None


def read_machine() -> Machine:
    """Look at the machine that this runs on."""
    memory = psutil.virtual_memory()
    return Machine(
        cpus=psutil.cpu_count() or 1,
        load_averages=os.getloadavg(),
        mem_total=memory.total,
        mem_available=memory.available,
        cpu_pressure=read_pressure(PRESSURE / "cpu"),
        mem_pressure=read_pressure(PRESSURE / "memory"),
    )


def read_pressure(path: Path) -> float | None:
    """Return the share of the last 10 seconds in which something waited; ``None`` if unknown.

    Kernels may be built or started without this, and then have no such file or refuse to read it.
    """
    try:
        text = path.read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        kind, *fields = line.split()
        values = dict(field.partition("=")[::2] for field in fields)
        if kind == "some" and "avg10" in values:
            return float(values["avg10"]) / 100
    return None
