"""What a benchmark leaves behind: a table for people, and JSON with facts of the machine."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

RESULTS = Path(os.environ.get("BENCH_RESULTS") or Path(__file__).parent / "results")

Row = Mapping[str, Any]
_TICK = os.sysconf("SC_CLK_TCK")


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that the project has promised.

    Attributes:
        limit: The promise: an upper bound, or a lower one where more ``is_better``.
    """

    what: str
    value: float
    limit: float
    unit: str
    is_more_better: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the promise holds."""
        return self.value >= self.limit if self.is_more_better else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.is_more_better else "≤"
        text = f"{self.what}: {self.value:.4g} {self.unit} (goal {sign} {self.limit:g})"
        if self.is_met:
            return f"{text}: met"
        return f"{text}: MISSED, {self.value / self.limit:.2f} × the goal"


def publish(
    name: str,
    rows: Sequence[Row],
    *,
    goals: Sequence[Goal] = (),
    parameters: Row | None = None,
    load_before: Sequence[float] = (),
) -> None:
    """Print ``rows`` and ``goals``, and write them to ``bench/results/<name>.json``.

    Args:
        rows: All with the same keys; a key ends in its unit.
        load_before: The load averages from before the benchmark added its own.
    """
    print(table(rows))
    for goal in goals:
        print(goal)
    others = round(others_percent())
    print(f"others used {others} % of the processors meanwhile")
    result = {
        "benchmark": name,
        "machine": machine(),
        "load_before": list(load_before),
        "others_percent": others,
        "parameters": dict(parameters or {}),
        "rows": [{name: _rounded(value) for name, value in row.items()} for row in rows],
        "goals": [{**msgspec.to_builtins(goal), "is_met": goal.is_met} for goal in goals],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Return ``rows`` in columns: words to the left, numbers to the right."""
    if not rows:
        return "(nothing was measured)"
    columns = []
    for name in rows[0]:
        cells = [_cell(row[name]) for row in rows]
        width = max(len(name), *map(len, cells))
        is_text = isinstance(rows[0][name], str)
        columns.append(
            [f"{each:<{width}}" if is_text else f"{each:>{width}}" for each in (name, *cells)]
        )
    return "\n".join("  ".join(line) for line in zip(*columns, strict=True))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {each: version(each) for each in ("msgspec", "uvloop", "httptools")},
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def others_percent() -> float:
    """Return what share of the processors others had since this process began.

    Without it no figure from a machine that is not one's own can be read.
    """
    busy, total = _system_seconds()
    own = os.times()
    ours = own.user + own.system + own.children_user + own.children_system
    others = busy - _BEGAN[0] - (ours - _OURS_BEFORE)
    return max(0.0, others) / max(total - _BEGAN[1], 1 / _TICK) * 100


def _system_seconds() -> tuple[float, float]:
    """Return how long the processors have worked, and how long there were processors."""
    line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    user, nice, system, idle, waiting, interrupts, soft, stolen, *_ = map(int, line.split()[1:])
    busy = user + nice + system + interrupts + soft + stolen
    return busy / _TICK, (busy + idle + waiting) / _TICK


_BEGAN = _system_seconds()
_OURS_BEFORE = sum(os.times()[:2])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of ``values`` that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
